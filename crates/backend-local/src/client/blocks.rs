//! A file's blocks, read into memory that is used again; past the page cache, where the medium is meant.

use std::fs::File;
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use backend_core::{Error, ErrorKind, Result};
use bytes::Bytes;
use rustix::fs::{Advice, OFlags, fadvise, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use super::copy::BLOCK;
use crate::error::failed;

/// What offsets, lengths and memory are multiples of where the page cache is passed by: no disk asks for more.
const ALIGN: usize = 4096;
/// Memory of so many blocks is kept for the next ones: it costs page faults and zeroes only once.
const KEPT: usize = 2;

type Spare = Arc<Mutex<Vec<Vec<u8>>>>;

/// A file that is handed out block by block.
#[derive(Debug)]
pub(super) struct Blocks {
    file: File,
    spare: Spare,
}

/// Memory that is given back when nobody reads it any more.
struct Lent {
    memory: Vec<u8>,
    spare: Spare,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if self.memory.len() == BLOCK + ALIGN && spare.len() < KEPT {
            spare.push(std::mem::take(&mut self.memory));
        }
    }
}

impl Blocks {
    pub(super) fn new(file: File) -> Self {
        Self { file, spare: Spare::default() }
    }

    /// Has the medium read: what the cache has of the range is taken out of it (posix_fadvise(2); pages that are not written yet stay), and where the file
    /// system can do that, what is read passes the cache by (open(2), `O_DIRECT`), which is quicker, and does not crowd out what others have there.
    pub(super) fn read_the_medium(&self, range: &Range<u64>) {
        forget(&self.file, range);
        // Where it is not taken, the file is read as it always is.
        let _ = self.set_direct(true);
    }

    /// Has the system read ahead. A hint: where it is not taken, reading is as it always is.
    pub(super) fn in_order(&self, from: u64) {
        let _ = fadvise(&self.file, from, None, Advice::Sequential);
    }

    /// Where the block ends that begins at `from`: the next one begins where blocks of the whole file do.
    pub(super) fn end(from: u64, end: u64) -> u64 {
        let block = BLOCK as u64;
        end.min((from / block + 1) * block)
    }

    /// These bytes, which lie in one block.
    pub(super) fn read(&self, part: &Range<u64>) -> Result<Bytes> {
        let lead = (part.start % ALIGN as u64) as usize;
        let needed = lead + usize::try_from(part.end - part.start).unwrap_or(BLOCK).min(BLOCK - lead);
        let room = needed.next_multiple_of(ALIGN);
        let mut memory = self.memory(room + ALIGN);
        let begin = memory.as_ptr().align_offset(ALIGN);
        let (at, mut done) = (part.start - lead as u64, 0);
        while done < needed {
            match rustix::io::pread(&self.file, &mut memory[begin + done..begin + room], at + done as u64) {
                Ok(0) => return Err(Error::new(ErrorKind::Integrity, "the file became shorter while it was read")),
                Ok(n) => done += n,
                Err(Errno::INTR) => {}
                // The file system took the flag and not the read, as behind a read that was cut short.
                Err(Errno::INVAL) if self.is_direct() => {
                    self.set_direct(false).map_err(|errno| failed("read the file", errno))?;
                }
                Err(errno) => return Err(failed("read the file", errno)),
            }
        }
        let lent = Lent { memory, spare: self.spare.clone() };
        Ok(Bytes::from_owner(lent).slice(begin + lead..begin + needed))
    }

    fn memory(&self, len: usize) -> Vec<u8> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let used = if len == BLOCK + ALIGN { spare.pop() } else { None };
        used.unwrap_or_else(|| vec![0; len])
    }

    fn is_direct(&self) -> bool {
        fcntl_getfl(&self.file).is_ok_and(|flags| flags.contains(OFlags::DIRECT))
    }

    fn set_direct(&self, on: bool) -> rustix::io::Result<()> {
        let mut flags = fcntl_getfl(&self.file)?;
        flags.set(OFlags::DIRECT, on);
        fcntl_setfl(&self.file, flags)
    }
}

fn forget(file: &File, range: &Range<u64>) {
    if let Some(len) = NonZeroU64::new(range.end.saturating_sub(range.start)) {
        // A hint: where it is not taken, reading is as it always is.
        let _ = fadvise(file, range.start, Some(len), Advice::DontNeed);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use rustix::io::ReadWriteFlags;

    use super::*;

    /// Whether the first byte could be read without waiting for the medium; `None` where the file system cannot say.
    fn is_cached(file: &File) -> Option<bool> {
        let mut byte = [0_u8; 1];
        let mut into = [std::io::IoSliceMut::new(&mut byte)];
        match rustix::io::preadv2(file, &mut into, 0, ReadWriteFlags::NOWAIT) {
            Ok(_) => Some(true),
            Err(Errno::AGAIN) => Some(false),
            Err(_) => None,
        }
    }

    /// Beside the test itself: the system's temporary folder may be memory.
    fn file(bytes: &[u8]) -> File {
        let exe = std::env::current_exe().unwrap();
        let mut file = tempfile::tempfile_in(exe.parent().unwrap()).unwrap();
        file.write_all(bytes).unwrap();
        file.sync_all().unwrap();
        file
    }

    #[test]
    fn a_read_back_is_not_the_page_cache() {
        let file = file(&[7; 1 << 20]);
        assert_ne!(is_cached(&file), Some(false));
        let before = is_cached(&file);
        forget(&file, &(0..1 << 20));
        assert_eq!(is_cached(&file), before.map(|_| false), "it was dropped, or nothing can be said");
    }

    #[test]
    fn a_read_back_leaves_nothing_in_the_page_cache() {
        let file = file(&[7; 1 << 20]);
        let blocks = Blocks::new(file.try_clone().unwrap());
        // The flag belongs to the open file: it is on for both handles, and taken back before one is asked what is cached.
        let can_be_direct = blocks.set_direct(true).is_ok() && blocks.set_direct(false).is_ok();
        let before = is_cached(&file);
        blocks.read_the_medium(&(0..1 << 20));
        assert_eq!(blocks.is_direct(), can_be_direct);
        assert_eq!(blocks.read(&(0..1 << 20)).unwrap(), [7; 1 << 20][..]);
        if can_be_direct {
            blocks.set_direct(false).unwrap();
            assert_eq!(is_cached(&file), before.map(|_| false), "the page cache was passed by");
        }
    }

    #[test]
    fn every_range_is_read_as_it_stands() {
        let size = 2 * BLOCK + 4097;
        let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        for is_fresh in [false, true] {
            let blocks = Blocks::new(file(&bytes));
            for range in [0..size, 1..4095, 4095..4097, 4096..BLOCK + 1, BLOCK - 1..size, size - 1..size] {
                let (mut at, end, mut read) = (range.start as u64, range.end as u64, Vec::new());
                if is_fresh {
                    blocks.read_the_medium(&(at..end));
                }
                while at < end {
                    let next = Blocks::end(at, end);
                    read.extend_from_slice(&blocks.read(&(at..next)).unwrap());
                    at = next;
                }
                assert!(read == bytes[range.clone()], "{range:?}, from the medium: {is_fresh}");
            }
            let beyond = size as u64..size as u64 + 1;
            assert_eq!(blocks.read(&beyond).unwrap_err().kind(), ErrorKind::Integrity);
        }
    }

    #[test]
    fn memory_is_used_again_once_nobody_reads_it() {
        let blocks = Blocks::new(file(&[7; 3 * BLOCK]));
        let block = BLOCK as u64;
        let first = blocks.read(&(0..block)).unwrap();
        let second = blocks.read(&(block..2 * block)).unwrap();
        assert_ne!(first.as_ptr(), second.as_ptr(), "it is still read");
        let was = first.as_ptr();
        drop(first);
        assert_eq!(blocks.read(&(2 * block..3 * block)).unwrap().as_ptr(), was);
        assert_eq!(second, [7; BLOCK][..]);
    }
}
