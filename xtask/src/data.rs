//! Bytes that look random and are the same every time: no file system or chunker can cheat on them.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// An endless sequence, named by its seed (SplitMix64; Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub struct Sequence(u64);

impl Sequence {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Fills `room`, whose length is a multiple of eight except at the end of the data.
    pub fn fill(&mut self, room: &mut [u8]) {
        for eight in room.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut it = self.0;
            it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let bytes = (it ^ (it >> 31)).to_le_bytes();
            eight.copy_from_slice(&bytes[..eight.len()]);
        }
    }
}

/// Writes `len` bytes of the sequence `seed` to a new file.
///
/// # Errors
/// If the disk refuses.
pub fn write(path: &Path, len: u64, seed: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    let mut sequence = Sequence::new(seed);
    let mut room = vec![0; 1 << 20];
    let mut left = len;
    while 0 < left {
        let n = usize::try_from(left).map_or(room.len(), |it| it.min(room.len()));
        sequence.fill(&mut room[..n]);
        file.write_all(&room[..n])?;
        left -= n as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_names_a_sequence_whatever_the_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it");
        write(&path, (1 << 20) + 13, 3).unwrap();
        let mut whole = vec![0; (1 << 20) + 13];
        Sequence::new(3).fill(&mut whole);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        // The first value of the sequence 0 of the paper's reference implementation.
        let mut first = [0; 8];
        Sequence::new(0).fill(&mut first);
        assert_eq!(u64::from_le_bytes(first), 0xe220_a839_7b1d_cdaf);
    }
}
