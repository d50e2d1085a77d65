//! What the tests stand on: a manager by the machine's clock, which is tokio's: where a test pauses it, time jumps to the next sleeper as soon as there is nothing else
//! to do. Only reads are done so: what waits for threads of its own, as adding does, would find its time-outs over.

use std::sync::Arc;
use std::time::Duration;

use backend_core::{ByteStream, Result, Settings};
use backend_layers::SystemClock;
use backend_manager::config::{BackendConfig, Home};
use backend_manager::{AddRequest, Cid, Input, Manager, ReadReport, Receipt};
use backend_memory as _;
use backend_testkit::Faulty;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

pub(crate) struct Room {
    pub(crate) manager: Manager,
    pub(crate) folder: tempfile::TempDir,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    fn at(folder: tempfile::TempDir) -> Self {
        let manager = Manager::open(Home::at(folder.path().join("home"))).unwrap();
        Self { manager, folder }
    }

    /// Another process begins where this one ends.
    pub(crate) fn again(self) -> Self {
        let Self { manager, folder } = self;
        drop(manager);
        Self::at(folder)
    }

    /// A store in memory that does what its script says, and is not registered.
    pub(crate) fn memory(&self, name: &str, addressing: &str) -> Arc<Faulty> {
        let settings = Settings::new(name, serde_json::json!({ "addressing": addressing }), Arc::new(SystemClock));
        let memory = (backend_core::find("memory").unwrap().open)(settings).unwrap();
        Arc::new(Faulty::new(memory, Arc::new(SystemClock)))
    }

    /// The same, registered.
    pub(crate) async fn faulty(&self, name: &str) -> Arc<Faulty> {
        let faulty = self.memory(name, "key");
        self.manager.register(name, faulty.clone()).await.unwrap();
        faulty
    }

    /// A store that a file configures.
    pub(crate) fn configured(&self, name: &str, kind: &str, change: impl FnOnce(&mut BackendConfig)) {
        let mut config = BackendConfig::registered(name, kind);
        change(&mut config);
        self.manager.config().create(&config).unwrap();
    }

    pub(crate) async fn add(&self, name: &str, bytes: &[u8], to: &[&str]) -> Receipt {
        let to = to.iter().map(|it| (*it).to_owned()).collect();
        self.request(bytes, &AddRequest { to, name: Some(name.to_owned()), ..AddRequest::default() }).await.unwrap()
    }

    pub(crate) async fn request(&self, bytes: &[u8], request: &AddRequest) -> Result<Receipt> {
        let body: ByteStream = futures::stream::iter([Ok(Bytes::copy_from_slice(bytes))]).boxed();
        self.manager.add(Input::Stream(body), request).await
    }

    /// What was read, and what was met.
    pub(crate) async fn read(&self, name: &str) -> Result<(Vec<u8>, ReadReport)> {
        let target = self.manager.resolve(name).await?;
        let reading = self.manager.read(&target, None).await?;
        let report = reading.report.clone();
        let frames: Vec<Bytes> = reading.body.try_collect().await?;
        Ok((frames.concat(), report))
    }

    pub(crate) async fn cid(&self, name: &str) -> Cid {
        self.manager.resolve(name).await.unwrap().cid
    }
}

pub(crate) fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mixed = |n: u64| (n | seed << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..len as u64).map(|n| (mixed(n) >> 37) as u8).collect()
}
