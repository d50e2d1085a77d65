//! Where an upload has come to: its name at the service, and what it is of. The service knows the rest.

use backend_core::{Content, Result, ResumeToken};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

/// The shape of this version of the leaf.
const SHAPE: u8 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    shape: u8,
    is_azure: bool,
    name: String,
    cid: String,
    len: u64,
    /// Bytes of a part.
    pub(super) part: u64,
    /// What the service, or on Azure we, call the upload.
    pub(super) upload: String,
}

impl Token {
    pub(super) fn new(content: &Content, path: &Path, is_azure: bool, part: u64, upload: String) -> Self {
        let (name, cid) = (path.as_ref().to_owned(), content.cid().to_string());
        Self { shape: SHAPE, is_azure, name, cid, len: content.len(), part, upload }
    }

    /// A token of this leaf; anything else is of an upload that nobody knows.
    pub(super) fn read(token: &ResumeToken) -> Option<Self> {
        serde_json::from_slice(token.reveal()).ok().filter(|it: &Self| it.shape == SHAPE && 0 < it.part)
    }

    pub(super) fn write(&self) -> Result<ResumeToken> {
        ResumeToken::new(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Whether it is of this content under this name.
    pub(super) fn is_of(&self, content: &Content, path: &Path, is_azure: bool) -> bool {
        *self
            == Self {
                part: self.part,
                upload: self.upload.clone(),
                ..Self::new(content, path, is_azure, 0, String::new())
            }
    }

    /// The name that the upload is under, on a service of this dialect.
    pub(super) fn path(&self, is_azure: bool) -> Option<Path> {
        Path::parse(&self.name).ok().filter(|_| self.is_azure == is_azure)
    }
}
