//! What a damaged copy of test content looks like: as long as it is, wrong where it is wrong, and named as what it is.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{ByteStream, Content, Error, ErrorKind, Open, Result};
use bytes::Bytes;
use futures::stream::{self, StreamExt};

use super::{Random, name};

/// The bytes of [`random`](super::random)`(seed, len)`, but `there` of them, and other ones in `wrong`. What lies behind the end of a copy that is too long is
/// made up. No less than a frame of 64 KiB: below that, bytes depend on the length too.
pub fn damaged(seed: &str, len: u64, there: u64, wrong: &[Range<u64>]) -> Content {
    let longest = len.max(there);
    let (good, bad) = (Random::new(seed, longest), Random::new(&format!("{seed}, damaged"), longest));
    let source = Damaged { good, bad, wrong: wrong.to_vec(), there };
    let (entry, dag, digests) = name(there, |range| source.frames(range));
    Content::file(entry.cid, there, dag, Arc::new(source)).with_digests(digests)
}

#[derive(Debug, Clone)]
struct Damaged {
    good: Random,
    bad: Random,
    wrong: Vec<Range<u64>>,
    there: u64,
}

impl Damaged {
    fn frames(&self, range: Range<u64>) -> impl Iterator<Item = Bytes> + Send + use<> {
        let (it, mut at) = (self.clone(), range.start);
        let pieces = std::iter::from_fn(move || {
            (at < range.end).then(|| {
                let is_wrong = it.wrong.iter().any(|wrong| wrong.contains(&at));
                let edges = it.wrong.iter().flat_map(|wrong| [wrong.start, wrong.end]);
                let end = edges.filter(|edge| at < *edge).fold(range.end, u64::min);
                let piece = if is_wrong { it.bad.frames(at..end) } else { it.good.frames(at..end) };
                at = end;
                piece
            })
        });
        pieces.flatten()
    }
}

#[async_trait]
impl Open for Damaged {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        match range.start <= range.end && range.end <= self.there {
            true => Ok(stream::iter(self.frames(range).map(Ok)).boxed()),
            false => Err(Error::new(ErrorKind::InvalidRange, "the range is not within the source")),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use futures::executor::block_on;

    use super::super::{LEAF, random};
    use super::*;

    fn read(content: &Content) -> Vec<u8> {
        let frames: Vec<Bytes> = block_on(async { content.open_all().await?.try_collect().await }).unwrap();
        frames.concat()
    }

    #[test]
    fn it_differs_where_it_is_wrong_and_nowhere_else() {
        let good = read(&random("damaged", 3 * LEAF));
        for there in [2 * LEAF + 5, 3 * LEAF, 4 * LEAF] {
            let wrong = LEAF + 7..LEAF + 70_000;
            let copy = damaged("damaged", 3 * LEAF, there, std::slice::from_ref(&wrong));
            let bytes = read(&copy);
            assert_eq!((bytes.len() as u64, copy.len()), (there, there));
            let (start, end) = (wrong.start as usize, wrong.end as usize);
            let both = bytes.len().min(good.len());
            assert!(bytes[..start] == good[..start] && bytes[end..both] == good[end..both]);
            assert_ne!(bytes[start..end], good[start..end]);
            assert_ne!(copy.cid(), random("damaged", 3 * LEAF).cid());
        }
        assert_eq!(damaged("damaged", 3 * LEAF, 3 * LEAF, &[]).cid(), random("damaged", 3 * LEAF).cid());
    }
}
