//! What the manager costs: `stat` on a bare memory leaf, through the manager's whole stack, and what the catalog knows of the same content.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::path::Path;
use std::sync::Arc;

use backend_core::{AddOptions, Backend, Content, ContentId, Key, Locator, Result, Settings, StatOptions};
use backend_manager::config::Home;
use backend_manager::{AddRequest, Input, Manager};
use criterion::{Criterion, criterion_group, criterion_main};
use futures::StreamExt;
use tokio::runtime::{Builder, Runtime};

/// A leaf, the same leaf by name from a manager, and content that both hold.
struct Scene {
    leaf: Arc<dyn Backend>,
    manager: Manager,
    at: Locator,
    cid: ipld::Cid,
}

async fn scene(home: &Path) -> Result<Scene> {
    let clock = Arc::new(backend_layers::SystemClock);
    let leaf = backend_memory::open(Settings::new("bare", serde_json::json!({}), clock))?;
    let manager = Manager::open(Home::at(home))?;
    manager.register("bare", leaf.clone()).await?;
    let body = bytes::Bytes::from_static(b"content");
    let content = Content::bytes(ipld::address::sha256(ipld::address::RAW, &body), body.clone());
    let id = Some(ContentId::Key(Key::new("it")?));
    let at = leaf.add(&content, &AddOptions { id, ..AddOptions::default() }).await?.at;
    let input = Input::Stream(futures::stream::iter([Ok(body)]).boxed());
    let request = AddRequest { to: vec!["bare".to_owned()], name: Some("it".to_owned()), ..AddRequest::default() };
    let cid = manager.add(input, &request).await?.cid;
    Ok(Scene { leaf, manager, at, cid })
}

fn stat(criterion: &mut Criterion, runtime: &Runtime, scene: &Scene) {
    let opts = StatOptions::default();
    let Scene { leaf, manager, at, cid } = scene;
    let mut group = criterion.benchmark_group("stat");
    group.bench_function("leaf", |bencher| bencher.to_async(runtime).iter(|| leaf.stat(at, &opts)));
    group.bench_function("manager", |bencher| {
        bencher.to_async(runtime).iter(|| async { manager.backend("bare").await?.stat(at, &opts).await });
    });
    group.bench_function("known", |bencher| bencher.to_async(runtime).iter(|| manager.stat(cid)));
    group.finish();
}

fn run(criterion: &mut Criterion) {
    let home = tempfile::tempdir().expect("a folder");
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let scene = runtime.block_on(scene(home.path())).expect("a scene");
    stat(criterion, &runtime, &scene);
}

criterion_group!(benches, run);
criterion_main!(benches);
