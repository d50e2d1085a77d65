//! kill -9 in the middle of a repair: the copy is whole or as bad as before, the row says so, and the next process finishes it.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use backend_core::Backend;
use backend_manager::catalog::contents;
use backend_manager::catalog::replicas;
use backend_manager::config::Home;
use backend_manager::{AddRequest, Input, Manager, ReplicaState};
use backend_testkit::{LEAF, random};
use futures::TryStreamExt;

use crate::bed::{LEN, key, local};

const HOME: &str = "IPFS_KIT_TEST_REPAIR_HOME";
const TEST: &str = "killed::a_repair_that_was_killed_is_finished_by_the_next";

async fn open(home: &Path) -> Manager {
    let manager = Manager::open(Home::at(home.join("home"))).unwrap();
    for name in ["good", "bad"] {
        std::fs::create_dir_all(home.join(name)).unwrap();
        let store: Arc<dyn Backend> = local(&home.join(name));
        manager.register(name, store).await.unwrap();
    }
    manager
}

async fn row(manager: &Manager) -> (contents::ContentRow, replicas::ReplicaRow) {
    let cid = *random("killed", LEN).cid();
    let read = move |conn: &rusqlite::Connection| {
        let content = contents::find(conn, &cid)?.unwrap();
        let rows = replicas::of(conn, content.number)?;
        Ok((content, rows.into_iter().find(|row| row.backend_name == "bad").unwrap()))
    };
    manager.catalog().read(read).await.unwrap()
}

/// This test again, as a process that repairs and dies at `point`.
fn killed_at(point: &str, home: &Path) {
    let program = std::env::current_exe().unwrap();
    let args = ["--exact", TEST, "--nocapture", "--test-threads=1"];
    let answer = Command::new(program).args(args).env(HOME, home).env("IPFS_KIT_FAULT", point).output().unwrap();
    assert_eq!(answer.status.code(), None, "{point} was not passed: {answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_that_was_killed_is_finished_by_the_next() {
    if let Some(home) = std::env::var_os(HOME) {
        let manager = open(Path::new(&home)).await;
        let (content, row) = row(&manager).await;
        manager.repair(&content, &row).await.unwrap();
        return;
    }
    for (point, is_whole) in [
        ("repair-begun", false),
        ("before-content", false),
        ("after-content", true),
        ("repair-sent", true),
        ("repair-proved", true),
    ] {
        let home = tempfile::tempdir().unwrap();
        let content = random("killed", LEN);
        let path = home.path().join("bad").join(key(content.cid()).as_str());
        {
            let manager = open(home.path()).await;
            let to = vec!["good".to_owned(), "bad".to_owned()];
            let request = AddRequest { to, ..AddRequest::default() };
            manager.add(Input::Stream(content.open_all().await.unwrap()), &request).await.unwrap();
            flip(&path, LEAF + 3);
            let _: Vec<_> = manager.verify(None).try_collect().await.unwrap();
        }
        let (broken, len) = (std::fs::read(&path).unwrap(), LEN as usize);
        killed_at(point, home.path());
        let left = std::fs::read(&path).unwrap();
        assert!(left.len() == len && (left != broken) == is_whole, "{point}: what is left is neither");
        let manager = open(home.path()).await;
        let (content_row, now) = row(&manager).await;
        assert_eq!((now.state, now.is_wrong()), (ReplicaState::Uploading, true), "{point}");
        let repaired = manager.repair(&content_row, &now).await.unwrap();
        assert_eq!((repaired.state, repaired.bytes_sent), (ReplicaState::Present, LEAF), "{point}");
        let verdicts: Vec<_> = manager.verify(None).try_collect().await.unwrap();
        assert!(verdicts.iter().all(|it| it.state == ReplicaState::Present && it.error.is_none()), "{verdicts:?}");
    }
}

fn flip(path: &Path, at: u64) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at as usize] ^= 1;
    std::fs::write(path, bytes).unwrap();
}
