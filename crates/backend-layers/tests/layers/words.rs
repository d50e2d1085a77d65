//! Words that the cases are written in.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Backend, ByteStream, Capabilities, Content, ContentId, Dag, Effect, Error, ErrorKind, Info,
    Key, Locator, Open, Progress, Result, RetryAdvice, StorageType, Write,
};
use backend_layers::{Gates, Operational, SystemClock, stack};
use tokio::time::Instant;

use crate::scripted::Scripted;

pub(crate) const CID: &str = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

pub(crate) const EVERYTHING: Capabilities = Capabilities {
    get: true,
    stat: true,
    add: true,
    mend: false,
    resume: true,
    if_absent: true,
    if_match: true,
    range: true,
    block: true,
    remove: true,
    list: true,
    pin: true,
    usage: true,
    versions: true,
    search: true,
    labels: true,
    link: true,
};

pub(crate) fn info(addressing: Addressing) -> Info {
    Info::new(StorageType::Other("scripted"), "archive", addressing, EVERYTHING)
}

pub(crate) fn cid() -> ContentId {
    ContentId::Cid(CID.parse().unwrap())
}

pub(crate) fn key(name: &str) -> ContentId {
    ContentId::Key(Key::parse(name).unwrap())
}

pub(crate) fn at() -> Locator {
    Locator::new(cid())
}

/// Content of `len` bytes that nobody can read: layers never do.
pub(crate) fn content(len: u64) -> Content {
    Content::file(CID.parse().unwrap(), len, Dag::empty(), Arc::new(Closed))
}

#[derive(Debug)]
struct Closed;

#[async_trait]
impl Open for Closed {
    async fn open(&self, _: Range<u64>) -> Result<ByteStream> {
        Err(Error::new(ErrorKind::Internal, "a layer opened the source"))
    }
}

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn unavailable() -> Error {
    Error::new(ErrorKind::Unavailable, "the service is down")
}

pub(crate) fn lost_answer() -> Error {
    Error::new(ErrorKind::Unavailable, "the answer was lost").with_effect(Effect::Unknown)
}

pub(crate) fn slow_down(wait: Duration) -> Error {
    Error::new(ErrorKind::RateLimited, "slow down").with_advice(RetryAdvice::After(wait))
}

/// Time-outs of 30 and 600 s, no retries.
pub(crate) fn once() -> Operational {
    Operational { retry_count: 0, ..Operational::default() }
}

pub(crate) fn stacked(leaf: &Arc<Scripted>, how: &Operational) -> Arc<dyn Backend> {
    stack(leaf.clone(), how, &Gates::default(), Arc::new(SystemClock))
}

pub(crate) fn with_progress(progress: &Progress) -> AddOptions {
    AddOptions { write: Write { progress: progress.clone(), ..Write::default() }, ..AddOptions::default() }
}

/// Seconds of virtual time since `begun`.
pub(crate) fn since(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64()
}
