//! The conversations: one way to talk over the wire, and two kinds of stores.

pub(crate) mod bucket;
mod call;
pub(crate) mod folder;
mod source;
pub(crate) mod wire;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Content, Entry, Facts, Fetched, GetOptions, Key, ListOptions, Metadata, Removal, Result, ResumeToken,
};
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

/// What both kinds of stores answer. What is not offered has been refused before.
#[async_trait]
pub(crate) trait Service: std::fmt::Debug + Send + Sync + 'static {
    /// One cheap request that only somebody whom the store knows is answered; and what was reached.
    async fn look(&self) -> Result<String>;

    /// What the service knows of `key`, and a link if it is wanted.
    async fn stat(&self, key: &Key, link: bool) -> Result<Metadata>;

    /// The bytes.
    async fn get(&self, key: &Key, opts: &GetOptions) -> Result<Fetched>;

    /// Refuses, before a byte of the source is read, what the service does not keep to the letter.
    fn admit(&self, key: &Key, opts: &AddOptions) -> Result<()>;

    /// Stores content, whole or not at all.
    async fn add(&self, content: &Content, key: &Key, opts: &AddOptions) -> Result<Metadata>;

    /// Gives up an upload.
    async fn discard(&self, upload: &ResumeToken) -> Result<()>;

    /// Removes content.
    async fn remove(&self, key: &Key, if_match: Option<&str>) -> Result<Removal>;

    /// What is there.
    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>>;

    /// What only trying can show.
    async fn probe(&self) -> Result<Facts>;
}

/// What a probe has learnt of a bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Learnt {
    /// A write over something was refused, and nothing changed.
    pub(crate) if_absent: bool,
    /// A write, a read and a removal by a wrong etag were refused, and nothing changed.
    pub(crate) if_match: bool,
}
