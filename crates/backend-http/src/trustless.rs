//! Content from gateways that nobody has to trust: every block is hashed before a byte of it is handed over (trustless gateway
//! specification; reference 3.1).
//!
//! Any number of endpoints. When one is slow to begin, a second is asked beside it; when one fails, the next goes on where it stopped: that is
//! choosing another endpoint, not a retry, and each is asked at most once for the same thing. A file comes as one verified CAR, or block by
//! block with several on their way; what CARs of no endpoint can complete is completed block by block.

mod blocks;
mod car;
mod fault;
mod file;
mod race;
mod source;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use backend_core::{ByteRange, ByteStream, Clock, Error, ErrorKind, Power, Result};
use bytes::Bytes;
use cid::Cid;
use futures::stream::{self, StreamExt};
use ipld::unixfs::{self, Node};
use ipld::{Block, address};

use crate::client::Client;
use crate::endpoint::Endpoint;
use source::Source;

/// How files are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// As one CAR a file: one round trip, for gateways far away.
    #[default]
    Car,
    /// Block by block, several at a time: what Kubo serves fastest when it is near (reference 12.1).
    Blocks,
}

/// How to fetch.
#[derive(Debug, Clone)]
pub struct Options {
    /// How files are fetched.
    pub transport: Transport,
    /// How long one endpoint may take to begin before a second is asked beside it; and, ten times that, how long it may fall silent in the
    /// middle of a CAR before another goes on in its place.
    pub hedge_after: Duration,
    /// The most bytes of a block; 4 MiB.
    pub max_block: usize,
    /// Blocks on their way at a time, where files are fetched block by block.
    pub window: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { transport: Transport::Car, hedge_after: Duration::from_millis(400), max_block: 4 << 20, window: 8 }
    }
}

/// A client of trustless gateways. Cheap to clone.
#[derive(Clone)]
pub struct Trustless(Arc<Inner>);

pub(crate) struct Inner {
    client: Client,
    sources: Vec<Source>,
    clock: Arc<dyn Clock>,
    options: Options,
}

impl fmt::Debug for Trustless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trustless").field("sources", &self.0.sources).finish_non_exhaustive()
    }
}

/// Verified bytes of a file.
pub struct Found {
    /// How many bytes the whole file has.
    pub size: u64,
    /// Which of them follow.
    pub range: Range<u64>,
    /// The bytes; each was hashed before. Ends without an error only when all of `range` came.
    pub body: ByteStream,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("size", &self.size).field("range", &self.range).finish_non_exhaustive()
    }
}

/// How an endpoint is.
#[derive(Debug, Clone)]
pub struct Pulse {
    /// Where it is, without secrets.
    pub origin: String,
    /// Whether it answers as a trustless gateway.
    pub power: Power,
    /// What it said instead.
    pub note: Option<String>,
}

impl Trustless {
    /// A client of these endpoints, in the order in which they are tried as long as nothing is known of them.
    ///
    /// # Errors
    /// `InvalidConfig` when there is none.
    pub fn new(client: Client, endpoints: Vec<Endpoint>, clock: Arc<dyn Clock>, options: Options) -> Result<Self> {
        if endpoints.is_empty() {
            return Err(Error::new(ErrorKind::InvalidConfig, "no gateway is named"));
        }
        let sources = endpoints.into_iter().map(Source::new).collect();
        Ok(Self(Arc::new(Inner { client, sources, clock, options })))
    }

    /// A block, hashed.
    ///
    /// # Errors
    /// `NotFound` when every endpoint was recognised as a gateway and has it not; `Integrity` when other bytes came; `InvalidInput` for a hash
    /// that proves nothing; `RateLimited` when all want to be left alone; otherwise how they failed.
    pub async fn block(&self, cid: &Cid) -> Result<Bytes> {
        self.0.block(cid).await
    }

    /// A range of a file; all of it by default.
    ///
    /// # Errors
    /// As [`Trustless::block`]; `InvalidRange` for a range outside of the file; `InvalidInput` for what is no file.
    pub async fn file(&self, cid: &Cid, range: Option<ByteRange>) -> Result<Found> {
        let root = Block { cid: *cid, data: self.block(cid).await? };
        let node = match cid.codec() {
            address::RAW | address::DAG_PB => unixfs::decode(cid, &root.data).map_err(fault::of_content)?,
            _ => return Err(no_file("block of another codec")),
        };
        let (size, whole) = match node {
            Node::Raw(data) => (data.len() as u64, Some(data)),
            Node::File(file) if file.children.is_empty() => (file.size, Some(file.data)),
            Node::File(file) => (file.size, None),
            other => return Err(no_file(other.kind())),
        };
        let range = range.unwrap_or(ByteRange::From(0)).within(size)?;
        let body = match whole {
            Some(data) => slice(&data, &range),
            None => self.0.clone().range(root, range.clone()),
        };
        Ok(Found { size, range, body })
    }

    /// How many bytes the file has, if it is one. Of a raw block only its length is asked for; of others the root is read and hashed.
    ///
    /// # Errors
    /// As [`Trustless::block`].
    pub async fn size(&self, cid: &Cid) -> Result<Option<u64>> {
        if let (address::RAW, None) = (cid.codec(), address::inline(cid)) {
            return self.0.race(|source| self.0.length(source, cid)).await.map(|(_, len)| len);
        }
        let data = self.block(cid).await?;
        Ok(match unixfs::decode(cid, &data) {
            Ok(Node::Raw(data)) => Some(data.len() as u64),
            Ok(Node::File(file)) => Some(file.size),
            _ => None,
        })
    }

    /// How each endpoint is: one cheap request to each, of the empty block that every gateway has to serve.
    pub async fn pulse(&self) -> Vec<Pulse> {
        let asked = self.0.sources.iter().map(|source| async {
            let probed = self.0.probe(source).await;
            let note = probed.as_ref().err().map(|err| err.message().to_owned());
            let power = probed.map_or_else(|err| Power::Fails(err.kind()), |()| Power::Works);
            Pulse { origin: source.endpoint.origin().to_string(), power, note }
        });
        futures::future::join_all(asked).await
    }
}

fn no_file(what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("it is a {what}, not a file"))
}

/// A range of bytes that are all there.
fn slice(data: &Bytes, range: &Range<u64>) -> ByteStream {
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(data.len());
    let part = data.slice(at(range.start)..at(range.end));
    stream::iter((!part.is_empty()).then_some(Ok(part))).boxed()
}
