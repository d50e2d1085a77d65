//! The conversation with one node: its RPC, and its gateway if there is one.

mod answers;
mod files;
mod import;
mod pins;
mod read;
mod rpc;

pub(crate) use files::Links;
pub(crate) use pins::{Counted, Pinned, Pinning};
pub(crate) use rpc::Node;
