//! Keeps content in this process's memory: the reference backend, the one that tests use, and what `cargo xtask new-backend` copies.
//!
//! It offers the full depth of the contract that a store can offer without a service behind it. Nothing is shared: every opened instance is a store
//! of its own, and it is gone when the last user drops it.
#![warn(missing_docs)]

mod backend;
mod client;
mod config;
mod error;

use std::sync::Arc;

use backend_core::{
    Addressing, Backend, Capabilities, Descriptor, Grade, Result, Role, Settings, StorageType, Traits, inventory,
};

pub use backend::Ftp;
pub use config::{Connection, Credentials, Naming};

inventory::submit! {
    Descriptor {
        kind: StorageType::Ftp,
        aliases: &[],
        summary: "Scaffolded as ftp: keeps content in this process's memory",
        addressing: Addressing::Key,
        role: Role::Store,
        offers: Capabilities { block: true, versions: true, ..config::OFFERS },
        traits: Traits { latency: Grade::Low, durability: Grade::Low, cost: Grade::Low },
        schema: config::schema,
        example: include_str!("../example.yaml"),
        open,
    }
}

/// Opens a new, empty store.
///
/// # Errors
/// `InvalidConfig` for an unknown or unusable setting.
pub fn open(settings: Settings) -> Result<Arc<dyn Backend>> {
    Ok(Arc::new(Ftp::open(settings)?))
}
