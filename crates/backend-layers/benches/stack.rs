//! What the layers cost: the same verb on a leaf that answers at once, and through the whole stack.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend_core::{
    Addressing, Backend, Capabilities, Evidence, Fetched, GetOptions, Health, Info, Locator, Metadata, Power, Result,
    StatOptions, StorageType,
};
use backend_layers::{Gates, Operational, SystemClock, stack};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::stream::{self, StreamExt};
use tokio::runtime::{Builder, Runtime};

const FRAME: usize = 64 << 10;
const FRAMES: usize = 256;

#[derive(Debug)]
struct Instant(Info);

#[async_trait]
impl Backend for Instant {
    fn info(&self) -> &Info {
        &self.0
    }

    async fn health(&self) -> Health {
        Health::new(Power::Works, Power::Unknown, Duration::ZERO)
    }

    async fn stat(&self, at: &Locator, _: &StatOptions) -> Result<Metadata> {
        Ok(Metadata::new(at.clone(), Evidence::Acknowledged))
    }

    async fn get(&self, at: &Locator, _: &GetOptions) -> Result<Fetched> {
        let frame = Bytes::from_static(&[7; FRAME]);
        let body = stream::iter((0..FRAMES).map(move |_| Ok(frame.clone()))).boxed();
        Ok(Fetched { meta: Metadata::new(at.clone(), Evidence::Acknowledged), range: 0..(FRAME * FRAMES) as u64, body })
    }
}

fn both() -> [(&'static str, Arc<dyn Backend>); 2] {
    let offers = Capabilities { stat: true, get: true, ..Capabilities::default() };
    let info = Info::new(StorageType::Other("instant"), "instant", Addressing::Cid, offers);
    let leaf: Arc<dyn Backend> = Arc::new(Instant(info));
    let stacked = stack(leaf.clone(), &Operational::default(), &Gates::default(), Arc::new(SystemClock));
    [("leaf", leaf), ("stack", stacked)]
}

fn at() -> Option<Locator> {
    let cid: cid::Cid = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e".parse().ok()?;
    Some(Locator::new(cid))
}

fn stat(criterion: &mut Criterion, runtime: &Runtime, at: &Locator) {
    let mut group = criterion.benchmark_group("stat");
    for (name, backend) in both() {
        group.bench_function(name, |it| {
            it.to_async(runtime).iter(|| async { black_box(backend.stat(at, &StatOptions::default()).await.is_ok()) });
        });
    }
    group.finish();
}

/// 256 frames: what a frame costs shows in the difference.
fn get(criterion: &mut Criterion, runtime: &Runtime, at: &Locator) {
    let mut group = criterion.benchmark_group("get");
    group.throughput(Throughput::Elements(FRAMES as u64));
    for (name, backend) in both() {
        group.bench_function(name, |it| it.to_async(runtime).iter(|| read(backend.as_ref(), at)));
    }
    group.finish();
}

async fn read(backend: &dyn Backend, at: &Locator) -> usize {
    let Ok(mut fetched) = backend.get(at, &GetOptions::default()).await else { return 0 };
    let mut len = 0;
    while let Some(Ok(frame)) = fetched.body.next().await {
        len += black_box(frame).len();
    }
    len
}

fn layers(criterion: &mut Criterion) {
    let (Ok(runtime), Some(at)) = (Builder::new_current_thread().enable_time().build(), at()) else { return };
    stat(criterion, &runtime, &at);
    get(criterion, &runtime, &at);
}

criterion_group!(benches, layers);
criterion_main!(benches);
