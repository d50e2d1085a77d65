//! S3 and what speaks it: AWS, MinIO, Ceph, R2, Spaces, Garage, SeaweedFS, Filebase.
//!
//! Keys are ours, bytes are the service's. Nothing is offered on the strength of a 200: what only a service can show (conditional writes, versions,
//! tags, compared digests) is learnt by [`Backend::probe`] and offered by the next opening. Retries, idle time-outs and rates are the layers' matter.
#![warn(missing_docs)]

mod backend;
mod client;
mod config;
mod error;
mod failure;
mod provider;
mod rules;

use std::sync::Arc;

use backend_core::{
    Addressing, Backend, Capabilities, Descriptor, Grade, Result, Role, Settings, StorageType, Traits, inventory,
};

pub use backend::S3;
pub use config::{Connection, Credentials, Encryption, Labels};
pub use provider::{Checksum, Provider};

inventory::submit! {
    Descriptor {
        kind: StorageType::S3,
        aliases: &["minio", "digitalocean", "aws"],
        summary: "S3 and what speaks it: AWS, MinIO, Ceph, R2, Spaces, Garage, SeaweedFS, Filebase",
        addressing: Addressing::Key,
        role: Role::Store,
        offers: Capabilities { if_absent: true, if_match: true, versions: true, ..config::OFFERS },
        traits: Traits { latency: Grade::Medium, durability: Grade::High, cost: Grade::High },
        schema: config::schema,
        example: include_str!("../example.yaml"),
        open,
    }
}

/// Opens a bucket without asking anybody.
///
/// # Errors
/// `InvalidConfig` for an unknown or unusable setting.
pub fn open(settings: Settings) -> Result<Arc<dyn Backend>> {
    Ok(Arc::new(S3::open(settings)?))
}
