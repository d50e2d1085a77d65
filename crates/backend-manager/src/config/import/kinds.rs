//! What ipfs_kit_py calls its backends, and which of ours that is, if any.

use backend_core::StorageType;

use super::fields::{self, Field};

/// A type of ipfs_kit_py.
pub(super) enum Kind {
    /// One of ours, with what its fields were called.
    Ours { canonical: StorageType, fields: &'static [Field] },
    /// Filecoin's Synapse SDK under the name that is a Matrix server here.
    SynapseSdk,
    /// None of ours.
    Never { why: &'static str },
}

const OURS: &[(&[&str], StorageType, &[Field])] = &[
    (&["local", "filesystem", "local_fs", "local_storage"], StorageType::Local, fields::LOCAL),
    (&["s3", "minio", "digitalocean", "digital_ocean"], StorageType::S3, fields::S3),
    (&["ipfs"], StorageType::Ipfs, fields::IPFS),
    (&["ipfs_cluster", "cluster"], StorageType::IpfsCluster, fields::IPFS_CLUSTER),
    (&["sshfs"], StorageType::Sshfs, fields::SSHFS),
    (&["ftp"], StorageType::Ftp, fields::FTP),
    (&["storacha"], StorageType::Storacha, fields::STORACHA),
    (&["filecoin", "lotus"], StorageType::Filecoin, fields::FILECOIN),
    (&["filecoin_pin"], StorageType::FilecoinPin, fields::FILECOIN_PIN),
    (&["lassie"], StorageType::Lassie, fields::LASSIE),
    (&["saturn"], StorageType::Saturn, fields::SATURN),
    (&["huggingface", "hugging_face"], StorageType::HuggingFace, fields::HUGGINGFACE),
    (&["github"], StorageType::Github, fields::GITHUB),
    (&["gdrive", "g_drive", "google_drive"], StorageType::Gdrive, fields::GDRIVE),
    (&["aria2"], StorageType::Aria2, fields::ARIA2),
];

const NEVER: &[(&str, &str)] = &[
    ("arrow", "it was a way to pass tables between processes, and kept nothing"),
    ("custom", "it named no service"),
    ("estuary", "the service is gone"),
    (
        "ipfs_cluster_follow",
        "a follower obeys its cluster and is told nothing; configure the cluster, or the node as ipfs",
    ),
    ("iroh", "there is no backend for it"),
    ("mock", "it pretended and kept nothing"),
    ("other", "it named no service"),
    ("parquet", "it held tables about backends, and no content"),
    ("storj", "it is reached by its S3 gateway: configure it as s3"),
];

/// Which type a text of ipfs_kit_py names. `has` says whether the backend has a field.
pub(super) fn of(text: &str, has: impl Fn(&str) -> bool) -> Option<Kind> {
    let plain = text.trim().to_ascii_lowercase().replace('-', "_");
    if plain == "synapse" {
        let is_matrix = has("homeserver") || has("homeserver_url") || has("access_token");
        let matrix = Kind::Ours { canonical: StorageType::Synapse, fields: &[] };
        return Some(if is_matrix { matrix } else { Kind::SynapseSdk });
    }
    if let Some((_, canonical, fields)) = OURS.iter().find(|(names, _, _)| names.contains(&plain.as_str())) {
        return Some(Kind::Ours { canonical: *canonical, fields });
    }
    NEVER.iter().find(|(name, _)| *name == plain).map(|(_, why)| Kind::Never { why })
}
