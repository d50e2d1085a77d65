//! A Kubo for tests: its RPC and its gateway on one store of blocks, in this process, with faults to order.
//!
//! It does what Kubo 0.43.1 was seen to do by the leaves that talk to it, in Kubo's words; recorded exchanges are held against it in
//! `tests/kubo.rs`. It is always offline.

mod answer;
mod blocks;
mod files;
mod gateway;
mod import;
mod pins;
mod reads;
mod rpc;
mod wire;

pub use blocks::Blocks;
pub use gateway::{Gateway, GatewayLie};
pub use rpc::{Kubo, Lie};
