//! Content in a folder of this machine: a backend of `ipfs-kit`.
//!
//! A key is a path beneath the folder. A file appears whole, durable and under its name, or not at all; what is beneath the folder is never reached
//! through a symbolic link. See `README.md` for what it offers and where its limits are.
#![warn(missing_docs)]

mod backend;
mod client;
mod config;
mod error;

pub use backend::Local;
pub use config::{Connection, Credentials, Labels, Mode, Sync};

use backend_core::{Addressing, Descriptor, Grade, Role, StorageType, Traits};

backend_core::inventory::submit! {
    Descriptor {
        kind: StorageType::Local,
        aliases: &["filesystem", "local_fs", "local_storage"],
        summary: "a folder of this machine",
        addressing: Addressing::Key,
        role: Role::Store,
        offers: backend::OFFERS,
        traits: Traits { latency: Grade::Low, durability: Grade::Medium, cost: Grade::Low },
        schema: || schemars::schema_for!(config::Sections),
        example: include_str!("../example.yaml"),
        open: Local::open,
    }
}
