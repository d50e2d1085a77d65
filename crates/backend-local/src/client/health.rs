//! How the folder is, and how full its disk.

use std::time::Duration;

use backend_core::{ErrorKind, Health, Power, Result, Scope, Usage};
use rustix::fs::{Access, AtFlags, accessat, fstatvfs};
use rustix::io::Errno;

use super::root::Opened;
use super::{Files, Store, blocking};
use crate::error::failed;

impl Store {
    /// Looks, and changes nothing: that a folder may be written to is only known when it was.
    pub(crate) async fn health(&self) -> Health {
        let since = self.clock.monotonic();
        let files = self.files.clone();
        let probed = blocking(move || Ok(probe(&files))).await;
        let mut health = probed.unwrap_or_else(|err| ill(err.kind(), err.message()));
        health.latency = self.clock.monotonic().saturating_sub(since);
        health
    }

    /// What the disk says: it is everybody's.
    pub(crate) async fn usage(&self) -> Result<Usage> {
        let files = self.files.clone();
        blocking(move || {
            let opened = files.root.open()?;
            let disk = fstatvfs(opened.folder()).map_err(|errno| failed("ask how full the disk is", errno))?;
            let bytes = |blocks: u64| Some(blocks.saturating_mul(disk.f_frsize));
            let mut usage = Usage::of(Scope::Disk);
            usage.used = bytes(disk.f_blocks.saturating_sub(disk.f_bfree));
            usage.free = bytes(disk.f_bavail);
            usage.limit = bytes(disk.f_blocks);
            Ok(usage)
        })
        .await
    }
}

fn probe(files: &Files) -> Health {
    if files.root.is_yet_to_be_made() {
        let mut health = Health::new(Power::Unknown, Power::Unknown, Duration::ZERO);
        health.note = Some("the folder is made when it is first used".to_owned());
        return health;
    }
    let opened = match files.root.open() {
        Ok(opened) => opened,
        Err(err) => return ill(err.kind(), err.message()),
    };
    files.root.note_marker(&opened);
    let reads = match accessat(opened.folder(), ".", Access::READ_OK | Access::EXEC_OK, AtFlags::EACCESS) {
        Ok(()) => Power::Works,
        Err(errno) => Power::Fails(failed("read", errno).kind()),
    };
    let (writes, note) = writes(&opened);
    let mut health = Health::new(reads, writes, Duration::ZERO);
    health.identity = opened.marker();
    health.note = note.map(str::to_owned);
    health
}

fn writes(opened: &Opened) -> (Power, Option<&'static str>) {
    let fails = |kind, why| (Power::Fails(kind), Some(why));
    let disk = match fstatvfs(opened.folder()) {
        Ok(disk) => disk,
        Err(errno) => return fails(failed("look", errno).kind(), "the disk does not say how full it is"),
    };
    match accessat(opened.folder(), ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
        Ok(()) => {}
        Err(Errno::ROFS) => return fails(ErrorKind::Denied, "the file system is mounted read-only"),
        Err(Errno::ACCESS | Errno::PERM) => {
            return fails(ErrorKind::Denied, "the folder's permissions do not allow writing");
        }
        Err(errno) => return fails(failed("look", errno).kind(), "the folder cannot be written to"),
    }
    // File systems that make inodes as they need them count none at all.
    match disk.f_bavail == 0 || (0 < disk.f_files && disk.f_favail == 0) {
        true => fails(ErrorKind::QuotaExceeded, "the disk is full"),
        false => (Power::Unknown, None),
    }
}

fn ill(kind: ErrorKind, why: &str) -> Health {
    let mut health = Health::new(Power::Fails(kind), Power::Fails(kind), Duration::ZERO);
    health.note = Some(why.to_owned());
    health
}
