//! Every kind of end with every other one, and what a second run does.

use std::collections::BTreeMap;
use std::sync::Arc;

use backend_core::Backend;
use backend_manager::transfer::{Compare, Delete, Filter, Transfer};
use backend_testkit::{Faulty, TestClock, Verb};

use crate::bed::{files, memory, objects, room};

const MIB: usize = 1 << 20;

/// The awkward set: empty, one chunk, a byte more, many chunks, names that are hard.
fn awkward() -> Vec<(String, Vec<u8>)> {
    let noise = |seed: u64, len: usize| -> Vec<u8> {
        (0..len as u64).map(|n| ((n | seed << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 37) as u8).collect()
    };
    let mut set: Vec<(String, Vec<u8>)> = vec![
        ("empty".into(), Vec::new()),
        ("chunk".into(), noise(1, MIB)),
        ("more".into(), noise(2, MIB + 1)),
        ("many/deep/er".into(), noise(3, 5 * MIB + 7)),
        ("a-b".into(), b"1".to_vec()),
        ("a/b".into(), b"2".to_vec()),
        ("a0".into(), b"3".to_vec()),
        ("same".into(), b"2".to_vec()),
        ("ünï/ 空 \u{1f600}".into(), b"4".to_vec()),
        (" leading and trailing ".into(), b"5".to_vec()),
        ("quote\"'\\$*?[x]".into(), b"6".to_vec()),
        ("x".repeat(255), b"7".to_vec()),
    ];
    set.extend((0..300).map(|n| (format!("lots/{n}"), vec![n as u8; n])));
    set
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pair_of_ends_brings_the_awkward_set_and_then_nothing() {
    let stores: Vec<Arc<Faulty>> =
        ["a", "b", "c"].map(|name| Faulty::new(memory(name), TestClock::new())).map(Arc::new).into();
    let shared = |n: usize| -> Arc<dyn Backend> { stores[n].clone() };
    let room = room(&[("a", shared(0)), ("b", shared(1)), ("c", shared(2))]).await;
    let set = awkward();
    let borrowed: Vec<(&str, &[u8])> = set.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    room.folder("src", &borrowed);
    let wanted: BTreeMap<String, Vec<u8>> = set.iter().cloned().collect();
    let ways = [
        ("src", "a:x"),
        ("a:x", "b:y/z"),
        ("b:y/z", "catalog:n"),
        ("catalog:n", "c:"),
        ("c:", "out1"),
        ("out1", "out2"),
        ("out2", "catalog:m"),
        ("catalog:m", "catalog:k"),
        ("catalog:k", "out3"),
    ];
    for (from, to) in ways {
        let on: Vec<String> = to.starts_with("catalog:").then(|| "b".to_owned()).into_iter().collect();
        let to_b = |it: Transfer| Transfer { to_backends: on.clone(), ..it };
        let first = room.with(from, to, to_b).await.unwrap();
        assert_eq!((first.sums.copied, first.sums.failed), (set.len() as u64, 0), "{from} {to}: {:?}", first.files);
        let bytes: u64 = wanted.values().map(|it| it.len() as u64).sum();
        assert_eq!(first.sums.bytes, bytes, "{from} {to}");
        let adds = |verb| stores.iter().map(|it| it.calls(verb)).sum::<u64>();
        let before = (room.manager.catalog().commits(), adds(Verb::Add), adds(Verb::Get), adds(Verb::Remove));
        let second = room.with(from, to, to_b).await.unwrap();
        let after = (room.manager.catalog().commits(), adds(Verb::Add), adds(Verb::Get), adds(Verb::Remove));
        assert_eq!((second.sums.unchanged, second.sums.copied), (set.len() as u64, 0), "{from} {to}");
        assert_eq!(second.sums.compared_by, BTreeMap::from([("size_and_time", set.len() as u64)]), "{from} {to}");
        assert_eq!(before, after, "nothing is sent, read or written: {from} {to}");
        let checked = room.with(from, to, |it| Transfer { compare: Compare::Checksums, ..it }).await.unwrap();
        assert_eq!(checked.sums.compared_by, BTreeMap::from([("checksum", set.len() as u64)]), "{from} {to}");
    }
    for out in ["out1", "out2", "out3"] {
        assert!(files(&room.path(out)) == wanted, "{out}");
    }
    let prefixed = |prefix: &str| -> BTreeMap<String, Vec<u8>> {
        wanted.iter().map(|(name, bytes)| (format!("{prefix}{name}"), bytes.clone())).collect()
    };
    assert!(objects(&shared(0)).await == prefixed("x/"));
    assert!(objects(&shared(1)).await == prefixed("y/z/"));
    assert!(objects(&shared(2)).await == wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_is_found_and_what_decided_is_said() {
    let store = memory("m");
    let room = room(&[("m", store.clone())]).await;
    let src = room.folder("src", &[("a", b"one"), ("b", b"two"), ("c", b"three")]);
    for to in ["m:p", "out", "catalog:n"] {
        for (name, bytes) in [("a", "one"), ("b", "two"), ("c", "three")] {
            std::fs::write(src.join(name), bytes).unwrap();
        }
        let on: Vec<String> = to.starts_with("catalog:").then(|| "m".to_owned()).into_iter().collect();
        let to_m = |it: Transfer| Transfer { to_backends: on.clone(), ..it };
        room.with("src", to, to_m).await.unwrap();
        // Another size, another content of the same size and time, another time alone.
        let time = std::fs::metadata(src.join("b")).unwrap().modified().unwrap();
        std::fs::write(src.join("a"), "longer").unwrap();
        std::fs::write(src.join("b"), "TWO").unwrap();
        std::fs::File::options().write(true).open(src.join("b")).unwrap().set_modified(time).unwrap();
        let c = std::fs::File::options().write(true).open(src.join("c")).unwrap();
        c.set_modified(time + std::time::Duration::from_secs(5)).unwrap();
        let sizes = room.with("src", to, |it| Transfer { compare: Compare::Sizes, ..to_m(it) }).await;
        assert_eq!(sizes.unwrap().files["a"].0, "copied", "{to}");
        let times = room.with("src", to, to_m).await.unwrap();
        assert_eq!(times.files["c"], ("unchanged", None), "{to}: {:?}", times.files);
        assert_eq!(times.sums.compared_by, BTreeMap::from([("checksum", 1), ("size_and_time", 2)]), "{to}");
        let sums = |it: Transfer| Transfer { compare: Compare::Checksums, ..to_m(it) };
        let checked = room.with("src", to, sums).await.unwrap();
        assert_eq!((checked.files["b"].0, checked.sums.unchanged), ("copied", 2), "{to}");
        let again = room.with("src", to, sums).await.unwrap();
        assert_eq!((again.sums.unchanged, again.sums.copied), (3, 0), "{to}");
    }
    assert_eq!(files(&room.path("out"))["b"], b"TWO");
    assert_eq!(objects(&store).await["p/b"], b"TWO");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_no_part_is_neither_sent_nor_deleted() {
    let room = room(&[("m", memory("m"))]).await;
    room.folder("src", &[("a.jpg", b"1"), ("a.txt", b"2"), ("sub/b.jpg", b"3"), ("tmp/c.jpg", b"4")]);
    room.folder("out", &[("old.jpg", b"x"), ("old.txt", b"y"), ("tmp/old.jpg", b"z")]);
    let only = |it: Transfer| {
        let filter = Filter::new().filter("- /tmp/").unwrap().include("*.jpg").unwrap();
        Transfer { filter, delete: Delete::Ours(Default::default()), ..it }
    };
    let told = room.with("src", "out", only).await.unwrap();
    assert_eq!((told.sums.copied, told.sums.deleted), (2, 1), "{:?}", told.files);
    let left: Vec<String> = files(&room.path("out")).into_keys().collect();
    assert_eq!(left, ["a.jpg", "old.txt", "sub/b.jpg", "tmp/old.jpg"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_file_is_brought_and_ends_that_cannot_be_are_refused() {
    let room = room(&[("m", memory("m"))]).await;
    room.folder("src", &[("a", b"1"), ("b", b"2")]);
    let told = room.sync("src/a", "m:p").await;
    assert_eq!(told.files.into_keys().collect::<Vec<_>>(), ["a"]);
    for (from, to, kind) in [
        ("src", "src/sub", "invalid_input"),
        ("m:p", "m:p/q", "invalid_input"),
        ("none", "m:p", "not_found"),
        ("src", "nobody:p", "not_found"),
        ("src", "src/a", "invalid_input"),
    ] {
        let refused = room.with(from, to, |it| it).await.err().map(|err| err.kind().as_str());
        assert_eq!(refused, Some(kind), "{from} {to}");
    }
    let policy = |it: Transfer| Transfer { policy: Some("default".into()), ..it };
    assert_eq!(room.with("src", "out", policy).await.err().unwrap().kind().as_str(), "invalid_input");
    let mirror = |it: Transfer| Transfer { delete: Delete::Ours(Default::default()), ..it };
    assert_eq!(room.with("src/a", "m:p", mirror).await.err().unwrap().kind().as_str(), "invalid_input");
}
