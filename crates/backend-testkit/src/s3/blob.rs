//! The bytes of an object or a part: pieces in memory or in one unlinked file, so that putting parts together copies nothing.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use s3s::StdError;
use s3s::stream::{ByteStream, RemainingLength};

/// How large a piece grows, in bytes.
const PIECE: usize = 1 << 20;
/// How large a frame of an answer is, in bytes.
const FRAME: u64 = 256 << 10;

/// An unlinked file that only grows.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    end: AtomicU64,
}

impl Spool {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile()?, end: AtomicU64::new(0) })
    }
}

#[derive(Debug, Clone)]
enum Held {
    Memory(Bytes),
    Disk(Arc<Spool>, u64),
}

#[derive(Debug, Clone)]
struct Piece {
    start: u64,
    len: u64,
    held: Held,
}

/// Bytes that do not change.
#[derive(Debug, Clone, Default)]
pub(super) struct Blob {
    pieces: Arc<Vec<Piece>>,
    len: u64,
}

impl Blob {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Several, one after the other.
    pub(super) fn join(parts: &[Self]) -> Self {
        let mut pieces = Vec::new();
        let mut len = 0;
        for part in parts {
            pieces.extend(part.pieces.iter().map(|piece| Piece { start: len + piece.start, ..piece.clone() }));
            len += part.len;
        }
        Self { pieces: Arc::new(pieces), len }
    }

    /// Some bytes from `at` on, at most `max`; none behind the end.
    pub(super) fn read(&self, at: u64, max: u64) -> io::Result<Bytes> {
        let behind = self.pieces.partition_point(|piece| piece.start + piece.len <= at);
        let Some(piece) = self.pieces.get(behind) else { return Ok(Bytes::new()) };
        let skip = at - piece.start;
        let n_bytes = max.min(piece.len - skip);
        match &piece.held {
            Held::Memory(bytes) => Ok(bytes.slice(usize_of(skip)?..usize_of(skip + n_bytes)?)),
            Held::Disk(spool, place) => {
                let mut bytes = vec![0; usize_of(n_bytes)?];
                spool.file.read_exact_at(&mut bytes, place + skip)?;
                Ok(bytes.into())
            }
        }
    }

    /// All of it, in one piece.
    pub(super) fn whole(&self) -> io::Result<Bytes> {
        let mut all = BytesMut::new();
        while (all.len() as u64) < self.len {
            all.extend_from_slice(&self.read(all.len() as u64, FRAME)?);
        }
        Ok(all.freeze())
    }

    /// The same bytes but for one bit of the byte at `at`.
    pub(super) fn flipped(&self, at: u64) -> io::Result<Option<Self>> {
        if self.len <= at {
            return Ok(None);
        }
        let mut pieces = self.pieces.as_ref().clone();
        for piece in pieces.iter_mut().filter(|piece| piece.start <= at && at < piece.start + piece.len) {
            let mut bytes = self.read(piece.start, piece.len)?.to_vec();
            if let Some(byte) = bytes.get_mut(usize_of(at - piece.start)?) {
                *byte ^= 1;
            }
            piece.held = Held::Memory(bytes.into());
        }
        Ok(Some(Self { pieces: Arc::new(pieces), len: self.len }))
    }

    /// These bytes, as a stream.
    pub(super) fn frames(&self, range: Range<u64>) -> Frames {
        Frames { blob: self.clone(), range }
    }

    /// These bytes, as a blob.
    pub(super) fn part(&self, range: Range<u64>, spool: Option<&Arc<Spool>>) -> io::Result<Self> {
        let mut writer = Writer::new(spool.cloned());
        let mut at = range.start;
        while at < range.end {
            let bytes = self.read(at, FRAME.min(range.end - at))?;
            at += bytes.len() as u64;
            writer.push(&bytes)?;
        }
        writer.finish()
    }
}

/// A range of a blob, as a stream.
#[derive(Debug)]
pub(super) struct Frames {
    blob: Blob,
    range: Range<u64>,
}

impl Stream for Frames {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.range.is_empty() {
            return Poll::Ready(None);
        }
        let read = self.blob.read(self.range.start, FRAME.min(self.range.end - self.range.start));
        if let Ok(bytes) = &read {
            self.range.start += bytes.len() as u64;
        }
        Poll::Ready(Some(read.map_err(Into::into)))
    }
}

impl ByteStream for Frames {
    fn remaining_length(&self) -> RemainingLength {
        let left = self.range.end.saturating_sub(self.range.start);
        usize::try_from(left).map_or_else(|_| RemainingLength::unknown(), RemainingLength::new_exact)
    }
}

/// Collects a blob.
#[derive(Debug)]
pub(super) struct Writer {
    spool: Option<Arc<Spool>>,
    buffer: BytesMut,
    pieces: Vec<Piece>,
    len: u64,
}

impl Writer {
    pub(super) fn new(spool: Option<Arc<Spool>>) -> Self {
        Self { spool, buffer: BytesMut::new(), pieces: Vec::new(), len: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        match PIECE <= self.buffer.len() {
            true => self.flush(),
            false => Ok(()),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.len + self.buffer.len() as u64
    }

    fn flush(&mut self) -> io::Result<()> {
        let bytes = self.buffer.split().freeze();
        let len = bytes.len() as u64;
        let held = match &self.spool {
            None => Held::Memory(bytes),
            Some(spool) => {
                let place = spool.end.fetch_add(len, Ordering::Relaxed);
                spool.file.write_all_at(&bytes, place)?;
                Held::Disk(spool.clone(), place)
            }
        };
        self.pieces.push(Piece { start: self.len, len, held });
        self.len += len;
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<Blob> {
        if !self.buffer.is_empty() {
            self.flush()?;
        }
        Ok(Blob { pieces: Arc::new(self.pieces), len: self.len })
    }
}

fn usize_of(n: u64) -> io::Result<usize> {
    usize::try_from(n).map_err(io::Error::other)
}
