//! `route explain | place`: who would be asked, in which order, and why.

use backend_manager::{Candidate, Criteria, Manager, Routed, Sought};
use serde_json::{Value, json};

use super::Outcome;
use crate::args::Route;
use crate::exit::Exit;
use crate::output::{self, Failure, Output};

pub(super) async fn run(manager: &Manager, command: Route, output: &Output) -> Outcome {
    let (criteria, cid) = match command {
        Route::Explain { what, by } => {
            let cid = manager.resolve(&what).await?.cid;
            (Criteria { by: by.into(), sought: Sought::Read(cid) }, Some(cid))
        }
        Route::Place { size, policy, by } => {
            let sought = Sought::Place { size: size.bytes(), policy: Some(policy) };
            (Criteria { by: by.into(), sought }, None)
        }
    };
    let routed = manager.route_to_best(&criteria).await?;
    match output.json {
        true => {
            let mut line = as_json(&routed);
            line["cid"] = cid.map_or(Value::Null, |cid| cid.to_string().into());
            output.json(&line)?;
        }
        false => show(&routed, output)?,
    }
    Ok(if routed.candidates.is_empty() { Exit::Unavailable } else { Exit::Ok })
}

fn as_json(it: &Routed) -> Value {
    json!({
        "by": it.by.as_str(),
        "size": it.size,
        "candidates": it.candidates.iter().map(|candidate| candidate_json(candidate, it.size)).collect::<Vec<_>>(),
        "left_out": it.left_out.iter().map(|it| json!({ "backend": it.backend, "why": it.why })).collect::<Vec<_>>(),
    })
}

fn candidate_json(it: &Candidate, size: u64) -> Value {
    let estimate = &it.estimate;
    json!({
        "backend": it.backend,
        "standing": it.standing.as_str(),
        "preference": it.preference,
        "latency_ms": estimate.latency.as_millis() as u64,
        "latency_measured": estimate.latency_is_measured,
        "bytes_per_second": estimate.throughput,
        "throughput_measured": estimate.throughput_is_measured,
        "price_per_gb": estimate.price,
        "price_stated": estimate.price_is_stated,
        "time_ms": estimate.time(size).as_millis() as u64,
        "cost": estimate.cost(size),
        "reasons": it.reasons,
    })
}

fn show(it: &Routed, output: &Output) -> Result<(), Failure> {
    output.line(format_args!("by {}, for {}", it.by.as_str(), output::size(it.size)))?;
    for (n, candidate) in it.candidates.iter().enumerate() {
        let estimate = &candidate.estimate;
        let known = |known: bool, word: &str| if known { word.to_owned() } else { "expected".to_owned() };
        output.line(format_args!(
            "{:>2}. {:16} first byte {} ms ({}), {}/s ({}), {} a gigabyte ({})",
            n + 1,
            output::escape(&candidate.backend),
            estimate.latency.as_millis(),
            known(estimate.latency_is_measured, "measured"),
            output::size(estimate.throughput),
            known(estimate.throughput_is_measured, "measured"),
            estimate.price,
            known(estimate.price_is_stated, "stated"),
        ))?;
        for reason in &candidate.reasons {
            output.line(format_args!("    {}", output::escape(reason)))?;
        }
    }
    for left in &it.left_out {
        output.line(format_args!(" -  {:16} {}", output::escape(&left.backend), output::escape(&left.why)))?;
    }
    Ok(())
}
