//! Sorts a listing of any length in bounded memory: runs in one unlinked file, merged as they are read. What comes in order is one run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backend_core::{Error, ErrorKind, Result};

use super::entry::{Entry, path_of};
use crate::trouble;

/// Encoded entries in memory, bytes, before a run is written.
const BUFFER: usize = 2 << 20;
/// Bytes that are read ahead: of all runs together, and the least and the most of one.
const AHEAD: usize = 4 << 20;
const AHEAD_OF_ONE: (usize, usize) = (4 << 10, 256 << 10);
/// The most runs of one listing: 8 GiB of names that come in no order.
const RUNS: usize = 4096;

/// Takes entries in any order.
#[derive(Debug)]
pub(super) struct Sorter {
    folder: PathBuf,
    buffer: Vec<u8>,
    /// Where each entry of the buffer lies.
    at: Vec<(u32, u32)>,
    file: Option<File>,
    /// Where each run lies in the file.
    runs: Vec<(u64, u64)>,
    /// The last path of the last run.
    last: Vec<u8>,
    limit: usize,
}

impl Sorter {
    /// Puts aside in `folder` what does not fit into memory.
    pub(super) fn new(folder: &Path) -> Self {
        Self::holding(folder, BUFFER)
    }

    fn holding(folder: &Path, limit: usize) -> Self {
        let (buffer, at, runs, last) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { folder: folder.to_owned(), buffer, at, file: None, runs, last, limit }
    }

    /// # Errors
    /// `QuotaExceeded` when the disk is full; `TooLarge` for a listing beyond all bounds.
    pub(super) fn push(&mut self, entry: &Entry) -> Result<()> {
        let from = self.buffer.len();
        entry.encode(&mut self.buffer);
        let number = |n: usize| u32::try_from(n).map_err(|_| too_large());
        self.at.push((number(from)?, number(self.buffer.len())?));
        if self.limit <= self.buffer.len() { self.write() } else { Ok(()) }
    }

    /// Entries in the order of their paths, equal ones as they came.
    ///
    /// # Errors
    /// As [`Sorter::push`].
    pub(super) fn finish(mut self) -> Result<Sorted> {
        if self.runs.is_empty() {
            self.sort();
            let entries = Run { at: 0, end: 0, bytes: Vec::new(), from: 0, ahead: 0 };
            let memory = self.at.into_iter();
            return Ok(Sorted {
                file: None,
                runs: vec![entries],
                heap: BinaryHeap::new(),
                memory,
                buffer: self.buffer,
            });
        }
        self.write()?;
        let ahead = (AHEAD / self.runs.len()).clamp(AHEAD_OF_ONE.0, AHEAD_OF_ONE.1);
        let runs = self.runs.iter().map(|(at, end)| Run { at: *at, end: *end, bytes: Vec::new(), from: 0, ahead });
        let file = self.file.map(Arc::new);
        let memory = Vec::new().into_iter();
        let mut sorted = Sorted { file, runs: runs.collect(), heap: BinaryHeap::new(), memory, buffer: Vec::new() };
        (0..sorted.runs.len()).try_for_each(|run| sorted.refill(run))?;
        Ok(sorted)
    }

    fn sort(&mut self) {
        let buffer = &self.buffer;
        let path = |it: &(u32, u32)| path_of(&buffer[it.0 as usize..it.1 as usize]);
        self.at.sort_by(|one, two| path(one).cmp(path(two)));
    }

    fn write(&mut self) -> Result<()> {
        self.sort();
        let (Some(first), Some(last)) = (self.at.first(), self.at.last()) else { return Ok(()) };
        let slice = |it: &(u32, u32)| &self.buffer[it.0 as usize..it.1 as usize];
        let goes_on = !self.runs.is_empty() && self.last.as_slice() <= path_of(slice(first));
        let last = path_of(slice(last)).to_vec();
        let mut run = Vec::with_capacity(self.buffer.len() + self.at.len() * 4);
        for it in &self.at {
            run.extend_from_slice(&(it.1 - it.0).to_le_bytes());
            run.extend_from_slice(slice(it));
        }
        let failed = |err| trouble::file("put a listing aside in", &self.folder, err);
        let mut file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile_in(&self.folder).map_err(failed)?,
        };
        file.write_all(&run).map_err(failed)?;
        self.file = Some(file);
        let at = self.runs.last().map_or(0, |run| run.1);
        let end = at + run.len() as u64;
        match self.runs.last_mut() {
            Some(run) if goes_on => run.1 = end,
            _ => self.runs.push((at, end)),
        }
        (self.last, self.at) = (last, Vec::new());
        self.buffer.clear();
        if RUNS < self.runs.len() { Err(too_large()) } else { Ok(()) }
    }
}

fn too_large() -> Error {
    Error::new(ErrorKind::TooLarge, "a listing that is too long to be sorted")
}

/// A part of the file whose entries are in order.
#[derive(Debug)]
struct Run {
    at: u64,
    end: u64,
    bytes: Vec<u8>,
    from: usize,
    ahead: usize,
}

impl Run {
    /// The next encoded entry.
    fn next(&mut self, file: &File) -> Result<Option<Vec<u8>>> {
        let lost = || Error::new(ErrorKind::Internal, "a listing that was put aside cannot be read back");
        if self.bytes.len() - self.from < 4 && !self.more(file, 4)? {
            return Ok(None);
        }
        let head: [u8; 4] = self.bytes[self.from..self.from + 4].try_into().map_err(|_| lost())?;
        let len = u32::from_le_bytes(head) as usize + 4;
        if self.bytes.len() - self.from < len && !self.more(file, len)? {
            return Err(lost());
        }
        let entry = self.bytes[self.from + 4..self.from + len].to_vec();
        self.from += len;
        Ok(Some(entry))
    }

    /// Reads on until `len` bytes are at hand; whether they are.
    fn more(&mut self, file: &File, len: usize) -> Result<bool> {
        self.bytes.drain(..self.from);
        self.from = 0;
        let held = self.bytes.len();
        let want = self.ahead.max(len).saturating_sub(held) as u64;
        let want = usize::try_from(want.min(self.end - self.at)).unwrap_or(self.ahead);
        self.bytes.resize(held + want, 0);
        let read = file.read_exact_at(&mut self.bytes[held..], self.at);
        read.map_err(|err| Error::new(ErrorKind::Internal, "a listing that was put aside is gone").with_source(err))?;
        self.at += want as u64;
        Ok(len <= self.bytes.len())
    }
}

/// The next entry of a run: its path, the run, itself; the first path is the greatest.
type Next = Reverse<(Vec<u8>, usize, Vec<u8>)>;

/// Entries in order.
#[derive(Debug)]
pub(super) struct Sorted {
    file: Option<Arc<File>>,
    runs: Vec<Run>,
    /// One of each run.
    heap: BinaryHeap<Next>,
    memory: std::vec::IntoIter<(u32, u32)>,
    buffer: Vec<u8>,
}

impl Sorted {
    fn refill(&mut self, run: usize) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        if let Some(entry) = self.runs[run].next(file)? {
            self.heap.push(Reverse((path_of(&entry).to_vec(), run, entry)));
        }
        Ok(())
    }

    fn step(&mut self) -> Result<Option<Entry>> {
        let lost = || Error::new(ErrorKind::Internal, "a listing that was put aside is not what was written");
        if self.file.is_none() {
            let Some((from, to)) = self.memory.next() else { return Ok(None) };
            return Entry::decode(&self.buffer[from as usize..to as usize]).ok_or_else(lost).map(Some);
        }
        let Some(Reverse((_, run, entry))) = self.heap.pop() else { return Ok(None) };
        self.refill(run)?;
        Entry::decode(&entry).ok_or_else(lost).map(Some)
    }
}

impl Iterator for Sorted {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: impl Iterator<Item = u64>, limit: usize) -> usize {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::holding(folder.path(), limit);
        let mut wanted = Vec::new();
        for n in names {
            let path = format!("{n:05}/{}", "x".repeat((n % 50) as usize)).into_bytes();
            sorter.push(&Entry { size: Some(n), ..Entry::file(path.clone()) }).unwrap();
            wanted.push((path, n));
        }
        let mut runs = sorter.runs.len();
        wanted.sort();
        let sorted = sorter.finish().unwrap();
        runs = runs.max(sorted.runs.len());
        let found: Vec<_> = sorted.map(|it| it.unwrap()).map(|it| (it.path, it.size.unwrap())).collect();
        assert!(found == wanted);
        runs
    }

    #[test]
    fn any_order_becomes_one() {
        assert_eq!(check(0..0, 4096), 1);
        assert_eq!(check((0..3000).map(|n| n * 7919 % 3001), 1 << 20), 1, "it fits into memory");
        assert!(10 < check((0..3000).map(|n| n * 7919 % 3001), 4096));
        assert_eq!(check(0..3000, 4096), 1, "what is in order is one run");
        assert!(10 < check((0..3000).rev(), 4096));
    }
}
