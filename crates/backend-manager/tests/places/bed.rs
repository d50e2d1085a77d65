//! What the tests stand on: a manager with stores in memory, and what is read back from it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use backend_core::{Backend, GetOptions, Key, ListOptions, Locator};
use backend_manager::config::Home;
use backend_manager::{AddRequest, ExportOptions, Input, Manager, Place, Receipt, ReplicaView, Verified};
use backend_testkit::TestClock;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

pub(crate) struct Room {
    pub(crate) manager: Manager,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn memory(addressing: &str) -> Arc<dyn Backend> {
    let connection = serde_json::json!({ "addressing": addressing });
    let settings = backend_core::Settings::new(addressing, connection, TestClock::new());
    (backend_core::find("memory").unwrap().open)(settings).unwrap()
}

pub(crate) async fn room(backends: &[(&str, Arc<dyn Backend>)]) -> Room {
    let folder = tempfile::tempdir().unwrap();
    let manager = Manager::open(Home::at(folder.path().join("home"))).unwrap();
    for (name, backend) in backends {
        manager.register(name, backend.clone()).await.unwrap();
    }
    Room { manager, folder }
}

pub(crate) fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mixed = |n: u64| (n | u64::from(seed) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..len as u64).map(|n| (mixed(n) >> 37) as u8).collect()
}

pub(crate) fn at(place: Place, to: &[&str]) -> AddRequest {
    let to = to.iter().map(|it| (*it).to_owned()).collect();
    AddRequest { to, place, name: Some("x".to_owned()), ..AddRequest::default() }
}

pub(crate) fn under(key: &str) -> Place {
    Place::Key(Key::new(key).unwrap())
}

impl Room {
    pub(crate) async fn add(&self, bytes: &[u8], request: &AddRequest) -> backend_core::Result<Receipt> {
        let stream = futures::stream::iter([Ok(Bytes::copy_from_slice(bytes))]).boxed();
        self.manager.add(Input::Stream(stream), request).await
    }

    pub(crate) async fn read(&self, what: &str) -> backend_core::Result<Vec<u8>> {
        let target = self.manager.resolve(what).await?;
        let frames: Vec<Bytes> = self.manager.read(&target, None).await?.body.try_collect().await?;
        Ok(frames.concat())
    }

    pub(crate) async fn copies(&self, cid: &ipld::Cid) -> Vec<ReplicaView> {
        self.manager.stat(cid).await.unwrap().replicas
    }

    pub(crate) async fn verified(&self) -> Vec<Verified> {
        self.manager.verify(None).try_collect().await.unwrap()
    }

    /// Every file under a folder that is read back from `what`.
    pub(crate) async fn exported(&self, what: &str) -> BTreeMap<String, Vec<u8>> {
        let out = tempfile::tempdir().unwrap();
        let target = self.manager.resolve(what).await.unwrap();
        self.manager.export(&target, &out.path().join("out"), &ExportOptions::default()).await.unwrap();
        files(&out.path().join("out"))
    }
}

pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            match (kind.is_dir(), kind.is_symlink()) {
                (true, _) => folders.push(path),
                (_, true) => {
                    drop(found.insert(name, std::fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()))
                }
                _ => drop(found.insert(name, std::fs::read(&path).unwrap())),
            }
        }
    }
    found
}

/// The names of all that lies on a store of keys, but its marker.
pub(crate) async fn names(store: &Arc<dyn Backend>) -> Vec<String> {
    let entries: Vec<_> = store.list(&ListOptions::default()).try_collect().await.unwrap();
    let names = entries.into_iter().filter_map(|entry| match entry {
        backend_core::Entry::Content { meta, .. } => Some(meta.at.id.to_string()),
        _ => None,
    });
    names.filter(|name| !name.ends_with("/store")).collect()
}

pub(crate) async fn object(store: &Arc<dyn Backend>, key: &str) -> Vec<u8> {
    let body = store.get(&Locator::new(Key::new(key).unwrap()), &GetOptions::default()).await.unwrap().body;
    let frames: Vec<Bytes> = body.try_collect().await.unwrap();
    frames.concat()
}
