//! `migrate`.

use std::sync::PoisonError;

use backend_manager::{Manager, Migrate, Migrated, Mode, Moving};
use serde_json::json;

use super::adopt::troubles_json;
use super::keep::listener;
use super::{Outcome, adopt};
use crate::args;
use crate::exit::Exit;
use crate::output::{self, Failure, Output};

pub(super) async fn run(manager: &Manager, args: args::Migrate, output: &Output) -> Outcome {
    let opts = Migrate {
        from: args.backend,
        to: args.to,
        moving: if args.kind == args::Moving::Copy { Moving::Copy } else { Moving::Move },
        mode: if args.dry_run { Mode::Rehearse } else { Mode::Act },
    };
    let (listener, failure) = listener(output);
    let done = Box::pin(manager.migrate(&opts, &listener)).await?;
    if let Some(failure) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(failure);
    }
    show(&done, &opts, output)?;
    Ok(if done.failed.count + done.kept.count == 0 { Exit::Ok } else { Exit::Partial })
}

fn show(it: &Migrated, opts: &Migrate, output: &Output) -> Result<(), Failure> {
    if output.json {
        return output.json(&json!({
            "from": opts.from, "to": opts.to, "dry_run": opts.mode == Mode::Rehearse, "copied": it.copied, "bytes": it.bytes, "there": it.there,
            "removed": it.removed, "left": it.left, "aimed": it.aimed, "kept": troubles_json(&it.kept), "failed": troubles_json(&it.failed),
        }));
    }
    let (from, to) = (output::escape(&opts.from), output::escape(&opts.to));
    let would = if opts.mode == Mode::Rehearse { "would be " } else { "" };
    output.line(format_args!(
        "{} {would}copied to {to} ({}), {} there already, {} removed from {from}",
        it.copied,
        output::size(it.bytes),
        it.there,
        it.removed
    ))?;
    for name in &it.aimed {
        output.line(format_args!("  the policy {} {would}aimed at {to}", output::escape(name)))?;
    }
    if it.left != 0 {
        output.line(format_args!("  {} copies on {from} existed before ipfs-kit, and stay", it.left))?;
    }
    adopt::lines("stays", &it.kept, output)?;
    adopt::lines("failed", &it.failed, output)
}
