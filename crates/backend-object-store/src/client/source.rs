//! What comes from a source: exactly as long as it was said to be, or an error before its last frame is given away.

use backend_core::{ByteStream, Content, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use std::ops::Range;

/// `body`, whose last frame is held back until it is certain that nothing follows and nothing is missing.
pub(super) fn exactly(body: ByteStream, len: u64) -> ByteStream {
    let begun = (body, len, None::<Bytes>);
    stream::try_unfold(begun, |(mut body, mut left, mut held)| async move {
        loop {
            match body.try_next().await? {
                Some(frame) if left < frame.len() as u64 => return Err(changed("longer")),
                Some(frame) if frame.is_empty() => {}
                Some(frame) => {
                    left -= frame.len() as u64;
                    if let Some(before) = held.replace(frame) {
                        return Ok(Some((before, (body, left, held))));
                    }
                }
                None if 0 < left => return Err(changed("shorter")),
                None => return Ok(held.map(|last| (last, (stream::empty().boxed(), 0, None)))),
            }
        }
    })
    .boxed()
}

/// All of `range`, in memory: the caller has bounded it.
pub(super) async fn collected(content: &Content, range: Range<u64>) -> Result<Vec<Bytes>> {
    let len = range.end - range.start;
    exactly(content.open(range).await?, len).try_collect().await
}

fn changed(how: &str) -> Error {
    Error::new(ErrorKind::SourceChanged, format!("the source is {how} than the content"))
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    fn check(frames: &[&'static str], len: u64) -> (String, Option<ErrorKind>) {
        let frames: Vec<Result<Bytes>> = frames.iter().map(|it| Ok(Bytes::from_static(it.as_bytes()))).collect();
        let mut body = exactly(stream::iter(frames).boxed(), len);
        let mut seen = String::new();
        loop {
            match block_on(body.next()) {
                Some(Ok(frame)) => seen.push_str(std::str::from_utf8(&frame).unwrap()),
                Some(Err(err)) => return (seen, Some(err.kind())),
                None => return (seen, None),
            }
        }
    }

    #[test]
    fn the_last_frame_is_given_only_when_all_is_right() {
        let wrong = Some(ErrorKind::SourceChanged);
        assert_eq!(check(&["ab", "c"], 3), ("abc".into(), None));
        assert_eq!(check(&["ab", "", "c", ""], 3), ("abc".into(), None));
        assert_eq!(check(&[], 0), (String::new(), None));
        assert_eq!(check(&["ab", "c"], 4), ("ab".into(), wrong));
        assert_eq!(check(&["ab", "c", "d"], 3), ("ab".into(), wrong));
        assert_eq!(check(&["abcd"], 3), (String::new(), wrong));
        assert_eq!(check(&["a"], 0), (String::new(), wrong));
    }
}
