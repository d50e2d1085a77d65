//! Named backends, the catalog, and the one verified reader.
#![warn(missing_docs)]

pub mod catalog;
