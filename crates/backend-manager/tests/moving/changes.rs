//! A source that changes while it is brought over is told, and never mixed with what it was.

use std::sync::Arc;

use backend_core::Backend;
use backend_manager::catalog::invariants;
use backend_manager::transfer::{Location, Transfer};
use backend_testkit::{Fault, Faulty, Verb};
use futures::FutureExt;

use crate::bed::{Acts, files, memory, objects, put, room};

const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_between_its_naming_and_its_sending() {
    let inner = memory("m");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b");
    for (name, bytes) in [("a", vec![1u8; 10]), ("b", vec![2; 3 * MIB]), ("c", vec![3; 10])] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let act = move || async move { std::fs::write(path, vec![9u8; 3 * MIB]).unwrap() }.boxed();
    // The marker is the first add; the next is one of the files, when all of them have their names.
    let store = Faulty::new(inner.clone(), Acts::at(2, act)).always(Verb::Add, Fault::Delay(Default::default()));
    let room = room(&[("m", Arc::new(store) as Arc<dyn Backend>)]).await;
    let at = Location::Folder(folder.path().to_owned());
    let told = room.with("src", "m:p", |it| Transfer { from: at.clone(), ..it }).await.unwrap();
    assert_eq!(told.files["b"], ("failed", Some("source_changed")), "{:?}", told.files);
    assert_eq!((told.sums.copied, told.sums.failed), (2, 1));
    assert!(!objects(&inner).await.contains_key("p/b"), "nothing of it is there");
    let tokens = |conn: &rusqlite::Connection| {
        Ok(conn.query_row("SELECT COUNT(*) FROM transfers", [], |row| row.get::<_, i64>(0)).unwrap())
    };
    assert_eq!(room.manager.catalog().read(tokens).await.unwrap(), 1, "its upload was begun");
    let again = room.with("src", "m:p", |it| Transfer { from: at, ..it }).await.unwrap();
    assert_eq!((again.sums.copied, again.sums.unchanged), (1, 2));
    assert!(objects(&inner).await["p/b"] == vec![9u8; 3 * MIB]);
    // Of what was begun under the old name nothing is left: no row, no token of parts that would be billed.
    let left = room.manager.catalog().read(|conn| {
        let count = |text: &str| conn.query_row(text, [], |row| row.get::<_, i64>(0)).unwrap();
        let rows = count("SELECT COUNT(*) FROM replicas WHERE key = 'p/b'");
        Ok((rows, count("SELECT COUNT(*) FROM transfers"), invariants::violations(conn)?))
    });
    assert_eq!(left.await.unwrap(), (1, 0, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_changes_while_it_is_read() {
    for (name, len) in [("small", 100_000), ("large", 65 * MIB)] {
        let (inner, target) = (memory("s"), memory("t"));
        put(&inner, "k/x", vec![1u8; len]).await;
        let store = inner.clone();
        let act = move || async move { put(&store, "k/x", vec![2u8; len]).await }.boxed();
        // Between the last byte that was read and the look whether it was all of one object.
        let source = Faulty::new(inner.clone(), Acts::at(1, act)).always(Verb::Stat, Fault::Delay(Default::default()));
        let room = room(&[("s", Arc::new(source) as Arc<dyn Backend>), ("t", target.clone())]).await;
        let told = room.sync("s:k", "t:k").await;
        let failed: Vec<_> = told.files.iter().filter(|it| it.1.0 == "failed").collect();
        assert_eq!(failed.len(), 1, "{name}: {:?}", told.files);
        assert_eq!(failed[0].1.1, Some("source_changed"), "{name}");
        let again = room.sync("s:k", "t:k").await;
        assert_eq!(again.sums.failed, 0, "{name}");
        assert!(objects(&target).await == objects(&inner).await, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_object_that_changes_between_its_two_readings() {
    let (inner, target) = (memory("s"), memory("t"));
    let len = 65 * MIB;
    put(&inner, "x", vec![1u8; len]).await;
    let store = inner.clone();
    let act = move || async move { put(&store, "x", vec![2u8; len]).await }.boxed();
    let source = Faulty::new(inner.clone(), Acts::at(2, act)).always(Verb::Get, Fault::Delay(Default::default()));
    let room = room(&[("s", Arc::new(source) as Arc<dyn Backend>), ("t", target.clone())]).await;
    let told = room.sync("s:", "t:").await;
    assert_eq!(told.files["x"], ("failed", Some("source_changed")));
    assert!(objects(&target).await.is_empty());
    let again = room.sync("s:", "t:").await;
    assert_eq!(again.sums.copied, 1);
    assert!(objects(&target).await == objects(&inner).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_changes_on_its_way_into_a_folder() {
    let inner = memory("s");
    put(&inner, "x", vec![1u8; 100_000]).await;
    let store = inner.clone();
    let act = move || async move { put(&store, "x", vec![2u8; 100_000]).await }.boxed();
    let source = Faulty::new(inner.clone(), Acts::at(1, act)).always(Verb::Stat, Fault::Delay(Default::default()));
    let room = room(&[("s", Arc::new(source) as Arc<dyn Backend>)]).await;
    let told = room.sync("s:", "out").await;
    assert_eq!(told.files["x"], ("failed", Some("source_changed")));
    assert!(files(&room.path("out")).is_empty(), "neither whole nor half");
    assert_eq!(room.sync("s:", "out").await.sums.copied, 1);
    assert!(files(&room.path("out"))["x"] == vec![2u8; 100_000]);
}
