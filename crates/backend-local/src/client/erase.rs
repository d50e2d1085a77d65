//! One name goes, and the folders that it leaves empty.

use backend_core::{Error, ErrorKind, Locator, Removal, RemoveOptions, Result};
use backend_folders::parent;
use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use super::cancel::cancel;
use super::commit::{Erasing, Task};
use super::look::{Seen, etag, look};
use super::name;
use super::root::Opened;
use super::{Files, Store, about, beneath, blocking};
use crate::error::{failed, unsure};

impl Store {
    /// Removes what `at` names.
    pub(crate) async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        let target = name::target(at)?;
        let (files, if_match) = (self.files.clone(), opts.if_match.clone());
        let (cancel, guard) = cancel();
        let opened = blocking(move || files.root.open()).await?;
        let removal = self.commit(|answer| Task::Erase(Erasing { opened, target, if_match, cancel }, answer)).await;
        drop(guard);
        removal
    }
}

/// Takes the name away, if content has it. Whatever else has it stays.
pub(crate) fn erase(files: &Files, erasing: &Erasing) -> Result<Removal> {
    let Erasing { opened, target, if_match, cancel } = erasing;
    let seen = match look(opened, target)? {
        Seen::Content(seen) => seen,
        _ => return files.root.recheck(opened).map(|()| Removal::Absent),
    };
    if if_match.as_ref().is_some_and(|wanted| *wanted != etag(&seen)) {
        return Err(Error::new(ErrorKind::Precondition, "the file is not the one that was named"));
    }
    files.root.recheck(opened)?;
    let unlink = || {
        let folder = beneath::open(opened.folder(), target.parent(), beneath::LOOK)?;
        unlinkat(folder, target.name(), AtFlags::empty())
    };
    match cancel.place(|| Ok(unlink()))? {
        Ok(()) => {
            about::clean(opened, target, None);
            Ok(Removal::Erased)
        }
        Err(Errno::NOENT) => files.root.recheck(opened).map(|()| Removal::Absent),
        Err(errno @ (Errno::IO | Errno::STALE | Errno::TIMEDOUT)) => Err(unsure(failed("remove the file", errno))),
        Err(errno) => Err(failed("remove the file", errno)),
    }
}

/// Removes `folder` and those above it as far as nothing is in them. Never the root; a folder in use refuses by itself.
pub(crate) fn prune(files: &Files, opened: &Opened, folder: &str) {
    let mut folder = folder;
    while !folder.is_empty() {
        let (above, name) = (parent(folder), folder.rsplit('/').next().unwrap_or_default());
        let removed = beneath::open(opened.folder(), above, beneath::LOOK)
            .and_then(|above| unlinkat(above, name, AtFlags::REMOVEDIR));
        if removed.is_err() {
            return;
        }
        files.syncs.forget(folder);
        folder = above;
    }
}
