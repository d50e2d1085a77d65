//! One stored content, and what is known of it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use backend_core::{Content, Digest, DigestKind, Evidence, Result, Shape, Write};
use cid::Cid;
use ipld::import::LeafHasher;
use ipld::{Block, address, profile};

use super::parts::Parts;
use crate::error::Fault;

/// What is stored once, and never changed but for its labels.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) cid: Cid,
    pub(crate) shape: Shape,
    pub(crate) parts: Parts,
    pub(crate) revision: u64,
    pub(crate) modified: SystemTime,
    pub(super) evidence: Evidence,
    pub(super) digests: Vec<Digest>,
    pub(super) content_type: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) until: Option<SystemTime>,
    pub(super) blocks: Vec<Cid>,
}

impl Object {
    /// `content` as it arrived.
    pub(crate) fn new(content: &Content, parts: Parts, evidence: Evidence, modified: SystemTime) -> Self {
        Self {
            cid: address::to_v1(content.cid()),
            shape: content.shape(),
            parts,
            revision: 0,
            modified,
            evidence,
            digests: Vec::new(),
            content_type: None,
            labels: BTreeMap::new(),
            until: None,
            blocks: Vec::new(),
        }
    }

    /// With everything that the caller wants kept beside the bytes.
    pub(crate) fn with(
        mut self,
        digests: Vec<Digest>,
        content_type: Option<String>,
        write: &Write,
        blocks: &[Block],
    ) -> Self {
        self.digests = digests;
        self.content_type = content_type;
        self.labels = write.labels.clone();
        self.until = write.until;
        self.blocks = blocks.iter().map(|block| block.cid).collect();
        self
    }

    /// Takes over what a later `add` of the same bytes says beside them.
    pub(super) fn merge(&mut self, later: Self) {
        self.labels.extend(later.labels);
        self.content_type = later.content_type.or(self.content_type.take());
        self.until = later.until.max(self.until);
        self.evidence = later.evidence.max(self.evidence);
    }

    /// Its etag, and its version.
    pub(crate) fn tag(&self) -> String {
        format!("r{}", self.revision)
    }
}

/// The digests that were given and that this store can compute itself, compared.
pub(crate) fn compared(content: &Content, parts: &Parts) -> Result<Vec<Digest>> {
    let Some(wanted) = content.digest(DigestKind::Sha256) else { return Ok(Vec::new()) };
    let mut hasher = LeafHasher::new(&profile::UNIXFS_V1_2025, parts.len());
    parts.slices(0..parts.len()).for_each(|slice| hasher.update(&slice));
    let found = hasher.finish().map_err(Fault::from)?.cid;
    match found.hash().digest() == wanted {
        true => Ok(vec![Digest { kind: DigestKind::Sha256, value: wanted.clone() }]),
        false => Err(Fault::Mismatch(None).into()),
    }
}
