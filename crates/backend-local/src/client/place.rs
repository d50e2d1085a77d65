//! One copy gets its name.

use std::os::fd::OwnedFd;

use backend_core::{Condition, Error, ErrorKind, Result};
use rustix::fs::{AtFlags, RenameFlags, Stat, linkat, renameat, renameat_with, unlinkat};
use rustix::io::Errno;

use super::commit::Placing;
use super::look::look_in;
use super::temp::Temp;
use super::{Files, about, beneath};
use crate::error::{failed, unsure};

/// How often a folder is made again that somebody prunes at the same time.
const TRIES: usize = 16;

/// Renames the copy; answers how it stands on the disk.
pub(crate) fn place(files: &Files, placing: &mut Placing) -> Result<Stat> {
    let Placing { opened, temp, order, cancel, beside, .. } = &*placing;
    files.root.recheck(opened)?;
    if let Some(text) = beside {
        cancel.check()?;
        about::place(opened, &files.syncs, &order.target, temp, text)?;
    }
    let renamed = cancel.place(|| rename(placing));
    if let Err(err) = renamed {
        return files.judge(&placing.opened, Err(err));
    }
    placing.temp.placed();
    let seen = placing.temp.stat().map_err(unsure)?;
    if placing.beside.is_some() || placing.replaces {
        about::clean(&placing.opened, &placing.order.target, Some(&seen));
    }
    Ok(seen)
}

fn rename(placing: &Placing) -> Result<()> {
    let Placing { opened, temp, order, .. } = placing;
    for _ in 0..TRIES {
        let folder = beneath::make(opened.folder(), order.target.parent(), opened.folder_mode());
        let folder = match folder {
            Err(Errno::NOENT) => continue,
            other => other.map_err(in_the_way)?,
        };
        match rename_in(temp, &folder, order.target.name(), placing)? {
            Err(Errno::NOENT) => {}
            other => return other.map_err(not_renamed),
        }
    }
    Err(failed("name the copy", Errno::NOENT))
}

fn rename_in(temp: &Temp, folder: &OwnedFd, name: &str, placing: &Placing) -> Result<rustix::io::Result<()>> {
    match placing.order.condition {
        Condition::IfAbsent => rename_new(temp, folder, name),
        Condition::Always => Ok(renameat(temp.folder(), temp.name(), folder, name)),
        _ => {
            placing.order.check(&look_in(folder, name)?)?;
            Ok(renameat(temp.folder(), temp.name(), folder, name))
        }
    }
}

/// Only where nothing is: by the rename that does not replace, else by a hard link, which never does.
fn rename_new(temp: &Temp, folder: &OwnedFd, name: &str) -> Result<rustix::io::Result<()>> {
    match renameat_with(temp.folder(), temp.name(), folder, name, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        other => return Ok(other),
    }
    match linkat(temp.folder(), temp.name(), folder, name, AtFlags::empty()) {
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => Err(Error::unsupported("if_absent", "this file system")),
        Ok(()) => {
            // The second name is swept once we are dead, if it cannot be removed now.
            let _ = unlinkat(temp.folder(), temp.name(), AtFlags::empty());
            Ok(Ok(()))
        }
        other => Ok(other),
    }
}

fn in_the_way(errno: Errno) -> Error {
    match errno {
        Errno::NOTDIR => Error::new(ErrorKind::InvalidInput, "a file stands where the key has a folder"),
        other => failed("make the folder of the key", other),
    }
}

/// A server that did not answer may have renamed it.
fn not_renamed(errno: Errno) -> Error {
    let err = failed("name the copy", errno);
    match errno {
        Errno::EXIST => Error::new(ErrorKind::AlreadyExists, "the name is taken"),
        Errno::IO | Errno::STALE | Errno::TIMEDOUT | Errno::INTR => unsure(err),
        _ => err,
    }
}
