//! Import profiles: the choices that decide which CID a file gets.
//!
//! Source: IPIP-499 (ipfs/specs) and Kubo 0.43's `config/profile.go`; every profile's vectors are in the tests. All of them hash with
//! sha2-256, lay files out balanced, and store neither mode nor time.

use cid::Version;

/// How content is cut, linked and named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// A stable number for it, as stored in catalogs. Never reused.
    pub id: u16,
    /// Version of the CIDs of nodes. Raw leaves are version 1 always.
    pub cid_version: Version,
    /// Whether chunks are raw blocks, or wrapped in dag-pb.
    pub raw_leaves: bool,
    /// Bytes per chunk; at least 1.
    pub chunk: u32,
    /// Links per file node; at least 2. Nodes stay under the 2 MiB of a block up to about 20,000.
    pub width: u32,
    /// When a directory is sharded.
    pub directory: DirectoryRule,
}

/// When a directory becomes a HAMT, and of which width.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DirectoryRule {
    /// Slots of a shard: a power of two, 8 to 1024.
    pub fanout: u32,
    /// The directory is sharded when the estimate is above this.
    pub threshold: u64,
    /// What is estimated.
    pub estimate: Estimate,
}

/// What is held against the threshold of a [`DirectoryRule`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Estimate {
    /// Bytes of names and CIDs, as Kubo did before 0.40.
    LinksBytes,
    /// Bytes of the block that the directory would be.
    BlockBytes,
    /// The number of entries.
    Entries,
}

const fn sharded_above(threshold: u64, estimate: Estimate) -> DirectoryRule {
    DirectoryRule { fanout: 256, threshold, estimate }
}

/// `unixfs-v1-2025`: what everything should use.
pub const UNIXFS_V1_2025: Profile = Profile {
    name: "unixfs-v1-2025",
    id: 1,
    cid_version: Version::V1,
    raw_leaves: true,
    chunk: 1 << 20,
    width: 1024,
    directory: sharded_above(256 << 10, Estimate::BlockBytes),
};

/// `unixfs-v0-2015`: what `ipfs add` does unless told otherwise (also `legacy-cid-v0`).
pub const UNIXFS_V0_2015: Profile = Profile {
    name: "unixfs-v0-2015",
    id: 2,
    cid_version: Version::V0,
    raw_leaves: false,
    chunk: 256 << 10,
    width: 174,
    directory: sharded_above(256 << 10, Estimate::LinksBytes),
};

/// `ipfs add --cid-version=1`.
pub const KUBO_CID_V1: Profile =
    Profile { name: "kubo-cid-v1", id: 3, cid_version: Version::V1, raw_leaves: true, ..UNIXFS_V0_2015 };

/// The Storacha client and `ipfs-car`, which also drop empty directories.
pub const STORACHA: Profile =
    Profile { name: "storacha", id: 4, directory: sharded_above(1000, Estimate::Entries), ..UNIXFS_V1_2025 };

const ALL: [Profile; 4] = [UNIXFS_V1_2025, UNIXFS_V0_2015, KUBO_CID_V1, STORACHA];

/// The profile of this name, or of this alias of Kubo's.
pub fn by_name(name: &str) -> Option<Profile> {
    let name = if name == "legacy-cid-v0" { UNIXFS_V0_2015.name } else { name };
    ALL.into_iter().find(|profile| profile.name == name)
}

/// The profile with this stored number.
pub fn by_id(id: u16) -> Option<Profile> {
    ALL.into_iter().find(|profile| profile.id == id)
}
