//! For leaves that keep content as files in folders: from keys to paths, and what of a tree a listing visits. It reaches nothing: no file, no network.
#![warn(missing_docs)]

mod path;
mod wanted;

pub use path::{MAX_SEGMENT, Own, Target, parent};
pub use wanted::{LOST, MAX_STEPS, PAGE, Wanted};
