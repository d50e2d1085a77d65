//! Bodies of lines (NDJSON), with a bound on each line.

use std::collections::VecDeque;

use backend_core::{ByteStream, Error, Result};
use bytes::{Buf, Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt};
use serde::de::DeserializeOwned;

use crate::endpoint::Origin;
use crate::error::lie;

/// JSON that is not what was expected; the message quotes nothing.
pub(crate) fn no_json(origin: &Origin, err: &serde_json::Error) -> Error {
    lie(format!("{origin}: the answer is not the JSON expected, at line {} column {}", err.line(), err.column()))
}

struct Lines {
    body: ByteStream,
    rest: BytesMut,
    /// How much of `rest` has no end of a line.
    seen: usize,
    origin: Origin,
    most: usize,
    over: bool,
}

/// Cuts `body` into lines of at most `most` bytes; the last one needs no end.
pub(crate) fn lines(body: ByteStream, origin: Origin, most: usize) -> BoxStream<'static, Result<Bytes>> {
    let lines = Lines { body, rest: BytesMut::new(), seen: 0, origin, most, over: false };
    stream::try_unfold(lines, |mut lines| async move { Ok(lines.next().await?.map(|line| (line, lines))) }).boxed()
}

impl Lines {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(line) = self.cut()? {
                return Ok(Some(line));
            }
            if self.over {
                return Ok(None);
            }
            match self.body.next().await.transpose()? {
                Some(frame) => self.rest.extend_from_slice(&frame),
                None => {
                    self.over = true;
                    self.rest.extend_from_slice(b"\n");
                }
            }
        }
    }

    /// The next line that is whole and not empty.
    fn cut(&mut self) -> Result<Option<Bytes>> {
        while let Some(at) = self.rest[self.seen..].iter().position(|it| *it == b'\n') {
            let len = self.seen + at;
            self.check(len)?;
            let mut line = self.rest.split_to(len).freeze();
            self.rest.advance(1);
            self.seen = 0;
            if line.ends_with(b"\r") {
                line.truncate(line.len() - 1);
            }
            if !line.is_empty() {
                return Ok(Some(line));
            }
        }
        self.seen = self.rest.len();
        self.check(self.seen).map(|()| None)
    }

    fn check(&self, len: usize) -> Result<()> {
        match len <= self.most {
            true => Ok(()),
            false => Err(lie(format!("{}: a line of the answer has more than {} bytes", self.origin, self.most))),
        }
    }
}

/// Every JSON value of every line. Go may write several on one.
pub(crate) fn json<T>(body: ByteStream, origin: Origin, most: usize) -> BoxStream<'static, Result<T>>
where
    T: DeserializeOwned + Send + 'static,
{
    let values = lines(body, origin.clone(), most).map(move |line| match line {
        Ok(line) => values(&line, &origin),
        Err(err) => VecDeque::from([Err(err)]),
    });
    values.flat_map(stream::iter).boxed()
}

fn values<T: DeserializeOwned>(line: &[u8], origin: &Origin) -> VecDeque<Result<T>> {
    let read = serde_json::Deserializer::from_slice(line).into_iter::<T>();
    read.map(|value| value.map_err(|err| no_json(origin, &err))).collect()
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use futures::executor::block_on;
    use serde::Deserialize;

    use super::*;

    fn origin() -> Origin {
        Origin::of(&"https://a.example".parse().unwrap()).unwrap()
    }

    fn body(frames: &[&'static str]) -> ByteStream {
        let frames: Vec<_> = frames.iter().map(|it| Ok(Bytes::from_static(it.as_bytes()))).collect();
        stream::iter(frames).boxed()
    }

    fn check(frames: &[&'static str], wanted: Result<&[&str], &str>) {
        let read: Result<Vec<Bytes>> = block_on(lines(body(frames), origin(), 5).try_collect());
        let read = read.map(|lines| lines.iter().map(|it| String::from_utf8(it.to_vec()).unwrap()).collect::<Vec<_>>());
        match wanted {
            Ok(wanted) => assert_eq!(read.unwrap(), wanted),
            Err(wanted) => assert!(read.unwrap_err().message().contains(wanted)),
        }
    }

    #[test]
    fn lines_are_cut_wherever_frames_are() {
        check(&[], Ok(&[]));
        check(&["\n\n\r\n"], Ok(&[]));
        check(&["ab", "c\nd", "\n", "\nef"], Ok(&["abc", "d", "ef"]));
        check(&["12345\n12345"], Ok(&["12345", "12345"]));
        check(&["12345\n1234", "56"], Err("more than 5 bytes"));
        check(&["123456\n"], Err("more than 5 bytes"));
    }

    #[test]
    fn values_may_share_a_line_and_errors_quote_nothing() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Named {
            a: u8,
        }
        let read: Vec<Named> =
            block_on(json(body(&["{\"a\":1}{\"a\"", ":2}\n{\"a\":3}"]), origin(), 99).try_collect()).unwrap();
        assert_eq!(read, [1, 2, 3].map(|a| Named { a }));
        let err = block_on(json::<Named>(body(&["{\"a\":\"canary\"}\n"]), origin(), 99).try_collect::<Vec<_>>());
        let err = err.unwrap_err();
        assert!(err.message().contains("line 1 column") && !format!("{err:?}").contains("canary"), "{err:?}");
    }
}
