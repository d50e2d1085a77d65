//! Labels and the media type: one small JSON document, kept with the file as an extended attribute or beside it in a file of its own.
//!
//! A file beside it is named by the key and by the time and the length of the very file it speaks of. So a copy that replaces another never wears
//! its labels, whatever is cut short in between.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;

use backend_core::{Error, ErrorKind, Result};
use backend_folders::Target;
use ipld::address;
use rustix::fs::{AtFlags, Dir, Mode, OFlags, Stat, XattrFlags, fgetxattr, fsetxattr, openat, renameat, unlinkat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::beneath;
use super::name::SIDECARS;
use super::root::Opened;
use super::sync::Syncs;
use super::temp::Temp;
use crate::config::Labels;
use crate::error::{failed, failed_io};

/// The attribute's name.
const ATTRIBUTE: &str = "user.ipfs-kit.about";
/// The most bytes the document may have. ext4 has room for little more with its usual blocks.
const MAX_ABOUT: usize = 3072;
/// How many files one clean-up looks at.
const MAX_CLEAN: usize = 1024;

/// What is kept with content besides its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct About {
    pub(crate) content_type: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
}

impl About {
    pub(crate) fn is_empty(&self) -> bool {
        self.content_type.is_none() && self.labels.is_empty()
    }

    /// Its document.
    ///
    /// # Errors
    /// `InvalidInput` if it is larger than what every file system keeps.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let text = serde_json::to_vec(self)
            .map_err(|err| Error::new(ErrorKind::Internal, "labels cannot be written down").with_source(err))?;
        match text.len() <= MAX_ABOUT {
            true => Ok(text),
            false => Err(Error::new(ErrorKind::InvalidInput, "labels and media type are larger than 3 KiB together")),
        }
    }

    /// Whatever is not such a document says nothing: other programs may write attributes too.
    fn decode(text: &[u8]) -> Self {
        serde_json::from_slice(text).unwrap_or_default()
    }
}

/// Keeps `about` with `temp`. `Some`: it could not be kept with the file, and is to be placed beside it together with the file.
pub(crate) fn attach(about: &About, how: Labels, temp: &Temp) -> Result<Option<Vec<u8>>> {
    let text = about.encode()?;
    if about.is_empty() || how == Labels::Off {
        return Ok(None);
    }
    if how == Labels::Sidecar {
        return Ok(Some(text));
    }
    match fsetxattr(temp.file(), ATTRIBUTE, &text, XattrFlags::empty()) {
        Ok(()) => Ok(None),
        Err(Errno::OPNOTSUPP | Errno::NOSPC | Errno::TOOBIG | Errno::PERM) if how == Labels::Auto => Ok(Some(text)),
        Err(Errno::OPNOTSUPP) => Err(Error::new(
            ErrorKind::InvalidConfig,
            "connection.labels: this file system keeps no extended attributes",
        )),
        Err(errno) => Err(failed("keep the labels", errno)),
    }
}

/// What is kept with an open file.
pub(crate) fn read(opened: &Opened, target: &Target, file: &File, seen: &Stat, how: Labels) -> About {
    let attribute = (how != Labels::Off && how != Labels::Sidecar).then(|| attribute(file)).flatten();
    match attribute {
        Some(text) => About::decode(&text),
        None if how == Labels::Off || how == Labels::Xattr => About::default(),
        None => beside(opened, target, seen).map(|text| About::decode(&text)).unwrap_or_default(),
    }
}

fn attribute(file: &File) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(MAX_ABOUT);
    fgetxattr(file, ATTRIBUTE, rustix::buffer::spare_capacity(&mut text)).ok().map(|_| text)
}

fn beside(opened: &Opened, target: &Target, seen: &Stat) -> Option<Vec<u8>> {
    let path = format!("{}/{}", folder(target), name(seen));
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = beneath::open(opened.folder(), &path, flags).ok()?;
    let mut text = Vec::with_capacity(MAX_ABOUT);
    rustix::io::pread(file, rustix::buffer::spare_capacity(&mut text), 0).ok()?;
    Some(text)
}

/// Writes the document beside, under the name of the copy that is about to be placed. Called under the lock of those who give names.
pub(crate) fn place(opened: &Opened, syncs: &Syncs, target: &Target, temp: &Temp, text: &[u8]) -> Result<()> {
    let writing = |errno| failed("keep the labels", errno);
    let mut written = Temp::new(opened, temp.stat()?.st_mode & 0o777)?;
    let mut file = written.file();
    file.write_all(text).map_err(|err| failed_io("keep the labels", err))?;
    let beside = beneath::make(opened.folder(), &folder(target), opened.folder_mode()).map_err(writing)?;
    syncs.file(written.file()).map_err(writing)?;
    renameat(written.folder(), written.name(), &beside, name(&temp.stat()?)).map_err(writing)?;
    written.placed();
    syncs.folder(opened, &folder(target)).map_err(writing)
}

/// Removes what speaks of files that `target` no longer is; `now`: what it is. What cannot be removed says nothing of any file.
pub(crate) fn clean(opened: &Opened, target: &Target, now: Option<&Stat>) {
    let Ok(folder_fd) = beneath::open(opened.folder(), &folder(target), beneath::READ) else { return };
    let Ok(names) = openat(&folder_fd, ".", beneath::READ, Mode::empty()).and_then(Dir::new) else { return };
    let keep = now.map(name).unwrap_or_default();
    for entry in names.take(MAX_CLEAN).flatten() {
        if entry.file_name().to_bytes() != keep.as_bytes() {
            let _ = unlinkat(folder_fd.as_fd(), entry.file_name(), AtFlags::empty());
        }
    }
    if now.is_none() {
        let _ = unlinkat(opened.folder(), folder(target), AtFlags::REMOVEDIR);
    }
}

/// The folder of all documents that speak of `target`. A key may be longer than a name may be, so it is hashed.
fn folder(target: &Target) -> String {
    format!("{SIDECARS}/{}", address::text(&address::sha256(address::RAW, target.as_str().as_bytes())))
}

/// What tells one file from another that had the same key: not the inode number, which some file systems make up anew at each mount.
fn name(seen: &Stat) -> String {
    format!("{:x}.{:x}-{:x}.json", seen.st_mtime, seen.st_mtime_nsec, seen.st_size)
}
