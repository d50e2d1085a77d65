//! How much of an unfinished upload is what it should be: read back, and proved chunk by chunk by the content's inner nodes.
//!
//! A server that was cut off may have lost its last writes, or have zeros there. So nothing is gone on with that was not read.

use backend_core::{Content, Error, Result};
use bytes::BytesMut;
use futures::StreamExt;
use futures::stream::BoxStream;
use ipld::plan::{Chunk, Plan, Step};

use crate::error::lie;

/// A chunk larger than this is not held in memory: what is before it counts.
const MAX_CHUNK: u64 = 4 << 20;

/// How many bytes of `body`, which is the beginning of an upload, are right. It ends at the first chunk that is wrong or not whole.
///
/// # Errors
/// What reading answers, and what the inner nodes answer.
pub(crate) async fn proved(content: &Content, mut body: BoxStream<'_, Result<bytes::Bytes>>) -> Result<u64> {
    let mut plan = Plan::new(*content.cid(), Some(content.len()), 0..content.len());
    let (mut held, mut proved) = (BytesMut::new(), 0);
    loop {
        let Some(chunk) = next(&mut plan, content).await? else { return Ok(proved) };
        if MAX_CHUNK < chunk.len || chunk.offset != proved {
            return Ok(proved);
        }
        while (held.len() as u64) < chunk.len {
            match body.next().await.transpose()? {
                Some(bytes) => held.extend_from_slice(&bytes),
                None => return Ok(proved),
            }
        }
        let bytes = held.split_to(usize::try_from(chunk.len).unwrap_or(usize::MAX));
        if chunk.verify(&bytes).is_err() {
            return Ok(proved);
        }
        proved += chunk.len;
    }
}

async fn next(plan: &mut Plan, content: &Content) -> Result<Option<Chunk>> {
    loop {
        match plan.next().map_err(wrong)? {
            Step::Done => return Ok(None),
            Step::Chunk(chunk) => return Ok(Some(chunk)),
            Step::Need(cid) => match content.dag().find(&cid).await? {
                Some(node) => plan.feed(&cid, &node).map_err(wrong)?,
                None => plan.leaf(&cid).map_err(wrong)?,
            },
        }
    }
}

fn wrong(err: ipld::Error) -> Error {
    lie(err.to_string()).with_source(err)
}
