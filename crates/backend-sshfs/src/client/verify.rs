//! How much of what an earlier add has sent is right: read again, and held against the content's own hashes.

use backend_core::{Content, Error, Result};
use bytes::{Bytes, BytesMut};
use ipld::plan::{Chunk, Plan, Step};

use super::pool::Lease;
use super::read::Reader;

/// The number of bytes at the beginning of the open file that are those of the content: whole chunks, up to the first that is not.
pub(crate) async fn prefix(lease: &mut Lease, handle: Bytes, content: &Content, size: u64) -> Result<u64> {
    let mut reader = Reader::new(lease.pool(), handle, 0..size);
    let mut plan = Plan::new(*content.cid(), Some(content.len()), 0..size);
    let mut held = BytesMut::new();
    let mut certain = 0;
    while let Some(chunk) = next(&mut plan, content).await? {
        if size < chunk.offset + chunk.len {
            break;
        }
        let Ok(len) = usize::try_from(chunk.len) else { break };
        while held.len() < len {
            let Some(frame) = reader.next(lease).await? else { break };
            held.extend_from_slice(&frame);
        }
        if held.len() < len || chunk.offset != certain || chunk.verify(&held.split_to(len)).is_err() {
            break;
        }
        certain = chunk.offset + chunk.len;
    }
    // What was asked for ahead is not wanted any more.
    lease.drain().await?;
    Ok(certain)
}

async fn next(plan: &mut Plan, content: &Content) -> Result<Option<Chunk>> {
    loop {
        match plan.next().map_err(broken)? {
            Step::Done => return Ok(None),
            Step::Chunk(chunk) => return Ok(Some(chunk)),
            Step::Need(cid) => match content.dag().find(&cid).await? {
                Some(node) => plan.feed(&cid, &node).map_err(broken)?,
                None => plan.leaf(&cid).map_err(broken)?,
            },
        }
    }
}

fn broken(err: ipld::Error) -> Error {
    Error::new(backend_core::ErrorKind::Integrity, "the content's own nodes do not fit together").with_source(err)
}
