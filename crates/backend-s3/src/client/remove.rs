//! Removal, and what became of the bytes (`DeleteObject`).

use backend_core::{Error, ErrorKind, Locator, Removal, RemoveOptions, Result};

use super::Client;
use super::list::{Ask, Line, Mark};
use super::object::{bare_etag, quoted};
use crate::failure::Act;

const DELETE: Act = Act::writes("remove the object");

impl Client {
    /// S3 answers a removal of nothing as it answers one of something: so there is a look first.
    pub(crate) async fn remove(&self, at: &Locator, key: &str, opts: &RemoveOptions) -> Result<Removal> {
        let found = match self.head(key, at.version.as_deref()).await {
            Ok(head) => Some(head.e_tag().map(bare_etag)),
            Err(err) if err.kind() == ErrorKind::NotFound => None,
            Err(err) => return Err(err),
        };
        match (&found, &opts.if_match) {
            (Some(etag), Some(wanted)) if etag.as_ref() != Some(wanted) => return Err(changed()),
            (None, _) if !opts.all_versions => return Ok(Removal::Absent),
            _ => {}
        }
        let mut removal = Removal::Absent;
        if found.is_some() && !(opts.all_versions && opts.if_match.is_none()) {
            removal = self.delete(key, at.version.as_deref(), opts.if_match.as_deref()).await?;
        }
        match opts.all_versions && at.version.is_none() {
            true => self.erase(key).await,
            false => Ok(removal),
        }
    }

    /// One version, or the newest.
    pub(super) async fn delete(&self, key: &str, version: Option<&str>, if_match: Option<&str>) -> Result<Removal> {
        let if_match = if_match.map(quoted).transpose()?;
        let answer = self.tried(|sdk| {
            let request = sdk.delete_object().bucket(&self.rules.bucket).key(key);
            let request = request.set_version_id(version.map(str::to_owned)).set_if_match(if_match.clone());
            self.told(DELETE, request.send())
        });
        match answer.await {
            Ok(answer) if version.is_none() && answer.delete_marker() == Some(true) => Ok(Removal::Hidden),
            Ok(_) => Ok(Removal::Erased),
            Err(failed) if failed.is(ErrorKind::Precondition) => Err(changed()),
            Err(failed) if failed.is(ErrorKind::NotFound) => Ok(Removal::Absent),
            Err(failed) => Err(failed.into()),
        }
    }

    /// Every version and marker under exactly this key. Longer keys follow it, so the first of them is the end.
    pub(super) async fn erase(&self, key: &str) -> Result<Removal> {
        let ask = Ask { prefix: key.to_owned(), shallow: false, versions: true, most: None };
        let (mut next, mut removal) = (Some(Mark::default()), Removal::Absent);
        while let Some(mark) = next {
            let page = self.page(&ask, &mark).await?;
            next = page.next;
            for line in page.lines {
                if line.key() != key {
                    return Ok(removal);
                }
                let (Line::Object { version, .. } | Line::Marker { version, .. }) = &line else { continue };
                self.delete(key, version.as_deref(), None).await?;
                if matches!(line, Line::Object { .. }) {
                    removal = Removal::Erased;
                }
            }
        }
        Ok(removal)
    }
}

fn changed() -> Error {
    Error::new(ErrorKind::Precondition, "what is stored is not what the condition names")
}
