//! Any backend of keys, and a manager's names, as an [`object_store::ObjectStore`], for DataFusion, delta-rs and whatever else speaks it.
//!
//! * [`BackendStore`] is one [`Backend`](backend_core::Backend): paths are its keys, and what the backend does not offer is not offered here.
//! * `NamespaceStore` (feature `manager`) is a manager's namespace: paths are names, and every byte is verified before it is handed over.
//! * [`to_object_store`], [`from_object_store`] and [`cause`] translate failures both ways, by one table.
//!
//! Nothing here retries: that is the layers' matter, so give it a backend behind them, such as a manager's.
#![warn(missing_docs)]

mod attributes;
mod copy;
mod error;
mod list;
mod location;
#[cfg(feature = "manager")]
mod namespace;
mod naming;
mod parts;
mod payload;
mod read;
mod spool;
mod store;
mod upload;
mod write;

pub use error::{cause, from_object_store, to_object_store};
#[cfg(feature = "manager")]
pub use namespace::NamespaceStore;
pub use store::BackendStore;
