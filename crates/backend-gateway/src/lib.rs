//! Reads content from trustless IPFS gateways that the user names, and hashes every block before a byte of it is handed over.
//!
//! A gateway is a source and no store: what it serves may come from anywhere, so it never counts as a copy. Nothing is written, listed or removed.
#![warn(missing_docs)]

mod backend;
mod client;
mod config;
mod error;

use std::sync::Arc;

use backend_core::{Addressing, Backend, Descriptor, Grade, Result, Role, Settings, StorageType, Traits, inventory};

pub use backend::Gateway;
pub use config::{Connection, Credentials, Fetching};

inventory::submit! {
    Descriptor {
        kind: StorageType::Gateway,
        aliases: &["ipfs_gateway", "trustless_gateway"],
        summary: "Trustless IPFS gateways: every block is hashed, several endpoints back each other up",
        addressing: Addressing::Cid,
        role: Role::Source,
        offers: config::OFFERS,
        traits: Traits { latency: Grade::Medium, durability: Grade::Low, cost: Grade::Low },
        schema: config::schema,
        example: include_str!("../example.yaml"),
        open,
    }
}

/// Opens gateways; nothing is asked of them yet.
///
/// # Errors
/// `InvalidConfig` for an unknown or unusable setting.
pub fn open(settings: Settings) -> Result<Arc<dyn Backend>> {
    Ok(Arc::new(Gateway::open(settings)?))
}
