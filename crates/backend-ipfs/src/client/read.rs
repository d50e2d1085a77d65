//! Reading, block by block, and only what lies on the node: `block/get?offline=true`, or the gateway's `format=raw` with `only-if-cached`
//! (specs.ipfs.tech, trustless gateway), several at a time. Nothing here can make the node ask its network.

use std::ops::Range;

use backend_core::{ByteStream, ErrorKind, Result};
use backend_http::{Framing, HeaderMap, HeaderValue, Method, Redirects, Request, Response, StatusCode, header};
use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt, TryStreamExt};
use ipld::plan::{Chunk, Plan, Step, Wrap};
use ipld::{Cid, address};

use super::answers::FileStat;
use super::rpc::{Node, Server, judge};
use crate::error;

/// The largest block that is taken from a node, in bytes. Kubo makes none above 2 MiB unless it is told to.
const MAX_BLOCK: usize = 4 << 20;
/// Blocks that are fetched at a time for one file.
const WINDOW: usize = 8;
const RAW: &str = "application/vnd.ipld.raw";

impl Node {
    /// The block `cid`, as the node has it. Not hashed.
    pub(crate) async fn block(&self, cid: &Cid) -> Result<Bytes> {
        if let Some(bytes) = address::inline(cid) {
            return Ok(Bytes::copy_from_slice(bytes));
        }
        let response = match &self.gateway {
            Some(gateway) => from_gateway(gateway, cid).await?,
            None => self.ask("block/get", &[("arg", &address::text(cid)), ("offline", "true")]).await?,
        };
        collect(response).await
    }

    /// What `files/stat` knows of `cid`: the size, if it is a file.
    pub(crate) async fn size(&self, cid: &Cid) -> Result<Option<u64>> {
        let path = format!("/ipfs/{}", address::text(cid));
        match self.one::<FileStat>("files/stat", &[("arg", &path), ("offline", "true")]).await {
            Ok(answer) => Ok((answer.r#type == "file").then_some(answer.size)),
            // It is there, and is not UnixFS.
            Err(err) if matches!(err.kind(), ErrorKind::Internal | ErrorKind::InvalidInput) => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Whether the gateway answers: the empty block is in its own name.
    pub(crate) async fn gateway_answers(&self) -> Result<()> {
        let Some(gateway) = &self.gateway else { return Ok(()) };
        let nothing = address::parse("bafkqaaa").map_err(error::broken)?;
        collect(from_gateway(gateway, &nothing).await?).await.map(|_| ())
    }

    /// `range` of a file whose root block is at hand. Leaves come as they are on the node; inner nodes are hashed.
    pub(crate) fn file(&self, plan: Plan, range: Range<u64>) -> ByteStream {
        let (walker, fetcher) = (self.clone(), self.clone());
        let chunks = stream::try_unfold((plan, walker), |(mut plan, node)| async move {
            Ok(next_chunk(&mut plan, &node).await?.map(|chunk| (chunk, (plan, node))))
        });
        let fetched = chunks.map_ok(move |chunk| {
            let (node, range) = (fetcher.clone(), range.clone());
            async move { node.chunk(&chunk).await.map(|plain| plain.slice(chunk.within(&range))) }
        });
        fetched.try_buffered(WINDOW).try_filter(|frame| std::future::ready(!frame.is_empty())).boxed()
    }

    async fn chunk(&self, chunk: &Chunk) -> Result<Bytes> {
        match &chunk.wrap {
            Wrap::Inline(bytes) => Ok(bytes.clone()),
            Wrap::Node => chunk.unwrap(&self.block(&chunk.cid).await?).map_err(error::broken),
            Wrap::Raw => {
                let block = self.block(&chunk.cid).await?;
                match block.len() as u64 == chunk.len {
                    true => Ok(block),
                    false => Err(error::broken(ipld::Error::Mismatch { cid: Box::new(chunk.cid) })),
                }
            }
        }
    }
}

async fn next_chunk(plan: &mut Plan, node: &Node) -> Result<Option<Chunk>> {
    loop {
        match plan.next().map_err(error::broken)? {
            Step::Done => return Ok(None),
            Step::Chunk(chunk) => return Ok(Some(chunk)),
            Step::Need(cid) => {
                let block = node.block(&cid).await?;
                plan.feed(&cid, &block).map_err(error::broken)?;
            }
        }
    }
}

async fn from_gateway(gateway: &Server, cid: &Cid) -> Result<Response> {
    let request = gateway.endpoint.request(Method::GET, &["ipfs", &address::text(cid)])?.query(&[("format", "raw")]);
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static(RAW));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("only-if-cached"));
    let request = Request { headers, redirects: Redirects::Never, ..request };
    let response = gateway.client.send(request).await?;
    match response.status {
        StatusCode::OK if response.media_type().as_deref() == Some(RAW) => Ok(response),
        StatusCode::OK => Err(error::no_gateway("it answers with something else than a block")),
        StatusCode::PRECONDITION_FAILED | StatusCode::NOT_FOUND => Err(error::absent("the block is not on the node")),
        status if status.is_redirection() => Err(error::no_gateway("it leads somewhere else")),
        _ => Err(response.refusal().await.error()),
    }
}

/// The body in one piece, and never more than a block.
async fn collect(response: Response) -> Result<Bytes> {
    let told = match response.framing() {
        Framing::Length(len) => usize::try_from(len).unwrap_or(usize::MAX),
        _ => 0,
    };
    let too_large = || error::strange("a block is larger than any block");
    if MAX_BLOCK < told {
        return Err(too_large());
    }
    let mut body = response.body_with(judge);
    let mut block = BytesMut::with_capacity(told);
    while let Some(frame) = body.try_next().await? {
        if MAX_BLOCK - block.len() < frame.len() {
            return Err(too_large());
        }
        if frame.len() == told {
            return whole(body, frame).await;
        }
        block.extend_from_slice(&frame);
    }
    Ok(block.freeze())
}

/// A body of one frame, once its end was seen.
async fn whole(mut body: ByteStream, frame: Bytes) -> Result<Bytes> {
    match body.try_next().await? {
        None => Ok(frame),
        Some(_) => Err(error::strange("a body is longer than it was said to be")),
    }
}
