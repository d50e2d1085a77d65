//! murmur3-x64-128, the first half: what places a name in a sharded directory. Not a cryptographic hash.
//!
//! Source: the reference implementation (public domain), seed 0.

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// The first 64 bits of murmur3-x64-128 of `data`.
pub(crate) fn murmur3(data: &[u8]) -> u64 {
    let (mut h1, mut h2) = (0_u64, 0_u64);
    let (blocks, tail) = data.as_chunks::<16>();
    for block in blocks {
        let (k1, k2) = halves(block);
        h1 = (h1 ^ mix1(k1)).rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 = (h2 ^ mix2(k2)).rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    // Bytes that are not there count as zero, and zero mixes to zero.
    let mut last = [0; 16];
    last[..tail.len()].copy_from_slice(tail);
    let (k1, k2) = halves(&last);
    h1 ^= mix1(k1) ^ data.len() as u64;
    h2 ^= mix2(k2) ^ data.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    finish(h1).wrapping_add(finish(h2))
}

fn halves(block: &[u8; 16]) -> (u64, u64) {
    let both = u128::from_le_bytes(*block);
    (both as u64, (both >> 64) as u64)
}

fn mix1(k1: u64) -> u64 {
    k1.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix2(k2: u64) -> u64 {
    k2.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn finish(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// The slots of a name, from the root shard down: `log2(fanout)` bits each, from the highest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    hash: u64,
    used: u32,
}

impl Slots {
    pub(crate) fn of(name: &[u8]) -> Slots {
        Slots { hash: murmur3(name), used: 0 }
    }

    /// The slot in the next shard down; `None` when the hash is used up.
    pub(crate) fn next(&mut self, fanout: u32) -> Option<u32> {
        let bits = fanout.ilog2();
        if self.used + bits > 64 {
            return None;
        }
        let slot = slot_at(self.hash, self.used, bits);
        self.used += bits;
        Some(slot)
    }
}

/// `bits` bits of a hash after the first `used`.
pub(crate) fn slot_at(hash: u64, used: u32, bits: u32) -> u32 {
    ((hash << used) >> (64 - bits)) as u32
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Names whose whole hashes are equal: the second block of each is solved so that it undoes the difference of the first.
    pub(crate) fn colliding() -> impl Iterator<Item = Vec<u8>> {
        let inverse =
            |odd: u64| (0..6).fold(odd, |guess, _| guess.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(guess))));
        let (fifth, un1, un2) = (inverse(5), inverse(C1), inverse(C2));
        let names = (0_u64..).map(move |index| {
            let first: [u8; 16] = *format!("{index:016}").as_bytes().as_array().unwrap();
            let (k1, k2) = halves(&first);
            let h1 = mix1(k1).rotate_left(27).wrapping_mul(5).wrapping_add(0x52dc_e729);
            let h2 = mix2(k2).rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
            let mixed1 = h1 ^ 1_u64.wrapping_sub(0x52dc_e729).wrapping_mul(fifth).wrapping_sub(h2).rotate_right(27);
            let mixed2 = h2 ^ 2_u64.wrapping_sub(0x3849_5ab5).wrapping_mul(fifth).wrapping_sub(1).rotate_right(31);
            let k1 = mixed1.wrapping_mul(un2).rotate_right(31).wrapping_mul(un1);
            let k2 = mixed2.wrapping_mul(un1).rotate_right(33).wrapping_mul(un2);
            [first.as_slice(), &k1.to_le_bytes(), &k2.to_le_bytes()].concat()
        });
        names.filter(|name| !name.contains(&b'/') && !name.contains(&0))
    }

    #[test]
    fn collisions_collide() {
        let hashes: Vec<_> = colliding().take(20).map(|name| murmur3(&name)).collect();
        assert!(hashes.iter().all(|hash| *hash == hashes[0]));
    }

    #[test]
    fn published_vectors() {
        // Low 64 bits of murmur3-x64-128 with seed 0, by the reference C++ (also in twmb/murmur3 and spaolacci/murmur3).
        let cases: [(&str, u64); 5] = [
            ("", 0),
            ("hello", 0xcbd8_a7b3_41bd_9b02),
            ("hello, world", 0x342f_ac62_3a5e_bc8e),
            ("19 Jan 2038 at 3:14:07 AM", 0xb89e_5988_b737_affc),
            ("The quick brown fox jumps over the lazy dog.", 0xcd99_481f_9ee9_02c9),
        ];
        for (text, hash) in cases {
            assert_eq!(murmur3(text.as_bytes()), hash, "{text:?}");
        }
    }

    #[test]
    fn slots_come_from_the_highest_bits_and_end() {
        let slots = |fanout: u32| {
            let mut slots = Slots { hash: 0x0123_4567_89ab_cdef, used: 0 };
            std::iter::from_fn(move || slots.next(fanout)).collect::<Vec<_>>()
        };
        assert_eq!(slots(256), [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]);
        assert_eq!(slots(16).len(), 16);
        assert_eq!(slots(1024).len(), 6);
        assert_eq!(slots(8)[..3], [0, 0, 2]);
    }
}
