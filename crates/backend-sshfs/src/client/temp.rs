//! Copies on their way: their names, how to go on with one, and what becomes of those that nobody wants any longer.

use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use backend_core::{Content, Error, ErrorKind, Result, ResumeToken};
use backend_folders::Target;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::name::TEMPS;
use super::pool::Use;
use super::session::Session;
use super::wire::{Attrs, Field, Reply, What, flag, kind};
use super::{FILE_MODE, Store};
use crate::error::{Code, failed};

/// Digits of a name.
const DIGITS: usize = 32;
const END: &str = ".part";
/// A copy that nobody wrote to for so long is given up: its token begins the upload anew.
const LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The most copies that one sweep looks at.
const MAX_SWEPT: usize = 10_000;

/// The name of a copy on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Temp(String);

impl Temp {
    pub(crate) fn new() -> Result<Self> {
        let mut random = [0; DIGITS / 2];
        let filled = getrandom::fill(&mut random);
        filled.map_err(|_| Error::new(ErrorKind::Internal, "the system gives no random bytes"))?;
        Ok(Self(random.iter().map(|it| format!("{it:02x}")).chain([END.to_owned()]).collect()))
    }

    /// Only what [`Temp::new`] could have made.
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_suffix(END)?;
        let is_ours =
            digits.len() == DIGITS && digits.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it));
        is_ours.then(|| Self(text.to_owned()))
    }

    /// Its path beneath the store.
    pub(crate) fn path(&self) -> String {
        format!("{TEMPS}/{}", self.0)
    }
}

/// What a resume token says: of which content, under which name, and where its copy is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    key: String,
    cid: String,
    len: u64,
    temp: String,
}

impl Token {
    pub(crate) fn new(target: &Target, content: &Content, temp: &Temp) -> Self {
        let cid = ipld::address::text(content.cid());
        Self { key: target.as_str().to_owned(), cid, len: content.len(), temp: temp.0.clone() }
    }

    pub(crate) fn encode(&self) -> Result<ResumeToken> {
        let text = serde_json::to_vec(self)
            .map_err(|err| Error::new(ErrorKind::Internal, "a token cannot be written down").with_source(err))?;
        ResumeToken::new(text)
    }

    fn decode(token: &ResumeToken) -> Option<(Self, Temp)> {
        let token: Self = serde_json::from_slice(token.reveal()).ok()?;
        let temp = Temp::parse(&token.temp)?;
        Some((token, temp))
    }

    /// # Errors
    /// `InvalidInput` for a token of another content, or under another name.
    pub(crate) fn read(token: &ResumeToken, target: &Target, content: &Content) -> Result<Self> {
        let read = Self::decode(token).map(|(token, _)| token);
        let is_meant = |it: &Self| {
            it.key == target.as_str() && it.cid == ipld::address::text(content.cid()) && it.len == content.len()
        };
        let refused = || Error::new(ErrorKind::InvalidInput, "the resume token is not of this content under this name");
        read.filter(is_meant).ok_or_else(refused)
    }

    /// Where the copy is. The name was looked at when the token was read.
    pub(crate) fn temp(&self) -> Temp {
        Temp(self.temp.clone())
    }
}

/// Opens a copy.
pub(crate) async fn open(session: &mut Session, path: &[u8], flags: u32) -> Result<Result<Bytes, Code>> {
    let mode = (flags & flag::CREATE != 0).then_some(FILE_MODE);
    session.open(kind::OPEN, &[Field::Text(path), Field::Number(flags), Field::Mode(mode)]).await
}

impl Store {
    /// Removes the copy of an upload that was given up.
    pub(crate) async fn discard(&self, token: &ResumeToken) -> Result<()> {
        let Some((_, temp)) = Token::decode(token) else { return Ok(()) };
        let mut lease = self.pool.lend(Use::Short).await?;
        match lease.status(kind::REMOVE, &[Field::Text(&self.root.path(&temp.path()))]).await? {
            Code::OK | Code::NO_SUCH_FILE => Ok(()),
            code => Err(failed("remove the copy", code)),
        }
    }

    /// The first add removes what was left behind long ago.
    pub(crate) async fn sweep_once(&self, session: &mut Session) -> Result<()> {
        if self.is_swept.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let swept = self.sweep(session).await;
        if swept.is_err() {
            self.is_swept.store(false, Ordering::Relaxed);
        }
        swept
    }

    async fn sweep(&self, session: &mut Session) -> Result<()> {
        let folder = self.root.path(TEMPS);
        let Ok(handle) = session.open(kind::OPENDIR, &[Field::Text(&folder)]).await? else { return Ok(()) };
        let now = self.pool.plan.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut old = Vec::new();
        let mut n_seen = 0;
        while n_seen < MAX_SWEPT {
            let Reply::Names(names) = session.call(kind::READDIR, &[Field::Text(&handle)]).await? else { break };
            n_seen += names.len().max(1);
            let is_old = |it: &Attrs| {
                it.modified.is_some_and(|at| Duration::from_secs(at.into()) + LIFE < now) && it.what() == What::File
            };
            let names = names.into_iter().filter(|(_, attrs)| is_old(attrs));
            old.extend(names.filter_map(|(name, _)| Temp::parse(std::str::from_utf8(&name).ok()?)));
        }
        session.close(&handle).await?;
        for temp in old {
            // Whether it is gone or may not be removed: it is no matter of this add.
            session.status(kind::REMOVE, &[Field::Text(&self.root.path(&temp.path()))]).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_taken_from_a_token() {
        let temp = Temp::new().unwrap();
        assert_eq!(Temp::parse(&temp.0), Some(temp.clone()));
        let upper = temp.0.to_uppercase();
        for text in ["", ".part", "../x.part", "a/b.part", &upper, &temp.0[1..], &format!("{}x", temp.0)] {
            assert_eq!(Temp::parse(text), None, "{text}");
        }
    }
}
