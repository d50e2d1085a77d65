//! What a backend offers, and within which limits.

use std::time::Duration;

use serde::Serialize;

use crate::digest::DigestKind;
use crate::id::{Addressing, MAX_KEY};
use crate::storage_type::StorageType;

/// What a backend offers. What is `false` is answered with `Unsupported`; the conformance suite holds both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Capabilities {
    /// Bytes can be read back. A store without it never licenses the removal of another copy.
    pub get: bool,
    /// One can ask whether content is there.
    pub stat: bool,
    /// Bytes can be sent to it.
    pub add: bool,
    /// Of a copy that is wrong in parts only these are sent: [`Mend`](crate::Mend). Without it everything is sent again.
    pub mend: bool,
    /// A begun upload can be gone on with, also by another process.
    pub resume: bool,
    /// [`Condition::IfAbsent`](crate::Condition::IfAbsent).
    pub if_absent: bool,
    /// [`Condition::IfMatch`](crate::Condition::IfMatch), `GetOptions::if_match` and `RemoveOptions::if_match`.
    pub if_match: bool,
    /// Parts of content can be read.
    pub range: bool,
    /// [`Form::Block`](crate::Form::Block).
    pub block: bool,
    /// Content can be removed, released or hidden.
    pub remove: bool,
    /// Content can be listed.
    pub list: bool,
    /// The service can fetch and hold a CID by itself.
    pub pin: bool,
    /// The service counts what it holds.
    pub usage: bool,
    /// Older versions stay readable.
    pub versions: bool,
    /// `ListOptions::query`.
    pub search: bool,
    /// `Write::labels` are kept.
    pub labels: bool,
    /// `StatOptions::link`.
    pub link: bool,
}

impl Capabilities {
    /// Nothing at all: what a leaf offers is written as what it has and `..Capabilities::NONE`.
    pub const NONE: Self = Self {
        get: false,
        stat: false,
        add: false,
        mend: false,
        resume: false,
        if_absent: false,
        if_match: false,
        range: false,
        block: false,
        remove: false,
        list: false,
        pin: false,
        usage: false,
        versions: false,
        search: false,
        labels: false,
        link: false,
    };

    /// Every capability with its name, in the order of the tables.
    pub fn rows(&self) -> [(&'static str, bool); 17] {
        [
            ("get", self.get),
            ("stat", self.stat),
            ("add", self.add),
            ("mend", self.mend),
            ("resume", self.resume),
            ("if_absent", self.if_absent),
            ("if_match", self.if_match),
            ("range", self.range),
            ("block", self.block),
            ("remove", self.remove),
            ("list", self.list),
            ("pin", self.pin),
            ("usage", self.usage),
            ("versions", self.versions),
            ("search", self.search),
            ("labels", self.labels),
            ("link", self.link),
        ]
    }

    /// Whether everything offered here is offered by `other` too. `Info.offers` is always within `Descriptor.offers`.
    pub fn within(&self, other: &Capabilities) -> bool {
        self.rows().iter().zip(other.rows()).all(|((_, mine), (_, theirs))| !mine || theirs)
    }
}

/// What a service keeps bytes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// It keeps content: only such copies are replicas.
    Store,
    /// It serves content that others keep.
    Source,
    /// It only knows of content.
    Witness,
}

/// Where the bytes come from that a service sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Reads {
    /// From its own copy: reading it back is proof.
    Own,
    /// Perhaps from a network, so perhaps from the very copy that is about to be deleted: never proof.
    Network,
}

/// Who can read what is stored there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Exposure {
    /// Only who holds the credentials.
    Private,
    /// Whoever has the link.
    Link,
    /// Everybody.
    Public,
}

/// How long a negative answer means nothing, because the service may not have caught up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settle {
    /// Of `stat` and `get`.
    pub stat: Duration,
    /// Of `list`.
    pub list: Duration,
}

/// A kind of request that a service counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RateClass {
    /// Reads and stats.
    Read,
    /// Writes and removals.
    Write,
    /// Listings.
    List,
}

/// So many requests in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Of which kind.
    pub class: RateClass,
    /// How many.
    pub n: u32,
    /// Within how long.
    pub per: Duration,
}

/// What a service accepts. The planner routes by it before the first byte, not after the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The fewest bytes one content may have.
    pub min_size: u64,
    /// The most bytes one content may have.
    pub max_size: Option<u64>,
    /// The most bytes a key may have.
    pub max_key: usize,
    /// Reads at a time.
    pub reads: u32,
    /// Writes at a time.
    pub writes: u32,
    /// How many adds the service takes in one act; the scheduler offers up to so many at once.
    pub batch: Option<u32>,
    /// How many requests in how much time.
    pub rates: Vec<Rate>,
    /// How long a negative means nothing.
    pub settle: Settle,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            min_size: 0,
            max_size: None,
            max_key: MAX_KEY,
            reads: 32,
            writes: 16,
            batch: None,
            rates: Vec::new(),
            settle: Settle::default(),
        }
    }
}

/// What this stack is and offers: constant and free to ask.
#[derive(Debug, Clone)]
pub struct Info {
    /// Which service it is.
    pub kind: StorageType,
    /// What the user calls it.
    pub name: String,
    /// What the manager names content with.
    pub addressing: Addressing,
    /// Whether copies there are replicas.
    pub role: Role,
    /// Whether reading there is proof.
    pub reads: Reads,
    /// Who can read what is stored there.
    pub exposure: Exposure,
    /// What it offers, with this configuration.
    pub offers: Capabilities,
    /// What it accepts.
    pub limits: Limits,
    /// Whole-file digests that `add` must be given.
    pub needs: Vec<DigestKind>,
    /// Host and a hash of the credential: backends with the same gate share the service's rate limits. Absent: nobody shares.
    pub gate: Option<String>,
}

impl Info {
    /// A private store that reads its own copy, with default limits.
    pub fn new(kind: StorageType, name: impl Into<String>, addressing: Addressing, offers: Capabilities) -> Self {
        Self {
            kind,
            name: name.into(),
            addressing,
            role: Role::Store,
            reads: Reads::Own,
            exposure: Exposure::Private,
            offers,
            limits: Limits::default(),
            needs: Vec::new(),
            gate: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_are_all_the_fields() {
        let json = serde_json::to_value(Capabilities::default()).unwrap();
        let fields: Vec<String> = json.as_object().unwrap().keys().cloned().collect();
        let mut rows: Vec<String> = Capabilities::default().rows().iter().map(|(name, _)| (*name).to_owned()).collect();
        rows.sort();
        assert_eq!(fields, rows);
        assert_eq!(Capabilities::NONE, Capabilities::default());
    }

    #[test]
    fn within_compares_each_capability() {
        let less = Capabilities { get: true, ..Capabilities::default() };
        let more = Capabilities { get: true, add: true, ..Capabilities::default() };
        assert!(less.within(&more) && !more.within(&less) && more.within(&more));
    }
}
