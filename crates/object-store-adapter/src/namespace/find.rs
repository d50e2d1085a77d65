//! From a path to content: the longest name that leads to it.

use std::time::SystemTime;

use backend_core::{Error, ErrorKind, Result};
use backend_manager::{Cid, ContentKind, Kind, Listed, Target};
use object_store::ObjectMeta;
use object_store::path::Path;

use super::NamespaceStore;
use crate::read::calendar;

/// How deep a path may lie: so many names are tried.
pub(super) const MAX_DEPTH: usize = 64;

/// What a path leads to.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) target: Target,
    /// When the name was given that leads to it.
    pub(super) at: SystemTime,
}

impl Found {
    pub(super) fn object(&self, path: &Path, size: u64) -> ObjectMeta {
        object(path, self.target.cid, size, self.at)
    }
}

pub(super) fn object(path: &Path, cid: Cid, size: u64, at: SystemTime) -> ObjectMeta {
    ObjectMeta {
        location: path.clone(),
        last_modified: calendar(at).into(),
        size,
        e_tag: Some(cid.to_string()),
        version: None,
    }
}

impl NamespaceStore {
    /// The file that `path` leads to.
    pub(super) async fn find(&self, path: &Path) -> Result<Found> {
        let found = self.seek(path, |kind| matches!(kind, Kind::Raw | Kind::File)).await?;
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, "no file has this name"))
    }

    /// The first that `fits` of what `path` may lead to: the longest name is tried first.
    async fn seek(&self, path: &Path, fits: impl Fn(Kind) -> bool) -> Result<Option<Found>> {
        let text = path.as_ref();
        let ends = text.match_indices('/').map(|(at, _)| at).chain([text.len()]);
        let ends: Vec<usize> = ends.filter(|end| 0 < *end).collect();
        if MAX_DEPTH < ends.len() {
            return Ok(None);
        }
        for end in ends.into_iter().rev() {
            let Some(named) = self.manager.named(&text[..end]).await? else { continue };
            if let Some(target) = self.within(&named, text[end..].trim_start_matches('/')).await?
                && fits(target.kind)
            {
                return Ok(Some(Found { target, at: named.at }));
            }
        }
        Ok(None)
    }

    /// What `rest` is in what is named.
    pub(super) async fn within(&self, named: &Listed, rest: &str) -> Result<Option<Target>> {
        let whole = |kind| Some(Target { cid: named.cid, kind, size: named.size });
        match (named.kind, rest) {
            (ContentKind::Raw, "") => Ok(whole(Kind::Raw)),
            (ContentKind::File, "") => Ok(whole(Kind::File)),
            (ContentKind::Directory, "") => Ok(whole(Kind::Directory)),
            (ContentKind::Directory, rest) => match self.manager.resolve(&format!("{}/{rest}", named.cid)).await {
                Ok(target) => Ok(Some(target)),
                // Nothing of this name, or a file where the path goes on.
                Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(None),
                Err(err) => Err(err),
            },
            _ => Ok(None),
        }
    }

    pub(super) async fn size(&self, found: &Found) -> Result<u64> {
        match found.target.size {
            Some(size) => Ok(size),
            None => self.known_size(&found.target.cid).await,
        }
    }

    pub(super) async fn known_size(&self, cid: &Cid) -> Result<u64> {
        let size = self.manager.stat(cid).await?.size;
        size.ok_or_else(|| Error::new(ErrorKind::NotFound, "its size is not known yet"))
    }
}
