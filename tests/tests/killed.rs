//! Dying as by kill -9 at every arrow that exists, and what one more run makes of it.

#![expect(clippy::unwrap_used, reason = "a step of a journey that cannot be taken, fails it")]

use std::path::Path;

use backend_manager::catalog::Catalog;
use backend_manager::catalog::invariants;
use journeys::{Journey, noise};

/// No row without its quota, no token without a row, no object under our prefix without a row.
fn check(it: &Journey, store: &Path) {
    let catalog = Catalog::open(&it.home().join("catalog.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let violations = runtime.block_on(catalog.read(invariants::violations));
    assert!(violations.as_ref().unwrap().is_empty(), "{violations:?}");
    let names = runtime.block_on(catalog.read(|conn| {
        let mut statement = conn
            .prepare("SELECT c.cid FROM replicas r JOIN contents c ON c.id = r.content_id WHERE r.state IN (1, 2, 4)")
            .unwrap();
        let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        Ok(rows.map(|cid| ipld::address::text(&ipld::Cid::try_from(cid.unwrap()).unwrap())).collect::<Vec<_>>())
    }));
    let names = names.unwrap();
    for path in Journey::files(store)
        .keys()
        .filter(|path| !path.starts_with(".ipfs-kit/tmp") && !path.starts_with(".ipfs-kit/state"))
    {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(name == "store" || names.contains(&name), "an object without a row: {}", path.display());
    }
}

#[test]
fn an_add_that_died_anywhere_is_made_good_by_the_next() {
    let points = [
        "after-enter",
        "after-intent",
        "before-sidecar",
        "before-content",
        "after-content",
        "before-evidence",
        "after-evidence",
        "after-pin",
    ];
    for point in points {
        let it = Journey::new();
        let bytes = noise(9, 2_500_000);
        std::fs::write(it.path("big"), &bytes).unwrap();
        let store = it.backend("disk");
        it.killed_at(point, ["add", "big"]);
        check(&it, &store);
        it.ok(["add", "big"]);
        check(&it, &store);
        assert!(it.ok(["cat", "big"]).stdout == bytes, "{point}");
        let verified = it.ok(["verify", "--json"]).json().pop().unwrap();
        assert_eq!((&verified["good"], &verified["bad"]), (&1.into(), &0.into()), "{point}");
        it.ok(["rm", "big", "--yes"]);
        check(&it, &store);
        assert_eq!(objects(&store), 0, "{point}");
    }
}

#[test]
fn a_folder_that_died_anywhere_is_made_good_by_the_next() {
    for point in [
        "after-enter",
        "after-intent:2",
        "after-content:40",
        "before-evidence",
        "after-evidence:2",
        "before-root",
        "after-pin",
    ] {
        let it = Journey::new();
        std::fs::create_dir(it.path("d")).unwrap();
        for n in 0..300 {
            std::fs::write(it.path("d").join(n.to_string()), noise(n, 100)).unwrap();
        }
        std::fs::write(it.path("d/large"), noise(10, 1_500_000)).unwrap();
        let store = it.backend("disk");
        it.killed_at(point, ["add", "d"]);
        check(&it, &store);
        it.ok(["add", "d"]);
        check(&it, &store);
        it.ok(["get", "d", "-o", "out"]);
        assert_eq!(Journey::files(&it.path("out")), Journey::files(&it.path("d")), "{point}");
        it.ok(["rm", "d", "--yes"]);
        check(&it, &store);
        assert_eq!(objects(&store), 0, "{point}");
    }
}

#[test]
fn an_add_that_died_can_be_removed_instead() {
    for point in ["after-enter", "after-intent", "before-content", "after-content", "before-evidence", "after-evidence"]
    {
        let it = Journey::new();
        std::fs::write(it.path("big"), noise(14, 2_500_000)).unwrap();
        let store = it.backend("disk");
        it.killed_at(point, ["add", "big"]);
        let cid = it.ok(["cid", "big"]).text();
        it.ok(["rm", &cid, "--yes"]);
        check(&it, &store);
        assert_eq!(objects(&store), 0, "{point}");
        it.ok(["add", "big"]);
        it.ok(["verify"]);
    }
}

#[test]
fn a_removal_that_died_anywhere_is_finished_by_the_next() {
    for point in ["after-unpin", "after-removing", "after-erase"] {
        let it = Journey::new();
        std::fs::write(it.path("big"), noise(11, 1_500_000)).unwrap();
        let store = it.backend("disk");
        let cid = it.ok(["add", "big", "--json"]).json()[0]["cid"].as_str().unwrap().to_owned();
        it.killed_at(point, ["rm", &cid, "--yes"]);
        check(&it, &store);
        it.ok(["rm", &cid, "--yes"]);
        check(&it, &store);
        assert_eq!(objects(&store), 0, "{point}");
    }
}

fn objects(store: &Path) -> usize {
    let files = Journey::files(store);
    files.keys().filter(|path| path.starts_with(".ipfs-kit/c") || path.starts_with(".ipfs-kit/d")).count()
}

#[test]
fn two_processes_add_the_same_at_once() {
    let it = Journey::new();
    let bytes = noise(12, 8_000_000);
    std::fs::write(it.path("big"), &bytes).unwrap();
    let store = it.backend("disk");
    let children: Vec<_> = (0..4).map(|_| it.command(["add", "big", "--quiet"]).spawn().unwrap()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    check(&it, &store);
    assert!(it.ok(["cat", "big"]).stdout == bytes);
    let known = it.ok(["stat", "big", "--json"]).json().remove(0);
    assert_eq!(known["replicas"].as_array().unwrap().len(), 1);
}

#[test]
fn an_interrupted_add_leaves_nothing_visible() {
    let it = Journey::new();
    let store = it.backend("disk");
    let mut child = it.command(["add", "-", "--name", "x"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    // It is reading: the first bytes were taken.
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), &noise(13, 4 << 20)).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(objects(&store), 0);
    assert_eq!(it.ok(["ls"]).text(), "");
}
