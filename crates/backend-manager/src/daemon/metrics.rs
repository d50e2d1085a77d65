//! The metrics of a daemon: what its backends did, how they are, what is kept, and what the chores do.

use std::time::{SystemTime, UNIX_EPOCH};

use backend_core::{ErrorKind, Result};
use backend_layers::{BOUNDS_MS, Meter, Verb};

use super::board::Board;
use super::exposition::{Kind, Page};
use crate::cache::CacheView;
use crate::fleet::Member;
use crate::health::{HealthView, Probing, StateView};
use crate::manager::Manager;
use crate::read::Hedged;

/// Verbs whose answers are timed.
const TIMED: [Verb; 6] = [Verb::Health, Verb::Stat, Verb::Get, Verb::Add, Verb::Remove, Verb::List];

/// Everything, now. No service is asked.
///
/// # Errors
/// What the catalog answers.
pub(super) async fn page(manager: &Manager, board: &Board) -> Result<String> {
    let members = manager.all_members().await?;
    let names: Vec<String> = members.iter().map(|member| member.name.clone()).collect();
    let views = manager.health(&names, Probing::No).await?;
    let mut page = Page::default();
    traffic(&mut page, &members);
    latencies(&mut page, &members);
    hedges(&mut page, &manager.hedges());
    health(&mut page, &views);
    quotas(&mut page, &views);
    caches(&mut page, &views);
    contents(&mut page, board);
    chores(&mut page, board);
    Ok(page.text())
}

fn traffic(page: &mut Page, members: &[Member]) {
    page.family("ipfs_kit_requests_total", Kind::Counter, "Calls of a backend, by verb.");
    each(members, |backend, meter, verb| {
        let labels = [("backend", backend), ("verb", verb.as_str())];
        page.sample("ipfs_kit_requests_total", &labels, meter.observed().count(verb).calls);
    });
    page.family("ipfs_kit_errors_total", Kind::Counter, "Failed calls of a backend, by verb and kind of error.");
    each(members, |backend, meter, verb| {
        for (kind, n) in ErrorKind::ALL.iter().zip(meter.failures(verb)).filter(|(_, n)| 0 < *n) {
            let labels = [("backend", backend), ("verb", verb.as_str()), ("kind", kind.as_str())];
            page.sample("ipfs_kit_errors_total", &labels, n);
        }
    });
    page.family("ipfs_kit_bytes_total", Kind::Counter, "Bytes of content to and from a backend, by this process.");
    for member in members {
        for (direction, n) in [("sent", member.meter.sent()), ("received", member.meter.received())] {
            page.sample("ipfs_kit_bytes_total", &[("backend", &member.name), ("direction", direction)], n);
        }
    }
    page.family("ipfs_kit_refused_total", Kind::Counter, "Calls that the month's traffic quota did not allow.");
    for member in members {
        page.sample("ipfs_kit_refused_total", &[("backend", &member.name)], member.meter.refused());
    }
}

fn each(members: &[Member], mut tell: impl FnMut(&str, &Meter, Verb)) {
    for member in members {
        Verb::ALL.iter().for_each(|verb| tell(&member.name, &member.meter, *verb));
    }
}

fn latencies(page: &mut Page, members: &[Member]) {
    let name = "ipfs_kit_latency_seconds";
    page.family(name, Kind::Histogram, "How long a backend takes until it answers a successful call.");
    for member in members {
        for verb in TIMED {
            let (labels, histogram) =
                ([("backend", &*member.name), ("verb", verb.as_str())], member.meter.latencies(verb));
            let mut below = 0;
            for (n, count) in histogram.counts.iter().enumerate() {
                below += count;
                let bound = BOUNDS_MS.get(n).map_or_else(|| "+Inf".to_owned(), |it| (*it as f64 / 1000.0).to_string());
                let labels = [labels[0], labels[1], ("le", &bound)];
                page.sample(&format!("{name}_bucket"), &labels, below);
            }
            page.sample(&format!("{name}_sum"), &labels, histogram.sum.as_secs_f64());
            page.sample(&format!("{name}_count"), &labels, below);
        }
    }
}

fn hedges(page: &mut Page, hedged: &Hedged) {
    let name = "ipfs_kit_hedges_total";
    page.family(
        name,
        Kind::Counter,
        "Extra requests to a second copy because the first one was silent, by what became of them.",
    );
    let Hedged { issued, won, lost, refused } = *hedged;
    for (outcome, n) in [("issued", issued), ("won", won), ("lost", lost), ("refused", refused)] {
        page.sample(name, &[("outcome", outcome)], n);
    }
}

fn health(page: &mut Page, views: &[HealthView]) {
    page.family("ipfs_kit_power", Kind::Gauge, "How a power of a backend stands: 1 for the state that it is in.");
    for view in views {
        for (power, is) in [("reads", &view.reads), ("writes", &view.writes)] {
            for state in StateView::ALL {
                let labels = [("backend", &*view.name), ("power", power), ("state", state.as_str())];
                page.sample("ipfs_kit_power", &labels, u8::from(is.state == state));
            }
        }
    }
}

fn quotas(page: &mut Page, views: &[HealthView]) {
    let rows = |view: &HealthView| [("storage", view.storage), ("traffic", view.traffic)];
    page.family(
        "ipfs_kit_quota_used_bytes",
        Kind::Gauge,
        "What is kept on a backend, and what moved this month (UTC).",
    );
    for view in views {
        for (quota, is) in rows(view) {
            page.sample("ipfs_kit_quota_used_bytes", &[("backend", &view.name), ("quota", quota)], is.used);
        }
    }
    page.family("ipfs_kit_quota_limit_bytes", Kind::Gauge, "What may be, where there is a quota.");
    for view in views {
        for (quota, limit) in rows(view).into_iter().filter_map(|(quota, is)| Some((quota, is.limit?))) {
            page.sample("ipfs_kit_quota_limit_bytes", &[("backend", &view.name), ("quota", quota)], limit);
        }
    }
}

fn caches(page: &mut Page, views: &[HealthView]) {
    let name = "ipfs_kit_cache_total";
    page.family(name, Kind::Counter, "What a cache did, by this process.");
    for (view, cache) in views.iter().filter_map(|view| Some((view, view.cache?))) {
        let CacheView { hits, misses, filled, given_up, evicted, .. } = cache;
        for (what, n) in
            [("hit", hits), ("miss", misses), ("filled", filled), ("given_up", given_up), ("evicted", evicted)]
        {
            page.sample(name, &[("backend", &view.name), ("what", what)], n);
        }
    }
    page.family("ipfs_kit_cache_contents", Kind::Gauge, "Contents that are in a cache.");
    for (view, cache) in views.iter().filter_map(|view| Some((view, view.cache?))) {
        page.sample("ipfs_kit_cache_contents", &[("backend", &view.name)], cache.contents);
    }
}

fn contents(page: &mut Page, board: &Board) {
    page.family("ipfs_kit_contents", Kind::Gauge, "Contents by how they stand, when they were last planned.");
    for (standing, n) in board.contents() {
        page.sample("ipfs_kit_contents", &[("standing", standing)], n);
    }
    page.family("ipfs_kit_replicas", Kind::Gauge, "Copies by backend and state, when they were last counted.");
    for (backend, state, n) in board.replicas() {
        page.sample("ipfs_kit_replicas", &[("backend", &backend), ("state", state.as_str())], n);
    }
}

fn chores(page: &mut Page, board: &Board) {
    let chores = board.chores();
    page.family("ipfs_kit_chore_runs_total", Kind::Counter, "How often this process did a chore.");
    for (name, state) in &chores {
        page.sample("ipfs_kit_chore_runs_total", &[("chore", name)], state.runs);
    }
    page.family("ipfs_kit_chore_failures_total", Kind::Counter, "How often that failed.");
    for (name, state) in &chores {
        page.sample("ipfs_kit_chore_failures_total", &[("chore", name)], state.failures);
    }
    page.family("ipfs_kit_chore_last_end_seconds", Kind::Gauge, "When it last ended, in seconds since 1970.");
    for (name, state) in &chores {
        if let Some(at) = state.ended_at {
            page.sample("ipfs_kit_chore_last_end_seconds", &[("chore", name)], seconds(at));
        }
    }
    page.family("ipfs_kit_chore_last_duration_seconds", Kind::Gauge, "How long that took.");
    for (name, state) in &chores {
        page.sample("ipfs_kit_chore_last_duration_seconds", &[("chore", name)], state.took.as_secs_f64());
    }
}

fn seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).map_or(0.0, |it| it.as_secs_f64())
}
