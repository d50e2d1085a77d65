//! What the tests stand on: a manager with stores that can be damaged behind its back, and what is read back from them.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use backend_core::{AddOptions, Backend, Content, GetOptions, Key, Locator, Mend, RemoveOptions, Settings};
use backend_manager::catalog::contents::{self, ContentRow};
use backend_manager::catalog::replicas::{self, ReplicaRow};
use backend_manager::config::Home;
use backend_manager::{AddRequest, Cid, Input, Manager, Repaired, SystemClock, Verified};
use backend_memory as _;
use backend_testkit::{LEAF, damaged, random};
use bytes::Bytes;
use futures::TryStreamExt;

/// Bytes of the content that most tests damage: five chunks and a half.
pub(crate) const LEN: u64 = 5 * LEAF + LEAF / 2;

pub(crate) struct Bed {
    pub(crate) manager: Manager,
    pub(crate) stores: Vec<(&'static str, Arc<dyn Backend>)>,
    _folder: tempfile::TempDir,
}

pub(crate) fn memory(addressing: &str) -> Arc<dyn Backend> {
    let connection = serde_json::json!({ "addressing": addressing });
    let settings = Settings::new(addressing, connection, Arc::new(SystemClock));
    (backend_core::find("memory").unwrap().open)(settings).unwrap()
}

pub(crate) fn local(path: &Path) -> Arc<dyn Backend> {
    let settings = Settings::new("local", serde_json::json!({ "path": path }), Arc::new(SystemClock));
    (backend_core::find("local").unwrap().open)(settings).unwrap()
}

/// What is wrong with a copy: it has so many bytes, and there they are others.
pub(crate) fn copy(seed: &str, there: u64, wrong: &[Range<u64>]) -> Content {
    damaged(seed, LEN, there, wrong)
}

/// The n-th chunk.
pub(crate) fn chunk(n: u64) -> Range<u64> {
    n * LEAF..LEN.min((n + 1) * LEAF)
}

pub(crate) fn key(cid: &Cid) -> Key {
    let text = ipld::address::text(cid);
    Key::parse(format!(".ipfs-kit/c/{}/{text}", &text[text.len() - 2..])).unwrap()
}

pub(crate) fn sidecar_key(cid: &Cid) -> Key {
    let text = ipld::address::text(cid);
    Key::parse(format!(".ipfs-kit/d/{}/{text}.car", &text[text.len() - 2..])).unwrap()
}

impl Bed {
    pub(crate) async fn new(stores: &[(&'static str, Arc<dyn Backend>)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manager = Manager::open(Home::at(folder.path().join("home"))).unwrap();
        for (name, store) in stores {
            manager.register(name, store.clone()).await.unwrap();
        }
        Self { manager, stores: stores.to_vec(), _folder: folder }
    }

    pub(crate) async fn memories(names: &[&'static str]) -> Self {
        let stores: Vec<_> = names.iter().map(|name| (*name, memory("key"))).collect();
        Self::new(&stores).await
    }

    /// Adds the content that is made of `seed` to all stores.
    pub(crate) async fn add(&self, seed: &str) -> Content {
        let content = random(seed, LEN);
        let to = self.stores.iter().map(|(name, _)| (*name).to_owned()).collect();
        let request = AddRequest { to, name: Some(seed.to_owned()), ..AddRequest::default() };
        let receipt = self.manager.add(Input::Stream(content.open_all().await.unwrap()), &request).await.unwrap();
        assert!(!receipt.is_partial() && receipt.cid == *content.cid(), "{receipt:?}");
        content
    }

    pub(crate) fn store(&self, name: &str) -> &Arc<dyn Backend> {
        &self.stores.iter().find(|(it, _)| *it == name).unwrap().1
    }

    /// Puts `copy` where `content` lies, behind the manager's back.
    pub(crate) async fn damage(&self, name: &str, content: &Content, copy: &Content) {
        let id = Some(key(content.cid()).into());
        let opts = AddOptions { id, mend: Some(Mend::all()), ..AddOptions::default() };
        self.store(name).add(copy, &opts).await.unwrap();
    }

    pub(crate) async fn delete(&self, name: &str, key: Key) {
        self.store(name).remove(&Locator::new(key), &RemoveOptions::default()).await.unwrap();
    }

    pub(crate) async fn bytes(&self, name: &str, content: &Content) -> Vec<u8> {
        let at = Locator::new(key(content.cid()));
        let frames: Vec<Bytes> =
            self.store(name).get(&at, &GetOptions::default()).await.unwrap().body.try_collect().await.unwrap();
        frames.concat()
    }

    pub(crate) async fn rows(&self, cid: &Cid, name: &str) -> (ContentRow, ReplicaRow) {
        let (cid, name) = (*cid, name.to_owned());
        let read = move |conn: &rusqlite::Connection| {
            let content = contents::find(conn, &cid)?.unwrap();
            let row = replicas::of(conn, content.number)?.into_iter().find(|row| row.backend_name == name).unwrap();
            Ok((content, row))
        };
        self.manager.catalog().read(read).await.unwrap()
    }

    pub(crate) async fn verify(&self) -> Vec<Verified> {
        self.manager.verify(None).try_collect().await.unwrap()
    }

    pub(crate) async fn repair(&self, content: &Content, name: &str) -> backend_core::Result<Repaired> {
        let (content, row) = self.rows(content.cid(), name).await;
        self.manager.repair(&content, &row).await
    }

    /// Holds that the copy is whole to the byte.
    pub(crate) async fn whole(&self, name: &str, content: &Content) {
        let frames: Vec<Bytes> = content.open_all().await.unwrap().try_collect().await.unwrap();
        assert!(self.bytes(name, content).await == frames.concat(), "the copy on {name} is not whole");
    }
}
