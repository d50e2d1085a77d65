//! Content in Google Cloud Storage, in Azure Blob Storage, and on WebDAV servers: a family of three backends of `ipfs-kit`.
//!
//! Signing, tokens and the plain requests are those of `object_store`; what its interface cannot say (a conditional removal, the parts of an upload that
//! another process began, a streamed body, WebDAV's writing side) is said here, over the same connections. See `README.md`.
#![warn(missing_docs)]

mod backend;
mod client;
mod config;
mod error;

pub use backend::Objects;
pub use config::{Azure, AzureCredentials, Gcs, GcsCredentials, Webdav, WebdavCredentials};

use backend_core::{Addressing, Descriptor, Grade, Role, StorageType, Traits, inventory};

inventory::submit! {
    Descriptor {
        kind: StorageType::Gcs,
        aliases: &["google_cloud_storage", "gs"],
        summary: "a bucket of Google Cloud Storage",
        addressing: Addressing::Key,
        role: Role::Store,
        offers: backend::BUCKET,
        traits: Traits { latency: Grade::Medium, durability: Grade::High, cost: Grade::Medium },
        schema: || schemars::schema_for!(config::GcsSections),
        example: include_str!("../example.yaml"),
        open: Objects::gcs,
    }
}

inventory::submit! {
    Descriptor {
        kind: StorageType::Azure,
        aliases: &["azure_blob", "azblob"],
        summary: "a container of Azure Blob Storage",
        addressing: Addressing::Key,
        role: Role::Store,
        offers: backend::BUCKET,
        traits: Traits { latency: Grade::Medium, durability: Grade::High, cost: Grade::Medium },
        schema: || schemars::schema_for!(config::AzureSections),
        example: include_str!("../example-azure.yaml"),
        open: Objects::azure,
    }
}

inventory::submit! {
    Descriptor {
        kind: StorageType::Webdav,
        aliases: &["dav", "nextcloud", "owncloud"],
        summary: "a folder of a WebDAV server",
        addressing: Addressing::Key,
        role: Role::Store,
        offers: backend::FOLDER,
        traits: Traits { latency: Grade::Medium, durability: Grade::Medium, cost: Grade::Low },
        schema: || schemars::schema_for!(config::WebdavSections),
        example: include_str!("../example-webdav.yaml"),
        open: Objects::webdav,
    }
}
