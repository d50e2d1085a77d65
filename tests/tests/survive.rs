//! Survival without attendance: stores that are destroyed, that rot and that forget, and a program that puts it right by itself, also when it is killed again
//! and again.

#![expect(clippy::unwrap_used, reason = "a step of a journey that cannot be taken, fails it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use journeys::{Journey, flip, noise, stored};
use serde_json::Value;

const MIB: usize = 1 << 20;
/// Nothing of this takes longer, also on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// Four stores, and content that has two copies: one half of it on `a` and `b`, the other on `a` and `c`.
struct House {
    it: Journey,
    bytes: BTreeMap<String, Vec<u8>>,
    /// Those on `a` and `b`, those on `a` and `c`.
    halves: [Vec<String>; 2],
}

fn house() -> House {
    let it = Journey::new();
    for name in ["a", "b", "c", "d"] {
        it.backend(name);
    }
    it.ok(["policy", "set", "default", "--replicas", "2", "--prefer", "a,b"]);
    it.ok(["policy", "set", "other", "--replicas", "2", "--prefer", "a,c", "--match", "name=c*"]);
    let (mut bytes, mut halves) = (BTreeMap::new(), [Vec::new(), Vec::new()]);
    for (half, letter) in ["b", "c"].iter().enumerate() {
        let mut words = vec!["add".to_owned(), "--json".to_owned()];
        let mut contents = Vec::new();
        for n in 0..40 {
            let len = [4096, 70_000, 3 * MIB + 5, 1][n % 4] + n;
            let name = format!("{letter}{n}");
            contents.push(noise(u64::try_from(1000 * half + n).unwrap(), len));
            std::fs::write(it.path(&name), &contents[n]).unwrap();
            words.push(name);
        }
        for (n, receipt) in it.ok(words).json().into_iter().enumerate() {
            let cid = receipt["cid"].as_str().unwrap().to_owned();
            let on: BTreeSet<&str> =
                receipt["replicas"].as_array().unwrap().iter().map(|it| it["backend"].as_str().unwrap()).collect();
            assert_eq!(on, BTreeSet::from(["a", *letter]), "{receipt}");
            halves[half].push(cid.clone());
            bytes.insert(cid, std::mem::take(&mut contents[n]));
        }
    }
    House { it, bytes, halves }
}

impl House {
    /// Flips, truncates, deletes and swaps on `b`; answers whose copies are not what they were.
    fn damage(&self) -> BTreeSet<String> {
        let (store, of) = (self.it.path("b"), &self.halves[0]);
        let path = |n: usize| stored(&store, &of[n]);
        flip(&path(0), 17);
        flip(&path(2), 2 * MIB + 9);
        flip(&path(2), 5);
        let cut = std::fs::read(path(6)).unwrap();
        std::fs::write(path(6), &cut[..MIB + 100]).unwrap();
        std::fs::write(path(4), b"").unwrap();
        std::fs::remove_file(path(8)).unwrap();
        std::fs::remove_file(path(10)).unwrap();
        let (one, two) = (std::fs::read(path(12)).unwrap(), std::fs::read(path(16)).unwrap());
        std::fs::write(path(12), two).unwrap();
        std::fs::write(path(16), one).unwrap();
        [0, 2, 4, 6, 8, 10, 12, 16].iter().map(|n| of[*n].clone()).collect()
    }

    /// Which contents were seen to be damaged, by everything that was told.
    fn seen(&self) -> BTreeSet<String> {
        let report = self.it.run(["report", "--json"]).json().remove(0);
        let events = report["events"].as_array().unwrap().iter();
        let bad = events.filter(|it| it["what"] == "corrupt" || it["what"] == "missing");
        bad.map(|it| it["cid"].as_str().unwrap().to_owned()).collect()
    }

    fn standing(&self) -> Value {
        self.it.run(["reconcile", "--dry-run", "--json"]).json().pop().unwrap()
    }

    fn is_safe(&self) -> bool {
        let standing = self.standing();
        standing["standing"]["safe"] == self.bytes.len() && standing["to_do"] == 0
    }

    /// Every byte of every copy is right, and comes out.
    fn check(&self) {
        let verified = self.it.ok(["verify", "--json"]).json().pop().unwrap();
        assert_eq!((&verified["bad"], &verified["unknown"]), (&0.into(), &0.into()), "{verified}");
        for (cid, bytes) in &self.bytes {
            assert!(self.it.ok(["cat", cid]).stdout == *bytes, "{cid}");
        }
    }
}

#[test]
fn what_rots_is_found_and_made_good_and_nothing_else_is() {
    let house = house();
    let damaged = house.damage();
    let scrubbed = house.it.run(["scrub", "--older-than", "0s", "--json"]);
    assert_eq!(scrubbed.code, Some(6), "{}", scrubbed.stderr);
    let sum = scrubbed.json().pop().unwrap();
    assert_eq!((&sum["bad"], &sum["missing"], &sum["unknown"]), (&6.into(), &2.into(), &0.into()), "{sum}");
    assert_eq!(house.seen(), damaged, "no more and no less");
    let reconciled = house.it.ok(["reconcile", "--json"]).json();
    assert_eq!(reconciled.last().unwrap()["failed"], 0, "{reconciled:?}");
    assert!(house.is_safe(), "{}", house.standing());
    house.check();
    let report = house.it.ok(["report", "--json", "--html", "page.html"]).json().remove(0);
    assert_eq!(report["counts"]["repaired"], 8, "{}", report["counts"]);
    let page = std::fs::read_to_string(house.it.path("page.html")).unwrap();
    assert!(damaged.iter().all(|cid| page.contains(cid.as_str())), "every act stands in the report");
    let again = house.it.ok(["reconcile", "--json"]).json().pop().unwrap();
    assert_eq!((&again["to_do"], &again["done"]), (&0.into(), &0.into()), "{again}");
}

#[test]
fn a_store_that_is_destroyed_is_replaced_by_others() {
    let house = house();
    std::fs::remove_dir_all(house.it.path("c")).unwrap();
    let on = |cid: &str| -> BTreeSet<String> {
        let stat = house.it.ok(["stat", cid, "--json"]).json().remove(0);
        stat["replicas"].as_array().unwrap().iter().map(|it| it["backend"].as_str().unwrap().to_owned()).collect()
    };
    let begun = Instant::now();
    // Until the time is over, the copies on it count, and nothing is done.
    while house.halves[1].iter().any(|cid| on(cid).len() < 3) {
        let sum = house.it.run(["reconcile", "--grace", "1s", "--json"]).json().pop().unwrap();
        assert!(begun.elapsed() < PATIENCE, "{sum}");
        std::thread::sleep(Duration::from_millis(300));
    }
    for cid in &house.halves[1] {
        assert!(on(cid).is_superset(&BTreeSet::from(["a".to_owned(), "c".to_owned()])), "and the row of the lost one");
        assert!(house.it.ok(["cat", cid]).stdout == house.bytes[cid], "{cid}");
    }
}

#[test]
fn an_empty_mount_is_no_loss() {
    let house = house();
    let (real, away) = (house.it.path("b"), house.it.path("away"));
    std::fs::rename(&real, &away).unwrap();
    std::fs::create_dir(&real).unwrap();
    let scrubbed = house.it.run(["scrub", "--older-than", "0s", "b", "--json"]);
    assert_eq!(scrubbed.code, Some(5), "{scrubbed:?}");
    let sum = scrubbed.json().pop().unwrap();
    assert_eq!((&sum["missing"], &sum["checked"]), (&0.into(), &0.into()), "{sum}");
    let reconciled = house.it.run(["reconcile", "--json"]).json().pop().unwrap();
    assert_eq!((&reconciled["done"], &reconciled["bytes"]), (&0.into(), &0.into()), "{reconciled}");
    assert_eq!(Journey::files(&real).len(), 0, "nothing is written to a store that is not the one it was");
    std::fs::remove_dir(&real).unwrap();
    std::fs::rename(&away, &real).unwrap();
    assert!(house.is_safe(), "{}", house.standing());
    house.check();
}

#[test]
fn much_that_is_missing_stops_the_plan_until_a_person_has_looked() {
    let house = house();
    for cid in &house.halves[0][..30] {
        std::fs::remove_file(stored(&house.it.path("b"), cid)).unwrap();
    }
    let scrubbed = house.it.run(["scrub", "--older-than", "0s", "b", "--json"]);
    assert!(scrubbed.json().iter().any(|it| it["stopped"].is_string()), "{scrubbed:?}");
    let stopped = house.it.run(["reconcile", "--json"]);
    assert_eq!(stopped.code, Some(7), "{stopped:?}");
    let lines = stopped.json();
    let brake = lines.iter().find(|it| it["brake"].is_string()).unwrap();
    assert_eq!(brake["release"], "--release missing:b");
    assert_eq!(lines.last().unwrap()["done"], 0, "nothing is done");
    house.it.ok(["reconcile", "--release", "missing:b"]);
    // What the look did not come to is found by the next one.
    house.it.run(["scrub", "--older-than", "0s"]);
    house.it.run(["reconcile", "--release", "missing:b"]);
    assert!(house.is_safe(), "{}", house.standing());
    house.check();
}

#[test]
fn killed_again_and_again_it_comes_to_the_same_end() {
    let house = house();
    let damaged = house.damage();
    let begun = Instant::now();
    let mut pause = 5;
    loop {
        for words in [["scrub", "--older-than", "1s", "--quiet"].as_slice(), ["reconcile", "--quiet"].as_slice()] {
            let mut child = house.it.command(words).stdout(std::process::Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(pause));
            // An end by itself is as good.
            let _ = child.kill();
            child.wait().unwrap();
        }
        pause += 17;
        if pause % 4 == 0 && house.is_safe() && house.seen() == damaged {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", house.standing());
    }
    house.check();
    no_violations(&house.it.home());
}

fn no_violations(home: &Path) {
    let catalog = backend_manager::catalog::Catalog::open(&home.join("catalog.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let violations = runtime.block_on(catalog.read(backend_manager::catalog::invariants::violations));
    assert!(violations.as_ref().unwrap().is_empty(), "{violations:?}");
}

#[test]
fn what_nobody_wants_any_more_goes_and_what_is_held_stays() {
    let it = Journey::new();
    let store = it.backend("a");
    it.ok(["policy", "set", "held", "--legal-hold", "true"]);
    for (name, policy) in [("gone", "default"), ("kept", "held")] {
        std::fs::write(it.path(name), noise(1, 100 + name.len() + policy.len())).unwrap();
        it.ok(["add", name, "--policy", policy]);
    }
    assert_eq!(it.ok(["pin", "ls", "--json"]).json().len(), 2);
    it.ok(["pin", "rm", "gone"]);
    let explained = it.ok(["policy", "explain", "gone", "--json"]).json().remove(0);
    assert_eq!((&explained["state"], &explained["steps"][0]["deed"]), (&"unwanted".into(), &"remove".into()));
    it.ok(["reconcile"]);
    assert_eq!(Journey::files(&store).keys().filter(|it| it.starts_with(".ipfs-kit/c")).count(), 1);
    it.ok(["pin", "add", "kept", "--policy", "held", "--for", "1s"]);
    std::thread::sleep(Duration::from_millis(1100));
    it.ok(["reconcile"]);
    assert!(it.ok(["cat", "kept"]).stdout.len() > 100, "a hold outlives the pin that brought it");
}

#[test]
fn retention_moves_and_a_contradiction_is_told() {
    let it = Journey::new();
    it.backend("old");
    std::fs::write(it.path("x"), noise(2, 5000)).unwrap();
    let cid = it.ok(["add", "x", "--json"]).json()[0]["cid"].as_str().unwrap().to_owned();
    it.ok(["policy", "set", "default", "--replicas", "2"]);
    let alone = it.run(["reconcile", "--json"]);
    assert_eq!(alone.code, Some(7), "two domains are not to be had: {alone:?}");
    let explained = it.ok(["policy", "explain", "x", "--json"]).json().remove(0);
    assert_eq!(explained["state"], "unsatisfiable", "{explained}");
    it.backend("new");
    it.ok(["reconcile"]);
    it.ok(["policy", "set", "default", "--replicas", "1", "--never", "old"]);
    it.ok(["reconcile"]);
    let stat = it.ok(["stat", &cid, "--json"]).json().remove(0);
    let on: Vec<&str> = stat["replicas"].as_array().unwrap().iter().map(|it| it["backend"].as_str().unwrap()).collect();
    assert_eq!((on, &stat["state"]), (vec!["new"], &"safe".into()), "{stat}");
    assert_eq!(stat["replicas"][0]["evidence"], "verified", "the old one went only behind proof");
}

/// What a jump of the clock by a year makes of it: everything is older than it was.
fn a_year_later(it: &Journey) {
    let catalog = rusqlite::Connection::open(it.home().join("catalog.db")).unwrap();
    let year = 365_i64 * 24 * 60 * 60 * 1000;
    let columns =
        [("contents", "created_at"), ("replicas", "changed_at"), ("replicas", "checked_at"), ("replicas", "proved_at")];
    for (table, column) in columns {
        catalog.execute(&format!("UPDATE {table} SET {column} = {column} - ?1 WHERE ?1 < {column}"), [year]).unwrap();
    }
}

#[test]
fn a_clock_that_jumps_removes_nothing() {
    let house = house();
    for name in ["a", "b"] {
        house.it.ok([
            "backend",
            "update",
            name,
            "--set",
            "policies.retention_days=30",
            "--set",
            "policies.auto_cleanup=true",
        ]);
    }
    assert!(house.is_safe(), "{}", house.standing());
    a_year_later(&house.it);
    let before = Journey::files(&house.it.path("a"));
    let stopped = house.it.run(["reconcile", "--json"]);
    assert_eq!(stopped.code, Some(7), "{stopped:?}");
    assert!(stopped.json().iter().any(|it| it["release"] == "--release removals"), "{stopped:?}");
    assert!(Journey::files(&house.it.path("a")) == before);
    // A person says that the clock is right: then it goes where it may be, and the old copies go behind proof.
    house.it.ok(["reconcile", "--release", "removals"]);
    house.it.ok(["reconcile", "--release", "removals"]);
    assert!(house.is_safe(), "{}", house.standing());
    assert_eq!(Journey::files(&house.it.path("a")).keys().filter(|it| it.starts_with(".ipfs-kit/c")).count(), 0);
    house.check();
}

#[test]
fn a_restored_catalog_removes_nothing_before_a_person_has_armed_it() {
    let it = Journey::new();
    let store = it.backend("a");
    std::fs::write(it.path("x"), noise(3, 5000)).unwrap();
    it.ok(["add", "x"]);
    it.ok(["pin", "rm", "x"]);
    let catalog = rusqlite::Connection::open(it.home().join("catalog.db")).unwrap();
    assert_eq!(catalog.execute("UPDATE meta SET value = '0' WHERE name = 'armed'", []).unwrap(), 1);
    let objects = || Journey::files(&store).keys().filter(|it| it.starts_with(".ipfs-kit/c")).count();
    it.ok(["reconcile"]);
    assert_eq!(objects(), 1);
    let explained = it.ok(["policy", "explain", "x", "--json"]).json().remove(0);
    assert!(explained["steps"][0]["why"].as_str().unwrap().contains("--release unarmed"), "{explained}");
    it.ok(["reconcile", "--release", "unarmed"]);
    assert_eq!(objects(), 0);
}

#[test]
fn what_is_lost_is_told_also_when_something_else_was_mended() {
    let it = Journey::new();
    let stores = [it.backend("a"), it.backend("b")];
    it.ok(["policy", "set", "default", "--replicas", "2"]);
    let add = |name: &str| {
        std::fs::write(it.path(name), noise(name.len() as u64, 5000 + name.len())).unwrap();
        it.ok(["add", name, "--json"]).json()[0]["cid"].as_str().unwrap().to_owned()
    };
    let (lost, short) = (add("lost"), add("short"));
    stores.iter().for_each(|store| std::fs::remove_file(stored(store, &lost)).unwrap());
    std::fs::remove_file(stored(&stores[1], &short)).unwrap();
    it.run(["scrub", "--older-than", "0s"]);
    let first = it.run(["reconcile", "--json"]);
    assert_eq!((first.code, &first.json().last().unwrap()["done"]), (Some(7), &1.into()), "{first:?}");
    assert_eq!(it.run(["reconcile"]).code, Some(7));
}
