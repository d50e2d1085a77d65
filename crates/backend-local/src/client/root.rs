//! The root folder: opened when a verb begins, and held against what it was before.
//!
//! No descriptor is kept while nothing runs, so that a disk can be unmounted. What is kept is which folder it was: a path that now leads to another
//! folder (the disk was unmounted, the folder replaced) is `InvalidConfig` for every verb, unless the new folder carries the same marker.

use std::fs::{DirBuilder, File};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use backend_core::{Error, Result};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, openat, stat, statat};
use rustix::io::Errno;

use super::beneath;
use super::name::{MARKER, TEMPS};
use crate::error::{failed, failed_io, no_root};

/// The most bytes of a marker that are looked at.
const MAX_MARKER: usize = 4096;

/// Where the store is, and what was seen there.
#[derive(Debug)]
pub(crate) struct Root {
    path: PathBuf,
    create: bool,
    folder_mode: u32,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    place: Option<Place>,
    marker: Option<String>,
    open: Weak<Opened>,
}

/// Which folder it is, whatever its path.
type Place = (u64, u64);

/// The root folder, held open while verbs run; all that run share one.
#[derive(Debug)]
pub(crate) struct Opened {
    folder: OwnedFd,
    place: Place,
    folder_mode: Mode,
    temps: Mutex<Option<Arc<OwnedFd>>>,
    folds: OnceLock<bool>,
}

impl Root {
    pub(crate) fn new(path: PathBuf, create: bool, folder_mode: u32) -> Self {
        Self { path, create, folder_mode, known: Mutex::default() }
    }

    /// Opens the folder, or shares it with the verbs that are running.
    ///
    /// # Errors
    /// `InvalidConfig` if it is missing, no folder, or another one than before.
    pub(crate) fn open(&self) -> Result<Arc<Opened>> {
        let mut known = self.known();
        if known.place.is_none() && self.create && matches!(stat(&self.path), Err(Errno::NOENT)) {
            self.make()?;
        }
        let place = self.look()?;
        if let Some(opened) = known.open.upgrade().filter(|it| it.place == place) {
            return Ok(opened);
        }
        let opened = Arc::new(self.open_now()?);
        known.recognise(&opened)?;
        known.open = Arc::downgrade(&opened);
        Ok(opened)
    }

    /// Whether the path still leads to the folder that was opened. To be asked before anything negative is said, and before a name is given.
    ///
    /// # Errors
    /// `InvalidConfig` if it does not.
    pub(crate) fn recheck(&self, opened: &Opened) -> Result<()> {
        match self.look()? == opened.place {
            true => Ok(()),
            false => Err(no_root("the folder was unmounted or replaced meanwhile")),
        }
    }

    /// Reads the marker again; called when it may just have been written.
    pub(crate) fn note_marker(&self, opened: &Opened) {
        self.known().marker = opened.marker();
    }

    /// Whether the folder is missing and will be made when it is first used.
    pub(crate) fn is_yet_to_be_made(&self) -> bool {
        self.create && self.known().place.is_none() && matches!(stat(&self.path), Err(Errno::NOENT))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) -> Result<Place> {
        stat(&self.path).and_then(|seen| folder(&seen)).map_err(unusable)
    }

    fn open_now(&self) -> Result<Opened> {
        let folder_fd = openat(CWD, &self.path, beneath::READ, Mode::empty()).map_err(unusable)?;
        let place = fstat(&folder_fd).and_then(|seen| folder(&seen)).map_err(unusable)?;
        let folder_mode = Mode::from_raw_mode(self.folder_mode);
        Ok(Opened { folder: folder_fd, place, folder_mode, temps: Mutex::default(), folds: OnceLock::new() })
    }

    /// Makes the folder and what is missing above it, to survive a power loss.
    fn make(&self) -> Result<()> {
        let above = self.path.ancestors().skip(1);
        let missing = above.take_while(|it| matches!(stat(*it), Err(Errno::NOENT))).count();
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(self.folder_mode);
        builder.create(&self.path).map_err(|err| failed_io("make the folder", err))?;
        self.path.ancestors().skip(1).take(missing + 1).try_for_each(sync_folder)
    }
}

fn sync_folder(path: &Path) -> Result<()> {
    File::open(path).and_then(|it| it.sync_all()).map_err(|err| failed_io("make the folder durable", err))
}

fn folder(seen: &Stat) -> Result<Place, Errno> {
    match FileType::from_raw_mode(seen.st_mode) {
        FileType::Directory => Ok((seen.st_dev, seen.st_ino)),
        _ => Err(Errno::NOTDIR),
    }
}

fn unusable(errno: Errno) -> Error {
    match errno {
        Errno::NOENT => no_root("the folder does not exist"),
        Errno::NOTDIR => no_root("it is not a folder"),
        Errno::LOOP | Errno::NAMETOOLONG => no_root("it leads nowhere"),
        other => failed("open the folder of the store", other),
    }
}

impl Known {
    fn recognise(&mut self, opened: &Opened) -> Result<()> {
        let marker = opened.marker();
        let same = self.place.is_none_or(|place| place == opened.place);
        if !same && (marker.is_none() || marker != self.marker) {
            return Err(no_root("it is not the folder that it was when this backend was first used"));
        }
        self.place = Some(opened.place);
        if marker.is_some() {
            self.marker = marker;
        }
        Ok(())
    }
}

impl Opened {
    pub(crate) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    pub(crate) fn folder_mode(&self) -> Mode {
        self.folder_mode
    }

    /// The folder of what is being written, made if it is missing.
    pub(crate) fn temps(&self) -> rustix::io::Result<Arc<OwnedFd>> {
        let mut temps = self.temps.lock().unwrap_or_else(PoisonError::into_inner);
        match &*temps {
            Some(folder) => Ok(folder.clone()),
            None => {
                let folder = Arc::new(beneath::make(self.folder(), TEMPS, self.folder_mode)?);
                *temps = Some(folder.clone());
                Ok(folder)
            }
        }
    }

    /// Forgets the folder of what is being written: somebody removed it.
    pub(crate) fn forget_temps(&self) {
        *self.temps.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether this file system takes names that differ in case for one. Known only once our own folder is there.
    pub(crate) fn folds(&self) -> bool {
        if let Some(folds) = self.folds.get() {
            return *folds;
        }
        let look = |name| statat(self.folder(), name, AtFlags::SYMLINK_NOFOLLOW).map(|it| it.st_ino);
        match (look(".ipfs-kit"), look(".IPFS-KIT")) {
            (Ok(ours), other) => *self.folds.get_or_init(|| other == Ok(ours)),
            _ => false,
        }
    }

    /// What the manager wrote to recognise the store by, as one line of text.
    pub(crate) fn marker(&self) -> Option<String> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = beneath::open(self.folder(), MARKER, flags).ok()?;
        let mut text = Vec::with_capacity(MAX_MARKER);
        rustix::io::pread(&file, rustix::buffer::spare_capacity(&mut text), 0).ok()?;
        let text = String::from_utf8(text).ok()?.trim().to_owned();
        (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
    }

    #[cfg(test)]
    pub(crate) fn pretend_to_fold(&self) {
        self.folds.set(true).unwrap();
    }
}
