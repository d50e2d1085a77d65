//! The pseudo-random bytes that the vectors of the reference are made of (its appendix A.6).

use sha2::{Digest as _, Sha256};

/// The first `len` bytes of the ChaCha20 keystream (RFC 8439) under the key sha256(seed), a zero nonce and counter 0.
pub(crate) fn rnd(seed: &str, len: usize) -> Vec<u8> {
    let key: [u8; 32] = Sha256::digest(seed).into();
    let blocks = len.div_ceil(64) as u32;
    let mut out: Vec<u8> = (0..blocks).flat_map(|counter| block(&key, counter)).collect();
    out.truncate(len);
    out
}

fn block(key: &[u8; 32], counter: u32) -> [u8; 64] {
    let mut start = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574, 0, 0, 0, 0, 0, 0, 0, 0, counter, 0, 0, 0];
    for (word, bytes) in start[4..12].iter_mut().zip(key.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    let mut state = start;
    for _ in 0..10 {
        for at in 0..4 {
            quarter(&mut state, [at, at + 4, at + 8, at + 12]);
        }
        for at in 0..4 {
            quarter(&mut state, [at, (at + 1) % 4 + 4, (at + 2) % 4 + 8, (at + 3) % 4 + 12]);
        }
    }
    let mut out = [0; 64];
    for (bytes, (word, first)) in out.as_chunks_mut::<4>().0.iter_mut().zip(state.iter().zip(start)) {
        *bytes = word.wrapping_add(first).to_le_bytes();
    }
    out
}

fn quarter(state: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    for (left, right) in [(16, 12), (8, 7)] {
        state[a] = state[a].wrapping_add(state[b]);
        state[d] = (state[d] ^ state[a]).rotate_left(left);
        state[c] = state[c].wrapping_add(state[d]);
        state[b] = (state[b] ^ state[c]).rotate_left(right);
    }
}
