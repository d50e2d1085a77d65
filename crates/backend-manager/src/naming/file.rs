//! Hashes one file on several threads, in order and in bounded memory.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use backend_core::{Dag, Digest, DigestKind, Error, ErrorKind, Progress, Result};
use ipld::Block;
use ipld::import::{Entry, FileBuilder, LeafHasher};
use ipld::profile::Profile;

use super::digests::{Hasher, to_compute, told_by};
use super::fingerprint;
use super::nodes::NodeSpool;
use crate::trouble;

/// A chunk is read in pieces of this size, which stay in the cache of the core that hashes them.
const PIECE: usize = 128 << 10;
/// How many hashed chunks a thread may be ahead of the builder: names only, so a few KiB.
const AHEAD: usize = 64;

/// Content that has its name, and the inner nodes that prove it.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) entry: Entry,
    pub(crate) dag: Dag,
    pub(crate) digests: Vec<Digest>,
}

/// What to name, and whom to tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) file: &'a File,
    /// For messages.
    pub(crate) path: &'a Path,
    pub(crate) len: u64,
    pub(crate) profile: Profile,
    /// Which digests of the whole file some target needs.
    pub(crate) digests: &'a [DigestKind],
    pub(crate) progress: &'a Progress,
    /// Set when nobody waits any more.
    pub(crate) cancelled: &'a AtomicBool,
    /// The folder where many nodes are put aside.
    pub(crate) spool: &'a Path,
}

/// One thread a core; hashing does not gain from more.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get).min(16)
}

/// Names the first `len` bytes of a file. Blocking. With `threads` of 1 it hashes on this thread.
///
/// # Errors
/// `SourceChanged` when the file ends early; what reading it answers.
pub(crate) fn name_file(job: &Job<'_>, threads: usize) -> Result<Named> {
    let count = job.len.div_ceil(u64::from(job.profile.chunk));
    let threads = (threads.max(1) as u64).min(count.max(1));
    let mut nodes = NodeSpool::new(job.spool);
    let whole = to_compute(job.digests, count <= 1 && job.profile.raw_leaves);
    std::thread::scope(|scope| {
        let others = whole.iter().filter(|_| 1 < threads);
        let others = others.map(|kind| scope.spawn(move || whole_digests(job, std::slice::from_ref(kind))));
        let others: Vec<_> = others.collect();
        let entry = match threads {
            1 => build(job, &mut nodes, count, |index, piece| hash_chunk(job, index, piece)),
            _ => {
                let lanes: Vec<_> = (0..threads)
                    .map(|lane| {
                        let (tx, rx) = sync_channel(AHEAD);
                        scope.spawn(move || hash_lane(job, (lane..count).step_by(threads as usize), &tx));
                        rx
                    })
                    .collect();
                build(job, &mut nodes, count, |index, _| {
                    lanes[(index % threads) as usize].recv().unwrap_or_else(|_| Err(ended()))
                })
            }
        }?;
        let mut digests: Vec<Digest> = told_by(&entry.cid).into_iter().collect();
        if others.is_empty() {
            digests.extend(whole_digests(job, &whole)?);
        }
        for thread in others {
            digests.extend(thread.join().map_err(|_| ended())??);
        }
        Ok(Named { entry, dag: nodes.finish(&entry.cid)?, digests })
    })
}

/// Builds the balanced tree from the leaves, which `next` gives in order.
fn build(
    job: &Job<'_>,
    nodes: &mut NodeSpool,
    count: u64,
    mut next: impl FnMut(u64, &mut Vec<u8>) -> Result<Entry>,
) -> Result<Entry> {
    let mut builder = FileBuilder::new(job.profile);
    let mut failed = None;
    let mut sink = |block: Block| {
        if let Err(err) = nodes.push(block) {
            failed.get_or_insert(err);
        }
    };
    let mut piece = Vec::new();
    for index in 0..count {
        builder.push(next(index, &mut piece)?, &mut sink);
    }
    let entry = builder.finish(&mut sink);
    failed.map_or(Ok(entry), Err)
}

fn hash_lane(job: &Job<'_>, indices: impl Iterator<Item = u64>, tx: &SyncSender<Result<Entry>>) {
    let mut piece = Vec::new();
    for index in indices {
        let leaf = hash_chunk(job, index, &mut piece);
        let stop = leaf.is_err();
        // The receiver is gone when another lane failed.
        if tx.send(leaf).is_err() || stop {
            return;
        }
    }
}

fn hash_chunk(job: &Job<'_>, index: u64, piece: &mut Vec<u8>) -> Result<Entry> {
    let chunk = u64::from(job.profile.chunk);
    let start = index * chunk;
    let len = chunk.min(job.len - start);
    let mut hasher = LeafHasher::new(&job.profile, len);
    read_pieces(job, start..start + len, piece, |bytes| hasher.update(bytes))?;
    job.progress.moved(len);
    hasher.finish().map_err(trouble::ipld)
}

fn read_pieces(
    job: &Job<'_>,
    range: std::ops::Range<u64>,
    piece: &mut Vec<u8>,
    mut each: impl FnMut(&[u8]),
) -> Result<()> {
    let mut at = range.start;
    while at < range.end {
        if job.cancelled.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Internal, "given up"));
        }
        let want = usize::try_from(range.end - at).unwrap_or(PIECE).min(PIECE);
        piece.resize(PIECE, 0);
        let got = job.file.read_at(&mut piece[..want], at).map_err(|err| trouble::file("read", job.path, err))?;
        if got == 0 {
            return Err(fingerprint::changed(job.path));
        }
        each(&piece[..got]);
        at += got as u64;
    }
    Ok(())
}

/// Reads the file once for all of `kinds`; for none, not at all.
fn whole_digests(job: &Job<'_>, kinds: &[DigestKind]) -> Result<Vec<Digest>> {
    if kinds.is_empty() {
        return Ok(Vec::new());
    }
    let mut all = Hasher::all(kinds, job.len)?;
    read_pieces(job, 0..job.len, &mut Vec::new(), |bytes| all.iter_mut().for_each(|it| it.update(bytes)))?;
    all.into_iter().map(Hasher::finish).collect()
}

fn ended() -> Error {
    Error::new(ErrorKind::Internal, "a hashing thread ended early")
}
