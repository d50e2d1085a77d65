//! `import`: the configuration of ipfs_kit_py, in all its generations, and the remotes of rclone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use backend_core::{Clock, Error, ErrorKind, Report};
use backend_manager::SystemClock;
use backend_manager::config::ConfigStore;
use backend_manager::config::import::{self, Applied, Done, Imported, Outcome as Found};
use serde_json::{Value, json};

use super::{Outcome, home};
use crate::args;
use crate::exit::Exit;
use crate::output::{self, Failure, Output};

pub(super) fn run(args: &args::Configuration, at: Option<PathBuf>, output: &Output) -> Outcome {
    let store = ConfigStore::new(&home(at)?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let roots = roots(&args.roots)?;
    let plan = match import::is_rclone(&args.folder) {
        true => import::plan_rclone(&args.folder, &roots, &clock)?,
        false if !roots.is_empty() => {
            return Err(Error::new(ErrorKind::InvalidInput, "--root goes with an rclone.conf").into());
        }
        false => import::plan(&args.folder, &store, &clock)?,
    };
    let applied = if args.dry_run { Vec::new() } else { import::apply(&plan, &store)? };
    let mut partial = false;
    for it in &plan {
        let done =
            applied.iter().find(|done| Some(&done.name) == it.name.as_ref() && matches!(it.outcome, Found::Config(_)));
        partial |= matches!(it.outcome, Found::Failed(_)) || done.is_some_and(|done| done.done.is_err());
        show(it, done, output)?;
    }
    Ok(if partial { Exit::Partial } else { Exit::Ok })
}

fn roots(texts: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let parts = texts.iter().map(|text| match text.split_once('=') {
        Some((remote, root)) if !remote.is_empty() && !root.is_empty() => Ok((remote.to_owned(), root.to_owned())),
        _ => {
            let text = format!("--root {} is no REMOTE=WHERE", output::escape(text));
            Err(Error::new(ErrorKind::InvalidInput, text).into())
        }
    });
    parts.collect()
}

/// One word for what became of it, and why.
fn words(it: &Imported, done: Option<&Applied>) -> (&'static str, String, Option<Value>) {
    let report = |err: &Error| Some(json!(Report::new(err, SystemTime::now()).error));
    match (&it.outcome, done.map(|done| &done.done)) {
        (Found::Config(_), None) => ("would be written", String::new(), None),
        (Found::Config(_), Some(Ok(Done::Written))) => ("written", String::new(), None),
        (Found::Config(_), Some(Ok(Done::Replaced { kept }))) => {
            ("written", format!("the source is kept as {}", kept.display()), None)
        }
        (Found::Config(_), Some(Ok(Done::Unchanged))) => ("there already", String::new(), None),
        (Found::Config(_), Some(Err(err))) => ("not written", err.message().to_owned(), report(err)),
        (Found::Unsupported { kind, why }, _) => ("unsupported", format!("type {kind}: {why}"), None),
        (Found::Skipped { why }, _) => ("skipped", why.clone(), None),
        (Found::Failed(err), _) => ("failed", err.message().to_owned(), report(err)),
        _ => ("unknown", String::new(), None),
    }
}

fn show(it: &Imported, done: Option<&Applied>, output: &Output) -> Result<(), Failure> {
    let (outcome, why, error) = words(it, done);
    let kind = match &it.outcome {
        Found::Config(config) => Some(config.kind.clone()),
        Found::Unsupported { kind, .. } => Some(kind.clone()),
        _ => None,
    };
    if output.json {
        return output.json(&json!({
            "source": it.source.to_string_lossy(),
            "name": it.name,
            "type": kind,
            "outcome": outcome,
            "why": why,
            "file": done.map(|done| done.file.to_string_lossy().into_owned()),
            "warnings": it.warnings,
            "error": error,
        }));
    }
    let (name, source) = (it.name.as_deref().unwrap_or("-"), it.source.to_string_lossy());
    let line =
        format!("{:16} {outcome:16} {}  {}", output::escape(name), output::escape(&source), output::escape(&why));
    output.line(line.trim_end())?;
    it.warnings.iter().try_for_each(|warning| output.line(format_args!("  warning: {}", output::escape(warning))))
}
