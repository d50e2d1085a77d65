//! `health`.

use std::time::Duration;

use backend_core::{Power, Report, timestamp};
use backend_manager::{CacheView, HealthView, Level, Manager, PowerView, Probing, QuotaView};
use serde_json::{Value, json};

use super::Outcome;
use super::backend::{power, usage};
use crate::exit::Exit;
use crate::output::{self, Failure, Output};

/// What the user wants to be told, and how often.
pub(super) struct Wanted {
    pub(super) names: Vec<String>,
    pub(super) probing: Probing,
    /// Between two looks; `None`: one look.
    pub(super) every: Option<Duration>,
}

pub(super) async fn run(manager: &Manager, wanted: &Wanted, output: &Output) -> Outcome {
    loop {
        let views = manager.health(&wanted.names, wanted.probing).await?;
        for view in &views {
            show(view, output)?;
        }
        let Some(every) = wanted.every else {
            return Ok(if views.iter().all(HealthView::is_readable) { Exit::Ok } else { Exit::Unavailable });
        };
        tokio::time::sleep(every).await;
        if !output.json {
            output.line("")?;
        }
    }
}

fn show(it: &HealthView, output: &Output) -> Result<(), Failure> {
    if output.json {
        return output.json(&as_json(it));
    }
    let latency = it.latency.map(|it| format!("{} ms", it.as_millis())).unwrap_or_default();
    output.line(format_args!(
        "{:16} reads {:24} writes {:24} {latency}",
        it.name,
        state(&it.reads),
        state(&it.writes)
    ))?;
    if let Some(probe) = &it.probe
        && let Power::Fails(kind) = probe.reads
    {
        let note = probe.note.as_deref().map(|note| format!(": {}", output::escape(note))).unwrap_or_default();
        output.line(format_args!("  the probe fails: {kind}{note}"))?;
    }
    for (what, quota) in [("kept", &it.storage), ("moved this month", &it.traffic)] {
        if let Some(text) = quota_text(quota) {
            output.line(format_args!("  {what}: {text}"))?;
        }
    }
    if let Some(cache) = &it.cache {
        output.line(format_args!("  a cache of {} contents", cache.contents))?;
    }
    match &it.drift {
        Some(Ok(drift)) => match drift.bytes() {
            Some(bytes) => output.line(format_args!("  the service counts {bytes:+} bytes against the catalog")),
            None => output.line("  what the service counts is not this store alone"),
        },
        Some(Err(err)) => output.line(format_args!("  its usage is not known: {}", output::escape(err.message()))),
        None => Ok(()),
    }
}

/// What is used of a quota, and whether somebody should look; nothing without one.
pub(super) fn quota_text(quota: &QuotaView) -> Option<String> {
    let limit = quota.limit?;
    let warning = match quota.level() {
        Level::Fine => "",
        Level::Warn => ", nearly used up",
        Level::Full => ", used up",
    };
    Some(format!("{} of {}{warning}", output::size(quota.used), output::size(limit)))
}

fn state(it: &PowerView) -> String {
    match it.kind {
        Some(kind) => format!("{} ({kind})", it.state.as_str()),
        None => it.state.as_str().to_owned(),
    }
}

fn as_json(it: &HealthView) -> Value {
    let drift = match &it.drift {
        Some(Ok(drift)) => json!({ "usage": usage(&drift.usage), "known": drift.known, "bytes": drift.bytes() }),
        Some(Err(err)) => json!({ "error": Report::new(err, std::time::SystemTime::now()).error }),
        None => Value::Null,
    };
    let probe = it.probe.as_ref().map(|probe| {
        json!({
            "reads": power(&probe.reads),
            "writes": power(&probe.writes),
            "latency_ms": probe.latency.as_millis() as u64,
            "note": probe.note,
        })
    });
    json!({
        "name": it.name,
        "type": it.kind,
        "reads": power_json(&it.reads),
        "writes": power_json(&it.writes),
        "probe": probe,
        "latency_ms": it.latency.map(|it| it.as_millis() as u64),
        "storage": quota_json(&it.storage),
        "traffic": { "sent": it.sent, "received": it.received, "used": it.traffic.used, "limit": it.traffic.limit,
            "level": it.traffic.level().as_str() },
        "cache": it.cache.as_ref().map(cache_json),
        "drift": drift,
    })
}

fn cache_json(it: &CacheView) -> Value {
    json!({ "hits": it.hits, "misses": it.misses, "filled": it.filled, "given_up": it.given_up, "evicted": it.evicted,
        "contents": it.contents, "bytes": it.bytes, "limit": it.limit })
}

pub(super) fn quota_json(it: &QuotaView) -> Value {
    json!({ "used": it.used, "limit": it.limit, "level": it.level().as_str() })
}

fn power_json(it: &PowerView) -> Value {
    json!({
        "state": it.state.as_str(),
        "kind": it.kind.map(|kind| kind.as_str()),
        "since": it.since.map(timestamp),
        "retry_at": it.retry_at.map(timestamp),
        "streak": it.streak,
        "last_minute": {
            "worked": it.lately.worked,
            "failed": it.lately.failed,
            "median_ms": it.lately.median.map(|it| it.as_millis() as u64),
            "slowest_ms": it.lately.slowest.map(|it| it.as_millis() as u64),
        },
    })
}
