//! SFTP over a folder: one session.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::fault::Fault;
use super::packet::{Answer, Rest, Seen};
use super::server::Shared;

/// As OpenSSH answers one READDIR.
const NAMES: usize = 100;

enum Open {
    File(File),
    Folder(Vec<(Vec<u8>, Seen)>),
}

/// What is to be done with an answer.
pub(super) enum Deed {
    Answer(Bytes),
    Nothing,
    Cut,
}

pub(super) struct Files {
    shared: Arc<Shared>,
    open: HashMap<Vec<u8>, Open>,
    next: u32,
}

impl Files {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, open: HashMap::new(), next: 0 }
    }

    pub(super) fn handle(&mut self, request: Bytes) -> io::Result<Deed> {
        let mut rest = Rest(request);
        let (kind, id) = (rest.byte()?, rest.number()?);
        if kind == 1 {
            return Ok(Deed::Answer(self.version()));
        }
        let faults = &self.shared.faults;
        if matches!(kind, 5 | 6) && faults.has(&Fault::Silent) {
            return Ok(Deed::Nothing);
        }
        let answer = match self.refused(kind, &rest) {
            Some(code) => Ok(Answer::status(id, code)),
            None => self.act(kind, id, &mut rest),
        };
        let answer = answer.unwrap_or_else(|err| Answer::status(id, status(&err)));
        let n_written = if kind == 6 { rest.0.len() as u64 } else { 0 };
        let is_named =
            matches!(kind, 18 | 200) && self.shared.is_named.swap(false, std::sync::atomic::Ordering::Relaxed);
        let faults = &self.shared.faults;
        if faults.written(n_written) || (is_named && faults.takes(&Fault::CutAfterName)) {
            return Ok(Deed::Cut);
        }
        let answer = answer.finish();
        Ok(Deed::Answer(match faults.any(|it| if let Fault::Length(n) = it { Some(*n) } else { None }) {
            Some(len) => {
                let mut lying = BytesMut::from(&answer[..]);
                lying[..4].copy_from_slice(&len.to_be_bytes());
                lying.freeze()
            }
            None => answer,
        }))
    }

    fn version(&self) -> Bytes {
        let answer = Answer::new(2, 3);
        let extensions: [(&[u8], &[u8]); 6] = [
            (b"posix-rename@openssh.com", b"1"),
            (b"hardlink@openssh.com", b"1"),
            (b"fsync@openssh.com", b"1"),
            (b"statvfs@openssh.com", b"2"),
            (b"copy-data", b"1"),
            (b"limits@openssh.com", b"1"),
        ];
        let offered = extensions.iter().filter(|_| self.shared.opts.extensions);
        offered.fold(answer, |answer, (name, data)| answer.text(name).text(data)).finish()
    }

    /// Whether a fault refuses it.
    fn refused(&self, kind: u8, rest: &Rest) -> Option<u32> {
        let faults = &self.shared.faults;
        let writes = match kind {
            6 | 14 | 18 => true,
            3 => Rest(rest.0.clone()).text().is_ok_and(|path| rest.0.get(path.len() + 7).is_some_and(|it| it & 2 != 0)),
            _ => false,
        };
        match writes {
            true if faults.has(&Fault::Denied) => Some(3),
            true if faults.has(&Fault::Full) && kind == 6 => Some(4),
            _ => None,
        }
    }

    fn path(&self, rest: &mut Rest) -> io::Result<PathBuf> {
        let text = rest.text()?;
        let mut path = self.shared.folder.clone();
        for part in Path::new(OsStr::from_bytes(&text)).components() {
            match part {
                Component::Normal(name) => path.push(name),
                Component::RootDir | Component::CurDir => {}
                _ => return Err(io::Error::from(io::ErrorKind::PermissionDenied)),
            }
        }
        Ok(path)
    }

    fn act(&mut self, kind: u8, id: u32, rest: &mut Rest) -> io::Result<Answer> {
        let ok = |()| Answer::status(id, 0);
        match kind {
            3 => self.open(id, rest),
            4 => {
                let handle = rest.text()?;
                let closed = self.open.remove(&handle[..]);
                Ok(Answer::status(id, if closed.is_some() { 0 } else { 4 }))
            }
            5 => self.read(id, rest),
            6 => self.write(rest).map(ok),
            7 | 17 => {
                let path = self.path(rest)?;
                let seen = if kind == 7 { fs::symlink_metadata(path)? } else { fs::metadata(path)? };
                Ok(self.attrs(id, seen.into()))
            }
            8 => {
                let handle = rest.text()?;
                match self.open.get(&handle[..]) {
                    Some(Open::File(file)) => Ok(self.attrs(id, file.metadata()?.into())),
                    _ => Ok(Answer::status(id, 4)),
                }
            }
            11 => self.list(id, rest),
            12 => self.names(id, rest),
            13 => fs::remove_file(self.path(rest)?).map(ok),
            14 => fs::create_dir(self.path(rest)?).map(ok),
            15 => fs::remove_dir(self.path(rest)?).map(ok),
            16 => {
                let path = fs::canonicalize(self.path(rest)?)?;
                let below = path.strip_prefix(&self.shared.folder).unwrap_or(&path);
                let told = [b"/", below.as_os_str().as_bytes()].concat();
                Ok(Answer::new(104, id).number(1).text(&told).text(b"").number(0))
            }
            18 => {
                let (from, to) = (self.path(rest)?, self.path(rest)?);
                // A link first: it never replaces. Whoever lost a race takes his link back. Both as OpenSSH does it (sftp-server.c, `process_rename`).
                fs::hard_link(&from, &to)?;
                fs::remove_file(from).inspect_err(|_| drop(fs::remove_file(&to)))?;
                self.named();
                Ok(ok(()))
            }
            200 if self.shared.opts.extensions => self.extended(id, rest),
            _ => Ok(Answer::status(id, 8)),
        }
    }

    fn named(&self) {
        self.shared.is_named.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    fn attrs(&self, id: u32, mut seen: Seen) -> Answer {
        let is_file = seen.mode & 0o170_000 == 0o100_000;
        if let Some(more) = self.shared.faults.any(|it| if let Fault::Larger(n) = it { Some(*n) } else { None })
            && is_file
        {
            seen.size += more;
        }
        // A server without modes still tells folders: nothing can be done with one that does not.
        Answer::new(105, id).attrs(&seen, self.shared.opts.modes || !is_file)
    }

    fn open(&mut self, id: u32, rest: &mut Rest) -> io::Result<Answer> {
        let path = self.path(rest)?;
        let flags = rest.number()?;
        let mut options = OpenOptions::new();
        options.read(flags & 1 != 0).write(flags & 2 != 0).mode(0o600);
        match (flags & 8 != 0, flags & 0x20 != 0) {
            (true, true) => options.create_new(true),
            (true, false) => options.create(true),
            _ => &mut options,
        };
        let file = options.open(path)?;
        Ok(self.opened(id, Open::File(file)))
    }

    fn opened(&mut self, id: u32, what: Open) -> Answer {
        self.next += 1;
        let handle = self.next.to_be_bytes();
        self.open.insert(handle.to_vec(), what);
        Answer::new(102, id).text(&handle)
    }

    fn read(&mut self, id: u32, rest: &mut Rest) -> io::Result<Answer> {
        let (handle, at, len) = (rest.text()?, rest.long()?, rest.number()? as usize);
        let Some(Open::File(file)) = self.open.get(&handle[..]) else { return Ok(Answer::status(id, 4)) };
        let mut data = vec![0; len.min(self.shared.opts.most_read)];
        let n = file.read_at(&mut data, at)?;
        if n == 0 {
            return Ok(Answer::status(id, 1));
        }
        data.truncate(n);
        if self.shared.faults.has(&Fault::Overlong) {
            data.resize(len + 1, 0);
        }
        Ok(Answer::new(103, id).text(&data))
    }

    fn write(&mut self, rest: &mut Rest) -> io::Result<()> {
        let (handle, at, data) = (rest.text()?, rest.long()?, rest.text()?);
        rest.0 = data.clone();
        let Some(Open::File(file)) = self.open.get(&handle[..]) else { return Err(io::Error::other("no handle")) };
        file.write_all_at(&data, at)
    }

    fn list(&mut self, id: u32, rest: &mut Rest) -> io::Result<Answer> {
        let path = self.path(rest)?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&path)? {
            let entry = entry?;
            names.push((entry.file_name().as_bytes().to_vec(), Seen::from(fs::symlink_metadata(entry.path())?)));
        }
        let file = |size: u64| Seen { size, mode: 0o100_600, time: 1 };
        for name in [&b"."[..], b".."] {
            names.push((name.to_vec(), Seen { size: 0, mode: 0o040_700, time: 1 }));
        }
        self.shared.faults.any(|it| {
            match it {
                Fault::Names(hostile) => names.extend(hostile.iter().map(|it| (it.clone(), file(1)))),
                Fault::Many(n) if path.ends_with("store") => {
                    names.extend((0..*n).map(|n| (format!("n{n:07}").into_bytes(), file(0))));
                }
                _ => {}
            }
            None::<()>
        });
        Ok(self.opened(id, Open::Folder(names)))
    }

    fn names(&mut self, id: u32, rest: &mut Rest) -> io::Result<Answer> {
        let handle = rest.text()?;
        let modes = self.shared.opts.modes;
        match self.open.get_mut(&handle[..]) {
            Some(Open::Folder(names)) if names.is_empty() => Ok(Answer::status(id, 1)),
            Some(Open::Folder(names)) => {
                let page = names.split_off(names.len().saturating_sub(NAMES));
                let answer = Answer::new(104, id).number(page.len() as u32);
                let one = |answer: Answer, (name, seen): &(Vec<u8>, Seen)| {
                    answer.text(name).text(b"-rw------- \x1b[2J").attrs(seen, modes)
                };
                Ok(page.iter().fold(answer, one))
            }
            _ => Ok(Answer::status(id, 4)),
        }
    }

    fn extended(&mut self, id: u32, rest: &mut Rest) -> io::Result<Answer> {
        let name = rest.text()?;
        let ok = Ok(Answer::status(id, 0));
        match &name[..] {
            b"posix-rename@openssh.com" => {
                fs::rename(self.path(rest)?, self.path(rest)?)?;
                self.named();
                ok
            }
            b"hardlink@openssh.com" => {
                fs::hard_link(self.path(rest)?, self.path(rest)?)?;
                self.named();
                ok
            }
            b"fsync@openssh.com" => {
                let handle = rest.text()?;
                self.shared.syncs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                match self.open.get(&handle[..]) {
                    Some(Open::File(_)) if self.shared.faults.takes(&Fault::Unsynced) => Ok(Answer::status(id, 4)),
                    Some(Open::File(file)) => file.sync_all().map(|()| Answer::status(id, 0)),
                    _ => Ok(Answer::status(id, 4)),
                }
            }
            b"copy-data" => {
                let (from, at, len) = (rest.text()?, rest.long()?, rest.long()?);
                let (to, to_at) = (rest.text()?, rest.long()?);
                match (self.open.get(&from[..]), self.open.get(&to[..])) {
                    (Some(Open::File(from)), Some(Open::File(to))) => {
                        copy(from, at, len, to, to_at).map(|()| Answer::status(id, 0))
                    }
                    _ => Ok(Answer::status(id, 4)),
                }
            }
            b"limits@openssh.com" => Ok(Answer::new(201, id).long(262_144).long(261_120).long(261_120).long(1019)),
            b"statvfs@openssh.com" => {
                let free = if self.shared.faults.has(&Fault::Full) { 0 } else { 1 << 20 };
                // Of 4 KiB: 2 Mi blocks, some of them used; and files.
                let sizes = [4096, 4096, 2 << 20, free + 1, free, 1 << 20, 1 << 19, 1 << 19, 0, 0, 255];
                Ok(sizes.iter().fold(Answer::new(201, id), |answer, n| answer.long(*n)))
            }
            _ => Ok(Answer::status(id, 8)),
        }
    }
}

/// Whether a request gives a name: RENAME, or an extension that does.
pub(super) fn names(request: &[u8]) -> bool {
    let is_extended = |name: &str| request.get(9..9 + name.len()) == Some(name.as_bytes());
    match request.first() {
        Some(18) => true,
        Some(200) => is_extended("posix-rename@openssh.com") || is_extended("hardlink@openssh.com"),
        _ => false,
    }
}

/// Copies up to `len` bytes; 0 means up to the end (OpenSSH's PROTOCOL, section 4.10).
fn copy(from: &fs::File, mut at: u64, len: u64, to: &fs::File, mut to_at: u64) -> io::Result<()> {
    let mut left = if len == 0 { u64::MAX } else { len };
    let mut block = vec![0; 1 << 16];
    while 0 < left {
        let most = left.min(block.len() as u64) as usize;
        let n = from.read_at(&mut block[..most], at)?;
        if n == 0 {
            return Ok(());
        }
        to.write_all_at(&block[..n], to_at)?;
        (at, to_at, left) = (at + n as u64, to_at + n as u64, left - n as u64);
    }
    Ok(())
}

/// As OpenSSH has it (sftp-server.c, `errno_to_portable`).
fn status(err: &io::Error) -> u32 {
    match err.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => 2,
        io::ErrorKind::PermissionDenied => 3,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => 5,
        _ => 4,
    }
}
