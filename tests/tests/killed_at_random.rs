//! `sync` and `migrate`, killed two hundred times each at moments that nobody has chosen: what the named points of `killed` do not think of.

#![expect(clippy::unwrap_used, reason = "a step of a journey that cannot be taken, fails it")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use backend_manager::catalog::{Catalog, invariants};
use journeys::{Journey, files, noise, put};

const KILLS: usize = 200;
/// After so many kills it is run to its end and looked at.
const AT_ONCE: usize = 5;
/// A program that ends before it is killed so often is not slow enough to show anything.
const ATTEMPTS: usize = 5 * KILLS;
const MIB: usize = 1 << 20;

/// Kills at random, by how long the last whole run took.
struct Killer {
    took: Duration,
    state: u64,
    kills: usize,
    attempts: usize,
}

impl Killer {
    fn new() -> Self {
        // Another one each time: the moments differ anyway.
        let state = u64::from(std::process::id()) << 20 | 1;
        Self { took: Duration::from_secs(1), state, kills: 0, attempts: 0 }
    }

    fn dice(&mut self, below: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % below
    }

    fn is_at_its_end(&self) -> bool {
        assert!(self.attempts < ATTEMPTS, "killed {} times in {} attempts", self.kills, self.attempts);
        KILLS <= self.kills
    }

    fn kill(&mut self, it: &Journey, words: &[&str]) {
        let micros = u64::try_from(self.took.as_micros()).unwrap().max(1);
        let delay = Duration::from_micros(self.dice(micros));
        self.attempts += 1;
        self.kills += usize::from(it.killed_after(delay, words));
    }

    fn whole(&mut self, it: &Journey, words: &[&str]) {
        let begun = Instant::now();
        let done = it.run(words);
        self.took = begun.elapsed();
        assert_eq!(done.code, Some(0), "after {} kills: {}{}", self.kills, done.text(), done.stderr);
    }
}

fn no_violations(it: &Journey) {
    let catalog = Catalog::open(&it.home().join("catalog.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let violations = runtime.block_on(catalog.read(invariants::violations)).unwrap();
    assert!(violations.is_empty(), "{violations:?}");
}

#[test]
fn a_sync_ends_equal() {
    let it = Journey::new();
    let store = it.backend("usb");
    let (src, mut killer) = (it.path("src"), Killer::new());
    let ways = [["sync", "src", "usb:p", "--delete"], ["sync", "usb:p", "out", "--delete"]];
    (0..12).for_each(|n| put(&src, &format!("d{}/{n}", n % 4), &noise(n, 700 + n as usize)));
    put(&src, "large", &noise(99, 2 * MIB + 3));
    let mut n = 0;
    while !killer.is_at_its_end() {
        for way in &ways {
            for _ in 0..AT_ONCE {
                if way[1] == "src" {
                    // Something is new, something is another, something is gone.
                    n += 1;
                    put(&src, &format!("new{n}"), &noise(n, 900));
                    put(&src, "d1/1", &noise(1000 + n, 500 + usize::try_from(n).unwrap() % 7));
                    put(&src, "large", &noise(2000 + n, MIB + usize::try_from(n).unwrap()));
                    drop(std::fs::remove_file(src.join(format!("new{}", n.saturating_sub(3)))));
                }
                killer.kill(&it, way);
            }
            killer.whole(&it, way);
        }
        assert!(files(&store.join("p")) == files(&src), "after {} kills", killer.kills);
        assert!(files(&it.path("out")) == files(&src), "after {} kills", killer.kills);
    }
    no_violations(&it);
    let verified = it.run(["verify", "--json"]).json().pop().unwrap();
    assert_eq!((&verified["bad"], &verified["unknown"]), (&0.into(), &0.into()), "{verified}");
    let standing = it.run(["reconcile", "--dry-run", "--json"]).json().pop().unwrap();
    assert_eq!(standing["standing"]["safe"], files(&src).len(), "all of it, and no more: {standing}");
}

#[test]
fn a_migration_loses_nothing() {
    let it = Journey::new();
    for name in ["old", "new"] {
        it.backend(name);
    }
    it.ok(["policy", "set", "default", "--only", "old"]);
    let mut wanted = BTreeMap::new();
    for (n, len) in [10, MIB + 1, 0, 5000, 300, 70_000].into_iter().enumerate() {
        let (name, content) = (format!("f{n}"), noise(n as u64, len));
        std::fs::write(it.path(&name), &content).unwrap();
        it.ok(["add", &name]);
        wanted.insert(name, content);
    }
    it.ok(["add", "f3", "--name", "keyed", "--to", "old", "--key", "docs/three"]);
    wanted.insert("keyed".to_owned(), wanted["f3"].clone());
    let mut killer = Killer::new();
    let mut ends = ["old", "new"];
    while !killer.is_at_its_end() {
        let way = ["migrate", ends[0], "--to", ends[1]];
        for _ in 0..AT_ONCE {
            killer.kill(&it, &way);
            let (name, bytes) = wanted.iter().nth(killer.kills % wanted.len()).unwrap();
            assert!(it.ok(["cat", name]).stdout == *bytes, "after {} kills: {name}", killer.kills);
        }
        killer.whole(&it, &way);
        for (name, bytes) in &wanted {
            assert!(it.ok(["cat", name]).stdout == *bytes, "after {} kills: {name}", killer.kills);
            let stat = it.ok(["stat", name, "--json"]).json().remove(0);
            let replicas = stat["replicas"].as_array().unwrap();
            assert!(replicas.iter().all(|it| it["backend"] == ends[1]), "{name}: {stat}");
        }
        ends.reverse();
    }
    no_violations(&it);
    let plan = it.ok(["reconcile", "--dry-run", "--json"]).json().pop().unwrap();
    assert_eq!(plan["to_do"], 0, "{plan}");
}
