//! What Kubo answers, as far as it is used. Go leaves out what is empty, and writes `null` for an empty list.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A CID as dag-json writes a link.
#[derive(Debug, Deserialize)]
pub(super) struct Link {
    #[serde(rename = "/")]
    pub(super) cid: String,
}

/// `id`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Identity {
    #[serde(rename = "ID")]
    pub(super) id: String,
    #[serde(default)]
    pub(super) agent_version: String,
}

/// `repo/stat`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RepoStat {
    pub(super) repo_size: u64,
    pub(super) storage_max: u64,
}

/// `files/stat`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FileStat {
    #[serde(default)]
    pub(super) hash: String,
    pub(super) size: u64,
    pub(super) r#type: String,
}

/// `files/ls`, with `long`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FileList {
    #[serde(default)]
    pub(super) entries: Option<Vec<FileEntry>>,
}

/// One entry of a folder of the node's own files.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FileEntry {
    pub(super) name: String,
    #[serde(default)]
    pub(super) hash: String,
}

/// `pin/ls` of one CID.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PinKeys {
    #[serde(default)]
    pub(super) keys: Option<BTreeMap<String, PinKey>>,
}

/// One pin of `pin/ls`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PinKey {
    #[serde(default)]
    pub(super) name: String,
}

/// Any line of a command that answers in lines; what is set tells which it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Line {
    pub(super) cid: Option<String>,
    pub(super) name: Option<String>,
    /// `error` in a line that tells a failure (go-ipfs-cmds); a pin's type in one of `pin/ls`.
    pub(super) r#type: Option<String>,
    pub(super) message: Option<String>,
    pub(super) pins: Option<Vec<String>>,
    pub(super) progress: Option<u64>,
    pub(super) bytes: Option<u64>,
    pub(super) total_size: Option<u64>,
    pub(super) root: Option<Root>,
    pub(super) stats: Option<Stats>,
}

/// A root of `dag/import`, and why it could not be pinned.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Root {
    pub(super) cid: Link,
    #[serde(default)]
    pub(super) pin_error_msg: String,
}

/// What `dag/import` took.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Stats {
    pub(super) block_count: u64,
    pub(super) block_bytes_count: u64,
}
