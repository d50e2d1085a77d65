//! Where a transfer's bytes come from: named content for a target that keeps it, plain bytes for a folder.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use backend_core::{
    Addressing, Content, Digest, DigestKind, Error, ErrorKind, Key, Locator, Progress, Result, StatOptions,
};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use ipld::profile::{Profile, UNIXFS_V1_2025};

use super::bytes::{copy, fill};
use super::entry::{Entry, Known};
use super::location::Location;
use super::walk::{self, Leftovers};
use super::{Role, listing, root, unnamed};
use crate::add::{StopOnDrop, content, kind_of};
use crate::fleet::Member;
use crate::manager::Manager;
use crate::naming::How;
use crate::trouble;
use crate::views::ContentKind;

/// Stored contents that are looked up, and objects that are named, at a time.
const AT_A_TIME: usize = 8;

/// The end that is read.
#[derive(Debug)]
pub(super) struct Source {
    manager: Manager,
    from: Origin,
}

#[derive(Debug)]
enum Origin {
    Folder(PathBuf),
    /// One file of a folder.
    File(PathBuf),
    Backend(Box<Member>, String),
    Names(String),
}

/// Content that has its name, and when its bytes were last written.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) content: Content,
    pub(super) kind: ContentKind,
    pub(super) profile: Profile,
    pub(super) modified: Option<i64>,
}

impl Source {
    /// # Errors
    /// `NotFound` when there is no such folder; `InvalidConfig` for a backend that is not configured, `Unsupported` for one that cannot be read by keys.
    pub(super) async fn open(manager: &Manager, location: &Location) -> Result<Self> {
        let from = match location {
            Location::Folder(path) => {
                let meta = std::fs::metadata(path).map_err(|err| trouble::file("find", path, err))?;
                match (meta.is_dir(), meta.is_file()) {
                    (true, _) => Origin::Folder(path.clone()),
                    (_, true) => Origin::File(path.clone()),
                    _ => {
                        let text = format!("{} is neither file nor folder", trouble::shown(path));
                        return Err(Error::new(ErrorKind::InvalidInput, text));
                    }
                }
            }
            Location::Backend { name, prefix } => {
                let member = manager.fleet().member(name).await?;
                let offers = member.backend.info().offers;
                match (member.addressing(), offers.list, offers.get) {
                    (Addressing::Key, true, true) => Origin::Backend(Box::new(member), prefix.clone()),
                    (Addressing::Key, false, _) => return Err(Error::unsupported("list", name)),
                    (Addressing::Key, ..) => return Err(Error::unsupported("get", name)),
                    _ => return Err(Error::unsupported("a key of the user's choice", name)),
                }
            }
            Location::Names { prefix } => Origin::Names(prefix.clone()),
        };
        Ok(Self { manager: manager.clone(), from })
    }

    pub(super) fn is_single(&self) -> bool {
        matches!(self.from, Origin::File(_))
    }

    pub(super) async fn list(&self) -> Result<BoxStream<'static, Result<Entry>>> {
        match &self.from {
            Origin::Folder(path) => Ok(walk::walk(path.clone(), Leftovers::Leave)),
            Origin::File(path) => Ok(stream::iter([listing::single(path)]).boxed()),
            Origin::Backend(member, prefix) => listing::on_backend(&self.manager, member, prefix, Role::Source).await,
            Origin::Names(prefix) => listing::of_names(&self.manager, prefix, Role::Source).await,
        }
    }

    /// Makes sure that what it does not list is not there: that it is the store that the catalog knows.
    ///
    /// # Errors
    /// As [`Member::recognise_now`].
    pub(super) async fn recognise(&self) -> Result<()> {
        match &self.from {
            Origin::Backend(member, _) => member.recognise_now(self.manager.catalog()).await,
            _ => Ok(()),
        }
    }

    /// Whether nothing lies there now, whatever a listing said: it may have been too old.
    ///
    /// # Errors
    /// What looking answers.
    pub(super) async fn is_gone(&self, path: &[u8]) -> Result<bool> {
        match &self.from {
            Origin::Folder(folder) => {
                use std::os::unix::ffi::OsStrExt;
                let path = folder.join(std::ffi::OsStr::from_bytes(path));
                let is_there = std::fs::symlink_metadata(folder).is_ok_and(|it| it.is_dir());
                // A file on the way is as good as nothing there.
                Ok(is_there && std::fs::symlink_metadata(path).is_err())
            }
            Origin::File(_) => Ok(false),
            Origin::Backend(member, prefix) => {
                // What is no key can lie under none.
                let Ok(key) = key(prefix, path) else { return Ok(true) };
                match member.backend.stat(&Locator::new(key), &StatOptions::default()).await {
                    Ok(_) => Ok(false),
                    Err(err) if err.kind() == ErrorKind::NotFound => Ok(true),
                    Err(err) => Err(err),
                }
            }
            Origin::Names(prefix) => {
                let Ok(path) = std::str::from_utf8(path) else { return Ok(true) };
                Ok(self.manager.named(&format!("{prefix}{path}")).await?.is_none())
            }
        }
    }

    /// The contents of these entries, named.
    pub(super) async fn contents(
        &self,
        entries: &[&Entry],
        needs: &[DigestKind],
        progress: &Progress,
    ) -> Result<Vec<Result<Taken>>> {
        match &self.from {
            Origin::Folder(folder) => self.files(folder, entries, needs, progress).await,
            Origin::File(path) => {
                let folder = crate::manager::beside(path);
                self.files(&folder, entries, needs, progress).await
            }
            _ => {
                let each = entries.iter().map(|entry| self.one(entry, needs, progress));
                Ok(stream::iter(each).buffered(AT_A_TIME).collect().await)
            }
        }
    }

    async fn one(&self, entry: &Entry, needs: &[DigestKind], progress: &Progress) -> Result<Taken> {
        let (content, profile) = match (&entry.known, &self.from) {
            (Some(known), _) => {
                let stored = self.manager.holding(&known.cid).await?;
                (self.manager.content_of(&stored, needs).await?, profile_of(known))
            }
            (None, Origin::Backend(member, prefix)) => {
                let object = unnamed::Object::new(Member::clone(member), key(prefix, &entry.path)?, entry);
                (Box::pin(unnamed::name(&self.manager, object, needs, progress)).await?, UNIXFS_V1_2025)
            }
            _ => return Err(Error::new(ErrorKind::Internal, "content without a name")),
        };
        Ok(Taken { kind: kind_of(&content), content, profile, modified: entry.modified })
    }

    /// Files of this machine, hashed on all cores.
    async fn files(
        &self,
        folder: &std::path::Path,
        entries: &[&Entry],
        needs: &[DigestKind],
        progress: &Progress,
    ) -> Result<Vec<Result<Taken>>> {
        use std::os::unix::ffi::OsStrExt;
        let folder = std::path::absolute(folder).map_err(|err| trouble::file("find", folder, err))?;
        let path = |entry: &&Entry| folder.join(std::ffi::OsStr::from_bytes(&entry.path));
        let files: Vec<_> = entries.iter().map(|entry| (path(entry), entry.size.unwrap_or(0))).collect();
        let cancelled = Arc::new(AtomicBool::new(false));
        let _stop = StopOnDrop(cancelled.clone());
        let how = How {
            profile: UNIXFS_V1_2025,
            hidden: true,
            digests: needs.to_vec(),
            progress: progress.clone(),
            cancelled,
            spool: self.manager.spool_folder(),
        };
        let named = tokio::task::spawn_blocking(move || how.each(&files)).await.map_err(trouble::lost)?;
        let taken = named.into_iter().map(|found| {
            let found = found?;
            let modified = found.fingerprint.modified();
            let content = content(None, found.path, Some(found.fingerprint), found.named);
            Ok(Taken { kind: kind_of(&content), content, profile: UNIXFS_V1_2025, modified })
        });
        Ok(taken.collect())
    }

    /// Whether its bytes are files of this machine.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.from, Origin::Folder(_) | Origin::File(_))
    }

    /// Whether its bytes have to be fetched.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.from, Origin::Backend(..))
    }

    /// A digest of an object that no row names, if its service tells one that can be computed here.
    ///
    /// # Errors
    /// What the service answers.
    pub(super) async fn digest(&self, entry: &Entry) -> Result<Option<Digest>> {
        let Origin::Backend(member, prefix) = &self.from else { return Ok(None) };
        if !member.backend.info().offers.stat {
            return Ok(None);
        }
        let at = Locator::new(key(prefix, &entry.path)?).with_handle(entry.handle.clone());
        let meta = member.backend.stat(&at, &StatOptions::default()).await?;
        let is_same = meta.size.is_none() || entry.size.is_none() || meta.size == entry.size;
        // A CRC or a piece commitment is no proof against chance or malice: only digests that are.
        let proves = |kind: DigestKind| matches!(kind, DigestKind::Sha256 | DigestKind::Sha1 | DigestKind::Md5);
        Ok(meta.digests.into_iter().find(|it| is_same && proves(it.kind)))
    }

    /// Writes the bytes of `entry` to `file`; answers when they were last written. What has changed since it was listed is taken as it is now, and never
    /// mixed.
    ///
    /// # Errors
    /// `SourceChanged` when it changes meanwhile; what reading and writing answer.
    pub(super) async fn write(&self, entry: &Entry, file: File, sent: &Progress) -> Result<(File, Option<i64>)> {
        use std::os::unix::ffi::OsStrExt;
        let (path, modified) = (entry.shown(), entry.modified);
        match (&entry.known, &self.from) {
            (None, Origin::Folder(folder)) => {
                copy(folder.join(std::ffi::OsStr::from_bytes(&entry.path)), file, sent.clone()).await
            }
            (None, Origin::File(path)) => copy(path.clone(), file, sent.clone()).await,
            (Some(known), _) => {
                let target = self.manager.look_at(&known.cid).await?;
                let (stored, size) = self.manager.file(&target).await?;
                let report = self.manager.listen(crate::read::ReadReport::default());
                let body = self.manager.body(&stored, size, 0..size, report);
                Ok((fill(body, Some(size), file, (&path, sent)).await?, modified))
            }
            (None, Origin::Backend(member, prefix)) => {
                let object = unnamed::Object::new(Member::clone(member), key(prefix, &entry.path)?, entry);
                let fetched = object.fetch().await?;
                let size = fetched.meta.size.or(entry.size);
                let seen = unnamed::Seen::of(&fetched.meta);
                let modified = seen.modified().or(modified);
                let file = fill(fetched.body, size, file, (&path, sent)).await?;
                object.unchanged(&seen).await?;
                Ok((file, modified))
            }
            (None, Origin::Names(_)) => Err(Error::new(ErrorKind::Internal, "content without a name")),
        }
    }
}

/// The profile that built it, or the one that would.
pub(super) fn profile_of(known: &Known) -> Profile {
    ipld::profile::by_id(known.profile).unwrap_or(UNIXFS_V1_2025)
}

/// Keys are text: a file whose name is not has none.
pub(super) fn key(prefix: &str, path: &[u8]) -> Result<Key> {
    let text = std::str::from_utf8(path).map_err(|_| {
        let text = format!("the name of {} is not text, so it can be no key", super::entry::shown(path));
        Error::new(ErrorKind::InvalidInput, text)
    })?;
    Key::new(format!("{prefix}{text}"))
}

/// Whether a path could be a file's at a folder that is written to.
///
/// # Errors
/// `InvalidInput` when not.
pub(super) fn admit(path: &[u8]) -> Result<()> {
    root::admit(path)
}
