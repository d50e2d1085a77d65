//! What a resume token says: which content, under which name, and where its beginning lies on the server.

use backend_core::{Content, Result, ResumeToken};
use serde::{Deserialize, Serialize};

use super::name::{TEMPS, new_temp};
use crate::error::{input, strange};

/// A begun upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Upload {
    /// The path that it is to have.
    path: String,
    cid: String,
    len: u64,
    /// Where its bytes lie. Nobody else writes there.
    pub(crate) temp: String,
    /// Where they may lie still: their sender did not come to rename them.
    pub(crate) from: Option<String>,
}

impl Upload {
    /// One that begins. With a token it takes over what that one's sender left, under a name of its own: two senders never write one file.
    ///
    /// # Errors
    /// `InvalidInput` for a token of other content, of another name, or that is none.
    pub(crate) fn begin(content: &Content, path: &str, token: Option<&ResumeToken>) -> Result<(Self, Vec<String>)> {
        let (cid, len) = (content.cid().to_string(), content.len());
        let mut fresh = Self { path: path.to_owned(), cid, len, temp: new_temp()?, from: None };
        let Some(token) = token else { return Ok((fresh, Vec::new())) };
        let known = Self::read(token).ok_or_else(|| input("the resume token is none of an FTP server's"))?;
        if (&known.path, &known.cid, known.len) != (&fresh.path, &fresh.cid, fresh.len) {
            return Err(input("the resume token is of another content or of another name"));
        }
        let places: Vec<String> = [Some(known.temp), known.from].into_iter().flatten().collect();
        fresh.from = places.first().cloned();
        Ok((fresh, places))
    }

    /// `None` for anything that this leaf has not written, names outside of our own folder among it.
    pub(crate) fn read(token: &ResumeToken) -> Option<Self> {
        let upload: Self = serde_json::from_slice(token.reveal()).ok()?;
        let all_ours = [Some(&upload.temp), upload.from.as_ref()].into_iter().flatten().all(|it| is_temp(it));
        all_ours.then_some(upload)
    }

    pub(crate) fn token(&self) -> Result<ResumeToken> {
        let bytes = serde_json::to_vec(self).map_err(|_| strange("a token cannot be written"))?;
        ResumeToken::new(bytes)
    }
}

fn is_temp(path: &str) -> bool {
    let name = path.strip_prefix(TEMPS).and_then(|rest| rest.strip_prefix('/'));
    name.is_some_and(|name| name.len() == 32 && name.bytes().all(|it| it.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use backend_core::ErrorKind;

    use super::*;

    fn content(byte: &'static str) -> Content {
        Content::bytes(ipld::Block::raw(byte).cid, byte)
    }

    #[test]
    fn a_token_is_of_one_content_under_one_name() {
        let (begun, places) = Upload::begin(&content("a"), "x/y", None).unwrap();
        assert!(places.is_empty());
        let token = begun.token().unwrap();
        let (next, places) = Upload::begin(&content("a"), "x/y", Some(&token)).unwrap();
        assert_eq!((places, next.from.as_ref()), (vec![begun.temp.clone()], Some(&begun.temp)));
        assert_ne!(next.temp, begun.temp);
        for (content, path) in [(content("b"), "x/y"), (content("a"), "x/z")] {
            let err = Upload::begin(&content, path, Some(&token)).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn a_forged_token_reaches_nothing_else() {
        let (begun, _) = Upload::begin(&content("a"), "x", None).unwrap();
        for temp in ["photos/a.jpg", ".ipfs-kit/tmp/../../a", ".ipfs-kit/tmp/a\r\nDELE b", ".ipfs-kit/store"] {
            let forged = Upload { temp: temp.to_owned(), ..begun.clone() };
            assert_eq!(Upload::read(&forged.token().unwrap()), None, "{temp}");
        }
        assert_eq!(Upload::read(&ResumeToken::new("no such upload").unwrap()), None);
    }
}
