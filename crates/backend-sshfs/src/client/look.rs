//! What stands under a key. The whole way down is looked at in one flight, so that no link is followed and the store is known to be there.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use backend_core::{Error, ErrorKind, Evidence, Locator, Metadata, Result};
use backend_folders::Target;

use super::root::{self, Root};
use super::session::Session;
use super::wire::{Attrs, Field, Reply, What, kind};
use crate::error::{Code, failed};

const FILE_ABOVE: &str = "a file stands where the key has a folder";

/// What stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Content(Attrs),
    Folder,
    /// A link, a pipe, a device, a socket.
    Other,
    Absent,
    /// Absent, and nothing can be made there.
    Blocked(&'static str),
}

pub(crate) async fn look(session: &mut Session, root: &Root, target: &Target) -> Result<Seen> {
    look_at(session, root, target.as_str()).await
}

/// The same for a folder of keys.
pub(crate) async fn look_at(session: &mut Session, root: &Root, path: &str) -> Result<Seen> {
    let above = path.match_indices('/').map(|(at, _)| path.get(..at).unwrap_or_default());
    let below: Vec<&str> = above.chain([path]).filter(|it| !it.is_empty()).collect();
    let mut order = vec![session.ask(kind::STAT, &[Field::Text(&root.path(""))])];
    order.extend(below.iter().map(|it| session.ask(kind::LSTAT, &[Field::Text(&root.path(it))])));
    let mut answers = BTreeMap::new();
    while answers.len() < order.len() {
        let (id, reply) = session.answer().await?;
        let answer = match reply {
            Reply::Attrs(attrs) => Ok(attrs),
            Reply::Status(code) if code != Code::OK => Err(code),
            _ => return Err(session.unexpected()),
        };
        answers.insert(id, answer);
    }
    let mut found = order.iter().map(|id| answers.get(id).copied().unwrap_or(Err(Code::FAILURE)));
    root::judge(found.next().unwrap_or(Err(Code::FAILURE)).map(|it| it.what()))?;
    let mut last = Seen::Folder;
    let mut unsaid = None;
    for (number, answer) in found.enumerate() {
        match last {
            Seen::Folder => last = seen(answer)?,
            Seen::Content(attrs) if attrs.what() == What::Unsaid => {
                unsaid = number.checked_sub(1);
                last = seen(answer)?;
            }
            Seen::Content(_) => return Ok(Seen::Blocked(FILE_ABOVE)),
            Seen::Other => return Ok(Seen::Blocked("a symbolic link is in the way and is not followed")),
            Seen::Absent | Seen::Blocked(_) => break,
        }
    }
    match unsaid.and_then(|at| below.get(at)).filter(|_| last == Seen::Absent) {
        Some(above) if !is_folder(session, &root.path(above)).await? => Ok(Seen::Blocked(FILE_ABOVE)),
        _ => Ok(last),
    }
}

/// For a server that does not say what names are.
async fn is_folder(session: &mut Session, path: &[u8]) -> Result<bool> {
    match session.open(kind::OPENDIR, &[Field::Text(path)]).await? {
        Ok(handle) => session.close(&handle).await.map(|_| true),
        Err(_) => Ok(false),
    }
}

fn seen(answer: Result<Attrs, Code>) -> Result<Seen> {
    match answer {
        Err(Code::NO_SUCH_FILE) => Ok(Seen::Absent),
        Err(code) => Err(failed("look at it", code)),
        Ok(attrs) => Ok(match attrs.what() {
            What::File | What::Unsaid => Seen::Content(attrs),
            What::Folder => Seen::Folder,
            What::Other => Seen::Other,
        }),
    }
}

/// The attributes of content that is there.
///
/// # Errors
/// `NotFound` for anything else.
pub(crate) fn content(seen: Seen) -> Result<Attrs> {
    match seen {
        Seen::Content(attrs) => Ok(attrs),
        _ => Err(Error::new(ErrorKind::NotFound, "there is no such file")),
    }
}

/// What is known of a file.
pub(crate) fn describe(at: Locator, attrs: &Attrs, evidence: Evidence) -> Metadata {
    let mut meta = Metadata::new(at, evidence);
    meta.size = attrs.size;
    meta.modified = attrs.modified.map(|it| UNIX_EPOCH + Duration::from_secs(it.into()));
    meta
}
