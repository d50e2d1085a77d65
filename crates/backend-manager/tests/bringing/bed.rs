//! Stores in memory that outlive the managers that look at them.

use std::sync::Arc;

use backend_core::{AddOptions, Backend, Content, ContentId, Key, ListOptions};
use backend_manager::catalog::invariants;
use backend_manager::config::Home;
use backend_manager::{AddRequest, Adopt, Adopted, Input, Manager, Mode, Receipt};
use backend_memory as _;
use backend_testkit::{Faulty, TestClock};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

pub(crate) struct Room {
    pub(crate) manager: Manager,
    _folder: tempfile::TempDir,
}

pub(crate) fn memory(addressing: &str) -> Arc<dyn Backend> {
    let connection = serde_json::json!({ "addressing": addressing });
    let settings = backend_core::Settings::new(addressing, connection, TestClock::new());
    (backend_core::find("memory").unwrap().open)(settings).unwrap()
}

pub(crate) fn faulty(store: Arc<dyn Backend>) -> Arc<Faulty> {
    Arc::new(Faulty::new(store, TestClock::new()))
}

/// A manager with a catalog that knows nothing yet.
pub(crate) async fn room(backends: &[(&str, Arc<dyn Backend>)]) -> Room {
    let folder = tempfile::tempdir().unwrap();
    let manager = Manager::open(Home::at(folder.path().join("home"))).unwrap();
    for (name, backend) in backends {
        manager.register(name, backend.clone()).await.unwrap();
    }
    Room { manager, _folder: folder }
}

pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mixed = |n: u64| (n | seed << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..len as u64).map(|n| (mixed(n) >> 37) as u8).collect()
}

pub(crate) async fn put(store: &Arc<dyn Backend>, key: &str, bytes: &[u8]) {
    let cid = ipld::address::sha256(ipld::address::RAW, bytes);
    let id = Some(ContentId::Key(Key::parse(key).unwrap()));
    let opts = AddOptions { id, ..AddOptions::default() };
    store.add(&Content::bytes(cid, bytes.to_vec()), &opts).await.unwrap();
}

pub(crate) async fn keys(store: &Arc<dyn Backend>, prefix: &str) -> Vec<String> {
    let entries: Vec<_> = store.list(&ListOptions::prefix(prefix)).try_collect().await.unwrap();
    let keys = entries.into_iter().filter_map(|entry| match entry {
        backend_core::Entry::Content { meta, .. } => Some(meta.at.id.to_string()),
        _ => None,
    });
    keys.collect()
}

impl Room {
    pub(crate) async fn add(&self, name: &str, bytes: &[u8], to: &[&str]) -> Receipt {
        let stream = futures::stream::iter([Ok(Bytes::copy_from_slice(bytes))]).boxed();
        let to = to.iter().map(|it| (*it).to_owned()).collect();
        let request = AddRequest { to, name: Some(name.to_owned()), ..AddRequest::default() };
        self.manager.add(Input::Stream(stream), &request).await.unwrap()
    }

    pub(crate) async fn read(&self, what: &str) -> backend_core::Result<Vec<u8>> {
        let target = self.manager.resolve(what).await?;
        let frames: Vec<Bytes> = self.manager.read(&target, None).await?.body.try_collect().await?;
        Ok(frames.concat())
    }

    pub(crate) async fn names(&self) -> Vec<String> {
        let names: Vec<_> = self.manager.names("").try_collect().await.unwrap();
        names.into_iter().map(|it| it.name).collect()
    }

    pub(crate) async fn adopt(&self, backends: &[&str]) -> Adopted {
        let backends = backends.iter().map(|it| (*it).to_owned()).collect();
        let adopted = self.manager.adopt(&Adopt { backends, catalog: None, mode: Mode::Act }).await.unwrap();
        self.no_violations().await;
        adopted
    }

    pub(crate) async fn no_violations(&self) {
        let violations = self.manager.catalog().read(invariants::violations).await.unwrap();
        assert!(violations.is_empty(), "{violations:?}");
    }
}
