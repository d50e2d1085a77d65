//! The least that the hardware must do for the same promise: hash on two cores, copy, sync.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::failure::{Failure, Result};

const BLOCK: usize = 1 << 20;

/// The time to hash a file by two threads, a half each.
pub(super) fn hash_on_two(path: &Path) -> Result<Duration> {
    let failed = |err: io::Error| Failure::at(path, "hash", err);
    let begin = Instant::now();
    let len = fs::metadata(path).map_err(failed)?.len();
    let file = File::open(path).map_err(failed)?;
    let (one, other) = thread::scope(|scope| {
        let other = scope.spawn(|| hash(&file, len / 2, len));
        (hash(&file, 0, len / 2), other.join())
    });
    one.map_err(failed)?;
    other.map_err(|_| Failure::new("the second hasher panicked"))?.map_err(failed)?;
    Ok(begin.elapsed())
}

fn hash(file: &File, from: u64, to: u64) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut room = vec![0; BLOCK];
    let mut at = from;
    while at < to {
        let n = usize::try_from(to - at).map_or(BLOCK, |left| left.min(BLOCK));
        file.read_exact_at(&mut room[..n], at)?;
        hasher.update(&room[..n]);
        at += n as u64;
    }
    Ok(hasher.finalize().into())
}

/// The time to copy a file as the standard library does.
pub(super) fn copy(from: &Path, to: &Path) -> Result<Duration> {
    let begin = Instant::now();
    fs::copy(from, to).map_err(|err| Failure::at(to, "copy to", err))?;
    let took = begin.elapsed();
    fs::remove_file(to).map_err(|err| Failure::at(to, "remove", err))?;
    Ok(took)
}

/// The time to copy a file and wait until it is on the disk.
pub(super) fn durable_copy(from: &Path, to: &Path) -> Result<Duration> {
    let failed = |err: io::Error| Failure::at(to, "copy to", err);
    let begin = Instant::now();
    fs::copy(from, to).map_err(failed)?;
    File::open(to).and_then(|it| it.sync_all()).map_err(failed)?;
    let took = begin.elapsed();
    fs::remove_file(to).map_err(failed)?;
    Ok(took)
}
