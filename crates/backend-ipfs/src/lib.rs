//! Content on an IPFS node, by Kubo's RPC: a backend of `ipfs-kit`.
//!
//! What is added is one import of a CAR that was built here, pinned by the node. What is read is read block by block from the node's own store, never
//! from the network behind it. See `README.md` for what it offers and where its limits are.
#![warn(missing_docs)]

mod address;
mod backend;
mod car;
mod client;
mod config;
mod error;

use std::sync::Arc;

use backend_core::{Addressing, Backend, Descriptor, Grade, Result, Role, Settings, StorageType, Traits, inventory};

pub use backend::Ipfs;
pub use config::{Connection, Credentials};

inventory::submit! {
    Descriptor {
        kind: StorageType::Ipfs,
        aliases: &["kubo", "ipfs_local", "ipfs_kubo"],
        summary: "an IPFS node, by Kubo's RPC",
        addressing: Addressing::Cid,
        role: Role::Store,
        offers: config::OFFERS,
        traits: Traits { latency: Grade::Low, durability: Grade::Medium, cost: Grade::Low },
        schema: config::schema,
        example: include_str!("../example.yaml"),
        open,
    }
}

/// Opens a node: nothing is sent before the first verb.
///
/// # Errors
/// `InvalidConfig` for an unknown or unusable setting.
pub fn open(settings: Settings) -> Result<Arc<dyn Backend>> {
    Ok(Arc::new(Ipfs::open(settings)?))
}
