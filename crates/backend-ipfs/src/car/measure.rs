//! How long a body will be, and which bytes of the source it takes: known before the source is opened.

use std::ops::Range;

use backend_core::{Content, Error, ErrorKind, Result};
use ipld::plan::{Chunk, Wrap};
use ipld::{address, car};

use super::walk::{Piece, Seen, Walk, Wanted};

/// The largest block that a node takes, in bytes (boxo, `SoftBlockLimit`).
const MAX_BLOCK: u64 = 2 << 20;

/// How long the CAR of `content` is, if its nodes tell, and which parts of its source are in it. The nodes are walked; the source stays closed.
pub(super) async fn measure(content: &Content, wanted: &Wanted) -> Result<(Option<u64>, Vec<Range<u64>>)> {
    let (mut walk, mut seen) = (Walk::new(content).await?, Seen::default());
    let mut total = car::header(&[address::to_v1(content.cid())]).len() as u64;
    let (mut known, mut parts) = (true, Vec::new());
    if wanted.is_all() && !content.is_empty() {
        parts.push(0..content.len());
    }
    while let Some(piece) = walk.next().await? {
        let (cid, len) = match piece {
            Piece::Leaf(chunk) if !wanted.has(&chunk) => continue,
            Piece::Leaf(chunk) if !wanted.is_all() && !read(&mut parts, &chunk) => continue,
            Piece::Node(cid, node) => (cid, node.len() as u64),
            Piece::Leaf(chunk) if matches!(chunk.wrap, Wrap::Inline(_)) => continue,
            Piece::Leaf(chunk) => {
                known &= matches!(chunk.wrap, Wrap::Raw);
                (address::to_v1(&chunk.cid), chunk.len)
            }
            Piece::Wrapped(cid, len) => (cid, len),
        };
        if MAX_BLOCK < len {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!("a block of {len} bytes is above the 2 MiB of a node"),
            ));
        }
        if seen.insert(&cid) {
            total += car::section_len(&cid, len);
        }
    }
    Ok((known.then_some(total), parts))
}

/// Adds the place of a leaf. Whether it is more than a few bytes that sit in their parent.
fn read(parts: &mut Vec<Range<u64>>, chunk: &Chunk) -> bool {
    let end = chunk.offset + chunk.len;
    match parts.last_mut().filter(|last| last.end == chunk.offset) {
        Some(last) => last.end = end,
        None => parts.push(chunk.offset..end),
    }
    !matches!(chunk.wrap, Wrap::Inline(_))
}
