//! Content as one CAR: its blocks in the order in which its source has their bytes, each once, and its root last.
//!
//! The root comes last so that what is broken off never has one: whoever finds the root on a node knows that all below it was sent. Kubo takes blocks in
//! any order.

mod measure;
mod source;
mod stream;
mod walk;

pub(crate) use stream::Upload;
pub(crate) use walk::{Wanted, other_version};
