//! A house with everything that can be wished, and what a person would miss of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backend_manager::catalog::{Catalog, invariants};
use journeys::{Journey, noise};
use serde_json::Value;

pub(crate) const MIB: usize = 1 << 20;

/// Two stores with everything that can be wished: small, large and empty files, a folder with equal parts, keys, labels, revisions, policies, pins that end.
pub(crate) fn house() -> Journey {
    let it = Journey::new();
    for name in ["a", "b"] {
        it.backend(name);
    }
    it.ok(["policy", "set", "default", "--replicas", "2"]);
    it.ok(["policy", "set", "archive", "--replicas", "1", "--prefer", "b", "--verify-every", "30d"]);
    let write = |name: &str, seed: u64, len: usize| {
        let path = it.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, noise(seed, len)).unwrap();
    };
    write("small", 1, 4000);
    write("large", 2, 3 * MIB + 5);
    write("empty", 3, 0);
    write("gone", 4, 100);
    for folder in ["tree/one", "tree/two"] {
        write(&format!("{folder}/x"), 5, 2000);
        write(&format!("{folder}/deep/y"), 6, 2 * MIB + 1);
    }
    write("tree/z", 7, 10);
    it.ok(["add", "small", "large", "empty", "gone", "tree", "--label", "kind=test"]);
    it.ok(["add", "large", "--name", "keyed", "--key", "docs/large.bin", "--to", "b"]);
    write("small", 8, 4001);
    it.ok(["add", "small"]);
    it.ok(["pin", "add", "large", "--policy", "archive", "--for", "3650d"]);
    it.ok(["rm", "gone", "--yes"]);
    it
}

/// Everything that a person would miss.
pub(crate) fn wished(it: &Journey) -> BTreeMap<&'static str, Vec<Value>> {
    let sorted = |words: &[&str]| {
        let mut lines = it.ok(words.iter().chain(&["--json"])).json();
        lines.sort_by_key(ToString::to_string);
        lines
    };
    BTreeMap::from([
        ("names", sorted(&["ls"])),
        ("pins", sorted(&["pin", "ls"])),
        ("policies", sorted(&["policy", "list"]).into_iter().map(without_revision).collect()),
    ])
}

pub(crate) fn without_revision(mut it: Value) -> Value {
    it.as_object_mut().unwrap().remove("revision");
    it
}

pub(crate) fn bytes(it: &Journey) -> BTreeMap<PathBuf, Vec<u8>> {
    let out = it.path("out");
    drop(std::fs::remove_dir_all(&out));
    std::fs::create_dir(&out).unwrap();
    for name in ["small", "large", "empty", "tree", "keyed"] {
        it.ok(["get", name, "-o", out.join(name).to_str().unwrap()]);
    }
    Journey::files(&out)
}

pub(crate) fn lose(it: &Journey) {
    for entry in std::fs::read_dir(it.home()).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("catalog.db") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
}

pub(crate) fn objects(it: &Journey) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for store in ["a", "b"] {
        let files = Journey::files(&it.path(store)).into_iter().filter(|(path, _)| !is_aside(path));
        all.extend(files.map(|(path, bytes)| (Path::new(store).join(path), bytes)));
    }
    all
}

pub(crate) fn is_aside(path: &Path) -> bool {
    path.starts_with(".ipfs-kit/tmp") || path.starts_with(".ipfs-kit/state")
}

pub(crate) fn no_violations(it: &Journey) {
    let catalog = Catalog::open(&it.home().join("catalog.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let violations = runtime.block_on(catalog.read(invariants::violations));
    assert!(violations.as_ref().unwrap().is_empty(), "{violations:?}");
}
