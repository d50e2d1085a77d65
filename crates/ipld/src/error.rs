//! What can be wrong with bytes that claim to be content-addressed data.

use cid::Cid;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why bytes were refused. Every variant is an answer to hostile or broken input; none is a bug of the caller unless it says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text or bytes are not a CID, or not one that can be verified (unknown or insecure hash).
    #[error("invalid cid: {0}")]
    InvalidCid(String),
    /// The bytes of a block do not hash to its name.
    #[error("block {cid} does not hash to its name")]
    Mismatch {
        /// The name the bytes were given under.
        cid: Box<Cid>,
    },
    /// The bytes break the rules of their format.
    #[error("malformed {format}: {detail}")]
    Malformed {
        /// `dag-pb`, `unixfs`, `hamt`, `directory`, `path`, `car`, `varint`, `piece`.
        format: &'static str,
        /// What rule was broken.
        detail: String,
    },
    /// A bound of this crate was reached: depth, count or size.
    #[error("{what} is over the limit of {limit}")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// The most that is accepted.
        limit: u64,
    },
    /// The input ended in the middle.
    #[error("truncated {0}")]
    Truncated(&'static str),
    /// A block that is needed was not delivered.
    #[error("block {cid} is missing")]
    Missing {
        /// The block.
        cid: Box<Cid>,
    },
    /// A block arrived that nothing asked for.
    #[error("block {cid} was not asked for")]
    Unexpected {
        /// The block.
        cid: Box<Cid>,
    },
    /// A path segment names nothing in its directory.
    #[error("no entry {name:?} in directory {directory}")]
    NoEntry {
        /// The directory.
        directory: Box<Cid>,
        /// The segment, lossily decoded for display.
        name: String,
    },
    /// The operation does not fit the node, e.g. reading a directory as a file.
    #[error("{cid} is a {is}, not a {wanted}")]
    WrongKind {
        /// The node.
        cid: Box<Cid>,
        /// What it is.
        is: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// A range that the content does not have.
    #[error("range {start}..{end} is outside of {size} bytes")]
    Range {
        /// First byte asked for.
        start: u64,
        /// First byte no longer asked for.
        end: u64,
        /// Bytes there are.
        size: u64,
    },
}

impl Error {
    /// A broken rule of a format.
    pub(crate) fn malformed(format: &'static str, detail: impl Into<String>) -> Error {
        Error::Malformed { format, detail: detail.into() }
    }

    /// A node that is not what was asked for.
    pub(crate) fn wrong_kind(cid: &Cid, is: &'static str, wanted: &'static str) -> Error {
        Error::WrongKind { cid: Box::new(*cid), is, wanted }
    }
}
