//! Removal, and what became of the bytes (`DeleteObject`, `DeleteObjects`).

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use backend_core::{Effect, Error, ErrorKind, Locator, Removal, RemoveOptions, Result};

use super::Client;
use super::hooks::Summed;
use super::list::{Ask, Line, Mark};
use super::object::{bare_etag, quoted};
use crate::error::{is_code, meaning};
use crate::failure::Act;

const DELETE: Act = Act::writes("remove the object");
const DELETE_MANY: Act = Act::writes("remove the objects");
/// S3 takes no more in one request.
const MOST: usize = 1000;

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
            let ours: Vec<&Line> = page.lines.iter().take_while(|line| line.key() == key).collect();
            next = page.next.filter(|_| ours.len() == page.lines.len());
            let versions: Vec<(&str, Option<&str>)> = ours.iter().filter_map(|line| version_of(line)).collect();
            match self.learnt.batch && 1 < versions.len() {
                true => self.delete_many(&versions).await?,
                false => {
                    for (key, version) in versions {
                        self.delete(key, version, None).await?;
                    }
                }
            }
            if ours.iter().any(|line| matches!(line, Line::Object { .. })) {
                removal = Removal::Erased;
            }
        }
        Ok(removal)
    }

    /// Several at once (`DeleteObjects`). What goes by one name only goes alone: a removal that waits for others could be carried out after its caller
    /// has left, and then hit what was stored since.
    ///
    /// # Errors
    /// What the service says of the first that it did not remove; others may be gone.
    pub(super) async fn delete_many(&self, versions: &[(&str, Option<&str>)]) -> Result<()> {
        for some in versions.chunks(MOST) {
            let objects: Vec<ObjectIdentifier> = some.iter().filter_map(identifier).collect();
            let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build();
            let delete = delete.map_err(|_| Error::new(ErrorKind::Internal, "nothing to remove"))?;
            let answer = self.tried(|sdk| {
                let request = sdk.delete_objects().bucket(&self.rules.bucket).delete(delete.clone()).customize();
                self.told(DELETE_MANY, request.interceptor(Summed).send())
            });
            if let Some(failed) = answer.await?.errors().first() {
                return Err(said(failed.code()));
            }
        }
        Ok(())
    }
}

/// What a removal of one of several has failed for.
fn said(code: Option<&str>) -> Error {
    let code = code.filter(|code| is_code(code));
    // Where there is no word, it is a failure of the service.
    let (kind, words) = meaning(code, 500);
    let message = format!("{}: {words} ({})", DELETE_MANY.what, code.unwrap_or("no reason given"));
    Error::new(kind, message).with_effect(Effect::Unknown)
}

fn version_of(line: &Line) -> Option<(&str, Option<&str>)> {
    match line {
        Line::Object { key, version, .. } | Line::Marker { key, version } => Some((key, version.as_deref())),
        Line::Prefix(_) => None,
    }
}

fn identifier((key, version): &(&str, Option<&str>)) -> Option<ObjectIdentifier> {
    ObjectIdentifier::builder().key(*key).set_version_id(version.map(str::to_owned)).build().ok()
}

fn changed() -> Error {
    Error::new(ErrorKind::Precondition, "what is stored is not what the condition names")
}
