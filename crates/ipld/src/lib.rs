//! Content addressing: CIDs, dag-pb, UnixFS, CAR and piece commitments. Pure: bytes in, bytes out.
//!
//! Nothing here reads a file, opens a socket or waits. What needs blocks it does not have says so (`Need`), is fed, and goes on;
//! so the same walk serves a local disk, an S3 bucket and a gateway. Whatever is fed is hashed before it is believed, and every
//! walk is bounded: in depth, in nodes and in bytes.
//!
//! | room | what it is for |
//! |---|---|
//! | [`address`] | names: the text, the hashes, the paths |
//! | [`block`] | a name and its bytes |
//! | [`dagpb`], [`unixfs`] | what inner nodes say |
//! | [`profile`], [`import`] | plain bytes and names into a DAG |
//! | [`plan`], [`preorder`] | a DAG back into the chunks of a range, and into its outboard |
//! | [`resolve`], [`listing`] | paths and entries of directories |
//! | [`car`], [`piece`] | archives of blocks, and Filecoin's names for them |
#![warn(missing_docs)]

pub mod address;
mod asked;
pub mod block;
mod bounds;
mod canonical;
pub mod car;
pub mod dagpb;
pub mod error;
pub mod import;
pub mod listing;
mod murmur;
pub mod piece;
pub mod plan;
pub mod preorder;
pub mod profile;
mod protobuf;
pub mod resolve;
pub mod unixfs;
pub mod varint;

pub use block::Block;
pub use cid::Cid;
pub use error::{Error, Result};
