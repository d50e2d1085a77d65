//! Walks a folder in the order of whole paths, as stores of keys list: a folder sorts as its name and a slash. Nothing is followed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use backend_core::{Error, ErrorKind, OWN_PREFIX, Result};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use super::entry::{Entry, What};
use super::root::DEPTH;
use super::spot::{PARTIAL, nanos, sweep};
use crate::trouble;

/// Entries that are handed on at a time, and how many such groups wait.
const GROUP: usize = 256;
const WAITING: usize = 4;

/// What becomes of files that a killed process left half-written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leftovers {
    /// They are passed over.
    Leave,
    /// They are removed.
    Sweep,
}

/// Everything below `root`. A root that is not there has nothing below it.
pub(super) fn walk(root: PathBuf, leftovers: Leftovers) -> BoxStream<'static, Result<Entry>> {
    let (tx, rx) = mpsc::channel(WAITING);
    let task = tokio::task::spawn_blocking(move || {
        let mut walk = Walk { root, leftovers, tx, group: Vec::with_capacity(GROUP) };
        let walked = walk.folder(&mut Vec::new(), 0);
        walked.and_then(|()| walk.hand_on())
    });
    let groups = stream::unfold((rx, Some(task)), |(mut rx, task)| async move {
        if let Some(group) = rx.recv().await {
            return Some((Ok(group), (rx, task)));
        }
        // The end of the channel is not the end of the walk: that it ended well is asked of the task.
        let ended = task?.await.map_err(trouble::lost).and_then(|it| it);
        ended.err().map(|err| (Err(err), (rx, None)))
    });
    groups.map_ok(|group| stream::iter(group).map(Ok)).try_flatten().boxed()
}

struct Walk {
    root: PathBuf,
    leftovers: Leftovers,
    tx: mpsc::Sender<Vec<Entry>>,
    group: Vec<Entry>,
}

impl Walk {
    fn folder(&mut self, at: &mut Vec<u8>, depth: usize) -> Result<()> {
        if DEPTH < depth {
            let text = format!("more than {DEPTH} folders inside of one another");
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let names = match Names::read(&self.path(at)) {
            Ok(names) => names,
            Err(err) if depth == 0 && err.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(err) if depth == 0 => return Err(trouble::file("list", &self.root, err)),
            // It went between two looks.
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(_) => return self.met(Entry { what: What::Unreadable, ..Entry::file(at.clone()) }),
        };
        for n in 0..names.len() {
            let name = names.get(n);
            if self.is_own(at, name) {
                continue;
            }
            let before = at.len();
            at.extend_from_slice(name);
            let done = if name.ends_with(b"/") { self.folder(at, depth + 1) } else { self.file(at) };
            at.truncate(before);
            done?;
        }
        Ok(())
    }

    /// What this program keeps for itself: on a store that is this folder, and files that are not whole.
    fn is_own(&self, at: &[u8], name: &[u8]) -> bool {
        if name.starts_with(PARTIAL) {
            if self.leftovers == Leftovers::Sweep {
                sweep(&self.path(at).join(OsStr::from_bytes(name)));
            }
            return true;
        }
        at.is_empty() && name.eq_ignore_ascii_case(OWN_PREFIX.as_bytes())
    }

    fn file(&mut self, at: &[u8]) -> Result<()> {
        let path = self.path(at);
        let meta = match std::fs::symlink_metadata(&path) {
            Ok(meta) => meta,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(_) => return self.met(Entry { what: What::Unreadable, ..Entry::file(at.to_vec()) }),
        };
        let kind = meta.file_type();
        let what = match (kind.is_file(), kind.is_symlink()) {
            (true, _) => What::File,
            (_, true) => What::Link,
            _ => What::Other,
        };
        let size = kind.is_file().then_some(meta.len());
        let modified = nanos(meta.mtime(), meta.mtime_nsec());
        self.met(Entry { what, size, modified, ..Entry::file(at.to_vec()) })
    }

    fn path(&self, at: &[u8]) -> PathBuf {
        self.root.join(OsStr::from_bytes(at))
    }

    fn met(&mut self, entry: Entry) -> Result<()> {
        self.group.push(entry);
        if self.group.len() < GROUP { Ok(()) } else { self.hand_on() }
    }

    fn hand_on(&mut self) -> Result<()> {
        let group = std::mem::replace(&mut self.group, Vec::with_capacity(GROUP));
        self.tx.blocking_send(group).map_err(|_| Error::new(ErrorKind::Internal, "given up"))
    }
}

/// The names of one folder, sorted; those of folders end with a slash. One piece of memory for all: a folder may have a million.
struct Names {
    bytes: Vec<u8>,
    at: Vec<(u32, u16)>,
}

impl Names {
    fn read(path: &Path) -> std::io::Result<Self> {
        let (mut bytes, mut at) = (Vec::new(), Vec::new());
        let too_many = || std::io::Error::other("more names than can be sorted");
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            let from = u32::try_from(bytes.len()).map_err(|_| too_many())?;
            bytes.extend_from_slice(entry.file_name().as_bytes());
            if entry.file_type().is_ok_and(|it| it.is_dir()) {
                bytes.push(b'/');
            }
            let len = u16::try_from(bytes.len() - from as usize).map_err(|_| too_many())?;
            at.push((from, len));
        }
        let name = |it: &(u32, u16)| &bytes[it.0 as usize..it.0 as usize + usize::from(it.1)];
        at.sort_unstable_by(|one, two| name(one).cmp(name(two)));
        Ok(Self { bytes, at })
    }

    fn len(&self) -> usize {
        self.at.len()
    }

    fn get(&self, n: usize) -> &[u8] {
        let (from, len) = self.at[n];
        &self.bytes[from as usize..from as usize + usize::from(len)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(root: &Path, leftovers: Leftovers) -> Vec<(String, What)> {
        let found: Vec<Entry> = walk(root.to_owned(), leftovers).try_collect().await.unwrap();
        found.into_iter().map(|it| (it.shown(), it.what)).collect()
    }

    #[tokio::test]
    async fn the_order_is_that_of_whole_paths() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["a/x", "a-b", "a.b", "a0", "b/c/d", ".hidden", ".ipfs-kit/store", "b/.ipfs-kit-partial-9"] {
            std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            std::fs::write(root.join(name), "x").unwrap();
        }
        std::os::unix::fs::symlink("a", root.join("link")).unwrap();
        let found = check(root, Leftovers::Leave).await;
        let names: Vec<&str> = found.iter().map(|it| it.0.as_str()).collect();
        assert_eq!(names, [".hidden", "a-b", "a.b", "a/x", "a0", "b/c/d", "link"]);
        assert_eq!(found[6].1, What::Link);
        assert!(root.join("b/.ipfs-kit-partial-9").exists());
        check(root, Leftovers::Sweep).await;
        assert!(!root.join("b/.ipfs-kit-partial-9").exists());
        assert_eq!(check(&root.join("none"), Leftovers::Leave).await, []);
        assert!(walk(root.join("a0"), Leftovers::Leave).try_collect::<Vec<_>>().await.is_err());
    }
}
