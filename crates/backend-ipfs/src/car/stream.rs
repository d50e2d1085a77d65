//! The body of an import: one CAR in one part of a form, measured before it is sent and counted while it is.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use backend_core::{ByteStream, Content, Error, ErrorKind, Progress, Result};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use ipld::plan::{Chunk, Wrap};
use ipld::{Block, Cid, address, car};

use super::measure::measure;
use super::source::Source;
use super::walk::{Piece, Seen, Walk, Wanted};
use crate::error;

/// What dag-pb puts around the bytes of a small file, at most.
const MAX_AROUND: u64 = 24;
/// What was sent so far.
#[derive(Debug, Default)]
struct Sent {
    /// Blocks that are certainly in the body.
    blocks: u64,
    /// Their bytes, without names and lengths.
    bytes: u64,
}

/// A body that is ready to be sent.
pub(crate) struct Upload {
    /// Its length in bytes, where it is known beforehand: not how dag-pb stands around the leaves of old importers.
    pub(crate) len: Option<u64>,
    /// Its media type, with the boundary.
    pub(crate) content_type: String,
    /// The body itself. It ends without an error only when it is whole.
    pub(crate) body: ByteStream,
    /// What tells what was sent. The body goes on only as long as this is held: the HTTP client sends on when nobody waits for the answer any more.
    pub(crate) receipt: Receipt,
}

/// Whoever waits for what becomes of an upload.
#[derive(Debug)]
pub(crate) struct Receipt(Arc<Mutex<Sent>>);

impl Receipt {
    /// How many blocks and bytes were sent.
    pub(crate) fn counted(&self) -> (u64, u64) {
        let sent = lock(&self.0);
        (sent.blocks, sent.bytes)
    }
}

impl Upload {
    /// Measures `content`, and opens its source.
    ///
    /// # Errors
    /// What the source and the nodes answer; `TooLarge` for a block that no node takes.
    pub(crate) async fn new(content: &Content, wanted: &Wanted, progress: &Progress) -> Result<Self> {
        let boundary = boundary()?;
        let (head, tail) = around(&boundary);
        let (car, parts) = measure(content, wanted).await?;
        let sent: Arc<Mutex<Sent>> = Arc::default();
        let held = Arc::downgrade(&sent);
        let writer = Writer::new(content, (wanted, parts), progress, held.clone()).await?;
        let len = car.map(|car| (head.len() + tail.len()) as u64 + car);
        let middle = stream::try_unfold(writer, Writer::step);
        let (head, tail) = (stream::iter([Ok(head)]), stream::iter([Ok(tail)]));
        let content_type = format!("multipart/form-data; boundary={boundary}");
        // What follows an error is not asked for: the client gives the body up with it.
        let body = head.chain(middle).chain(tail);
        let body = body.map(move |frame| if held.strong_count() == 0 { Err(left()) } else { frame }).boxed();
        Ok(Self { len, content_type, body, receipt: Receipt(sent) })
    }
}

fn lock(sent: &Mutex<Sent>) -> MutexGuard<'_, Sent> {
    sent.lock().unwrap_or_else(PoisonError::into_inner)
}

fn left() -> Error {
    Error::new(ErrorKind::Internal, "nobody waits for the answer any more")
}

/// Nobody who made the content could know it, so that no content can end the form early.
fn boundary() -> Result<String> {
    let mut bytes = [0; 24];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|err| Error::new(ErrorKind::Internal, "the system gives no random bytes").with_source(err))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The form before and behind the CAR: multipart/form-data, RFC 7578. Kubo reads the parts in order and takes any name.
fn around(boundary: &str) -> (Bytes, Bytes) {
    let disposition = "Content-Disposition: form-data; name=\"file\"; filename=\"content.car\"";
    let head = format!("--{boundary}\r\n{disposition}\r\nContent-Type: application/vnd.ipld.car\r\n\r\n");
    (head.into(), format!("\r\n--{boundary}--\r\n").into())
}

/// Writes the CAR, frame by frame.
struct Writer {
    walk: Walk,
    wanted: Wanted,
    source: Source,
    seen: Seen,
    queue: VecDeque<Bytes>,
    root: Cid,
    /// The root, until all else was sent.
    held: Option<Bytes>,
    /// Bytes of a raw leaf that are still to be passed on.
    passing: u64,
    /// Bytes of a raw leaf that was sent before.
    skipping: u64,
    over: bool,
    progress: Progress,
    sent: Weak<Mutex<Sent>>,
}

impl Writer {
    async fn new(
        content: &Content,
        (wanted, parts): (&Wanted, Vec<Range<u64>>),
        progress: &Progress,
        sent: Weak<Mutex<Sent>>,
    ) -> Result<Self> {
        let root = address::to_v1(content.cid());
        Ok(Self {
            walk: Walk::new(content).await?,
            wanted: wanted.clone(),
            source: Source::open(content, parts).await?,
            seen: Seen::default(),
            queue: VecDeque::from([car::header(&[root])]),
            root,
            held: None,
            passing: 0,
            skipping: 0,
            over: false,
            progress: progress.clone(),
            sent,
        })
    }

    async fn step(mut self) -> Result<Option<(Bytes, Self)>> {
        loop {
            if let Some(frame) = self.queue.pop_front() {
                return Ok(Some((frame, self)));
            }
            if 0 < self.passing {
                let frame = self.source.frame(self.passing).await?;
                self.passing -= frame.len() as u64;
                self.progress.moved(frame.len() as u64);
                return Ok(Some((frame, self)));
            }
            if 0 < self.skipping {
                let frame = self.source.frame(self.skipping).await?;
                self.skipping -= frame.len() as u64;
                self.progress.moved(frame.len() as u64);
                continue;
            }
            if self.over {
                return Ok(None);
            }
            match self.walk.next().await? {
                Some(piece) => self.take(piece).await?,
                None => self.finish().await?,
            }
        }
    }

    async fn take(&mut self, piece: Piece) -> Result<()> {
        match piece {
            Piece::Node(cid, node) if cid == self.root && self.held.is_none() => self.held = Some(node),
            Piece::Node(cid, node) => self.block(cid, node),
            Piece::Leaf(chunk) if !self.wanted.has(&chunk) => self.progress.moved(chunk.len),
            Piece::Leaf(chunk) => self.leaf(&chunk).await?,
            Piece::Wrapped(cid, len) => {
                let block = self.wrapped(cid, len).await?;
                self.block(cid, block.data);
            }
        }
        Ok(())
    }

    async fn leaf(&mut self, chunk: &Chunk) -> Result<()> {
        let cid = address::to_v1(&chunk.cid);
        if let Wrap::Raw = chunk.wrap {
            match self.seen.insert(&cid) {
                true => {
                    self.begin(&cid, chunk.len);
                    self.passing = chunk.len;
                }
                false => self.skipping = chunk.len,
            }
            return Ok(());
        }
        let plain = self.source.exactly(chunk.len).await?;
        self.progress.moved(chunk.len);
        match chunk.wrap {
            Wrap::Inline(_) => chunk.verify(&plain).map_err(error::broken),
            _ => {
                let block = chunk.seal(&plain).map_err(error::broken)?;
                self.block(cid, block.data);
                Ok(())
            }
        }
    }

    /// The link tells how long the block is, and dag-pb how much of it are the file's bytes, but for a few.
    async fn wrapped(&mut self, cid: Cid, len: u64) -> Result<Block> {
        let data = self.source.up_to(len).await?;
        let shortest = len.saturating_sub(MAX_AROUND);
        for plain in shortest..=len.min(data.len() as u64) {
            let chunk = Chunk { cid, offset: 0, len: plain, wrap: Wrap::Node };
            let Ok(block) = chunk.seal(&data.slice(..plain as usize)) else { continue };
            if block.data.len() as u64 == len {
                self.source.put_back(data.slice(plain as usize..));
                self.progress.moved(plain);
                return Ok(block);
            }
        }
        Err(Error::new(ErrorKind::Integrity, format!("the source has not the bytes of {cid}")))
    }

    async fn finish(&mut self) -> Result<()> {
        self.source.end().await?;
        if let Some(node) = self.held.take() {
            self.block(self.root, node);
        }
        self.over = true;
        Ok(())
    }

    fn block(&mut self, cid: Cid, data: Bytes) {
        if self.seen.insert(&cid) {
            self.begin(&cid, data.len() as u64);
            if !data.is_empty() {
                self.queue.push_back(data);
            }
        }
    }

    fn begin(&mut self, cid: &Cid, len: u64) {
        self.queue.push_back(car::section(cid, len as usize));
        let Some(sent) = self.sent.upgrade() else { return };
        let mut sent = lock(&sent);
        sent.blocks += 1;
        sent.bytes += len;
    }
}

#[cfg(test)]
mod tests {
    use backend_core::{Dag, Mend};
    use backend_testkit::{LEAF, random, small, tree};
    use futures::TryStreamExt;
    use futures::executor::block_on;
    use ipld::car::{Decoder, Item};

    use super::*;

    fn upload(content: &Content) -> Upload {
        block_on(Upload::new(content, &Wanted::default(), &Progress::new())).unwrap()
    }

    #[test]
    fn a_body_is_as_long_as_it_was_measured_and_counted() {
        let inline = Content::file("bafkqaa3bmjrq".parse().unwrap(), 3, Dag::empty(), small("abc").source().clone());
        let mut contents: Vec<Content> = [0, 1, LEAF, LEAF + 1, 5 * LEAF].map(|len| random("measured", len)).into();
        contents.extend([inline, tree("measured").unwrap().0]);
        for content in contents {
            let Upload { len, content_type, body, receipt } = upload(&content);
            let frames: Vec<Bytes> = block_on(body.try_collect()).unwrap();
            let whole = frames.concat();
            assert_eq!(len, Some(whole.len() as u64), "{content:?}");
            let (head, tail) = around(content_type.split_once("boundary=").unwrap().1);
            let car = whole.strip_prefix(&head[..]).and_then(|it| it.strip_suffix(&tail[..])).unwrap();
            assert_eq!(blocks(car), receipt.counted(), "{content:?}");
        }
    }

    #[test]
    fn only_wrong_leaves_are_in_it_and_all_nodes() {
        let content = random("wrong", 5 * LEAF);
        let wanted = Wanted::of(&content, &Mend::wrong([LEAF + 1..LEAF + 2, 3 * LEAF - 1..3 * LEAF + 1]));
        let Upload { len, body, receipt, .. } = block_on(Upload::new(&content, &wanted, &Progress::new())).unwrap();
        let frames: Vec<Bytes> = block_on(body.try_collect()).unwrap();
        assert_eq!(len, Some(frames.concat().len() as u64));
        let root = content.dag().bytes();
        assert_eq!(receipt.counted(), (4, 3 * LEAF + root), "three leaves and the root");
        let all = Wanted::of(&content, &Mend::all());
        let Upload { body, receipt, .. } = block_on(Upload::new(&content, &all, &Progress::new())).unwrap();
        let _: Vec<Bytes> = block_on(body.try_collect()).unwrap();
        assert_eq!(receipt.counted(), (6, 5 * LEAF + root));
    }

    fn blocks(car: &[u8]) -> (u64, u64) {
        let mut decoder = Decoder::default();
        decoder.feed(Bytes::copy_from_slice(car));
        let (mut blocks, mut bytes) = (0, 0);
        while let Some(item) = decoder.next().unwrap() {
            if let Item::Block(block) = item {
                (blocks, bytes) = (blocks + 1, bytes + block.data.len() as u64);
            }
        }
        decoder.finish().unwrap();
        (blocks, bytes)
    }

    #[test]
    fn a_body_ends_when_nobody_waits_any_more() {
        let Upload { mut body, receipt, .. } = upload(&random("left", 300_000));
        assert!(block_on(body.try_next()).unwrap().is_some());
        drop(receipt);
        assert!(block_on(body.try_next()).is_err());
    }
}
