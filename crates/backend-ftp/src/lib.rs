//! Content on an FTP server, plain or by TLS: a backend of `ipfs-kit`.
//!
//! A key is a path beneath one folder. Content is sent under a temporary name and renamed, so it appears whole or not at all. The protocol's own words
//! are `suppaftp`'s; what is made of them is this crate's. See `README.md` for what it offers and where its limits are.
#![warn(missing_docs)]

mod backend;
mod client;
mod config;
mod error;

pub use backend::Ftp;
pub use config::{Connection, Credentials, Tls};

use backend_core::{Addressing, Descriptor, Grade, Role, StorageType, Traits};

backend_core::inventory::submit! {
    Descriptor {
        kind: StorageType::Ftp,
        aliases: &["ftps"],
        summary: "an FTP server, plain or by TLS",
        addressing: Addressing::Key,
        role: Role::Store,
        offers: backend::OFFERS,
        traits: Traits { latency: Grade::Medium, durability: Grade::Medium, cost: Grade::Low },
        schema: || schemars::schema_for!(config::Sections),
        example: include_str!("../example.yaml"),
        open: Ftp::open,
    }
}
