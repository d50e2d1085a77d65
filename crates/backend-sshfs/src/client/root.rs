//! The folder that is the store, and paths beneath it.

use backend_core::Result;

use super::session::Session;
use super::wire::{What, kind};
use crate::config::Connection;
use crate::error::{Code, failed, no_root};

/// The path of the store, as the server is told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root(String);

impl Root {
    pub(crate) fn new(path: &str) -> Self {
        let trimmed = path.trim_end_matches('/');
        Self(match (trimmed, path) {
            ("", "") => ".".to_owned(),
            ("", _) => "/".to_owned(),
            _ => trimmed.to_owned(),
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of what lies `below`: a key, or a folder of keys without a slash at the end; empty for the store itself.
    pub(crate) fn path(&self, below: &str) -> Vec<u8> {
        match (below, self.0.as_str()) {
            ("", root) => root.as_bytes().to_vec(),
            (_, "/") => format!("/{below}").into_bytes(),
            (_, root) => format!("{root}/{below}").into_bytes(),
        }
    }
}

/// Whether the store is there; makes it if that is wanted.
///
/// # Errors
/// `InvalidConfig` if it is not, or is no folder.
pub(crate) async fn check(session: &mut Session, connection: &Connection) -> Result<()> {
    let root = Root::new(&connection.path);
    match session.attrs(kind::STAT, root.as_str().as_bytes()).await? {
        Err(Code::NO_SUCH_FILE) if connection.create => make(session, &root).await,
        found => judge(found.map(|it| it.what())),
    }
}

/// What an answer about the root means.
pub(crate) fn judge(found: Result<What, Code>) -> Result<()> {
    match found {
        Ok(What::Folder | What::Unsaid) => Ok(()),
        Ok(_) => Err(no_root("it is no folder")),
        Err(Code::NO_SUCH_FILE) => Err(no_root("the folder does not exist")),
        Err(code) => Err(failed("look at the folder of the store", code)),
    }
}

async fn make(session: &mut Session, root: &Root) -> Result<()> {
    let path = root.as_str();
    let ends = path.char_indices().filter(|(at, it)| *it == '/' && 0 < *at).map(|(at, _)| at).chain([path.len()]);
    for end in ends.collect::<Vec<_>>() {
        let folder = path.get(..end).unwrap_or(path);
        let fields = [super::wire::Field::Text(folder.as_bytes()), super::wire::Field::Mode(Some(super::FOLDER_MODE))];
        // One that is there already is answered by a failure without a reason: the look that follows tells.
        session.status(kind::MKDIR, &fields).await?;
    }
    judge(session.attrs(kind::STAT, path.as_bytes()).await?.map(|it| it.what()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_lies_beneath_the_root() {
        for (root, below, wanted) in [
            ("", "", "."),
            ("", "a/b", "./a/b"),
            ("/", "", "/"),
            ("//", "a", "/a"),
            ("/srv/x/", "a", "/srv/x/a"),
            ("backups", "a", "backups/a"),
        ] {
            assert_eq!(Root::new(root).path(below), wanted.as_bytes(), "{root:?} {below:?}");
        }
    }
}
