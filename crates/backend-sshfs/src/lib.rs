//! Content on a server that speaks SFTP: a backend of `ipfs-kit`.
//!
//! A key is a path beneath a folder of the server. A file appears whole and under its name, or not at all. SSH is `russh`; SFTP version 3 on top of it
//! is written here, so that names stay bytes and many requests are on their way at once. See `README.md` for what it offers and where its limits are.
#![warn(missing_docs)]

mod backend;
mod client;
mod config;
mod error;

pub use backend::Sshfs;
pub use config::{Connection, Credentials, HostKeyCheck, Sync};

use backend_core::{Addressing, Descriptor, Grade, Role, StorageType, Traits};

backend_core::inventory::submit! {
    Descriptor {
        kind: StorageType::Sshfs,
        aliases: &["sftp"],
        summary: "a folder of a server that speaks SFTP",
        addressing: Addressing::Key,
        role: Role::Store,
        offers: backend::OFFERS,
        traits: Traits { latency: Grade::Medium, durability: Grade::Medium, cost: Grade::Low },
        schema: || schemars::schema_for!(config::Sections),
        example: include_str!("../example.yaml"),
        open: Sshfs::open,
    }
}
