//! Keeping what is wanted, on stores in memory: every addressing, folders, what services take on, and what arrives while a plan is carried out.
#![expect(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

use std::sync::Arc;

use backend_core::Backend;
use backend_manager::config::{Home, PolicyFile};
use backend_manager::{
    AddRequest, Done, Input, Listener, Manager, Mode, PinWish, Receipt, Reconcile, Reconciled, Safety,
};
use backend_memory as _;
use backend_testkit::TestClock;
use futures::TryStreamExt;

struct Room {
    manager: Manager,
    folder: tempfile::TempDir,
}

fn memory(name: &str, addressing: &str) -> Arc<dyn Backend> {
    let connection = serde_json::json!({ "addressing": addressing });
    (backend_core::find("memory").unwrap().open)(backend_core::Settings::new(name, connection, TestClock::new()))
        .unwrap()
}

async fn room(backends: &[(&str, &str)]) -> Room {
    let folder = tempfile::tempdir().unwrap();
    let manager = Manager::open(Home::at(folder.path().join("home"))).unwrap();
    for (name, addressing) in backends {
        manager.register(name, memory(name, addressing)).await.unwrap();
    }
    Room { manager, folder }
}

fn bytes(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|n| ((n + seed).wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

impl Room {
    async fn policy(&self, replicas: u32, prefer: &[&str]) {
        let prefer = prefer.iter().map(|it| (*it).to_owned()).collect();
        // A store in memory is nobody's but ours; the rule is about placing only.
        let file = PolicyFile { replicas, prefer, ..PolicyFile::default() };
        self.manager.set_policy("default", &file).await.unwrap();
    }

    async fn add(&self, name: &str, to: &[&str]) -> Receipt {
        let to = to.iter().map(|it| (*it).to_owned()).collect();
        let request = AddRequest { to, ..AddRequest::default() };
        self.manager.add(Input::Path(self.folder.path().join(name)), &request).await.unwrap()
    }

    fn file(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    async fn reconcile(&self) -> (Reconciled, Vec<Done>) {
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = told.clone();
        let listener: Listener = Arc::new(move |done| kept.lock().unwrap().push(done.clone()));
        let result = self.manager.reconcile(&Reconcile::default(), &listener).await.unwrap();
        let told = told.lock().unwrap().clone();
        (result, told)
    }

    async fn to_do(&self) -> u64 {
        let opts = Reconcile { mode: Mode::Rehearse, ..Reconcile::default() };
        let quiet: Listener = Arc::new(|_| {});
        self.manager.reconcile(&opts, &quiet).await.unwrap().to_do
    }

    async fn read(&self, what: &str) -> Vec<u8> {
        let target = self.manager.resolve(what).await.unwrap();
        let frames: Vec<bytes::Bytes> =
            self.manager.read(&target, None).await.unwrap().body.try_collect().await.unwrap();
        frames.concat()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_addressing_is_given_a_copy_from_every_other() {
    for from in ["key", "cid", "assigned"] {
        for to in ["key", "cid", "assigned"] {
            for len in [0, 1, 70_000, 3_300_000] {
                let room = room(&[("from", from), ("to", to)]).await;
                room.file("x", &bytes(len, len));
                let receipt = room.add("x", &["from"]).await;
                room.policy(2, &[]).await;
                let (result, told) = room.reconcile().await;
                assert_eq!((result.done, result.failed), (1, 0), "{from} to {to}, {len}: {told:?}");
                assert_eq!(room.to_do().await, 0, "{from} to {to}, {len}");
                assert_eq!(room.manager.stat(&receipt.cid).await.unwrap().safety, Safety::Safe);
                let verified: Vec<_> = room.manager.verify(Some(&receipt.cid)).try_collect().await.unwrap();
                assert!(verified.iter().all(|it| it.error.is_none() && it.bad_chunks.is_empty()), "{verified:?}");
                assert!(room.read("x").await == bytes(len, len));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_goes_to_every_kind_of_store() {
    for from in ["key", "cid"] {
        for to in ["key", "cid"] {
            let room = room(&[("from", from), ("to", to)]).await;
            for n in 0..5 {
                room.file(&format!("box/sub{}/f{n}", n % 2), &bytes(n, n * 700_000));
            }
            let receipt = room.add("box", &["from"]).await;
            room.policy(2, &[]).await;
            for _ in 0..2 {
                let (result, told) = room.reconcile().await;
                assert_eq!(result.failed, 0, "{from} to {to}: {told:?}");
            }
            assert_eq!(room.to_do().await, 0, "{from} to {to}");
            let copies = room.manager.stat(&receipt.cid).await.unwrap();
            assert_eq!((copies.safety, copies.replicas.len()), (Safety::Safe, 2), "{from} to {to}");
            let verified: Vec<_> = room.manager.verify(Some(&receipt.cid)).try_collect().await.unwrap();
            assert!(verified.iter().all(|it| it.error.is_none() && it.bad_chunks.is_empty()), "{verified:?}");
            assert!(room.read(&format!("{}/sub1/f3", receipt.cid)).await == bytes(3, 2_100_000));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_file_that_is_wrong_stops_everything_that_acts() {
    let room = room(&[("one", "key")]).await;
    room.file("x", b"x");
    room.add("x", &["one"]).await;
    let folder = room.folder.path().join("home/policies");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("default.yaml"), "replicsa: 2\n").unwrap();
    let quiet: Listener = Arc::new(|_| {});
    let err = room.manager.reconcile(&Reconcile::default(), &quiet).await.unwrap_err();
    assert!(err.message().contains("replicas"), "the nearest known word is named: {err}");
    std::fs::write(folder.join("default.yaml"), "replicas: 2\nonly: [one]\n").unwrap();
    let findings = room.manager.check_policies().await.unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    std::fs::write(folder.join("spare.yaml"), "").unwrap();
    assert_eq!(room.manager.policies().await.unwrap().len(), 2);
    let cid = room.manager.resolve("x").await.unwrap().cid;
    let wish = PinWish { policy: Some("spare".to_owned()), until: None };
    room.manager.pin(&cid, &wish).await.unwrap();
    std::fs::remove_file(folder.join("spare.yaml")).unwrap();
    assert_eq!(room.manager.policies().await.unwrap().len(), 2, "something is kept under it");
    room.manager.pin(&cid, &PinWish::default()).await.unwrap();
    assert_eq!(room.manager.policies().await.unwrap().len(), 1, "nothing is any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_away_goes_only_behind_proof() {
    let room = room(&[("old", "key"), ("new", "key")]).await;
    room.file("x", &bytes(1, 2_500_000));
    let receipt = room.add("x", &["old"]).await;
    let file = PolicyFile { never: vec!["old".to_owned()], ..PolicyFile::default() };
    room.manager.set_policy("default", &file).await.unwrap();
    let (result, told) = room.reconcile().await;
    let deeds: Vec<&str> = told.iter().map(|it| it.deed.as_str()).collect();
    assert_eq!((result.failed, deeds), (0, vec!["copy", "remove"]), "{told:?}");
    let known = room.manager.stat(&receipt.cid).await.unwrap();
    let copies: Vec<(&str, &str)> =
        known.replicas.iter().map(|it| (it.backend.as_str(), it.evidence.as_str())).collect();
    assert_eq!(copies, [("new", "verified")]);
    assert_eq!(room.to_do().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_copies_than_there_are_domains_is_told_and_nothing_moves() {
    let room = room(&[("one", "key"), ("two", "cid")]).await;
    room.file("x", b"x");
    room.add("x", &["one"]).await;
    room.policy(3, &[]).await;
    let (result, _) = room.reconcile().await;
    assert_eq!((result.done, result.failed), (1, 0), "as many as can be");
    let (result, _) = room.reconcile().await;
    assert_eq!((result.done, result.standing.get("unsatisfiable")), (0, Some(&1)), "and no pump");
}
