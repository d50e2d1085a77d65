//! The HAMT of a large directory, made bottom-up from entries sorted by hash: at no time more than one shard per level is in memory.

use bytes::Bytes;
use cid::Cid;

use super::{arena::Arena, node};
use crate::{
    block::Block,
    dagpb::Link,
    error::{Error, Result},
    import::arena::Place,
    murmur::slot_at,
    profile::Profile,
    unixfs::{Slot, encode_shard},
};

/// The root shard and its Tsize. The fanout must be one that [`crate::unixfs::ShardNode`] reads.
pub(super) fn build(profile: &Profile, mut arena: Arena, sink: &mut dyn FnMut(Block)) -> Result<(Cid, u64)> {
    let fanout = profile.directory.fanout;
    if !fanout.is_power_of_two() || !(8..=1024).contains(&fanout) {
        return Err(Error::malformed("hamt", format!("fanout {fanout}")));
    }
    let mut places = std::mem::take(&mut arena.places);
    places.sort_unstable_by_key(|place| place.hash);
    let mut builder = Builder { profile, arena, fanout, sink };
    let root = builder.shard(&places, 0)?;
    Ok((root.cid, root.size))
}

struct Builder<'a> {
    profile: &'a Profile,
    arena: Arena,
    fanout: u32,
    sink: &'a mut dyn FnMut(Block),
}

impl Builder<'_> {
    /// The shard of entries whose hashes begin with the same `used` bits. At most 64 / 3 levels deep.
    fn shard(&mut self, places: &[Place], used: u32) -> Result<Link> {
        let bits = self.fanout.ilog2();
        if used + bits > 64 {
            let names: Vec<_> =
                places.iter().take(2).map(|place| String::from_utf8_lossy(self.arena.name(*place))).collect();
            return Err(Error::malformed("hamt", format!("names {names:?} have one hash")));
        }
        let slot_of = |place: &Place| slot_at(place.hash, used, bits);
        let mut slots = Vec::with_capacity(places.len().min(self.fanout as usize));
        for group in places.chunk_by(|left, right| slot_of(left) == slot_of(right)) {
            let link = match group {
                [only] => self.arena.link(*only)?,
                several => self.shard(several, used + bits)?,
            };
            slots.push(Slot { index: slot_of(&group[0]), link });
        }
        let block = node(self.profile, encode_shard(self.fanout, &slots));
        // The links' Tsizes may be somebody else's claims.
        let size = slots.iter().fold(block.data.len() as u64, |sum, slot| sum.saturating_add(slot.link.size));
        let link = Link { cid: block.cid, name: Bytes::new(), size };
        (self.sink)(block);
        Ok(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        import::{DirectoryBuilder, leaf},
        murmur::tests::colliding,
        profile::{DirectoryRule, UNIXFS_V1_2025},
    };

    fn check(threshold: u64, count: usize) -> Result<()> {
        let rule = DirectoryRule { threshold, ..UNIXFS_V1_2025.directory };
        let profile = Profile { directory: rule, ..UNIXFS_V1_2025 };
        let mut builder = DirectoryBuilder::new(profile);
        colliding().take(count).try_for_each(|name| builder.add(&name, leaf(&profile, b"x")))?;
        builder.finish(&mut |_| ()).map(|_| ())
    }

    #[test]
    fn names_of_one_hash_fit_no_hamt() {
        assert_eq!(check(0, 1), Ok(()));
        assert!(matches!(check(0, 2), Err(Error::Malformed { format: "hamt", .. })));
        assert_eq!(check(100_000, 17), Ok(()));
        assert!(matches!(check(100_000, 18), Err(Error::Limit { what: "names of one hash", .. })));
    }
}
