//! Bytes that came in frames of any size, taken out in the sizes the format needs.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes, BytesMut};

use crate::{Error, Result, varint};

/// A queue of frames. Bytes that lie in one frame are handed out without a copy; those that span frames are copied once.
#[derive(Debug, Default)]
pub(super) struct Input {
    frames: VecDeque<Bytes>,
    held: BytesMut,
}

impl Input {
    pub(super) fn push(&mut self, frame: Bytes) {
        if !frame.is_empty() {
            self.frames.push_back(frame);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.held.is_empty()
    }

    /// Exactly `len` bytes, or `None` until they are there. After `None` the same length has to be asked for again.
    pub(super) fn take(&mut self, len: usize) -> Option<Bytes> {
        if let Some(frame) = self.frames.front_mut()
            && self.held.is_empty()
            && len <= frame.len()
        {
            let taken = frame.split_to(len);
            self.drop_empty();
            return Some(taken);
        }
        self.held.reserve(len - self.held.len());
        while self.held.len() < len {
            let frame = self.frames.front_mut()?;
            let part = frame.split_to(frame.len().min(len - self.held.len()));
            self.held.extend_from_slice(&part);
            self.drop_empty();
        }
        Some(self.held.split_to(len).freeze())
    }

    /// Drops up to `len` bytes and answers how many it dropped.
    pub(super) fn skip(&mut self, len: u64) -> u64 {
        let mut skipped = 0;
        while let Some(frame) = self.frames.front_mut()
            && skipped < len
        {
            let part = (frame.len() as u64).min(len - skipped);
            frame.advance(part as usize);
            skipped += part;
            self.drop_empty();
        }
        skipped
    }

    /// The varint at the head and its length, or `None` until its last byte is there.
    pub(super) fn varint(&mut self) -> Result<Option<(u64, u64)>> {
        let mut head = [0; varint::MAX_LEN];
        let mut len = 0;
        for (slot, &byte) in head.iter_mut().zip(self.frames.iter().flatten()) {
            *slot = byte;
            len += 1;
        }
        match varint::read(&head[..len]) {
            Ok((value, used)) => {
                self.skip(used as u64);
                Ok(Some((value, used as u64)))
            }
            Err(Error::Truncated(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn drop_empty(&mut self) {
        if self.frames.front().is_some_and(Bytes::is_empty) {
            self.frames.pop_front();
        }
    }
}
