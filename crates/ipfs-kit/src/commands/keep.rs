//! `reconcile` and `scrub`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backend_core::{Error, ErrorKind};
use backend_manager::daemon::Stop;
use backend_manager::{Done, Listener, Manager, Mode, Reconcile, Reconciled, Release, Scrub};
use serde_json::json;

use super::Outcome;
use super::policy::{step_json, step_text};
use crate::args;
use crate::exit::Exit;
use crate::output::{self, Failure, Output};

pub(super) async fn reconcile(manager: &Manager, args: args::Reconcile, output: &Output) -> Outcome {
    let release = args.release.iter().map(|text| released(text)).collect::<Result<Vec<_>, _>>()?;
    let mode = if args.dry_run { Mode::Rehearse } else { Mode::Act };
    let grace = Duration::from_secs(args.grace.seconds());
    let opts = Reconcile { mode, release, grace, ..Reconcile::default() };
    loop {
        let (listener, failure) = listener(output);
        let result = manager.reconcile(&opts, &listener).await?;
        if let Some(failure) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(failure);
        }
        let exit = show(&result, &opts, output)?;
        if !args.watch {
            return Ok(exit);
        }
        tokio::time::sleep(Duration::from_secs(args.every.seconds())).await;
    }
}

fn released(text: &str) -> Result<Release, Failure> {
    match (text, text.strip_prefix("missing:")) {
        ("removals", _) => Ok(Release::Removals),
        ("unarmed", _) => Ok(Release::Unarmed),
        (_, Some(name)) if !name.is_empty() => Ok(Release::Missing(name.to_owned())),
        _ => {
            let text = format!("--release is removals, missing:BACKEND or unarmed, not {}", output::escape(text));
            Err(Error::new(ErrorKind::InvalidInput, text).into())
        }
    }
}

fn show(result: &Reconciled, opts: &Reconcile, output: &Output) -> Result<Exit, Failure> {
    for (cid, steps) in &result.planned {
        match output.json {
            true => {
                let steps: Vec<_> = steps.iter().map(step_json).collect();
                output.json(&json!({ "cid": cid.to_string(), "steps": steps }))?;
            }
            false => {
                for step in steps {
                    output.line(format_args!("{cid}  {}", step_text(step)))?;
                }
            }
        }
    }
    for brake in &result.brakes {
        match output.json {
            true => output.json(&json!({ "brake": brake.why, "release": brake.release }))?,
            false => output.line(format_args!(
                "stopped: {}\n  if that is right, go on with {}",
                output::escape(&brake.why),
                output::escape(&brake.release)
            ))?,
        }
    }
    match output.json {
        true => output.json(&json!({
            "standing": result.standing, "being_added": result.being_added, "to_do": result.to_do,
            "done": result.done, "failed": result.failed, "bytes": result.bytes,
        }))?,
        false => {
            let standing: Vec<String> = result.standing.iter().map(|(word, n)| format!("{n} {word}")).collect();
            let (before, bytes) = (standing.join(", "), output::size(result.bytes));
            match opts.mode {
                Mode::Rehearse => {
                    output.line(format_args!("{before}; something is to be done for {}", result.to_do))?
                }
                Mode::Act => output.line(format_args!(
                    "before: {before}; {} acts done, {} failed, {bytes} sent",
                    result.done, result.failed
                ))?,
            }
        }
    }
    let is_well = result.failed == 0 && (result.unmet == 0 || opts.mode == Mode::Rehearse);
    Ok(if result.brakes.is_empty() && is_well { Exit::Ok } else { Exit::Partial })
}

pub(super) async fn scrub(manager: &Manager, args: args::Scrub, output: &Output) -> Outcome {
    let opts = Scrub {
        older_than: Duration::from_secs(args.older_than),
        budget: args.budget.map(|it| it.bytes()),
        max_rate: args.max_rate.map(|it| it.bytes()),
        backends: args.backends,
        stop: Stop::new(),
    };
    let (listener, failure) = listener(output);
    let found = manager.scrub(&opts, &listener).await?;
    if let Some(failure) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(failure);
    }
    for why in &found.stopped {
        match output.json {
            true => output.json(&json!({ "stopped": why }))?,
            false => output.line(format_args!("stopped: {}", output::escape(why)))?,
        }
    }
    match output.json {
        true => output.json(&json!({
            "checked": found.checked, "bytes": found.bytes, "bad": found.bad, "missing": found.missing, "unknown": found.unknown,
        }))?,
        false => output.line(format_args!(
            "{} read back ({}), {} bad, {} missing, {} could not be looked at",
            found.checked,
            output::size(found.bytes),
            found.bad,
            found.missing,
            found.unknown
        ))?,
    }
    Ok(match (found.bad + found.missing, found.unknown, found.stopped.is_empty()) {
        (0, 0, true) => Exit::Ok,
        (0, ..) => Exit::Unavailable,
        _ => Exit::Integrity,
    })
}

pub(super) type Trouble = Arc<Mutex<Option<Failure>>>;

/// Shows each act as it is done; what is wrong with stdout is told at the end.
pub(super) fn listener(output: &Output) -> (Listener, Trouble) {
    let failure: Trouble = Arc::default();
    let (output, kept) = (*output, failure.clone());
    let listener = move |done: &Done| {
        if let Err(err) = act(done, &output) {
            kept.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(err);
        }
    };
    (Arc::new(listener), failure)
}

fn act(it: &Done, output: &Output) -> Result<(), Failure> {
    let (state, evidence) = (it.state.map(|it| it.as_str()), it.evidence.map(|it| it.as_str()));
    if output.json {
        return output.json(&json!({
            "cid": it.cid.to_string(), "backend": it.backend, "deed": it.deed.as_str(), "state": state, "evidence": evidence,
            "bytes": it.bytes, "note": it.note, "error": it.error.as_ref().map(|err| json!({ "kind": err.kind.as_str(), "message": err.message })),
        }));
    }
    // That all is well is the sum at the end.
    let is_well = it.deed == backend_manager::Deed::Verify && it.error.is_none() && state == Some("present");
    if is_well {
        return Ok(());
    }
    let (note, error) = (it.note.as_deref().unwrap_or(""), it.error.as_ref().map_or("", |err| &err.message));
    let what = format!("{:8} {:16} {}", it.deed.as_str(), output::escape(&it.backend), state.unwrap_or(""));
    let more = format!("{} {}", output::escape(note), output::escape(error));
    output.line(format!("{}  {what} {}", it.cid, more.trim()).trim_end())
}
