//! A position in a begun upload, as text: whose it is, of what, and how it was cut.

use backend_core::{Content, Result, ResumeToken};
use ipld::address;

use super::Client;
use crate::error::{lie, refused};

const HEAD: &str = "ipfs-kit s3 1";
/// The longest upload id that is believed; with the longest key it still fits a token.
const MAX_UPLOAD: usize = 1800;

/// What a [`ResumeToken`] of this leaf says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Empty as long as nothing is begun: content that goes in one request.
    pub(crate) upload: String,
    /// Host, bucket and full key.
    place: String,
    pub(crate) key: String,
    cid: String,
    len: u64,
    /// Bytes of every part but the last.
    pub(crate) part: u64,
}

impl Token {
    /// # Errors
    /// `Integrity` when the service's upload id is no usable one.
    pub(super) fn new(client: &Client, key: &str, content: &Content, upload: &str, part: u64) -> Result<Self> {
        if MAX_UPLOAD < upload.len() || upload.chars().any(char::is_control) {
            return Err(lie("an upload id of that length or with control characters"));
        }
        Ok(Self {
            upload: upload.to_owned(),
            place: client.place(),
            key: key.to_owned(),
            cid: address::text(content.cid()),
            len: content.len(),
            part,
        })
    }

    /// # Errors
    /// `Internal` when it is too large, which [`MAX_UPLOAD`] excludes.
    pub(super) fn seal(&self) -> Result<ResumeToken> {
        let Self { upload, place, key, cid, len, part } = self;
        ResumeToken::new(format!("{HEAD}\n{upload}\n{place}\n{key}\n{cid}\n{len}\n{part}"))
    }

    /// What the token says, if it is one of this leaf.
    pub(super) fn read(token: &ResumeToken) -> Option<Self> {
        let text = std::str::from_utf8(token.reveal()).ok()?;
        let fields: Vec<&str> = text.split('\n').collect();
        let [HEAD, upload, place, key, cid, len, part] = fields[..] else { return None };
        let (len, part) = (len.parse().ok()?, part.parse().ok().filter(|part| 0 < *part)?);
        let [upload, place, key, cid] = [upload, place, key, cid].map(str::to_owned);
        Some(Self { upload, place, key, cid, len, part })
    }

    /// Bytes of the content.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Whether it is of an upload to this very bucket.
    pub(super) fn is_here(&self, client: &Client) -> bool {
        self.place == client.place()
    }

    /// # Errors
    /// `InvalidInput` when it is of another content, or of another name.
    pub(super) fn fits(&self, key: &str, content: &Content) -> Result<()> {
        match self.key == key && self.cid == address::text(content.cid()) && self.len == content.len() {
            true => Ok(()),
            false => Err(refused("the resume token is of another upload")),
        }
    }
}

impl Client {
    /// Host and bucket: where an upload id means something.
    fn place(&self) -> String {
        let host = self.rules.endpoint.as_ref().map_or("aws", |url| url.authority());
        format!("{host} {}", self.rules.bucket)
    }
}
