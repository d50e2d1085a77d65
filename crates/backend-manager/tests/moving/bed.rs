//! What the tests stand on: a manager with stores in memory, a folder, and a clock by which a store does something when it is asked.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use backend_core::{
    AddOptions, Backend, Clock, Content, ContentId, Entry, GetOptions, Key, ListOptions, Locator, Result,
};
use backend_manager::config::Home;
use backend_manager::transfer::{FileEvent, Location, Transfer, Transferred};
use backend_manager::{Manager, SystemClock};
use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::BoxFuture;

pub(crate) struct Room {
    pub(crate) manager: Manager,
    folder: tempfile::TempDir,
}

/// What one transfer told.
pub(crate) struct Told {
    pub(crate) sums: Transferred,
    /// By path: what became of it, and the kind of error.
    pub(crate) files: BTreeMap<String, (&'static str, Option<&'static str>)>,
}

pub(crate) fn memory(name: &str) -> Arc<dyn Backend> {
    let settings = backend_core::Settings::new(name, serde_json::json!({ "addressing": "key" }), Arc::new(SystemClock));
    (backend_core::find("memory").unwrap().open)(settings).unwrap()
}

pub(crate) async fn room(stores: &[(&str, Arc<dyn Backend>)]) -> Room {
    let folder = tempfile::tempdir().unwrap();
    let manager = Manager::open(Home::at(folder.path().join("home"))).unwrap();
    for (name, store) in stores {
        manager.register(name, store.clone()).await.unwrap();
    }
    Room { manager, folder }
}

impl Room {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A folder with these files.
    pub(crate) fn folder(&self, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
        let folder = self.path(name);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        folder
    }

    /// An end: a path below this room's folder, or what a user would write.
    pub(crate) fn end(&self, text: &str) -> Location {
        match text.contains(':') {
            true => Location::parse(text).unwrap(),
            false => Location::Folder(self.path(text)),
        }
    }

    pub(crate) async fn verified(&self) -> Vec<backend_manager::Verified> {
        self.manager.verify(None).try_collect().await.unwrap()
    }

    pub(crate) async fn sync(&self, from: &str, to: &str) -> Told {
        self.with(from, to, |it| it).await.unwrap()
    }

    pub(crate) async fn with(&self, from: &str, to: &str, how: impl FnOnce(Transfer) -> Transfer) -> Result<Told> {
        let told = Arc::new(Mutex::new(BTreeMap::new()));
        let kept = told.clone();
        let listener = move |event: &FileEvent| {
            let kind = event.error.as_ref().map(|err| err.kind.as_str());
            kept.lock().unwrap().insert(event.path.clone(), (event.action.as_str(), kind));
        };
        let opts = how(Transfer { listener: Arc::new(listener), ..Transfer::new(self.end(from), self.end(to)) });
        let sums = self.manager.transfer(&opts).await?;
        let files = std::mem::take(&mut *told.lock().unwrap());
        Ok(Told { sums, files })
    }
}

/// Puts an object on a store behind the manager's back.
pub(crate) async fn put(store: &Arc<dyn Backend>, key: &str, bytes: impl Into<Bytes>) {
    let bytes = bytes.into();
    let content = Content::bytes(ipld::address::sha256(ipld::address::RAW, &bytes), bytes);
    let id = Some(ContentId::Key(Key::new(key).unwrap()));
    store.add(&content, &AddOptions { id, ..AddOptions::default() }).await.unwrap();
}

/// Everything on a store that is not its own business.
pub(crate) async fn objects(store: &Arc<dyn Backend>) -> BTreeMap<String, Vec<u8>> {
    let lines: Vec<Entry> = store.list(&ListOptions::default()).try_collect().await.unwrap();
    let mut found = BTreeMap::new();
    for line in lines {
        let Entry::Content { meta, .. } = line else { continue };
        let ContentId::Key(key) = &meta.at.id else { continue };
        if key.is_own() {
            continue;
        }
        let body = store.get(&Locator::new(key.clone()), &GetOptions::default()).await.unwrap().body;
        let frames: Vec<Bytes> = body.try_collect().await.unwrap();
        found.insert(key.to_string(), frames.concat());
    }
    found
}

/// Every file below a folder; none where there is no folder.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().map(|it| it.unwrap()) {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                    found.insert(name, std::fs::read(&path).unwrap());
                }
            }
        }
    }
    found
}

type Act = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// A clock by which a faulty store's delay is an act: the n-th delay runs what it was given.
pub(crate) struct Acts {
    left: Mutex<(u32, Option<Act>)>,
}

impl Acts {
    pub(crate) fn at(n: u32, act: impl FnOnce() -> BoxFuture<'static, ()> + Send + 'static) -> Arc<Self> {
        Arc::new(Self { left: Mutex::new((n, Some(Box::new(act)))) })
    }
}

impl fmt::Debug for Acts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acts")
    }
}

#[async_trait::async_trait]
impl Clock for Acts {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {
        let act = {
            let mut left = self.left.lock().unwrap();
            left.0 = left.0.saturating_sub(1);
            let now = left.0 == 0;
            left.1.take_if(|_| now)
        };
        if let Some(act) = act {
            act().await;
        }
    }
}
