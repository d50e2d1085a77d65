//! Migrations between every kind of store, and against a target that lies or fails.

use std::sync::Arc;

use backend_core::{Backend, Effect, ErrorKind, RetryAdvice};
use backend_manager::{Listener, Migrate, Migrated, Mode, Moving};
use backend_testkit::{Fault, Verb};

use crate::bed::{Room, faulty, memory, noise, room};

const MIB: usize = 1 << 20;

async fn migrate(room: &Room, moving: Moving) -> Migrated {
    let opts = Migrate { from: "from".to_owned(), to: "to".to_owned(), moving, mode: Mode::Act };
    let quiet: Listener = Arc::new(|_| {});
    let migrated = room.manager.migrate(&opts, &quiet).await.unwrap();
    room.no_violations().await;
    migrated
}

async fn backends_of(room: &Room, name: &str) -> Vec<String> {
    let cid = room.manager.resolve(name).await.unwrap().cid;
    room.manager.stat(&cid).await.unwrap().replicas.into_iter().map(|it| it.backend).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_store_empties_into_every_other() {
    for from in ["key", "cid", "assigned"] {
        for to in ["key", "cid", "assigned"] {
            let room = room(&[("from", memory(from)), ("to", memory(to))]).await;
            let contents = [noise(1, 3 * MIB + 1), noise(2, 10), Vec::new()];
            for (n, bytes) in contents.iter().enumerate() {
                room.add(&format!("n{n}"), bytes, &["from"]).await;
            }
            let moved = migrate(&room, Moving::Move).await;
            assert_eq!((moved.failed.count, moved.kept.count, moved.removed), (0, 0, 3), "{from} {to}: {moved:?}");
            for (n, bytes) in contents.iter().enumerate() {
                let name = format!("n{n}");
                assert!(room.read(&name).await.unwrap() == *bytes, "{from} {to}");
                assert_eq!(backends_of(&room, &name).await, ["to"], "{from} {to}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_go_whole_between_stores_of_keys_and_of_cids() {
    for (from, to) in [("key", "cid"), ("cid", "key"), ("cid", "cid"), ("key", "key")] {
        let room = room(&[("from", memory(from)), ("to", memory(to))]).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("sub/large"), noise(1, 2 * MIB)).unwrap();
        std::fs::write(folder.path().join("small"), noise(2, 20)).unwrap();
        let request = backend_manager::AddRequest {
            to: vec!["from".to_owned()],
            name: Some("tree".to_owned()),
            ..backend_manager::AddRequest::default()
        };
        let receipt = room.manager.add(backend_manager::Input::Path(folder.path().to_owned()), &request).await.unwrap();
        let moved = migrate(&room, Moving::Move).await;
        assert_eq!(moved.failed.count, 0, "{from} {to}: {moved:?}");
        let root = receipt.cid.to_string();
        assert!(room.read(&format!("{root}/sub/large")).await.unwrap() == noise(1, 2 * MIB), "{from} {to}");
        assert_eq!(backends_of(&room, "tree").await, ["to"], "{from} {to}: {moved:?}");
        let again = migrate(&room, Moving::Move).await;
        assert_eq!((again.copied, again.removed, again.kept.count), (0, 0, 0), "{from} {to}: {again:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_lies_or_fails_costs_nothing() {
    for fault in [Fault::Lie, Fault::Fail(ErrorKind::QuotaExceeded, RetryAdvice::Never, Effect::None)] {
        let target = faulty(memory("key"));
        let store: Arc<dyn Backend> = target.clone();
        let room = room(&[("from", memory("key")), ("to", store)]).await;
        for n in 0..3_u64 {
            room.add(&format!("n{n}"), &noise(n, 1000), &["from"]).await;
        }
        room.add("warm", b"so that it is known", &["to"]).await;
        target.rule(Verb::Add, fault.clone(), None);
        let moved = migrate(&room, Moving::Move).await;
        assert_eq!((moved.removed, moved.failed.count), (0, 3), "{fault:?}: {moved:?}");
        for n in 0..3_u64 {
            assert_eq!(room.read(&format!("n{n}")).await.unwrap(), noise(n, 1000), "{fault:?}");
        }
    }
}
