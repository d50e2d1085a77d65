//! Names content before anything is sent: hashes on all cores, and keeps the inner nodes that make later reads verifiable.

mod digests;
mod file;
mod fingerprint;
mod leaves;
mod nodes;
mod source;
mod spool;
mod tree;

pub(crate) use digests::{Hasher, is_computed, of_bytes, told_by, with_digests};
pub(crate) use file::{Job, Named, name_file, threads};
pub(crate) use fingerprint::{Fingerprint, changed};
pub(crate) use leaves::{Files, Leaves, one_after_another};
pub(crate) use nodes::NodeSpool;
pub(crate) use source::{BLOCK_MAX, FileSource, chunks, trim};
pub(crate) use spool::{path_of, spool};
pub(crate) use tree::{Found, How, Tree, Visitor, open, walk};
