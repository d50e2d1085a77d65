//! What the tests stand on: a catalog in a temporary folder, some contents, some backends.

use std::path::PathBuf;

use backend_core::{Evidence, Result};
use backend_manager::catalog::backends::{self, BackendState, NewBackend};
use backend_manager::catalog::contents::{self, ContentKind, NewContent};
use backend_manager::catalog::process::Process;
use backend_manager::catalog::replicas::{
    self, Accepted, Intended, Intent, Moved, ReplicaAt, ReplicaId, ReplicaRow, ReplicaState, Seen, Stored,
};
use backend_manager::catalog::{BackendNumber, Catalog, ContentNumber, Timestamp, invariants};
use cid::Cid;
use rusqlite::Connection;
use tempfile::TempDir;

/// The time of every test, unless it says otherwise.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// The bytes of every copy, unless a test says otherwise.
pub(crate) const BYTES: u64 = 100;

pub(crate) struct Bed {
    pub(crate) folder: TempDir,
    pub(crate) catalog: Catalog,
    pub(crate) process: Process,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&folder.path().join("catalog.db")).unwrap();
        let process = Process::start(folder.path()).unwrap();
        Self { folder, catalog, process }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("catalog.db")
    }

    /// One write, which must succeed.
    pub(crate) async fn write<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.catalog.write(work).await.unwrap()
    }

    pub(crate) async fn sound(&self) {
        let violations = self.catalog.read(invariants::violations).await.unwrap();
        assert_eq!(violations, Vec::<String>::new());
    }

    /// The process that a test pretends to be; a second one is a second `Process::start`.
    pub(crate) fn me(&self) -> Process {
        self.process.clone()
    }
}

/// The raw CID whose digest begins with `n`.
pub(crate) fn cid(n: u32) -> Cid {
    let mut bytes = vec![0x01, 0x55, 0x12, 0x20];
    bytes.extend(n.to_be_bytes());
    bytes.resize(36, 0xAB);
    Cid::try_from(bytes).unwrap()
}

pub(crate) fn content(conn: &Connection, n: u32) -> ContentNumber {
    let new = NewContent { cid: cid(n), size: Some(u64::from(n)), kind: ContentKind::Raw, profile: 1 };
    contents::upsert(conn, &new, NOW).unwrap()
}

pub(crate) fn new_backend(name: &str) -> NewBackend {
    NewBackend {
        name: name.into(),
        kind: "memory".into(),
        store_id: None,
        domain: name.into(),
        state: BackendState::Active,
        quota: None,
    }
}

pub(crate) fn backend(conn: &Connection, name: &str) -> BackendNumber {
    backends::upsert(conn, &new_backend(name)).unwrap()
}

/// The place of content `n` on a backend, where its CID says.
pub(crate) fn place(conn: &Connection, n: u32, name: &str) -> ReplicaId {
    ReplicaId { content: content(conn, n), backend: backend(conn, name), key: String::new() }
}

pub(crate) fn intent(replica: &ReplicaId, process: &Process) -> Intent {
    Intent { replica: replica.clone(), bytes: BYTES, process: process.clone(), seen: Seen::Nothing, now: NOW }
}

/// An intent that must win.
pub(crate) fn upload(conn: &Connection, replica: &ReplicaId, process: &Process) -> ReplicaAt {
    match replicas::intend(conn, &intent(replica, process)).unwrap() {
        Intended::Upload { epoch, .. } => ReplicaAt { replica: replica.clone(), epoch },
        other => panic!("not to be uploaded: {other:?}"),
    }
}

pub(crate) fn won(at: &ReplicaAt, moved: Result<Moved>) -> ReplicaAt {
    match moved.unwrap() {
        Moved::Won(epoch) => ReplicaAt { replica: at.replica.clone(), epoch },
        Moved::Lost => panic!("lost: {at:?}"),
    }
}

/// A copy that is there, read back at `NOW`.
pub(crate) fn present(conn: &Connection, replica: &ReplicaId, process: &Process) -> ReplicaAt {
    let at = upload(conn, replica, process);
    let at = won(&at, replicas::stored(conn, &at, &Stored::new(Evidence::Acknowledged), NOW));
    won(&at, replicas::verified(conn, &at, NOW))
}

/// A copy in any state, brought there by arrows alone.
pub(crate) fn bring(conn: &Connection, replica: &ReplicaId, process: &Process, state: ReplicaState) -> ReplicaAt {
    use backend_core::Removal;
    use replicas::{License, Planned};
    match state {
        ReplicaState::Planned => match replicas::plan(conn, &intent(replica, process)).unwrap() {
            Planned::Planned(epoch) => ReplicaAt { replica: replica.clone(), epoch },
            other => panic!("{other:?}"),
        },
        ReplicaState::Uploading => upload(conn, replica, process),
        ReplicaState::Present => present(conn, replica, process),
        ReplicaState::Suspect => {
            let at = present(conn, replica, process);
            won(&at, replicas::suspect(conn, &at, &[], "not found", NOW))
        }
        ReplicaState::Removing => {
            let at = present(conn, replica, process);
            won(&at, replicas::begin_remove(conn, &at, &License::Person, NOW))
        }
        ReplicaState::Missing => {
            let at = bring(conn, replica, process, ReplicaState::Suspect);
            won(&at, replicas::missing(conn, &at, "not found", NOW))
        }
        ReplicaState::Corrupt => {
            let at = bring(conn, replica, process, ReplicaState::Suspect);
            won(&at, replicas::corrupt(conn, &at, &[(0, 10).into()], NOW))
        }
        ReplicaState::Lingering => {
            let at = bring(conn, replica, process, ReplicaState::Removing);
            won(&at, replicas::removed(conn, &at, Removal::Hidden, NOW))
        }
        ReplicaState::Accepted => {
            let at = upload(conn, replica, process);
            won(&at, replicas::accepted(conn, &at, &Accepted { due_at: NOW, ..Accepted::default() }, NOW))
        }
    }
}

pub(crate) fn row(conn: &Connection, replica: &ReplicaId) -> Option<ReplicaRow> {
    replicas::find(conn, replica).unwrap()
}
