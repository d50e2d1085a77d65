//! `sync` and `copy` with the real program: every kind of end, hostile names, killed anywhere, and nothing done that need not be.

#![expect(clippy::unwrap_used, reason = "a step of a journey that cannot be taken, fails it")]

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use backend_manager::catalog::{Catalog, invariants};
use journeys::{Journey, files, noise, put};
use serde_json::Value;

const MIB: usize = 1 << 20;
/// How many rounds there are in which a transfer onto a backend and one into a folder are killed: each point is met. `IPFS_KIT_ROUNDS=100` for more.
const ROUNDS: u64 = 12;

fn rounds() -> u64 {
    std::env::var("IPFS_KIT_ROUNDS").ok().map_or(ROUNDS, |it| it.parse().unwrap())
}

/// Runs it and answers the sums; every other line is one file's.
fn sums(it: &Journey, words: &[&str]) -> Value {
    let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    it.run(words).json().pop().unwrap()
}

/// Everything that a transfer might write: rows, and the files below `folder` with their inodes and times.
fn state(it: &Journey, folder: &Path) -> String {
    let conn = rusqlite::Connection::open(it.home().join("catalog.db")).unwrap();
    let mut all = String::new();
    for (table, columns) in [
        ("contents", "id, cid"),
        ("replicas", "content_id, key, state, epoch, changed_at, checked_at"),
        ("pins", "content_id, owner, revision"),
        ("names", "name, revision"),
        ("marks", "scope, key, content_id, modified"),
        ("transfers", "content_id, key"),
    ] {
        let text = format!("SELECT json_group_array(hex({}) ) FROM {table}", columns.replace(", ", ") || ':' || hex("));
        all += &conn.query_row(&text, [], |row| row.get::<_, String>(0)).unwrap();
    }
    for path in Journey::files(folder).into_keys() {
        let meta = std::fs::symlink_metadata(folder.join(&path)).unwrap();
        all += &format!("\n{} {} {} {}", path.display(), meta.ino(), meta.mtime(), meta.mtime_nsec());
    }
    all
}

/// No row without its quota, no token without a row; all that is wanted is there, and right.
fn check(it: &Journey, when: &str) {
    let catalog = Catalog::open(&it.home().join("catalog.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let violations = runtime.block_on(catalog.read(invariants::violations)).unwrap();
    assert!(violations.is_empty(), "{when}: {violations:?}");
    let verified = it.run(["verify", "--json"]).json().pop().unwrap();
    assert_eq!((&verified["bad"], &verified["unknown"]), (&0.into(), &0.into()), "{when}: {verified}");
    let standing = it.run(["reconcile", "--dry-run", "--json"]).json().pop().unwrap();
    assert!(standing["standing"].get("lost").is_none(), "{when}: {standing}");
}

#[test]
fn every_pair_of_ends_brings_the_awkward_set() {
    let it = Journey::new();
    let stores = ["a", "b", "c"].map(|name| it.backend(name));
    let src = it.path("src");
    for (name, len) in
        [("empty", 0), ("chunk", MIB), ("chunk+1", MIB + 1), ("some/what/deeper", 3 * MIB + 7), ("a-b", 1), ("a/b", 2)]
    {
        put(&src, name, &noise(len as u64, len));
    }
    put(&src, &format!("ünï/{}", "x".repeat(255)), b"long");
    put(&src, &format!("{}\u{1f600}", "ß".repeat(125)), b"254 bytes of text");
    let sparse = std::fs::File::create(src.join("sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    sparse.write_all_at(b"in the middle", 33 << 20).unwrap();
    (0..2000).for_each(|n| put(&src, &format!("lots/{n}"), format!("{}", n / 2).as_bytes()));
    let wanted = files(&src);
    let count = wanted.len() as u64;
    let ways = [
        ["src", "a:x"],
        ["a:x", "b:"],
        ["b:", "catalog:n"],
        ["catalog:n", "c:y/z"],
        ["c:y/z", "out1"],
        ["out1", "out2"],
    ];
    for way in ways {
        let words: Vec<&str> = match way[1].starts_with("catalog:") {
            true => vec!["sync", way[0], way[1], "--to", "b"],
            false => vec!["sync", way[0], way[1]],
        };
        let first = sums(&it, &words);
        assert_eq!((&first["copied"], &first["failed"]), (&count.into(), &0.into()), "{way:?}: {first}");
        let second = sums(&it, &words);
        assert_eq!((&second["unchanged"], &second["bytes"]), (&count.into(), &0.into()), "{way:?}: {second}");
    }
    for end in [stores[0].join("x"), stores[1].clone(), stores[2].join("y/z"), it.path("out1"), it.path("out2")] {
        assert!(files(&end) == wanted, "{}", end.display());
    }
    let times = |folder: &str| std::fs::metadata(it.path(folder).join("a/b")).unwrap().modified().unwrap();
    assert_eq!(times("src"), times("out2"), "the time comes along, by whatever way");
}

#[test]
fn a_rehearsal_and_a_run_without_change_write_nothing() {
    let it = Journey::new();
    let store = it.backend("usb");
    let src = it.path("src");
    (0..20).for_each(|n| put(&src, &format!("d{}/{n}", n % 3), &noise(n, 1000)));
    let words = ["sync", "src", "usb:p", "--delete"];
    let rehearse = ["sync", "src", "usb:p", "--delete", "--dry-run"];
    it.ok(["ls"]);
    let before = state(&it, &store);
    let would = sums(&it, &rehearse);
    assert_eq!((&would["copied"], &would["dry_run"]), (&20.into(), &true.into()));
    assert_eq!(state(&it, &store), before, "not even a marker");
    assert_eq!(sums(&it, &words)["copied"], 20);
    std::fs::remove_file(src.join("d0/0")).unwrap();
    put(&src, "d0/3", b"another");
    let before = state(&it, &it.path(""));
    let would = sums(&it, &rehearse);
    assert_eq!((&would["copied"], &would["deleted"]), (&1.into(), &1.into()), "{would}");
    let out = sums(&it, &["sync", "usb:p", "out", "--dry-run"]);
    assert_eq!((&out["copied"], it.path("out").exists()), (&20.into(), false));
    let rows = |all: &str| all.lines().filter(|it| !it.starts_with("home/")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(rows(&state(&it, &it.path(""))), rows(&before));
    assert_eq!(sums(&it, &words)["deleted"], 1);
    let before = state(&it, &store);
    let again = sums(&it, &words);
    assert_eq!((&again["unchanged"], &again["copied"], &again["deleted"]), (&19.into(), &0.into(), &0.into()));
    assert_eq!(state(&it, &store), before, "nothing is written where nothing has changed");
}

#[test]
fn killed_anywhere_it_ends_equal_and_loses_nothing() {
    let it = Journey::new();
    let store = it.backend("usb");
    let src = it.path("src");
    (0..12).for_each(|n| put(&src, &format!("d{}/{n}", n % 4), &noise(n, 700 + n as usize)));
    put(&src, "large", &noise(99, 2 * MIB + 3));
    let points = [
        "after-enter",
        "after-intent",
        "before-content",
        "after-content:3",
        "before-evidence",
        "after-evidence",
        "sync-sent",
        "sync-concluded",
        "sync-deleted",
        "after-removing",
        "after-erase",
        "sync-deleted:2",
    ];
    let folder = ["sync-partial", "sync-partial:3", "sync-whole:2", "sync-deleted"];
    for n in 0..rounds() {
        // Something is new, something is another, something is gone; and the last one's twin.
        put(&src, &format!("new{n}"), &noise(n, 900));
        put(&src, &format!("twin{n}"), &noise(n, 900));
        put(&src, "d1/1", &noise(1000 + n, 500 + n as usize));
        put(&src, "large", &noise(2000 + n, 2 * MIB + n as usize));
        if 0 < n {
            (["new", "twin"])
                .iter()
                .for_each(|name| std::fs::remove_file(src.join(format!("{name}{}", n - 1))).unwrap());
        }
        let point = points[n as usize % points.len()];
        if 0 < n || !point.starts_with("sync-deleted") {
            it.killed_at(point, ["sync", "src", "usb:p", "--delete"]);
        }
        if n % 3 == 0 {
            // Also when the source goes on while it is down.
            put(&src, "large", &noise(3000 + n, MIB));
        }
        let done = it.run(["sync", "src", "usb:p", "--delete"]);
        assert_eq!(done.code, Some(0), "{point}: {}{}", done.text(), done.stderr);
        assert!(files(&store.join("p")) == files(&src), "{point}: not equal");
        let point = folder[n as usize % folder.len()];
        if 0 < n || point != "sync-deleted" {
            it.killed_at(point, ["sync", "usb:p", "out", "--delete"]);
        }
        let done = it.run(["sync", "usb:p", "out", "--delete"]);
        assert_eq!(done.code, Some(0), "{point}: {}{}", done.text(), done.stderr);
        assert!(files(&it.path("out")) == files(&src), "{point}: not equal, or something half-written is left");
        if n % 4 == 3 {
            check(&it, point);
        }
    }
    let standing = it.run(["reconcile", "--dry-run", "--json"]).json().pop().unwrap();
    assert_eq!(standing["standing"]["safe"], 14, "all of it, and no more: {standing}");
}

#[test]
fn hostile_names_stay_where_they_are() {
    let it = Journey::new();
    let store = it.backend("usb");
    let src = it.path("src");
    put(&src, "good", b"1");
    put(&src, "ctrl\u{1b}[2J", b"2");
    put(&src, ".ipfs-kit/store", b"not a marker");
    std::fs::write(src.join(std::ffi::OsStr::from_bytes(b"\xff")), "3").unwrap();
    symlink("/etc/passwd", src.join("link")).unwrap();
    let answer = it.run(["sync", "src", "usb:"]);
    assert_eq!(answer.code, Some(7), "{}", answer.stderr);
    assert!(!answer.text().contains('\u{1b}') && !answer.text().contains("root:"), "{}", answer.text());
    assert_eq!(files(&store).into_keys().collect::<Vec<_>>(), [PathBuf::from("good")]);
    for name in ["../escape", "/tmp/ipfs-kit-escape", "ok/../../up"] {
        it.ok(["add", "src/good", "--name", name]);
    }
    let out = it.path("deep/out");
    std::fs::create_dir_all(&out).unwrap();
    symlink(it.path("src"), out.join("in")).unwrap();
    it.ok(["add", "src/good", "--name", "in/through"]);
    let answer = it.run(["sync", "catalog:", "deep/out", "--json"]);
    assert_eq!((answer.code, &answer.json().pop().unwrap()["failed"]), (Some(7), &4.into()), "{}", answer.text());
    assert!(!src.join("through").exists() && !it.path("deep/escape").exists() && !it.path("up").exists());
    assert!(!Path::new("/tmp/ipfs-kit-escape").exists());
}

#[test]
fn the_words_are_understood_and_wrong_ones_refused() {
    let it = Journey::new();
    it.backend("usb");
    let src = it.path("src");
    (0..30).for_each(|n| put(&src, &format!("{n}.txt"), b"x"));
    put(&src, "a.jpg", &noise(1, 2000));
    it.ok(["copy", "src", "usb:p", "--include", "*.jpg", "--min-size", "1KiB"]);
    let copied = sums(&it, &["copy", "./src", "usb:p", "--exclude", "1*.txt", "--max-age", "1d"]);
    assert_eq!((&copied["copied"], &copied["unchanged"]), (&19.into(), &1.into()), "{copied}");
    std::fs::remove_dir_all(&src).unwrap();
    put(&src, "0.txt", b"x");
    let braked = it.run(["sync", "src", "usb:p", "--delete", "--max-delete", "10%"]);
    assert_eq!(braked.code, Some(7), "{}", braked.text());
    assert!(braked.text().contains("at most 2 may be"), "{}", braked.text());
    it.ok(["sync", "src", "usb:p", "--delete"]);
    assert_eq!(sums(&it, &["sync", "src", "usb:p", "--checksum"])["compared_by"]["checksum"], 1);
    assert_eq!(sums(&it, &["sync", "src", "usb:p", "--size-only"])["compared_by"]["size"], 1);
    for words in [
        &["sync", "src"][..],
        &["sync", "src", "src/x"],
        &["sync", "src", ":x"],
        &["sync", "src", "usb:p", "--delete-unknown"],
        &["sync", "src", "usb:p", "--delete", "--max-delete", "x"],
        &["sync", "src", "usb:p", "--checksum", "--size-only"],
        &["copy", "src", "usb:p", "--delete"],
        &["copy", "src", "usb:p", "--to", "usb"],
        &["copy", "src", "usb:p", "--filter", "no rule"],
        &["copy", "src", "usb:p", "--include", "["],
    ] {
        assert_eq!(it.run(words).code, Some(2), "{words:?}");
    }
    assert_eq!(it.run(["copy", "src", "nobody:p"]).code, Some(3));
}
