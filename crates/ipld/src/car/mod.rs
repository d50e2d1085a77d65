//! Archives of blocks: writing CARv1, reading CARv1 and CARv2, and proving that a stream of blocks is exactly what was asked for.
//!
//! A writer needs no object: [`header`], then for each block its [`section`] head and its bytes; [`section_len`] tells the lengths in
//! advance. A reader feeds a [`Decoder`]. What it hands out are blocks that hash to their names; whether they are the *wanted* blocks,
//! all of them and no others, says a [`Verifier`].

mod cbor;
mod decoder;
mod header;
mod index;
mod input;
mod links;
mod section;
pub mod verify;

pub use decoder::{Decoder, Hashes, Item, Options, ZeroSection};
pub use header::{V2, header};
pub use index::Index;
pub use links::links;
pub use section::{section, section_head, section_len};
pub use verify::{Scope, Verifier};
