//! A folder against what the system does by itself: copies, many small durable adds, and reading.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench fails by panic; criterion makes the rest")]

use std::fs::{self, File};
use std::hint::black_box;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Backend, ByteStream, Content, ContentId, Dag, Error, ErrorKind, GetOptions, Key, Locator, Open, Result,
    Settings,
};
use backend_layers::SystemClock;
use backend_local::Local;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::json;
use tokio::runtime::Runtime;

const LARGE: u64 = 1 << 30;
const N_SMALL: usize = 10_000;
const SMALL: usize = 4096;

#[derive(Debug)]
struct FileSource(PathBuf);

#[async_trait]
impl Open for FileSource {
    async fn open(&self, _: Range<u64>) -> Result<ByteStream> {
        Err(Error::new(ErrorKind::Internal, "the file is to be copied"))
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.0)
    }
}

fn opts(key: &str) -> AddOptions {
    AddOptions { id: Some(ContentId::Key(Key::new(key).unwrap())), ..AddOptions::default() }
}

/// A folder on the disk that the crate lies on: a memory disk would say nothing.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn large(folder: &Path) -> (Content, PathBuf) {
    let path = folder.join("source");
    let block: Vec<u8> = (0..1 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut file = File::create(&path).unwrap();
    (0..LARGE >> 20).for_each(|_| std::io::Write::write_all(&mut file, &block).unwrap());
    file.sync_all().unwrap();
    let named = backend_testkit::small("a name");
    (Content::file(*named.cid(), LARGE, Dag::empty(), Arc::new(FileSource(path.clone()))), path)
}

fn open(folder: &Path) -> Arc<dyn Backend> {
    let connection = json!({ "path": folder.join("store"), "create": true });
    Local::open(Settings::new("bench", connection, Arc::new(SystemClock))).unwrap()
}

fn one_large(criterion: &mut Criterion) {
    let folder = folder();
    let (content, source) = large(folder.path());
    let (store, runtime) = (open(folder.path()), Runtime::new().unwrap());
    let mut group = criterion.benchmark_group("1 GiB");
    group.throughput(Throughput::Bytes(LARGE)).sample_size(10);
    group.bench_function("add from a file, durable", |bench| {
        bench.iter(|| runtime.block_on(store.add(&content, &opts("large"))).unwrap());
    });
    let copy = folder.path().join("copy");
    group.bench_function("std::fs::copy and fsync", |bench| {
        bench.iter(|| {
            fs::copy(&source, &copy).unwrap();
            File::open(&copy).unwrap().sync_all().unwrap();
        });
    });
    let at = Locator::new(Key::new("large").unwrap());
    group.bench_function("get, frames looked at", |bench| {
        bench.iter(|| {
            runtime.block_on(async {
                let fetched = store.get(&at, &GetOptions::default()).await.unwrap();
                let n_bytes = fetched.body.try_fold(0, |n, frame| async move { Ok(n + black_box(frame).len() as u64) });
                assert_eq!(n_bytes.await.unwrap(), LARGE);
            });
        });
    });
    group.bench_function("std::fs::copy, not synced", |bench| bench.iter(|| fs::copy(&source, &copy).unwrap()));
    group.finish();
}

fn many_small(criterion: &mut Criterion) {
    let contents: Vec<Content> = (0..N_SMALL).map(|n| backend_testkit::small(vec![(n % 251) as u8; SMALL])).collect();
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("10,000 x 4 KiB");
    group.throughput(Throughput::Elements(N_SMALL as u64)).sample_size(10);
    for in_flight in [1, 16, 256] {
        let n_adds = if in_flight == 1 { 1000 } else { N_SMALL };
        group.throughput(Throughput::Elements(n_adds as u64));
        group.bench_function(format!("durable adds, {in_flight} in flight"), |bench| {
            bench.iter_with_setup(folder, |folder| {
                let store = open(folder.path());
                let adds = stream::iter(contents.iter().take(n_adds).enumerate()).map(|(n, content)| {
                    let store = store.clone();
                    async move { store.add(content, &opts(&format!("{:02x}/{n}", n % 256))).await.map(drop) }
                });
                runtime.block_on(adds.buffer_unordered(in_flight).try_collect::<()>()).unwrap();
                folder
            });
        });
    }
    group.finish();
}

criterion_group!(local, one_large, many_small);
criterion_main!(local);
