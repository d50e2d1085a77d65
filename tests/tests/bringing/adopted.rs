//! A catalog that is lost, and what is brought back of it; and what others have put on a store.

use std::path::{Path, PathBuf};

use journeys::{Journey, flip, noise};
use serde_json::Value;

use crate::bed::{MIB, bytes, house, lose, no_violations, objects, wished};

fn segments(store: &Path) -> Vec<PathBuf> {
    Journey::files(store).into_keys().filter(|it| it.starts_with(".ipfs-kit/state")).collect()
}

#[test]
fn a_lost_catalog_gives_back_everything_that_was_named() {
    let it = house();
    let (before, content, there) = (wished(&it), bytes(&it), objects(&it));
    lose(&it);
    assert_eq!(it.ok(["ls", "--json"]).json().len(), 0, "it is lost indeed");
    let rehearsed = it.ok(["adopt", "--all", "--dry-run", "--json"]).json().remove(0);
    assert_eq!((it.ok(["ls", "--json"]).json().len(), &rehearsed["state"]["pins"]), (0, &5.into()), "{rehearsed}");
    let adopted = it.ok(["adopt", "--all", "--json"]).json().remove(0);
    assert_eq!(adopted["state"]["names"], 6, "every revision: {adopted}");
    assert_eq!(wished(&it), before);
    assert!(bytes(&it) == content);
    let stat = it.ok(["stat", "large", "--json"]).json().remove(0);
    let on: Vec<(&str, &str)> = stat["replicas"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["backend"].as_str().unwrap(), it["evidence"].as_str().unwrap()))
        .collect();
    assert_eq!(on, [("a", "claimed"), ("b", "claimed"), ("b", "claimed")], "also the one under a key: {stat}");
    no_violations(&it);
    // A catalog that was adopted removes nothing, also where nobody wants it any more.
    it.ok(["pin", "rm", "empty"]);
    it.run(["reconcile"]);
    assert!(objects(&it) == there, "and nothing was written either");
    it.ok(["verify"]);
    let again = it.ok(["adopt", "--all", "--json"]).json().remove(0);
    let copies: u64 = again["stores"].as_array().unwrap().iter().map(|it| it["copies"].as_u64().unwrap()).sum();
    assert_eq!((copies, &again["state"]["names"]), (0, &0.into()), "{again}");
    it.ok(["pin", "add", "empty"]);
    it.ok(["reconcile", "--release", "unarmed"]);
    assert!(bytes(&it) == content && objects(&it) == there);
    // What is known disarms nothing: what nobody wants goes.
    it.ok(["adopt", "--all"]);
    it.ok(["rm", "empty", "--yes"]);
    assert!(objects(&it) != there);
    no_violations(&it);
}

#[test]
fn an_adoption_that_died_anywhere_is_made_good_by_the_next() {
    let it = house();
    let (before, content) = (wished(&it), bytes(&it));
    let points = [
        "after-sidecars",
        "after-adopted-page",
        "after-adopted-page:2",
        "after-state-page",
        "before-state",
        "after-state",
    ];
    for point in points {
        lose(&it);
        it.killed_at(point, ["adopt", "--all"]);
        no_violations(&it);
        it.ok(["adopt", "--all"]);
        assert_eq!(wished(&it), before, "{point}");
        no_violations(&it);
    }
    assert!(bytes(&it) == content);
}

#[test]
fn what_a_command_did_not_live_to_tell_is_told_by_the_next() {
    for point in ["after-pin", "before-state", "after-state"] {
        let it = Journey::new();
        it.backend("a");
        std::fs::write(it.path("x"), noise(1, 5000)).unwrap();
        std::fs::write(it.path("y"), noise(2, 5000)).unwrap();
        it.killed_at(point, ["add", "x"]);
        it.ok(["add", "y"]);
        lose(&it);
        it.ok(["adopt", "a"]);
        let names: Vec<Value> = it.ok(["ls", "--json"]).json().iter().map(|it| it["name"].clone()).collect();
        assert_eq!(names, ["x", "y"], "{point}");
    }
}

#[test]
fn many_small_changes_are_few_segments_and_little_is_written_twice() {
    let it = Journey::new();
    let store = it.backend("a");
    for n in 0..24 {
        std::fs::write(it.path("x"), noise(n, 100)).unwrap();
        it.ok(["add", "x", "--name", &format!("n{n:02}")]);
        assert!(segments(&store).len() <= 6, "{:?}", segments(&store));
    }
    it.ok(["pin", "rm", "n03"]);
    it.ok(["rm", "n04", "--yes"]);
    let quiet = segments(&store);
    it.ok(["policy", "check"]);
    it.ok(["reconcile"]);
    assert_eq!(segments(&store), quiet, "where nothing was wished, nothing is written");
    let before = wished(&it);
    lose(&it);
    it.ok(["adopt", "a"]);
    assert_eq!(wished(&it), before);
}

#[test]
fn an_older_copy_of_the_catalog_learns_what_it_has_missed() {
    let it = Journey::new();
    it.backend("a");
    let add = |name: &str| {
        std::fs::write(it.path(name), noise(u64::from(name.as_bytes()[0]), 900)).unwrap();
        it.ok(["add", name]);
    };
    let names = || it.ok(["ls", "--json"]).json().iter().map(|it| it["name"].clone()).collect::<Vec<_>>();
    add("x");
    std::fs::copy(it.home().join("catalog.db"), it.path("older.db")).unwrap();
    ["y", "z"].into_iter().for_each(add);
    lose(&it);
    std::fs::copy(it.path("older.db"), it.home().join("catalog.db")).unwrap();
    assert_eq!(names(), ["x"]);
    it.ok(["adopt", "a"]);
    assert_eq!(names(), ["x", "y", "z"]);
    it.ok(["reconcile", "--release", "unarmed"]);
    it.ok(["rm", "y", "--yes"]);
    add("w");
    lose(&it);
    it.ok(["adopt", "a"]);
    assert_eq!(names(), ["w", "x", "z"], "what came after it was put back counts");
}

#[test]
fn two_catalogs_on_one_store_never_mix() {
    let (one, two) = (Journey::new(), Journey::new());
    let store = one.backend("s");
    let set = format!("connection.path={}", store.display());
    two.ok(["backend", "create", "s", "--type", "local", "--set", &set]);
    for (it, name) in [(&one, "first"), (&two, "second")] {
        std::fs::write(it.path(name), noise(name.len() as u64, 3000)).unwrap();
        it.ok(["add", name]);
    }
    let mut ids: Vec<String> = std::fs::read_dir(store.join(".ipfs-kit/state"))
        .unwrap()
        .flatten()
        .map(|it| it.file_name().into_string().unwrap())
        .collect();
    ids.sort();
    assert_eq!(ids.len(), 2);
    lose(&one);
    let unsure = one.run(["adopt", "s", "--json"]);
    let answer = unsure.json().remove(0);
    assert_eq!(unsure.code, Some(7), "{unsure:?}");
    assert!(ids.iter().all(|id| answer["error"]["message"].as_str().unwrap().contains(id.as_str())), "{answer}");
    assert_eq!(one.ok(["ls", "--json"]).json().len(), 0);
    let found: Vec<String> = ids
        .iter()
        .map(|id| {
            lose(&one);
            one.ok(["adopt", "s", "--catalog", id]);
            let names = one.ok(["ls", "--json"]).json();
            assert_eq!(names.len(), 1, "{names:?}");
            // What it has taken the place of is no longer asked about, but the other one is.
            names[0]["name"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(std::collections::BTreeSet::from_iter(found), ["first", "second"].map(str::to_owned).into());
    // The other home goes on as if nothing had been.
    assert_eq!(two.ok(["ls", "--json"]).json().len(), 1);
    let again = two.ok(["adopt", "s", "--json"]).json().remove(0);
    assert_eq!(again["state"]["names"], 0, "its own state, which it knows: {again}");
}

#[test]
fn a_state_that_was_altered_is_not_believed() {
    let it = house();
    for store in ["a", "b"] {
        for name in segments(&it.path(store)) {
            let path = it.path(store).join(name);
            let at = std::fs::read(&path).unwrap().len() / 2;
            flip(&path, at);
        }
    }
    lose(&it);
    let adopted = it.run(["adopt", "--all", "--json"]);
    assert_eq!(adopted.code, Some(7), "{adopted:?}");
    let answer = adopted.json().remove(0);
    assert_eq!((&answer["state"]["names"], &answer["state"]["pins"]), (&0.into(), &0.into()), "{answer}");
    assert!(answer["state"]["troubles"]["count"].as_u64().unwrap() > 0, "{answer}");
    assert!(answer["stores"][0]["copies"].as_u64().unwrap() > 5, "the contents are there all the same: {answer}");
    no_violations(&it);
}

#[test]
fn what_others_have_put_there_is_taken_on_where_it_lies() {
    let it = Journey::new();
    let store = it.backend("a");
    let theirs = store.join("photos/2026");
    std::fs::create_dir_all(&theirs).unwrap();
    for (name, seed, len) in [("one.jpg", 1, 3000), ("two.jpg", 2, 2 * MIB + 7), ("none", 3, 0)] {
        std::fs::write(theirs.join(name), noise(seed, len)).unwrap();
    }
    std::fs::write(store.join("other"), b"not asked for").unwrap();
    let rehearsed = it.ok(["adopt", "a:photos/", "--dry-run", "--json"]).json().remove(0);
    assert_eq!((&rehearsed["new"], it.ok(["ls", "--json"]).json().len()), (&3.into(), 0), "{rehearsed}");
    for point in ["after-hash:2", "after-entered"] {
        it.killed_at(point, ["adopt", "a:photos/"]);
        no_violations(&it);
    }
    let adopted = it.ok(["adopt", "a:photos/", "--json"]).json().remove(0);
    let (new, known) = (adopted["new"].as_u64().unwrap(), adopted["known"].as_u64().unwrap());
    assert_eq!(new + known, 3, "{adopted}");
    let names: Vec<Value> = it.ok(["ls", "--json"]).json().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["photos/2026/none", "photos/2026/one.jpg", "photos/2026/two.jpg"]);
    assert!(it.ok(["cat", "photos/2026/two.jpg"]).stdout == noise(2, 2 * MIB + 7));
    it.ok(["verify"]);
    no_violations(&it);
    // Written to by its owner: the name has another revision, and the old one is not said to be there.
    std::fs::write(theirs.join("one.jpg"), noise(4, 3001)).unwrap();
    let again = it.ok(["adopt", "a:photos/", "--json"]).json().remove(0);
    assert_eq!((&again["changed"], &again["known"], &again["new"]), (&1.into(), &2.into(), &0.into()), "{again}");
    assert!(it.ok(["cat", "photos/2026/one.jpg"]).stdout == noise(4, 3001));
    // Not ours to remove, whoever asks.
    it.ok(["rm", "photos/2026/two.jpg", "--yes"]);
    it.ok(["reconcile"]);
    assert!(std::fs::read(theirs.join("two.jpg")).unwrap() == noise(2, 2 * MIB + 7));
    no_violations(&it);
}
