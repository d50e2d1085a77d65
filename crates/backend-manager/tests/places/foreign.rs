//! Content that only others know, and reading block by block.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Backend, Content, ErrorKind, Fetched, Form, GetOptions, Health, Info, Locator, Metadata, Result,
    StatOptions,
};
use backend_manager::{Input, Place};
use backend_testkit::{Fault, Faulty, TestClock, Verb};
use ipld::address;
use tokio::sync::Barrier;

use crate::bed::{at, memory, noise, room};
use crate::folders::folder;

#[tokio::test(flavor = "multi_thread")]
async fn content_that_only_others_know_is_read_and_proved() {
    let store = memory("cid");
    let owner = room(&[("c", store.clone())]).await;
    let path = folder(owner.folder.path());
    let root = owner.manager.add(Input::Path(path.clone()), &at(Place::Own, &["c"])).await.unwrap().cid;
    let text = address::text(&root);
    let lying = Arc::new(Faulty::new(store.clone(), TestClock::new()));
    let reader = room(&[("c", lying.clone())]).await;
    assert_eq!(reader.read(&format!("{text}/one/note")).await.unwrap(), b"the same note");
    assert!(reader.read(&format!("{text}/large")).await.unwrap() == noise(3, 3_300_000));
    assert_eq!(reader.read(&format!("{text}/zero")).await.unwrap(), b"");
    assert_eq!(reader.read(&format!("{text}/nothing")).await.unwrap_err().kind(), ErrorKind::NotFound);
    let raw = address::text(&address::sha256(address::RAW, b"file 7"));
    assert_eq!(reader.read(&raw).await.unwrap(), b"file 7");
    let absent = address::text(&address::sha256(address::RAW, b"nobody has it"));
    assert_eq!(reader.read(&absent).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(reader.manager.stat(&root).await.unwrap_err().kind(), ErrorKind::NotFound, "reading enters nothing");
    let again = room(&[("c", lying.clone())]).await;
    lying.rule(Verb::Get, Fault::Flip(5), None);
    assert_eq!(again.read(&format!("{text}/large")).await.unwrap_err().kind(), ErrorKind::Integrity);
    lying.heal();
    lying.rule(Verb::Get, Fault::fail(ErrorKind::Denied), None);
    assert_eq!(again.read(&raw).await.unwrap_err().kind(), ErrorKind::Denied, "not asked is not absent");
    let nobody = room(&[("k", memory("key"))]).await;
    assert_eq!(nobody.read(&raw).await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// Answers blocks only when four are asked for at once.
struct Together {
    inner: Arc<dyn Backend>,
    barrier: Barrier,
}

impl std::fmt::Debug for Together {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Together")
    }
}

#[async_trait]
impl Backend for Together {
    fn info(&self) -> &Info {
        self.inner.info()
    }

    async fn health(&self) -> Health {
        self.inner.health().await
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        self.inner.stat(at, opts).await
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        self.inner.add(content, opts).await
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        assert_eq!(opts.form, Form::Block, "a store of blocks is asked for blocks");
        self.barrier.wait().await;
        self.inner.get(at, opts).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_fetched_many_at_a_time_and_a_broken_store_is_left() {
    let together = Arc::new(Together { inner: memory("cid"), barrier: Barrier::new(4) });
    let room = room(&[("c", together.clone())]).await;
    let bytes = noise(5, 12 << 20);
    let receipt = room.add(&bytes, &at(Place::Own, &["c"])).await.unwrap();
    let read = tokio::time::timeout(Duration::from_secs(30), room.read("x")).await;
    assert!(read.expect("blocks are asked for one by one").unwrap() == bytes);
    let broken = Arc::new(Faulty::new(memory("cid"), TestClock::new()));
    let other = self::room(&[("b", broken.clone()), ("k", memory("key"))]).await;
    other.add(&bytes, &at(Place::Own, &["b", "k"])).await.unwrap();
    for fault in [Fault::fail(ErrorKind::Denied), Fault::Flip(100), Fault::Cut(500_000)] {
        broken.heal();
        broken.rule(Verb::Get, fault.clone(), None);
        assert!(other.read("x").await.unwrap() == bytes, "{fault:?}");
    }
    assert_eq!(other.manager.resolve("x").await.unwrap().cid, receipt.cid);
}
