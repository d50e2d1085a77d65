//! Index objects: which backups a store has. Each is written last, and read with suspicion.

use backend_core::{
    AddOptions, Content, ContentId, ErrorKind, GetOptions, ListOptions, Locator, RemoveOptions, Result,
};
use futures::TryStreamExt;
use ipld::{Cid, address};
use serde::{Deserialize, Serialize};

use crate::catalog::Timestamp;
use crate::fleet::Member;
use crate::layout;
use crate::naming;
use crate::read;

/// An index is a few hundred bytes; a larger object is not ours.
const INDEX_MAX: u64 = 4096;
/// The most backups of one store.
const MOST: usize = 10_000;

/// What an index object says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    pub(crate) version: u32,
    pub(crate) id: String,
    pub(crate) catalog: String,
    pub(crate) manifest: String,
    /// Of the manifest, bytes.
    pub(crate) size: u64,
    /// Milliseconds since 1970 UTC.
    pub(crate) at: i64,
    pub(crate) contents: u64,
    /// Contents that could not be copied.
    pub(crate) missing: u64,
}

/// A backup as it is listed.
#[derive(Debug, Clone)]
pub struct BackupView {
    /// What it is called.
    pub id: String,
    /// On which store.
    pub backend: String,
    /// Whose it is.
    pub catalog: String,
    /// Its manifest.
    pub manifest: Cid,
    /// When it was made.
    pub at: std::time::SystemTime,
    /// Contents in it.
    pub contents: u64,
    /// Contents that could not be copied for it.
    pub missing: u64,
}

/// `20261130T174512.345Z`: in the order of their names they are in the order of time.
pub(super) fn new_id(at: Timestamp) -> String {
    let (seconds, millis) = (at.millis().div_euclid(1000), at.millis().rem_euclid(1000));
    let text = backend_core::timestamp(Timestamp::from_millis(seconds.saturating_mul(1000)).into());
    let plain: String = text.chars().filter(|it| !matches!(it, '-' | ':' | 'Z')).collect();
    format!("{plain}.{millis:03}Z")
}

pub(super) async fn write(member: &Member, index: &Index) -> Result<()> {
    let json = crate::state::written(index)?.into_bytes();
    let digests = naming::of_bytes(&member.backend.info().needs, &json)?;
    let content = Content::bytes(address::sha256(address::RAW, &json), json).with_digests(digests);
    let id = Some(ContentId::Key(layout::backup(&index.catalog, &index.id)?));
    member.backend.add(&content, &AddOptions { id, ..AddOptions::default() }).await.map(drop)
}

/// The backups of a store, oldest first. What is called or written otherwise is none.
pub(super) async fn all(member: &Member) -> Result<Vec<Index>> {
    let opts = ListOptions::prefix(layout::backup_folder());
    let mut listed = member.backend.list(&opts);
    let mut keys = Vec::new();
    while let Some(entry) = listed.try_next().await? {
        let backend_core::Entry::Content { meta, .. } = entry else { continue };
        keys.extend(meta.at.id.key().filter(|key| layout::backup_of(key).is_some()).cloned());
        if MOST < keys.len() {
            let text = format!("{} has more than {MOST} backups", member.name);
            return Err(backend_core::Error::new(ErrorKind::TooLarge, text));
        }
    }
    let mut found = Vec::new();
    for key in keys {
        let fetched = match member.backend.get(&Locator::new(key.clone()), &GetOptions::default()).await {
            Err(err) if err.kind() == ErrorKind::NotFound => continue,
            other => other?,
        };
        let bytes = read::collect(fetched.body, INDEX_MAX).await?;
        let Ok(index) = serde_json::from_slice::<Index>(&bytes) else { continue };
        if layout::backup_of(&key) == Some((index.catalog.clone(), index.id.clone())) {
            found.push(index);
        }
    }
    found.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(found)
}

pub(super) async fn remove(member: &Member, index: &Index) -> Result<()> {
    let at = Locator::new(layout::backup(&index.catalog, &index.id)?);
    match member.backend.remove(&at, &RemoveOptions::default()).await {
        Err(err) if err.kind() != ErrorKind::NotFound => Err(err),
        _ => Ok(()),
    }
}

impl Index {
    /// As it is listed; `None` for one whose manifest has no name.
    pub(super) fn view(&self, backend: &str) -> Option<BackupView> {
        let manifest = address::to_v1(&address::parse(&self.manifest).ok()?);
        address::check_hash(&manifest).ok()?;
        Some(BackupView {
            id: self.id.clone(),
            backend: backend.to_owned(),
            catalog: self.catalog.clone(),
            manifest,
            at: super::moment(self.at),
            contents: self.contents,
            missing: self.missing,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_time_does() {
        let names: Vec<String> =
            [0, 1, 999, 1000, 1_796_000_000_123].into_iter().map(|it| new_id(Timestamp::from_millis(it))).collect();
        assert_eq!(names[0], "19700101T000000.000Z");
        assert!(names.is_sorted(), "{names:?}");
    }
}
