//! Backups as real bytes: made, checked, thinned out, and brought back from an empty home.

use std::path::Path;

use journeys::{Journey, flip, stored};
use serde_json::{Value, json};

use crate::bed::{bytes, house, no_violations, wished};

/// Another home, that knows nothing but where the store is.
fn empty(of: &Journey, store: &str) -> Journey {
    let it = Journey::new();
    let set = format!("connection.path={}", of.path(store).display());
    it.ok(["backend", "create", store, "--type", "local", "--set", &set]);
    it
}

fn backup(it: &Journey, more: &[&str]) -> Value {
    let words = ["backup", "--to", "vault", "--json"];
    it.ok(words.iter().chain(more)).json().pop().unwrap()
}

fn ids(it: &Journey) -> Vec<String> {
    it.ok(["backup", "list", "--json"]).json().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_empty_home_gets_everything_back_from_a_backup_alone() {
    let it = house();
    it.backend("vault");
    it.ok(["backend", "update", "a", "--set", "connection.path=/nowhere/else", "--set", "description=of the house"]);
    let set = format!("connection.path={}", it.path("a").display());
    it.ok(["backend", "update", "a", "--set", &set]);
    let (before, content) = (wished(&it), bytes(&it));
    let rehearsed = backup(&it, &["--dry-run"]);
    assert_eq!((&rehearsed["id"], ids(&it).len()), (&Value::Null, 0), "{rehearsed}");
    let made = backup(&it, &[]);
    assert_eq!(made["copied"], rehearsed["copied"], "{made}");
    let (sent, told) = (made["bytes"].as_u64().unwrap(), rehearsed["bytes"].as_u64().unwrap());
    assert!(told <= sent && sent < told + 10_000, "but for inner nodes: {told} {sent}");
    assert_eq!(made["failed"]["count"], 0, "{made}");
    let again = backup(&it, &[]);
    assert_eq!(
        (&again["copied"], &again["contents"]),
        (&0.into(), &made["contents"]),
        "nothing is sent twice: {again}"
    );
    it.ok(["reconcile"]);
    it.ok(["reconcile", "--dry-run"]);
    let checked = it.ok(["backup", "check", "latest", "--json"]).json().remove(0);
    assert_eq!((&checked["good"], &checked["bad"]["count"]), (&made["contents"], &0.into()), "{checked}");
    // The house burns down; the vault does not.
    let other = empty(&it, "vault");
    let written = other.ok(["restore", "latest", "--from", "vault", "--into", "back", "--json"]).json().remove(0);
    assert_eq!((&written["written"], &written["troubles"]["count"]), (&5.into(), &0.into()), "{written}");
    let mut files = Journey::files(&other.path("back"));
    let configuration: Value = serde_json::from_slice(&files.remove(Path::new("configuration.json")).unwrap()).unwrap();
    assert_eq!(configuration["a"]["description"], "of the house", "{configuration}");
    assert!(files == content, "every byte");
    assert_eq!(written["configurations"], json!(["a", "b"]), "{written}");
    assert_eq!(other.run(["restore", "latest", "--into", "back"]).code, Some(1), "a folder that is not empty");
    let third = empty(&it, "vault");
    for point in ["after-restored-contents", "after-state-page"] {
        third.killed_at(point, ["restore", "latest"]);
    }
    let restored = third.ok(["restore", "latest", "--json"]).json().remove(0);
    assert_eq!(restored["state"]["troubles"]["count"], 0, "{restored}");
    let names = |all: &Vec<Value>| all.iter().map(|it| (it["name"].clone(), it["cid"].clone())).collect::<Vec<_>>();
    let back = wished(&third);
    assert_eq!(names(&back["names"]), names(&before["names"]));
    assert_eq!(back["pins"], before["pins"]);
    assert!(bytes(&third) == content);
    no_violations(&third);
}

#[test]
fn old_backups_go_with_what_only_they_held() {
    let it = house();
    let vault = it.backend("vault");
    let mut made = Vec::new();
    for n in 0..4 {
        if n == 1 {
            it.ok(["rm", "large", "--yes"]);
        }
        made.push(backup(&it, &[])["id"].as_str().unwrap().to_owned());
    }
    let large = it.ok(["cid", "large"]).text();
    it.run(["reconcile"]);
    assert!(stored(&vault, &large).exists(), "the first backup holds it");
    let kept = backup(&it, &["--keep-last", "2"]);
    assert_eq!(kept["dropped"], json!(made[..3]), "{kept}");
    let left = ids(&it);
    assert_eq!(left, [made[3].clone(), kept["id"].as_str().unwrap().to_owned()]);
}

#[test]
fn a_backup_that_died_is_none_and_what_rots_in_one_is_found() {
    let it = house();
    let vault = it.backend("vault");
    for point in ["after-backed-up:2", "before-manifest", "before-index"] {
        it.killed_at(point, ["backup", "--to", "vault"]);
        assert_eq!(ids(&it).len(), 0, "{point}");
        no_violations(&it);
    }
    it.killed_at("after-index", ["backup", "--to", "vault"]);
    assert_eq!(ids(&it).len(), 1);
    it.ok(["backup", "check", "latest"]);
    backup(&it, &[]);
    it.killed_at("after-index-removed", ["backup", "--to", "vault", "--keep-last", "1"]);
    let left = ids(&it);
    backup(&it, &["--keep-last", "2"]);
    assert!(ids(&it).len() == 2 && ids(&it)[0] == *left.last().unwrap(), "{left:?}");
    let small = it.ok(["cid", "small"]).text();
    flip(&stored(&vault, &small), 7);
    let checked = it.run(["backup", "check", "latest", "--json"]);
    assert_eq!(checked.code, Some(6), "{checked:?}");
    assert!(checked.json()[0]["bad"]["told"][0].as_str().unwrap().contains(&small), "{checked:?}");
    assert_eq!(it.run(["restore", "20200101T000000.000Z"]).code, Some(3));
    assert_eq!(it.run(["backup"]).code, Some(2));
}
