//! What stands at a path: content, nothing, or something that is not ours to touch.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime};

use backend_core::{Error, ErrorKind, Result};
use backend_folders::{Target, parent};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;

use super::beneath;
use super::root::Opened;
use crate::error::failed;

/// What stands at a path.
#[derive(Debug)]
pub(crate) enum Seen {
    /// Nothing, and something can be put there.
    Nothing,
    /// A plain file.
    Content(Stat),
    /// A folder.
    Folder,
    /// Something else, or in the way to it: a link, a device, a pipe, a file where a folder should be, another file system.
    Foreign(&'static str),
    /// The file system folds case, and a name that differs in case only stands there.
    Twin,
}

/// Looks at `target` without opening it: opening a device or a pipe may do something.
pub(crate) fn look(opened: &Opened, target: &Target) -> Result<Seen> {
    find(opened, target).map(|(seen, _)| seen)
}

/// The same, with the folder it lies in, if that could be entered.
fn find(opened: &Opened, target: &Target) -> Result<(Seen, Option<OwnedFd>)> {
    let folder = match beneath::open(opened.folder(), target.parent(), beneath::LOOK) {
        Ok(folder) => folder,
        Err(errno) => return missing(errno).map(|seen| (seen, None)),
    };
    let seen = match opened.folds() {
        true => look_exactly(opened, &folder, target)?,
        false => look_in(&folder, target.name())?,
    };
    Ok((seen, Some(folder)))
}

/// The same in a folder that is open.
pub(crate) fn look_in(folder: &OwnedFd, name: &str) -> Result<Seen> {
    let seen = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(seen) => seen,
        Err(errno) => return missing(errno),
    };
    Ok(match FileType::from_raw_mode(seen.st_mode) {
        FileType::RegularFile => Seen::Content(seen),
        FileType::Directory => Seen::Folder,
        FileType::Symlink => Seen::Foreign("a symbolic link stands there, which is not followed"),
        _ => Seen::Foreign("a device, pipe or socket stands there"),
    })
}

fn missing(errno: Errno) -> Result<Seen> {
    match errno {
        Errno::NOENT => Ok(Seen::Nothing),
        Errno::NOTDIR => Ok(Seen::Foreign("a file stands where the key has a folder")),
        Errno::LOOP => Ok(Seen::Foreign("a symbolic link stands where the key has a folder")),
        other => Err(failed("look at the file", other)),
    }
}

fn look_exactly(opened: &Opened, folder: &OwnedFd, target: &Target) -> Result<Seen> {
    if !is_exact(opened, target.parent())? {
        return Ok(Seen::Twin);
    }
    match look_in(folder, target.name())? {
        Seen::Nothing => Ok(Seen::Nothing),
        seen if is_exact(opened, target.as_str())? => Ok(seen),
        _ => Ok(Seen::Twin),
    }
}

/// Whether every segment of `path` is spelt on the disk as it is here.
pub(crate) fn is_exact(opened: &Opened, path: &str) -> Result<bool> {
    let mut rest = path;
    while !rest.is_empty() {
        let folder = parent(rest);
        let name = rest.get(folder.len()..).unwrap_or_default().trim_start_matches('/');
        if !is_spelt(opened, folder, name)? {
            return Ok(false);
        }
        rest = folder;
    }
    Ok(true)
}

fn is_spelt(opened: &Opened, folder: &str, name: &str) -> Result<bool> {
    let reading = |errno| failed("read a folder", errno);
    let folder = beneath::open(opened.folder(), folder, beneath::READ).map_err(reading)?;
    let mut names = Dir::new(folder).map_err(reading)?;
    names
        .try_fold(false, |found, entry| entry.map(|it| found || it.file_name().to_bytes() == name.as_bytes()))
        .map_err(reading)
}

/// Opens content for reading.
///
/// # Errors
/// `NotFound` for whatever is not content.
pub(crate) fn open(opened: &Opened, target: &Target) -> Result<(File, Stat)> {
    let folder = match find(opened, target)? {
        (Seen::Content(_), Some(folder)) => folder,
        (other, _) => return Err(not_found(&other)),
    };
    // A pipe that took the file's place in between must not hang us.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(&folder, target.name(), flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT | Errno::LOOP => not_found(&Seen::Nothing),
        other => failed("open the file", other),
    })?;
    let now = fstat(&file).map_err(|errno| failed("look at the file", errno))?;
    match FileType::from_raw_mode(now.st_mode) {
        FileType::RegularFile => Ok((File::from(file), now)),
        _ => Err(not_found(&Seen::Foreign("it is no longer a plain file"))),
    }
}

/// `NotFound`, with what stands there instead.
pub(crate) fn not_found(seen: &Seen) -> Error {
    let why = match seen {
        Seen::Foreign(why) => why,
        Seen::Folder => "a folder stands there",
        Seen::Twin => "only a name that differs in case stands there",
        Seen::Nothing | Seen::Content(_) => "no such file",
    };
    Error::new(ErrorKind::NotFound, why)
}

/// Changes whenever the bytes under the name change: each add is a new file with a time of its own.
pub(crate) fn etag(seen: &Stat) -> String {
    let Stat { st_ino, st_size, st_mtime, st_mtime_nsec, st_ctime, st_ctime_nsec, .. } = seen;
    format!("{st_ino:x}-{st_size:x}-{st_mtime:x}.{st_mtime_nsec:x}-{st_ctime:x}.{st_ctime_nsec:x}")
}

/// Bytes of the file.
pub(crate) fn size(seen: &Stat) -> u64 {
    u64::try_from(seen.st_size).unwrap_or(0)
}

/// When it was written; absent for times no clock can show.
pub(crate) fn modified(seen: &Stat) -> Option<SystemTime> {
    let nanos = u32::try_from(seen.st_mtime_nsec).ok()?;
    match u64::try_from(seen.st_mtime) {
        Ok(seconds) => SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos)),
        Err(_) => SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(seen.st_mtime.unsigned_abs())),
    }
}
