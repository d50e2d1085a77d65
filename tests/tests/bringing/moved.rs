//! A backend that is emptied into another.

use std::collections::BTreeSet;

use journeys::{Journey, flip, noise, stored};
use serde_json::Value;

use crate::bed::{MIB, no_violations};

struct House {
    it: Journey,
    bytes: Vec<(String, Vec<u8>)>,
}

/// Everything lies on `old`, by a policy that wants it there; `new` is empty.
fn house() -> House {
    let it = Journey::new();
    for name in ["old", "new"] {
        it.backend(name);
    }
    it.ok(["policy", "set", "default", "--only", "old"]);
    let mut bytes = Vec::new();
    for (n, len) in [10, 3 * MIB + 1, 0, 5000].into_iter().enumerate() {
        let (name, content) = (format!("f{n}"), noise(n as u64, len));
        std::fs::write(it.path(&name), &content).unwrap();
        it.ok(["add", &name]);
        bytes.push((name, content));
    }
    std::fs::create_dir_all(it.path("tree/sub")).unwrap();
    std::fs::write(it.path("tree/sub/x"), noise(9, MIB + 9)).unwrap();
    std::fs::write(it.path("tree/y"), noise(10, 77)).unwrap();
    it.ok(["add", "tree"]);
    it.ok(["add", "f3", "--name", "keyed", "--to", "old", "--key", "docs/three"]);
    House { it, bytes }
}

impl House {
    fn on(&self, name: &str) -> BTreeSet<(String, String)> {
        let stat = self.it.ok(["stat", name, "--json"]).json().remove(0);
        let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
        stat["replicas"].as_array().unwrap().iter().map(|it| (text(it, "backend"), text(it, "key"))).collect()
    }

    fn contents(&self, store: &str) -> usize {
        let ours = |path: &std::path::Path| path.starts_with(".ipfs-kit/c") || path.starts_with(".ipfs-kit/d");
        Journey::files(&self.it.path(store)).keys().filter(|path| ours(path)).count()
    }

    /// Everything is whole on the new one alone, and no plan does anything about it.
    fn check(&self) {
        for (name, bytes) in &self.bytes {
            assert!(self.it.ok(["cat", name]).stdout == *bytes, "{name}");
            assert!(self.on(name).iter().all(|(on, _)| on == "new"), "{name}: {:?}", self.on(name));
        }
        drop(std::fs::remove_dir_all(self.it.path("back")));
        self.it.ok(["get", "tree", "-o", "back"]);
        assert!(Journey::files(&self.it.path("back")) == Journey::files(&self.it.path("tree")));
        assert_eq!(self.contents("old"), 0);
        let plan = self.it.ok(["reconcile", "--dry-run", "--json"]).json().pop().unwrap();
        assert_eq!(plan["to_do"], 0, "the planner does not undo it: {plan}");
        self.it.ok(["verify"]);
        no_violations(&self.it);
    }
}

#[test]
fn everything_moves_and_no_plan_undoes_it() {
    let house = house();
    let it = &house.it;
    let rehearsed = it.ok(["migrate", "old", "--to", "new", "--dry-run", "--json"]).json().remove(0);
    assert_eq!(
        (&rehearsed["copied"], &rehearsed["removed"], house.contents("new")),
        (&8.into(), &0.into(), 0),
        "{rehearsed}"
    );
    assert_eq!(rehearsed["aimed"], serde_json::json!(["default"]));
    let copied = it.ok(["migrate", "old", "--to", "new", "--kind", "copy", "--json"]).json().pop().unwrap();
    assert_eq!(
        (&copied["copied"], &copied["removed"], &copied["aimed"]),
        (&8.into(), &0.into(), &serde_json::json!([])),
        "{copied}"
    );
    assert_eq!(house.contents("new"), house.contents("old"));
    let moved = it.ok(["migrate", "old", "--to", "new", "--json"]).json().pop().unwrap();
    assert_eq!(
        (&moved["there"], &moved["bytes"], &moved["removed"]),
        (&8.into(), &0.into(), &8.into()),
        "nothing is sent twice: {moved}"
    );
    assert_eq!(
        house.on("keyed"),
        BTreeSet::from([("new".to_owned(), String::new()), ("new".to_owned(), "docs/three".to_owned())])
    );
    assert!(std::fs::read(it.path("new/docs/three")).unwrap() == house.bytes[3].1, "the key went along");
    assert!(!it.path("old/docs/three").exists());
    house.check();
}

#[test]
fn killed_anywhere_it_is_brought_to_its_end() {
    let house = house();
    let points = [
        "before-content:2",
        "after-evidence:2",
        "after-brought",
        "before-aim",
        "after-aim",
        "after-removing",
        "after-erase:2",
        "after-cleared:2",
    ];
    for point in points {
        house.it.killed_at(point, ["migrate", "old", "--to", "new"]);
        no_violations(&house.it);
        for (name, bytes) in &house.bytes {
            assert!(house.it.ok(["cat", name]).stdout == *bytes, "{point}: {name}");
        }
    }
    house.it.ok(["migrate", "old", "--to", "new"]);
    house.check();
}

#[test]
fn what_reads_back_wrong_or_is_not_ours_is_not_removed() {
    let house = house();
    let it = &house.it;
    it.ok(["migrate", "old", "--to", "new", "--kind", "copy"]);
    let cid = it.ok(["cid", "f1"]).text();
    flip(&stored(&it.path("new"), &cid), MIB);
    let catalog = rusqlite::Connection::open(it.home().join("catalog.db")).unwrap();
    let changed =
        catalog.execute("UPDATE replicas SET proved_at = 1, owned = CASE WHEN reserved = 10 THEN 0 ELSE 1 END", []);
    assert!(changed.unwrap() > 8);
    drop(catalog);
    let moved = it.run(["migrate", "old", "--to", "new", "--json"]);
    assert_eq!(moved.code, Some(7), "{moved:?}");
    let answer = moved.json().pop().unwrap();
    assert_eq!((&answer["failed"]["count"], &answer["left"]), (&1.into(), &1.into()), "{answer}");
    assert!(answer["failed"]["told"][0].as_str().unwrap().contains(&cid), "{answer}");
    assert!(stored(&it.path("old"), &cid).exists() && stored(&it.path("old"), &it.ok(["cid", "f0"]).text()).exists());
    // Once it is mended, the rest goes.
    it.run(["reconcile"]);
    let again = it.ok(["migrate", "old", "--to", "new", "--json"]).json().pop().unwrap();
    assert_eq!((&again["failed"]["count"], &again["left"]), (&0.into(), &1.into()), "{again}");
    assert!(!stored(&it.path("old"), &cid).exists());
    assert!(stored(&it.path("old"), &it.ok(["cid", "f0"]).text()).exists(), "what existed before us stays");
    for (name, bytes) in &house.bytes {
        assert!(it.ok(["cat", name]).stdout == *bytes, "{name}");
    }
}

#[test]
fn what_its_policy_would_miss_stays_and_is_told() {
    let it = Journey::new();
    for name in ["a", "b"] {
        it.backend(name);
    }
    it.ok(["policy", "set", "default", "--replicas", "2"]);
    it.ok(["policy", "set", "held", "--legal-hold", "true"]);
    for name in ["x", "y"] {
        std::fs::write(it.path(name), noise(name.len() as u64 + u64::from(name.as_bytes()[0]), 4000)).unwrap();
    }
    it.ok(["add", "x"]);
    it.ok(["add", "y", "--policy", "held", "--to", "a"]);
    let moved = it.run(["migrate", "a", "--to", "b", "--json"]);
    let answer = moved.json().pop().unwrap();
    assert_eq!((moved.code, &answer["removed"], &answer["kept"]["count"]), (Some(7), &0.into(), &2.into()), "{answer}");
    it.backend("c");
    it.ok(["policy", "set", "held", "--legal-hold", "false"]);
    it.ok(["policy", "set", "default", "--never", "a"]);
    let moved = it.run(["migrate", "a", "--to", "b", "--json"]).json().pop().unwrap();
    assert_eq!(moved["removed"], 1, "only the one that no policy wants twice: {moved}");
    assert_eq!(it.run(["migrate", "a", "--to", "a"]).code, Some(2));
}
