//! `backup` and `restore`.

use std::sync::PoisonError;

use backend_manager::{
    BackedUp, Backup, BackupView, Checked, Manager, Mode, Restore, RestoreInto, Restored, Retention,
};
use serde_json::{Value, json};

use super::Outcome;
use super::adopt::{lines, state_json, troubles_json};
use super::keep::listener;
use crate::args;
use crate::exit::Exit;
use crate::output::{self, Failure, Output};

pub(super) async fn run(manager: &Manager, args: args::Backup, output: &Output) -> Outcome {
    match args.command {
        Some(args::BackupCommand::List { from }) => list(manager, from.as_deref(), output).await,
        Some(args::BackupCommand::Check { id, from }) => check(manager, &id, from.as_deref(), output).await,
        None => make(manager, args.make, output).await,
    }
}

async fn make(manager: &Manager, args: args::MakeBackup, output: &Output) -> Outcome {
    let missing =
        || backend_core::Error::new(backend_core::ErrorKind::InvalidInput, "--to says where: backup --to BACKEND");
    let keep = Retention {
        last: args.keep_last,
        daily: args.keep_daily,
        weekly: args.keep_weekly,
        monthly: args.keep_monthly,
    };
    let mode = if args.dry_run { Mode::Rehearse } else { Mode::Act };
    let opts = Backup { to: args.to.ok_or_else(missing)?, keep, mode };
    let (listener, failure) = listener(output);
    let done = Box::pin(manager.backup(&opts, &listener)).await?;
    if let Some(failure) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(failure);
    }
    made(&done, &opts, output)?;
    Ok(if done.failed.count == 0 { Exit::Ok } else { Exit::Partial })
}

fn made(it: &BackedUp, opts: &Backup, output: &Output) -> Result<(), Failure> {
    let id = (!it.id.is_empty()).then_some(&it.id);
    if output.json {
        return output.json(&json!({
            "id": id, "backend": opts.to, "dry_run": opts.mode == Mode::Rehearse, "manifest": it.manifest.map(|it| it.to_string()),
            "contents": it.contents, "copied": it.copied, "bytes": it.bytes, "dropped": it.dropped, "failed": troubles_json(&it.failed),
        }));
    }
    let would = if opts.mode == Mode::Rehearse { "would be " } else { "" };
    let (name, bytes) = (output::escape(&opts.to), output::size(it.bytes));
    match (id, opts.mode) {
        (Some(id), _) => {
            output.line(format_args!("{id}  {} contents on {name}, {} copied ({bytes})", it.contents, it.copied))?
        }
        (None, Mode::Rehearse) => {
            output.line(format_args!(
                "{} contents would be held on {name}, {} copied ({bytes})",
                it.contents, it.copied
            ))?;
        }
        (None, Mode::Act) => output.line("too much failed: there is no backup")?,
    }
    for id in &it.dropped {
        output.line(format_args!("  {} {would}dropped", output::escape(id)))?;
    }
    lines("not in it", &it.failed, output)
}

fn view_json(it: &BackupView) -> Value {
    json!({
        "id": it.id, "backend": it.backend, "catalog": it.catalog, "manifest": it.manifest.to_string(), "at": backend_core::timestamp(it.at),
        "contents": it.contents, "missing": it.missing,
    })
}

async fn list(manager: &Manager, from: Option<&str>, output: &Output) -> Outcome {
    for it in manager.backups(from).await? {
        if output.json {
            output.json(&view_json(&it))?;
            continue;
        }
        let missing = if it.missing == 0 { String::new() } else { format!(", {} missing", it.missing) };
        output.line(format_args!(
            "{}  {:16} {} contents{missing}",
            output::escape(&it.id),
            output::escape(&it.backend),
            it.contents
        ))?;
    }
    Ok(Exit::Ok)
}

async fn check(manager: &Manager, id: &str, from: Option<&str>, output: &Output) -> Outcome {
    let it: Checked = Box::pin(manager.check_backup(id, from)).await?;
    match output.json {
        true => output.json(&json!({
            "backup": view_json(&it.backup), "good": it.good, "bytes": it.bytes, "bad": troubles_json(&it.bad),
        }))?,
        false => {
            let (id, bytes) = (output::escape(&it.backup.id), output::size(it.bytes));
            output.line(format_args!("{id}: {} good ({bytes} read), {} bad", it.good, it.bad.count))?;
            lines("bad", &it.bad, output)?;
        }
    }
    Ok(if it.bad.count == 0 { Exit::Ok } else { Exit::Integrity })
}

pub(super) async fn restore(manager: &Manager, args: args::Restore, output: &Output) -> Outcome {
    let into = match args.into {
        Some(folder) => RestoreInto::Folder(folder),
        None => RestoreInto::Catalog,
    };
    let opts = Restore { id: args.id, from: args.from, into };
    let it = Box::pin(manager.restore(&opts)).await?;
    show(&it, &opts, output)?;
    let is_whole = it.troubles.count + it.state.troubles.count == 0;
    Ok(if is_whole { Exit::Ok } else { Exit::Partial })
}

fn show(it: &Restored, opts: &Restore, output: &Output) -> Result<(), Failure> {
    let is_catalog = opts.into == RestoreInto::Catalog;
    if output.json {
        return output.json(&json!({
            "backup": view_json(&it.backup), "state": is_catalog.then(|| state_json(&it.state)), "written": it.written, "bytes": it.bytes,
            "configurations": it.configurations, "troubles": troubles_json(&it.troubles),
        }));
    }
    let id = output::escape(&it.backup.id);
    match is_catalog {
        true => {
            output.line(format_args!(
                "{id}: {} names, {} pins and {} policies are back",
                it.state.names, it.state.pins, it.state.policies
            ))?;
            lines("left as it is", &it.state.kept, output)?;
            lines("not restored", &it.state.troubles, output)?;
        }
        false => output.line(format_args!("{id}: {} names written ({})", it.written, output::size(it.bytes)))?,
    }
    for name in &it.configurations {
        output.remark(format_args!(
            "  the backend {} is not configured here; the backup has its configuration without secrets",
            output::escape(name)
        ));
    }
    lines("not restored", &it.troubles, output)
}
