//! `pin`.

use std::time::{Duration, SystemTime};

use backend_core::timestamp;
use backend_manager::{Manager, PinView, PinWish};
use futures::StreamExt;
use serde_json::json;

use super::Outcome;
use crate::args::Pin;
use crate::exit::Exit;
use crate::output::{self, Failure, Output};

pub(super) async fn run(manager: &Manager, command: Pin, output: &Output) -> Outcome {
    match command {
        Pin::Add { what, policy, period } => {
            let until = period.map(|it| SystemTime::now() + Duration::from_secs(it.seconds()));
            let wish = PinWish { policy, until };
            for it in what {
                let cid = manager.resolve(&it).await?.cid;
                show(&manager.pin(&cid, &wish).await?, output)?;
            }
        }
        Pin::Ls { what } => {
            let cid = match what {
                Some(what) => Some(manager.resolve(&what).await?.cid),
                None => None,
            };
            let mut pins = manager.pins(cid.as_ref());
            while let Some(pin) = pins.next().await {
                show(&pin?, output)?;
            }
        }
        Pin::Rm { what } => {
            let mut exit = Exit::Ok;
            for it in what {
                let cid = manager.resolve(&it).await?.cid;
                let gone = manager.unpin(&cid).await?;
                if !gone {
                    exit = Exit::NotFound;
                }
                match (output.json, gone) {
                    (true, _) => output.json(&json!({ "cid": cid.to_string(), "unpinned": gone }))?,
                    (false, true) => output.line(format_args!("{cid}  unpinned"))?,
                    (false, false) => output.line(format_args!("{cid}  was not pinned"))?,
                }
            }
            return Ok(exit);
        }
    }
    Ok(Exit::Ok)
}

fn show(it: &PinView, output: &Output) -> Result<(), Failure> {
    if output.json {
        return output.json(&json!({
            "cid": it.cid.to_string(), "owner": it.owner, "policy": it.policy, "since": timestamp(it.since),
            "until": it.until.map(timestamp),
        }));
    }
    let until = it.until.map(|at| format!("until {}", timestamp(at))).unwrap_or_default();
    let (policy, owner) = (output::escape(&it.policy), output::escape(&it.owner));
    output.line(format!("{}  {policy:16} {owner:10} {until}", it.cid).trim_end())
}
