//! Which service a backend talks to.

use std::fmt;

use serde::{Serialize, Serializer};

/// One variant for each service of this workspace, and one for plugins from outside of it.
///
/// Text from disk or from a user is resolved through the linked [`Descriptor`](crate::Descriptor)s, by [`find`](crate::find), so that a plugin from
/// outside is read back as well. [`StorageType::as_str`] holds the only `match` over this enum in the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StorageType {
    /// Memory of this process.
    Memory,
    /// A folder of this machine.
    Local,
    /// S3 and what speaks it.
    S3,
    /// IPFS, through Kubo's RPC.
    Ipfs,
    /// Any trustless gateway.
    Gateway,
    /// IPFS Cluster.
    IpfsCluster,
    /// Storacha.
    Storacha,
    /// Filecoin: PDP storage, and chain queries.
    Filecoin,
    /// A Filecoin pinning service, or any Pinning Service API.
    FilecoinPin,
    /// Lassie.
    Lassie,
    /// Saturn.
    Saturn,
    /// The Hugging Face Hub.
    HuggingFace,
    /// SFTP.
    Sshfs,
    /// FTP and FTPS.
    Ftp,
    /// Aria2.
    Aria2,
    /// A Matrix homeserver's media repository.
    Synapse,
    /// Google Drive.
    Gdrive,
    /// GitHub.
    Github,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
    /// WebDAV, and plain HTTP as far as it can.
    Webdav,
    /// A plugin from outside of this workspace, under its canonical name.
    Other(&'static str),
}

impl StorageType {
    /// Every service of this workspace, in the order of the tables.
    pub const ALL: [StorageType; 21] = [
        StorageType::Memory,
        StorageType::Local,
        StorageType::S3,
        StorageType::Ipfs,
        StorageType::Gateway,
        StorageType::IpfsCluster,
        StorageType::Storacha,
        StorageType::Filecoin,
        StorageType::FilecoinPin,
        StorageType::Lassie,
        StorageType::Saturn,
        StorageType::HuggingFace,
        StorageType::Sshfs,
        StorageType::Ftp,
        StorageType::Aria2,
        StorageType::Synapse,
        StorageType::Gdrive,
        StorageType::Github,
        StorageType::Gcs,
        StorageType::Azure,
        StorageType::Webdav,
    ];

    /// The canonical name: what `type:` says in a configuration file.
    pub const fn as_str(self) -> &'static str {
        match self {
            StorageType::Memory => "memory",
            StorageType::Local => "local",
            StorageType::S3 => "s3",
            StorageType::Ipfs => "ipfs",
            StorageType::Gateway => "gateway",
            StorageType::IpfsCluster => "ipfs_cluster",
            StorageType::Storacha => "storacha",
            StorageType::Filecoin => "filecoin",
            StorageType::FilecoinPin => "filecoin_pin",
            StorageType::Lassie => "lassie",
            StorageType::Saturn => "saturn",
            StorageType::HuggingFace => "huggingface",
            StorageType::Sshfs => "sshfs",
            StorageType::Ftp => "ftp",
            StorageType::Aria2 => "aria2",
            StorageType::Synapse => "synapse",
            StorageType::Gdrive => "gdrive",
            StorageType::Github => "github",
            StorageType::Gcs => "gcs",
            StorageType::Azure => "azure",
            StorageType::Webdav => "webdav",
            StorageType::Other(name) => name,
        }
    }
}

impl fmt::Display for StorageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for StorageType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_plain() {
        let names: std::collections::BTreeSet<_> = StorageType::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), StorageType::ALL.len());
        assert!(
            names
                .iter()
                .all(|name| name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_'))
        );
    }
}
