//! `sync` and `copy`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use backend_manager::transfer::{Action, Compare, Delete, FileEvent, Filter, Location, Traffic, Transfer, Transferred};
use backend_manager::{Manager, Mode};
use serde_json::json;

use super::Outcome;
use crate::args::{self, How};
use crate::exit::Exit;
use crate::output::{self, Failure, Output};
use crate::progress;

pub(super) async fn copy(manager: &Manager, args: args::Copy, output: &Output) -> Outcome {
    run(manager, &args.ends, args.how, Delete::Nothing, output).await
}

pub(super) async fn sync(manager: &Manager, args: args::Sync, output: &Output) -> Outcome {
    let most = args.max_delete.unwrap_or_default();
    let delete = match (args.delete, args.delete_unknown) {
        (false, _) => Delete::Nothing,
        (true, false) => Delete::Ours(most),
        (true, true) => Delete::Everything(most),
    };
    run(manager, &args.ends, args.how, delete, output).await
}

type Trouble = Arc<Mutex<Option<Failure>>>;

async fn run(manager: &Manager, ends: &args::Ends, how: How, delete: Delete, output: &Output) -> Outcome {
    let (from, to) = (Location::parse(&ends.from)?, Location::parse(&ends.to)?);
    let trouble = Trouble::default();
    let (kept, shown) = (trouble.clone(), *output);
    let listener = move |event: &FileEvent| {
        if let Err(err) = show(event, &shown) {
            kept.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(err);
        }
    };
    let traffic = Traffic::default();
    let opts = Transfer {
        compare: match (how.checksum, how.size_only) {
            (true, _) => Compare::Checksums,
            (_, true) => Compare::Sizes,
            _ => Compare::Times,
        },
        delete,
        mode: if how.dry_run { Mode::Rehearse } else { Mode::Act },
        filter: filter(&how)?,
        transfers: usize::from(how.transfers),
        policy: how.policy,
        to_backends: how.to_backends,
        listener: Arc::new(listener),
        traffic: traffic.clone(),
        ..Transfer::new(from, to)
    };
    let done = progress::watch_traffic(output, &traffic, Box::pin(manager.transfer(&opts))).await?;
    if let Some(failure) = trouble.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(failure);
    }
    sums(&done, opts.mode, output)?;
    Ok(if done.failed == 0 && done.braked.is_none() { Exit::Ok } else { Exit::Partial })
}

/// As rclone does: what is let in, then what is kept out, then the rules.
fn filter(how: &How) -> Result<Filter, Failure> {
    let bytes = |size: Option<backend_manager::config::Size>| size.map(|it| it.bytes());
    let mut filter = Filter::new().sized(bytes(how.min_size), bytes(how.max_size));
    for pattern in &how.include {
        filter = filter.include(pattern)?;
    }
    for pattern in &how.exclude {
        filter = filter.exclude(pattern)?;
    }
    for rule in &how.filter {
        filter = filter.filter(rule)?;
    }
    Ok(match how.max_age {
        Some(age) => filter.younger(Duration::from_secs(age.seconds()), SystemTime::now()),
        None => filter,
    })
}

fn show(event: &FileEvent, output: &Output) -> Result<(), Failure> {
    let error = event.error.as_ref();
    if output.json {
        return output.json(&json!({
            "path": event.path, "action": event.action.as_str(), "compared_by": event.compared_by.map(|it| it.as_str()),
            "size": event.size, "cid": event.cid.map(|it| it.to_string()),
            "error": error.map(|err| json!({ "kind": err.kind.as_str(), "message": err.message })),
        }));
    }
    // What stays as it is is the sum at the end, unless there is a reason to be told.
    let is_told = match event.action {
        Action::Unchanged => false,
        Action::Kept => error.is_some(),
        _ => true,
    };
    if !is_told {
        return Ok(());
    }
    let why = error.map_or("", |err| &err.message);
    let line = format!("{:12} {}  {}", event.action.as_str(), output::escape(&event.path), output::escape(why));
    output.line(line.trim_end())
}

fn sums(done: &Transferred, mode: Mode, output: &Output) -> Result<(), Failure> {
    if output.json {
        return output.json(&json!({
            "copied": done.copied, "bytes": done.bytes, "unchanged": done.unchanged, "deleted": done.deleted, "kept": done.kept,
            "skipped": done.skipped, "failed": done.failed, "compared_by": done.compared_by, "braked": done.braked,
            "dry_run": mode == Mode::Rehearse,
        }));
    }
    if let Some(why) = &done.braked {
        output.line(format_args!("nothing was deleted: {}", output::escape(why)))?;
    }
    let by: Vec<String> =
        done.compared_by.iter().map(|(word, n)| format!("{n} by {}", word.replace('_', " "))).collect();
    let would = if mode == Mode::Rehearse { "would be " } else { "" };
    output.line(format_args!(
        "{would}copied {} ({}), {would}deleted {}; unchanged {}, kept {}, skipped {}, failed {}",
        done.copied,
        output::size(done.bytes),
        done.deleted,
        done.unchanged,
        done.kept,
        done.skipped,
        done.failed
    ))?;
    if !by.is_empty() {
        output.remark(format_args!("decided: {}", by.join(", ")));
    }
    Ok(())
}
