//! `verify`.

use std::time::SystemTime;

use backend_core::Report;
use backend_manager::{Manager, ReplicaState, Verified};
use futures::StreamExt;
use serde_json::json;

use super::Outcome;
use crate::exit::Exit;
use crate::output::{self, Failure, Output};

#[derive(Debug, Default)]
struct Totals {
    good: u64,
    bad: u64,
    unknown: u64,
    bytes: u64,
}

pub(super) async fn run(manager: &Manager, what: Option<&str>, output: &Output) -> Outcome {
    let cid = match what {
        Some(what) => Some(manager.resolve(what).await?.cid),
        None => None,
    };
    let (mut verdicts, mut totals) = (manager.verify(cid.as_ref()), Totals::default());
    while let Some(verdict) = verdicts.next().await {
        let it = verdict?;
        totals.bytes += it.bytes;
        match (&it.error, it.state) {
            (Some(_), _) => totals.unknown += 1,
            (None, ReplicaState::Present) => totals.good += 1,
            (None, _) => totals.bad += 1,
        }
        show(&it, output)?;
    }
    let Totals { good, bad, unknown, bytes } = totals;
    match output.json {
        true => output.json(&json!({ "good": good, "bad": bad, "unknown": unknown, "bytes": bytes }))?,
        false => output
            .line(format_args!("{good} good, {bad} bad, {unknown} not looked at, {} read", output::size(bytes)))?,
    }
    Ok(match (bad, unknown) {
        (0, 0) => Exit::Ok,
        (0, _) => Exit::Unavailable,
        _ => Exit::Integrity,
    })
}

fn show(it: &Verified, output: &Output) -> Result<(), Failure> {
    if output.json {
        return output.json(&json!({
            "cid": it.cid.to_string(),
            "backend": it.backend,
            "state": it.state.as_str(),
            "evidence": it.evidence.as_str(),
            "bytes": it.bytes,
            "bad_chunks": it.bad_chunks.iter().map(|bad| json!({ "offset": bad.offset, "len": bad.len })).collect::<Vec<_>>(),
            "error": it.error.as_ref().map(|err| json!(Report::new(err, SystemTime::now()).error)),
        }));
    }
    let (state, evidence) = (it.state.as_str(), it.evidence.as_str());
    output.line(format_args!("{}  {:16} {state:10} {evidence}", it.cid, output::escape(&it.backend)))?;
    for bad in &it.bad_chunks {
        output.line(format_args!("  bad bytes {}..{}", bad.offset, bad.offset + bad.len))?;
    }
    match &it.error {
        Some(err) => output.line(format_args!("  not looked at: {}", output::escape(err.message()))),
        None => Ok(()),
    }
}
