//! The generators of the IPIP-499 vectors, and a block store to read back from.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "every test binary uses its own part, and fails by panic"
)]

use std::collections::HashMap;

use bytes::Bytes;
use ipld::{
    Block, Cid, address,
    import::{self, Entry, FileBuilder},
    profile::Profile,
};
use sha2::{Digest, Sha256};

/// ChaCha20 keystream; key sha256(seed), nonce and counter zero (RFC 8439). Four blocks at a time, so that it is compiled to SIMD.
pub(crate) struct Keystream {
    key: [u32; 8],
    counter: u32,
    ready: Vec<u8>,
}

const LANES: usize = 4;
type Lanes = [u32; LANES];

impl Keystream {
    pub(crate) fn new(seed: &str) -> Keystream {
        let digest: [u8; 32] = Sha256::digest(seed.as_bytes()).into();
        let key = std::array::from_fn(|word| u32::from_le_bytes(digest.as_chunks::<4>().0[word]));
        Keystream { key, counter: 0, ready: Vec::new() }
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> Vec<u8> {
        while self.ready.len() < len {
            self.four_blocks();
        }
        let rest = self.ready.split_off(len);
        std::mem::replace(&mut self.ready, rest)
    }

    fn four_blocks(&mut self) {
        let mut start: [Lanes; 16] = [[0; LANES]; 16];
        let words = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574].into_iter().chain(self.key);
        start.iter_mut().zip(words).for_each(|(lanes, word)| *lanes = [word; LANES]);
        start[12] = std::array::from_fn(|lane| self.counter + lane as u32);
        self.counter += LANES as u32;
        let mut state = start;
        for _ in 0..10 {
            quarter_round::<0, 4, 8, 12>(&mut state);
            quarter_round::<1, 5, 9, 13>(&mut state);
            quarter_round::<2, 6, 10, 14>(&mut state);
            quarter_round::<3, 7, 11, 15>(&mut state);
            quarter_round::<0, 5, 10, 15>(&mut state);
            quarter_round::<1, 6, 11, 12>(&mut state);
            quarter_round::<2, 7, 8, 13>(&mut state);
            quarter_round::<3, 4, 9, 14>(&mut state);
        }
        for (state, start) in state.iter_mut().zip(&start) {
            state.iter_mut().zip(start).for_each(|(word, start)| *word = word.wrapping_add(*start));
        }
        let block = |lane: usize| std::array::from_fn::<_, 16, _>(|word| state[word][lane].to_le_bytes());
        (0..LANES).for_each(|lane| self.ready.extend_from_slice(block(lane).as_flattened()));
    }
}

#[inline(always)]
fn quarter_round<const A: usize, const B: usize, const C: usize, const D: usize>(state: &mut [Lanes; 16]) {
    half_round::<A, B, D, 16>(state);
    half_round::<C, D, B, 12>(state);
    half_round::<A, B, D, 8>(state);
    half_round::<C, D, B, 7>(state);
}

#[inline(always)]
fn half_round<const SUM: usize, const ADD: usize, const TURN: usize, const BITS: u32>(state: &mut [Lanes; 16]) {
    state[SUM] = std::array::from_fn(|lane| state[SUM][lane].wrapping_add(state[ADD][lane]));
    state[TURN] = std::array::from_fn(|lane| (state[TURN][lane] ^ state[SUM][lane]).rotate_left(BITS));
}

/// `len` bytes of the keystream of `seed`.
pub(crate) fn rnd(seed: &str, len: usize) -> Vec<u8> {
    Keystream::new(seed).take(len)
}

/// `count` names of `len` characters, the last of `last` (the IPIP-499 generator).
pub(crate) fn names(seed: &str, count: usize, len: usize, last: usize) -> Vec<Vec<u8>> {
    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz01234567890-_";
    let mut bytes = rnd(seed, 1 << 20).into_iter();
    let mut name = |len| bytes.by_ref().take(len).map(|byte| ALPHABET[usize::from(byte) % ALPHABET.len()]).collect();
    (0..count).map(|index| name(if index + 1 == count { last } else { len })).collect()
}

/// A profile with another chunk size and width.
pub(crate) fn cut(profile: Profile, chunk: u32, width: u32) -> Profile {
    Profile { chunk, width, ..profile }
}

/// Blocks by name, whatever the version of the CID.
#[derive(Default)]
pub(crate) struct Store(pub(crate) HashMap<Cid, Bytes>);

impl Store {
    pub(crate) fn put(&mut self, block: Block) {
        block.verify().unwrap();
        self.0.insert(address::to_v1(&block.cid), block.data);
    }

    pub(crate) fn get(&self, cid: &Cid) -> Bytes {
        self.0.get(&address::to_v1(cid)).unwrap_or_else(|| panic!("{cid} is not stored")).clone()
    }

    /// Imports a file, leaves included.
    pub(crate) fn import(&mut self, profile: &Profile, data: &[u8]) -> Entry {
        let mut builder = FileBuilder::new(*profile);
        for chunk in data.chunks(profile.chunk as usize) {
            builder.push(import::leaf(profile, chunk), &mut |block| self.put(block));
            self.put(import::leaf_block(profile, &Bytes::copy_from_slice(chunk)));
        }
        builder.finish(&mut |block| self.put(block))
    }
}
