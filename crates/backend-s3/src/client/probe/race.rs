//! Whether of several writers of one name exactly one wins: some services look first and write then.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend_core::{ByteStream, Condition, Content, Dag, Error, Open, Result};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::{Either, join, join_all, select};
use futures::stream::{self, StreamExt};
use ipld::address;
use tokio::sync::Semaphore;

use super::{Canary, Client};

/// So many writers try to create one name at once.
const RACERS: usize = 8;
/// How often each kind of race is run.
pub(super) const ROUNDS: usize = 3;
/// A service that serves one writer after the other keeps the second waiting for the first; no longer than this.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a frame; three of them are more than what is collected before it is sent.
const FRAME: usize = 128 << 10;

impl Client {
    /// Whether in every race one wins. Half of the races are not left to chance: in them the second writer comes and goes while the first is in the
    /// middle of its bytes.
    pub(super) async fn one_wins(&self, canary: &Canary) -> Result<bool> {
        for (n, key) in canary.raced.iter().enumerate() {
            let winners = match n < ROUNDS {
                true => self.overtaken(canary, key).await,
                false => {
                    let racers = (0..RACERS).map(|_| self.create_at(key, &canary.content, Condition::IfAbsent));
                    join_all(racers).await.into_iter().filter(Result::is_ok).count()
                }
            };
            if winners != 1 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many of two writers win.
    async fn overtaken(&self, canary: &Canary, key: &str) -> usize {
        let held = Arc::new(Held::new());
        let content = held.clone().content();
        let slow = async {
            let answer = self.create_at(key, &content, Condition::IfAbsent).boxed().await;
            held.begun.close();
            answer
        };
        let fast = async {
            // Closing is the event: it is an error only to whoever wants a permit.
            let _ = held.begun.acquire().await;
            let put = self.create_at(key, &canary.content, Condition::IfAbsent).boxed();
            let answer = match select(put, self.clock.sleep(PATIENCE)).await {
                Either::Left((answer, _)) => answer,
                Either::Right(((), put)) => {
                    held.go_on.close();
                    put.await
                }
            };
            held.go_on.close();
            answer
        };
        let (slow, fast) = join(slow, fast).await;
        usize::from(slow.is_ok()) + usize::from(fast.is_ok())
    }
}

/// A source that stops before its last frame until it is let go on.
#[derive(Debug)]
struct Held {
    bytes: Bytes,
    /// Closed when the first frame is on its way, or never will be.
    begun: Semaphore,
    /// Closed when it may go on.
    go_on: Semaphore,
}

impl Held {
    fn new() -> Self {
        Self { bytes: vec![b'.'; 3 * FRAME].into(), begun: Semaphore::new(0), go_on: Semaphore::new(0) }
    }

    fn content(self: Arc<Self>) -> Content {
        let cid = address::sha256(address::RAW, &self.bytes);
        Content::file(cid, self.bytes.len() as u64, Dag::empty(), Arc::new(Opened(self)))
    }
}

#[derive(Debug)]
struct Opened(Arc<Held>);

#[async_trait]
impl Open for Opened {
    async fn open(&self, _: Range<u64>) -> Result<ByteStream> {
        let frame = |held: &Held, n: usize| Ok::<_, Error>(held.bytes.slice(n * FRAME..(n + 1) * FRAME));
        let next = move |(held, n): (Arc<Held>, usize)| async move {
            if n == 2 {
                held.begun.close();
                let _ = held.go_on.acquire().await;
            }
            (n < 3).then(|| (frame(&held, n), (held, n + 1)))
        };
        Ok(stream::unfold((self.0.clone(), 0), next).boxed())
    }
}
