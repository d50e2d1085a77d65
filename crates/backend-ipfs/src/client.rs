//! The conversation with one node: its RPC, and its gateway if there is one.

mod answers;
mod files;
mod import;
mod pins;
mod read;
mod rpc;

pub(crate) use pins::Pinned;
pub(crate) use rpc::Node;
