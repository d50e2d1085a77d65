//! `adopt`; and what every command does at its end that has changed names, pins or policies.

use std::time::SystemTime;

use backend_core::{Error, ErrorKind, Report};
use backend_manager::{Adopt, AdoptUnder, Adopted, AdoptedState, AdoptedUnder, Keepers, Manager, Mode, Troubles};
use serde_json::{Value, json};

use super::Outcome;
use crate::args;
use crate::exit::Exit;
use crate::output::{self, Failure, Output};

/// Tells the stores what was changed. That a store could not be told fails no command: it hears of it later, and is named.
pub(super) async fn told(manager: &Manager, done: Outcome, output: &Output) -> Outcome {
    let exit = done?;
    match manager.keep_state(Keepers::Met).await {
        Ok(untold) => {
            for it in untold {
                let (backend, why) = (output::escape(&it.backend), output::escape(it.error.message()));
                output.remark(format_args!("{backend} does not have the newest names and pins yet: {why}"));
            }
        }
        Err(err) => {
            output
                .remark(format_args!("no store has the newest names and pins yet: {}", output::escape(err.message())));
        }
    }
    Ok(exit)
}

pub(super) async fn run(manager: &Manager, args: args::Adopt, output: &Output) -> Outcome {
    let mode = if args.dry_run { Mode::Rehearse } else { Mode::Act };
    let (under, whole): (Vec<&String>, Vec<&String>) = args.what.iter().partition(|it| it.contains(':'));
    if args.policy.is_some() && (under.is_empty() || !whole.is_empty()) {
        let text = "--policy goes with BACKEND:PREFIX; what ipfs-kit has put there keeps the policy that it had";
        return Err(Error::new(ErrorKind::InvalidInput, text).into());
    }
    let mut exit = Exit::Ok;
    if args.all || !whole.is_empty() {
        let opts = Adopt { backends: whole.into_iter().cloned().collect(), catalog: args.catalog, mode };
        let adopted = Box::pin(manager.adopt(&opts)).await?;
        show(&adopted, mode, output)?;
        if adopted.is_partial() {
            exit = Exit::Partial;
        }
    }
    for it in under {
        let (backend, prefix) = it.split_once(':').unwrap_or((it, ""));
        let (backend, prefix) = (backend.to_owned(), prefix.to_owned());
        let opts = AdoptUnder { backend, prefix, policy: args.policy.clone(), mode };
        let adopted = Box::pin(manager.adopt_under(&opts)).await?;
        show_under(&adopted, &opts, output)?;
        if adopted.troubles.count != 0 {
            exit = Exit::Partial;
        }
    }
    Ok(exit)
}

fn show(adopted: &Adopted, mode: Mode, output: &Output) -> Result<(), Failure> {
    if output.json {
        let stores: Vec<Value> = adopted.stores.iter().map(store_json).collect();
        return output.json(&json!({
            "dry_run": mode == Mode::Rehearse, "stores": stores, "state": adopted.state.as_ref().map(state_json),
            "error": adopted.error.as_ref().map(report),
        }));
    }
    let would = if mode == Mode::Rehearse { "would be " } else { "" };
    for it in &adopted.stores {
        let backend = output::escape(&it.backend);
        output.line(format_args!(
            "{backend}: {} copies {would}taken on ({}), {} known",
            it.copies,
            output::size(it.bytes),
            it.known
        ))?;
        if it.strange != 0 {
            output
                .line(format_args!("  {} objects are called like nothing of ours, and were left alone", it.strange))?;
        }
        troubles(&it.troubles, output)?;
        if let Some(err) = &it.error {
            output.line(format_args!("  not looked at to its end: {}", output::escape(err.message())))?;
        }
    }
    match (&adopted.state, &adopted.error) {
        (_, Some(err)) => output.line(format_args!("no names and pins: {}", output::escape(err.message())))?,
        (None, None) => output.line("no store has names and pins")?,
        (Some(it), None) => {
            output.line(format_args!(
                "{} revisions of names, {} pins, {} policies and {} keys {would}taken on, of the catalog {}",
                it.names, it.pins, it.policies, it.keys, it.catalog
            ))?;
            for kept in &it.kept.told {
                output.line(format_args!("  left as it is: {}", output::escape(kept)))?;
            }
            troubles(&it.troubles, output)?;
        }
    }
    if mode == Mode::Act && adopted.stores.iter().any(|it| it.copies != 0) {
        output
            .remark("nothing is removed from now on, until `ipfs-kit reconcile --release unarmed` says that it may be");
    }
    Ok(())
}

fn show_under(adopted: &AdoptedUnder, opts: &AdoptUnder, output: &Output) -> Result<(), Failure> {
    if output.json {
        return output.json(&json!({
            "backend": opts.backend, "prefix": opts.prefix, "dry_run": opts.mode == Mode::Rehearse, "new": adopted.new,
            "bytes": adopted.bytes, "known": adopted.known, "changed": adopted.changed, "troubles": troubles_json(&adopted.troubles),
        }));
    }
    let would = if opts.mode == Mode::Rehearse { " would be" } else { "" };
    output.line(format_args!(
        "{}: {} objects{would} taken on, {} changed since ({}), {} known",
        output::escape(&opts.backend),
        adopted.new,
        adopted.changed,
        output::size(adopted.bytes),
        adopted.known
    ))?;
    troubles(&adopted.troubles, output)
}

pub(super) fn troubles(it: &Troubles, output: &Output) -> Result<(), Failure> {
    lines("not taken on", it, output)
}

pub(super) fn lines(word: &str, it: &Troubles, output: &Output) -> Result<(), Failure> {
    it.told.iter().try_for_each(|what| output.line(format_args!("  {word}: {}", output::escape(what))))?;
    match it.count.saturating_sub(it.told.len() as u64) {
        0 => Ok(()),
        more => output.line(format_args!("  and {more} more")),
    }
}

pub(super) fn troubles_json(it: &Troubles) -> Value {
    json!({ "count": it.count, "told": it.told })
}

pub(super) fn report(err: &Error) -> Value {
    json!(Report::new(err, SystemTime::now()).error)
}

fn store_json(it: &backend_manager::AdoptedStore) -> Value {
    json!({
        "backend": it.backend, "copies": it.copies, "bytes": it.bytes, "known": it.known, "strange": it.strange,
        "troubles": troubles_json(&it.troubles), "error": it.error.as_ref().map(report),
    })
}

pub(super) fn state_json(it: &AdoptedState) -> Value {
    json!({
        "catalog": it.catalog, "names": it.names, "pins": it.pins, "policies": it.policies, "keys": it.keys,
        "kept": troubles_json(&it.kept), "troubles": troubles_json(&it.troubles),
    })
}
