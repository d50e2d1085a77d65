//! Sources that do not keep what was said of them.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{ByteStream, Content, Error, ErrorKind, Open, Result};
use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt};

/// What is wrong with a source. Places count bytes of the whole content.
#[derive(Debug, Clone, Copy)]
pub enum Defect {
    /// It fails at this place, in this way.
    Fails(u64, ErrorKind),
    /// It ends at this place as if that were the end.
    Ends(u64),
    /// It goes on for so many bytes behind its end.
    Overflows(u64),
    /// The byte at this place is another one.
    Flips(u64),
    /// It never gets past this place.
    Hangs(u64),
    /// It cannot be opened.
    Closed(ErrorKind),
}

/// `content` from a source with `defect`; what is said of it stays the same.
pub fn lying(content: &Content, defect: Defect) -> Content {
    let source = Arc::new(Lying { content: content.clone(), defect });
    let made = Content::file(*content.cid(), content.len(), content.dag().clone(), source);
    made.with_digests(content.digests().to_vec())
}

/// A source with a defect.
#[derive(Debug)]
struct Lying {
    content: Content,
    defect: Defect,
}

impl Lying {
    fn spoil(&self, at: u64, frame: Bytes) -> (Result<Bytes>, Then) {
        let end = at + frame.len() as u64;
        match self.defect {
            Defect::Fails(place, kind) if place < end => {
                (Err(Error::new(kind, "the source failed, as the test wants it")), Then::End)
            }
            Defect::Ends(place) if place < end => (Ok(frame.slice(..(place.max(at) - at) as usize)), Then::End),
            Defect::Flips(place) if (at..end).contains(&place) => {
                let mut bytes = BytesMut::from(&frame[..]);
                bytes[(place - at) as usize] ^= 0x01;
                (Ok(bytes.freeze()), Then::GoOn)
            }
            Defect::Hangs(place) if place < end => (Ok(frame.slice(..(place.max(at) - at) as usize)), Then::Hang),
            _ => (Ok(frame), Then::GoOn),
        }
    }
}

#[derive(Clone, Copy)]
enum Then {
    GoOn,
    End,
    Hang,
}

#[async_trait]
impl Open for Lying {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        if let Defect::Closed(kind) = self.defect {
            return Err(Error::new(kind, "the source cannot be opened, as the test wants it"));
        }
        let (body, at) = (self.content.open(range.clone()).await?, range.start);
        let lying = Self { content: self.content.clone(), defect: self.defect };
        let spoilt = stream::unfold((body, at, Then::GoOn), move |(mut body, at, then)| {
            let lying = Self { content: lying.content.clone(), defect: lying.defect };
            async move {
                match then {
                    Then::End => return None,
                    Then::Hang => std::future::pending().await,
                    Then::GoOn => {}
                }
                match body.next().await? {
                    Err(err) => Some((Err(err), (body, at, Then::End))),
                    Ok(frame) => {
                        let next = at + frame.len() as u64;
                        let (frame, then) = lying.spoil(at, frame);
                        Some((frame, (body, next, then)))
                    }
                }
            }
        });
        let more = match self.defect {
            Defect::Overflows(n) if range.end == self.content.len() => vec![0; usize::try_from(n).unwrap_or(1)],
            _ => Vec::new(),
        };
        let more = stream::iter((!more.is_empty()).then(|| Ok(Bytes::from(more))));
        Ok(spoilt.filter(|frame| std::future::ready(!frame.as_ref().is_ok_and(Bytes::is_empty))).chain(more).boxed())
    }
}
