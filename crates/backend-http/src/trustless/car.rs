//! A range of a file as one CAR from one endpoint: bytes come out only when their block was hashed and is the one whose turn it is.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use backend_core::{ByteStream, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::StreamExt;
use http::Method;
use ipld::car::verify::{Order, Output, Ready, Settings};
use ipld::car::{Decoder, Hashes, Item, Options, Scope, Verifier};
use ipld::{Block, address};

use super::source::Source;
use super::{Inner, fault};
use crate::response::Response;

const CAR: &str = "application/vnd.ipld.car";
const ACCEPT: &str = "application/vnd.ipld.car; version=1; order=dfs; dups=y";
/// The most that a CAR may have beyond its range and a quarter of it: inner nodes, whole blocks at the edges, empty blocks.
const SLACK: u64 = 64 << 20;
/// How much of that a small range has: two whole blocks at the edges, and chunks that are smaller than their names.
const SMALL_SLACK: u64 = 1 << 20;

/// A CAR on its way.
pub(super) struct Car {
    body: ByteStream,
    decoder: Option<Decoder>,
    verifier: Verifier,
    /// How many bytes the answer may still have: a stream of repetitions must end too.
    left: u64,
    /// Bytes that were told before, where the server leaves repeated blocks out.
    again: Option<ByteStream>,
    ready: VecDeque<Bytes>,
    over: bool,
    root: Block,
    origin: String,
}

impl Inner {
    /// Asks for `range` of the file and waits for the first verified bytes.
    pub(super) async fn car(self: &Arc<Self>, source: &Source, root: &Block, range: Range<u64>) -> Result<Car> {
        let last = range.end.saturating_sub(1);
        let bytes = format!("{}:{last}", range.start);
        let query = [("dag-scope", "entity"), ("entity-bytes", &bytes), ("car-order", "dfs"), ("car-dups", "y")];
        let request = source.ask(Method::GET, &address::text(&root.cid), "car", ACCEPT)?.query(&query);
        let answer = self.client.send(request).await?;
        let answer = self.accepted(source, answer).await?;
        if answer.media_type().as_deref() != Some(CAR) {
            let what = format!("{}: the answer is no CAR", source.origin());
            return Err(Error::new(ErrorKind::Unsupported, what));
        }
        let mut car = self.begin(source, answer, root, range)?;
        if let Some(first) = car.next(self).await? {
            car.ready.push_front(first);
        }
        Ok(car)
    }

    fn begin(&self, source: &Source, answer: Response, root: &Block, range: Range<u64>) -> Result<Car> {
        let order = if is_dfs(&answer) { Order::Dfs } else { Order::Any };
        let len = range.end - range.start;
        let edges = 2 * self.options.max_block as u64 + SMALL_SLACK;
        let left = len.saturating_add(len / 4).saturating_add(SLACK.min(edges.saturating_add(len.saturating_mul(3))));
        let settings = Settings { order, output: Output::Everything, total: left, ..Settings::default() };
        let mut verifier = Verifier::with(root.cid, Scope::Entity(Some(range)), settings);
        let origin = source.origin();
        verifier.push(root.clone()).map_err(|err| fault::of_gateway(&origin, err))?;
        let max_section = self.options.max_block.saturating_add(128);
        let decoder = Decoder::new(Options { hashes: Hashes::Leave, max_section, ..Options::default() });
        let (body, root) = (answer.until_close().body(), root.clone());
        Ok(Car {
            body,
            decoder: Some(decoder),
            verifier,
            left,
            again: None,
            ready: VecDeque::new(),
            over: false,
            root,
            origin,
        })
    }
}

impl Car {
    /// The next verified bytes; `None` when all of the range was told and nothing else came.
    pub(super) async fn next(&mut self, inner: &Arc<Inner>) -> Result<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Ok(Some(bytes));
            }
            if let Some(again) = &mut self.again {
                match again.next().await.transpose()? {
                    Some(bytes) => return Ok(Some(bytes)),
                    None => self.again = None,
                }
            }
            match self.verifier.ready().map_err(|err| fault::of_gateway(&self.origin, err))? {
                Some(Ready::Bytes { data, .. }) => return Ok(Some(data)),
                Some(Ready::Again { len, from, .. }) => {
                    self.again = Some(inner.by_blocks(&self.root, from..from.saturating_add(len)));
                }
                Some(Ready::Node(_)) => {}
                None if self.over => return self.verdict(),
                None => self.feed().await?,
            }
        }
    }

    /// Brings the next block to the verifier, or the end.
    async fn feed(&mut self) -> Result<()> {
        let bad = |origin: &str| {
            let origin = origin.to_owned();
            move |err| fault::of_gateway(&origin, err)
        };
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        loop {
            match decoder.next().map_err(bad(&self.origin))? {
                Some(Item::Block(block)) => return self.verifier.push(block).map_err(bad(&self.origin)),
                // The roots that a gateway names are not looked at: the specification says so.
                Some(Item::Header { .. }) => continue,
                None => {}
            }
            match self.body.next().await.transpose()? {
                Some(frame) => {
                    let left = self.left.checked_sub(frame.len() as u64);
                    let endless = ipld::Error::Limit { what: "bytes of the answer", limit: SLACK };
                    self.left = left.ok_or(endless).map_err(bad(&self.origin))?;
                    decoder.feed(frame);
                }
                None => break,
            }
        }
        self.over = true;
        self.verifier.end();
        self.decoder.take().map_or(Ok(()), Decoder::finish).map_err(bad(&self.origin))
    }

    fn verdict(&mut self) -> Result<Option<Bytes>> {
        let spent = Verifier::new(self.root.cid, Scope::Block);
        let verifier = std::mem::replace(&mut self.verifier, spent);
        verifier.finish().map(|_| None).map_err(|err| fault::of_gateway(&self.origin, err))
    }
}

fn is_dfs(answer: &Response) -> bool {
    let whole = answer.header("content-type").unwrap_or_default().to_ascii_lowercase();
    whole.split(';').any(|it| it.trim() == "order=dfs")
}
