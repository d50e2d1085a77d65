//! Files: read with a bound, replaced whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use backend_core::{Error, ErrorKind, Result};
use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use super::parse::MAX_FILE;

/// A configuration file's text, and its mode bits.
pub(super) fn read_text(path: &Path) -> Result<(String, u32)> {
    read_bounded(path, MAX_FILE)
}

/// The text of a regular file of at most `most` bytes, and its mode bits. A pipe or a device in its place is refused and not waited for.
pub(super) fn read_bounded(path: &Path, most: u64) -> Result<(String, u32)> {
    let failed = |err| io_error("file", path, "cannot be read", err);
    let nonblock = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(nonblock).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(invalid(path, "is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if most < bytes.len() as u64 {
        return Err(invalid(path, format!("is larger than {most} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| invalid(path, "is not UTF-8"))?;
    Ok((text, metadata.mode()))
}

/// Puts `text` at `path`, mode 0600, in place of what is there: a crash leaves either the old file or the new one.
pub(super) fn replace(path: &Path, text: &str) -> Result<()> {
    let written = write_beside(path, text)?;
    written.persist(path).map_err(|err| io_error("file", path, "cannot be replaced", err.error))?;
    sync_folder_of(path)
}

/// Puts `text` at `path`, mode 0600, if nothing is there.
///
/// # Errors
/// `AlreadyExists` if something is.
pub(super) fn create(path: &Path, text: &str) -> Result<()> {
    let written = write_beside(path, text)?;
    written.persist_noclobber(path).map_err(|err| match err.error.kind() {
        io::ErrorKind::AlreadyExists => already_there(path),
        _ => io_error("file", path, "cannot be made", err.error),
    })?;
    sync_folder_of(path)
}

pub(super) fn already_there(path: &Path) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("file {} is there already", shown(path)))
}

/// Gives the file at `path` the second name `other`, which nothing may have yet; a copy where the file system has no second names.
pub(super) fn keep_as(path: &Path, other: &Path) -> Result<()> {
    match std::fs::hard_link(path, other) {
        Ok(()) => sync_folder_of(other),
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Err(already_there(other)),
        Err(_) => read_text(path).and_then(|(text, _)| create(other, &text)),
    }
}

/// What a folder holds, sorted. A folder that is not there holds nothing.
///
/// # Errors
/// `InvalidConfig` if it holds more than `most`, or what the file system says.
pub(super) fn entries(folder: &Path, most: usize) -> Result<Vec<PathBuf>> {
    let failed = |err| io_error("folder", folder, "cannot be read", err);
    let found = match std::fs::read_dir(folder) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(failed)?,
    };
    let mut paths = Vec::new();
    for entry in found {
        if most <= paths.len() {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                format!("folder {} holds more than {most} entries", shown(folder)),
            ));
        }
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

pub(super) fn remove(path: &Path) -> Result<()> {
    std::fs::remove_file(path).map_err(|err| io_error("file", path, "cannot be removed", err))?;
    sync_folder_of(path)
}

/// An error of the file system, classified. What is missing or in the way is the configuration's fault.
pub(super) fn io_error(what: &str, path: &Path, failed: &str, err: io::Error) -> Error {
    let kind = match err.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::QuotaExceeded,
        io::ErrorKind::NotFound
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory => ErrorKind::InvalidConfig,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, format!("{what} {} {failed}: {err}", shown(path)))
}

/// `InvalidConfig` about a file.
pub(super) fn invalid(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("file {} {what}", shown(path)))
}

/// A path as it may be printed on a terminal.
pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy()
        .chars()
        .flat_map(|it| if it.is_control() { it.escape_default().collect() } else { vec![it] })
        .collect()
}

fn write_beside(path: &Path, text: &str) -> Result<NamedTempFile> {
    let failed = |err| io_error("file", path, "cannot be written", err);
    let folder = path.parent().unwrap_or(Path::new("."));
    // tempfile makes it 0600, and removes it when it is dropped unnamed.
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    Ok(file)
}

fn sync_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|it| it.sync_all()).map_err(|err| io_error("folder", folder, "cannot be synced", err))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        create(&path, "first").unwrap();
        assert_eq!(create(&path, "second").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(read_text(&path).unwrap().0, "first");
        let other = folder.path().join("b");
        keep_as(&path, &other).unwrap();
        assert_eq!(keep_as(&path, &other).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(entries(folder.path(), 2).unwrap(), [path, other], "nothing unnamed is left");
        assert_eq!(entries(folder.path(), 1).unwrap_err().kind(), ErrorKind::InvalidConfig);
    }
}
