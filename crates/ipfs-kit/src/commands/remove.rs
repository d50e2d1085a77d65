//! `rm`.

use backend_core::{Error, ErrorKind, Report};
use backend_manager::{Manager, Removed};
use serde_json::json;

use super::{Outcome, confirm};
use crate::exit::Exit;
use crate::output::{self, Failure, Output};

pub(super) async fn run(manager: &Manager, what: &[String], yes: bool, output: &Output) -> Outcome {
    let mut targets = Vec::new();
    for it in what {
        let is_path = it.trim_start_matches('/').trim_start_matches("ipfs/").contains('/');
        if is_path && manager.named(it).await?.is_none() && manager.resolve(it).await.is_ok() {
            let text = format!("{} is inside of a directory: only what was added can be removed", output::escape(it));
            return Err(Error::new(ErrorKind::InvalidInput, text).into());
        }
        targets.push(manager.resolve(it).await?.cid);
    }
    let shown: Vec<String> = what.iter().map(|it| output::escape(it)).collect();
    confirm(&format!("remove {} and every copy that ipfs-kit made of it?", shown.join(", ")), yes)?;
    let mut exit = Exit::Ok;
    for cid in targets {
        let removed = manager.remove(&cid).await?;
        if removed.copies.iter().any(|it| it.error.is_some()) {
            exit = Exit::Partial;
        }
        show(&removed, output)?;
    }
    Ok(exit)
}

fn show(removed: &Removed, output: &Output) -> Result<(), Failure> {
    if output.json {
        let copies: Vec<_> = removed
            .copies
            .iter()
            .map(|it| {
                json!({
                    "backend": it.backend,
                    "removals": it.removals,
                    "failed": it.failed,
                    "error": it.error.as_ref().map(|err| json!(Report::new(err, std::time::SystemTime::now()).error)),
                })
            })
            .collect();
        return output.json(&json!({
            "cid": removed.cid.to_string(), "names": removed.names, "copies": copies, "kept": removed.kept
        }));
    }
    output.line(removed.cid)?;
    for it in &removed.copies {
        let words: Vec<String> = it.removals.iter().map(|(word, n)| format!("{n} {word}")).collect();
        output.remark(format_args!("  {:16} {}", output::escape(&it.backend), words.join(", ")));
        if let Some(err) = &it.error {
            output.remark(format_args!(
                "  {:16} {} could not be removed: {}",
                "",
                it.failed,
                output::escape(err.message())
            ));
        }
    }
    if 0 < removed.kept {
        output.remark(format_args!("  {} kept, because something else wants them", removed.kept));
    }
    Ok(())
}
