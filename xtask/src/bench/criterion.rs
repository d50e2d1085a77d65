//! Rows that are measured inside a process: criterion's benches of the crates, read back from its estimates.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::{Line, Stage, Wanted, shown, times};
use crate::failure::{Failure, Result};
use crate::run;
use crate::tree::Tree;

pub(super) fn import(stage: &Stage) -> Result<Vec<Line>> {
    let all = estimates(&stage.tree, "ipld", "import")?;
    let row = |what: &str, ours: &str, peer: &str, wanted: f64| {
        let (ours, peer) = (found(&all, ours)?, found(&all, peer)?);
        let ratio = times(peer, ours);
        let what = what.to_owned();
        Ok(Line { what, ours: shown(ours), peer: shown(peer), ratio, wanted: Wanted::AtLeast(wanted) })
    };
    Ok(vec![
        row(
            "importing 64 MiB on one core, against sha2 on one",
            "64 MiB/v1-2025, one core",
            "64 MiB/sha2, one core",
            0.95,
        )?,
        row(
            "importing 64 MiB on two cores, against sha2 on one",
            "64 MiB/v1-2025, two cores",
            "64 MiB/sha2, one core",
            1.8,
        )?,
    ])
}

pub(super) fn layers(stage: &Stage) -> Result<Vec<Line>> {
    let all = estimates(&stage.tree, "backend-layers", "stack")?;
    Ok(vec![added_cost(&all, "the layers over a leaf that answers at once, us a `stat`", "stat/stack", 1.0)?])
}

pub(super) fn manager(stage: &Stage) -> Result<Vec<Line>> {
    let all = estimates(&stage.tree, "journeys", "manager")?;
    Ok(vec![added_cost(&all, "the manager over a bare memory leaf, us a `stat`", "stat/manager", 5.0)?])
}

/// The catalog's bench says percentiles itself: criterion has none.
pub(super) fn catalog(stage: &Stage) -> Result<Vec<Line>> {
    let bench = ["bench", "--quiet", "--locked", "--package", "backend-manager", "--bench", "catalog"];
    let said = run::answer(run::cargo().args(bench).current_dir(stage.tree.root()))?;
    let p99 =
        p99(&said, "catalog: cid to replicas: ").ok_or_else(|| Failure::new("the catalog's bench says no p99"))?;
    let what = "lookup of a CID's replicas among 1M contents and 2M replicas, p99, ms".to_owned();
    let ratio = p99.as_secs_f64() * 1e3;
    Ok(vec![Line { what, ours: shown(p99), peer: "-".to_owned(), ratio, wanted: Wanted::AtMost(1.0) }])
}

/// The `p99` of the line that begins with `what`, as a `Duration` is printed.
fn p99(said: &str, what: &str) -> Option<Duration> {
    let line = said.lines().find_map(|it| it.strip_prefix(what))?;
    let text = line.split(", ").find_map(|it| it.strip_prefix("p99 "))?;
    let at = text.find(|it: char| !it.is_ascii_digit() && it != '.')?;
    let (number, unit) = text.split_at(at);
    let scale = match unit {
        "ns" => 1e-9,
        "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * scale).ok()
}

/// What `ours` adds to each call of `stat/leaf`.
fn added_cost(all: &BTreeMap<String, Duration>, what: &str, ours: &str, most: f64) -> Result<Line> {
    let (ours, bare) = (found(all, ours)?, found(all, "stat/leaf")?);
    let added = ours.saturating_sub(bare).as_secs_f64() * 1e6;
    let (what, wanted) = (what.to_owned(), Wanted::AtMost(most));
    Ok(Line { what, ours: shown(ours), peer: shown(bare), ratio: added, wanted })
}

/// Runs a bench, and answers the median of each of its functions by its full name.
fn estimates(tree: &Tree, package: &str, bench: &str) -> Result<BTreeMap<String, Duration>> {
    let home = tree.path("target/bench/criterion").join(format!("{package}-{bench}"));
    super::remove(&home)?;
    let run = ["bench", "--quiet", "--locked", "--package", package, "--bench", bench];
    run::quietly(run::cargo().args(run).env("CRITERION_HOME", &home).current_dir(tree.root()))?;
    let mut all = BTreeMap::new();
    for folder in folders(&home, 0) {
        let Ok(name) = fs::read(folder.join("benchmark.json")) else { continue };
        let path = folder.join("estimates.json");
        let estimate = fs::read(&path).map_err(|err| Failure::at(&path, "read", err))?;
        let pair =
            parsed(&name, &estimate).ok_or_else(|| Failure::new(format!("{} is no estimate", path.display())))?;
        all.insert(pair.0, pair.1);
    }
    Ok(all)
}

fn parsed(name: &[u8], estimate: &[u8]) -> Option<(String, Duration)> {
    let name: Value = serde_json::from_slice(name).ok()?;
    let estimate: Value = serde_json::from_slice(estimate).ok()?;
    let nanoseconds = estimate.pointer("/median/point_estimate")?.as_f64()?;
    Some((name.get("full_id")?.as_str()?.to_owned(), Duration::try_from_secs_f64(nanoseconds / 1e9).ok()?))
}

/// The folders called `new` below; criterion nests three deep.
fn folders(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let below = entries.filter_map(|it| it.ok()).map(|it| it.path()).filter(|it| it.is_dir());
    let found = below.flat_map(|it| match it.ends_with("new") {
        true => vec![it],
        false if depth < 4 => folders(&it, depth + 1),
        false => Vec::new(),
    });
    found.collect()
}

fn found(all: &BTreeMap<String, Duration>, name: &str) -> Result<Duration> {
    all.get(name).copied().ok_or_else(|| Failure::new(format!("no bench is called {name:?}: {:?}", all.keys())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_a_name_and_a_median() {
        let pair = parsed(br#"{"full_id": "a/b"}"#, br#"{"median": {"point_estimate": 1500.0}}"#);
        assert_eq!(pair, Some(("a/b".to_owned(), Duration::from_nanos(1500))));
        assert_eq!(parsed(b"{}", b"{}"), None);
    }

    #[test]
    fn a_percentile_is_read_back() {
        let said = "catalog: absent: p50 1µs, p99 9s\ncatalog: cid: p50 30µs, p99 410µs, p99.9 2ms\n";
        assert_eq!(p99(said, "catalog: cid: "), Some(Duration::from_micros(410)));
        assert_eq!(p99("catalog: cid: p99 4h", "catalog: cid: "), None);
    }
}
