//! Content back into files and folders: under a temporary name beside the target, which appears only when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use backend_core::{Error, ErrorKind, Progress, Result};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use ipld::Cid;
use ipld::import::check_name;
use ipld::resolve::{Kind, Target};

use crate::manager::{Manager, beside};
use crate::read::ReadReport;
use crate::trouble;

/// Files of a folder that are written at a time.
const FILES: usize = 8;
/// Folders inside of one another.
const DEPTH: usize = 1024;

/// How to export.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// Whether a file that is there may be replaced. A folder never is.
    pub overwrite: bool,
    /// Ticked by every byte written.
    pub progress: Progress,
    /// Is told what is met on the way, also when the export fails in the end.
    pub report: ReadReport,
}

/// What was written.
#[derive(Debug)]
pub struct Exported {
    /// What it is.
    pub cid: Cid,
    /// Where it is now.
    pub path: PathBuf,
    /// Files.
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Removed when dropped, unless it has become the target.
pub(crate) struct Temporary(pub(crate) Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Best effort: what cannot be removed keeps a name that says what it is.
            drop(if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) });
        }
    }
}

impl Manager {
    /// Writes a file, a folder or a symbolic link to `out`: whole or not at all.
    ///
    /// # Errors
    /// `AlreadyExists` when `out` is there and may not be replaced; what reading and writing answer.
    pub async fn export(&self, target: &Target, out: &Path, opts: &ExportOptions) -> Result<Exported> {
        refuse_existing(out, opts.overwrite && target.kind != Kind::Directory)?;
        let mut temporary = Temporary(Some(temporary_name(out)?));
        let path = temporary.0.clone().unwrap_or_default();
        let report = self.listen(opts.report.clone());
        let mut count = Count::default();
        let write = Export { manager: self, report, progress: opts.progress.clone() };
        write.any(target.clone(), path.clone(), 0, &mut count).await?;
        let (from, to, replace) = (path, out.to_owned(), opts.overwrite);
        tokio::task::spawn_blocking(move || appear(&from, &to, replace)).await.map_err(trouble::lost)??;
        temporary.0 = None;
        Ok(Exported { cid: target.cid, path: out.to_owned(), files: count.files, bytes: count.bytes })
    }
}

#[derive(Debug, Default)]
struct Count {
    files: u64,
    bytes: u64,
}

struct Export<'a> {
    manager: &'a Manager,
    report: ReadReport,
    progress: Progress,
}

impl Export<'_> {
    async fn any(&self, target: Target, path: PathBuf, depth: usize, count: &mut Count) -> Result<()> {
        match target.kind {
            Kind::Directory => Box::pin(self.folder(target.cid, path, depth, count)).await,
            Kind::Symlink => self.link(&target.cid, &path).await,
            _ => {
                count.bytes += self.file(&target, &path).await?;
                count.files += 1;
                Ok(())
            }
        }
    }

    async fn folder(&self, cid: Cid, path: PathBuf, depth: usize, count: &mut Count) -> Result<()> {
        if DEPTH < depth {
            return Err(Error::new(ErrorKind::Integrity, format!("more than {DEPTH} folders inside of one another")));
        }
        fs::create_dir(&path).map_err(|err| trouble::file("make the folder", &path, err))?;
        let mut entries = self.manager.entries(cid);
        let mut files = Vec::new();
        while let Some(entry) = entries.try_next().await? {
            check_name(&entry.name).map_err(trouble::ipld)?;
            let target = self.manager.look_at(&entry.cid).await?;
            let path = path.join(std::ffi::OsStr::from_bytes(&entry.name));
            match target.kind {
                Kind::Directory | Kind::Symlink => self.any(target, path, depth + 1, count).await?,
                _ => files.push((target, path)),
            }
            if FILES * 8 <= files.len() {
                self.files(std::mem::take(&mut files), count).await?;
            }
        }
        self.files(files, count).await
    }

    async fn files(&self, files: Vec<(Target, PathBuf)>, count: &mut Count) -> Result<()> {
        let n_files = files.len() as u64;
        let each = futures::stream::iter(files).map(|(target, path)| async move { self.file(&target, &path).await });
        let bytes: Vec<u64> = each.buffer_unordered(FILES).try_collect().await?;
        count.files += n_files;
        count.bytes += bytes.iter().sum::<u64>();
        Ok(())
    }

    async fn file(&self, target: &Target, path: &Path) -> Result<u64> {
        let (stored, size) = self.manager.file(target).await?;
        let mut body = self.manager.served(&stored, size, 0..size, self.report.clone()).await;
        let mut file = create(path)?;
        let mut written = 0;
        while let Some(bytes) = body.next().await {
            let bytes = bytes?;
            written += bytes.len() as u64;
            self.progress.moved(bytes.len() as u64);
            file = write(file, bytes, path).await?;
        }
        match written == size {
            true => Ok(written),
            false => Err(Error::new(ErrorKind::Integrity, format!("{written} bytes came instead of {size}"))),
        }
    }

    async fn link(&self, cid: &Cid, path: &Path) -> Result<()> {
        let stored = self.manager.holding(cid).await?;
        let node = stored.dag.node(cid).await?;
        match ipld::unixfs::decode(cid, &node).map_err(trouble::ipld)? {
            ipld::unixfs::Node::Symlink(target) => {
                let target = std::ffi::OsStr::from_bytes(&target);
                symlink(target, path).map_err(|err| trouble::file("make the link", path, err))
            }
            _ => Err(Error::new(ErrorKind::Integrity, "what was a symbolic link is none")),
        }
    }
}

/// Small writes are done here: handing them to another thread costs more than the page cache takes.
pub(crate) async fn write(mut file: File, bytes: Bytes, path: &Path) -> Result<File> {
    let failed = |err| trouble::file("write", path, err);
    if bytes.len() <= 64 << 10 {
        return file.write_all(&bytes).map(|()| file).map_err(failed);
    }
    let written = tokio::task::spawn_blocking(move || file.write_all(&bytes).map(|()| file));
    written.await.map_err(trouble::lost)?.map_err(failed)
}

/// Never through a link that somebody planted, and never over a file that is there.
pub(crate) fn create(path: &Path) -> Result<File> {
    let made = OpenOptions::new().write(true).create_new(true).custom_flags(libc_nofollow()).open(path);
    made.map_err(|err| trouble::file("make", path, err))
}

fn libc_nofollow() -> i32 {
    rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()
}

pub(crate) fn refuse_existing(out: &Path, overwrite: bool) -> Result<()> {
    match fs::symlink_metadata(out) {
        Ok(meta) if meta.is_dir() || !overwrite => {
            Err(Error::new(ErrorKind::AlreadyExists, format!("{} is there already", trouble::shown(out))))
        }
        _ => Ok(()),
    }
}

pub(crate) fn temporary_name(out: &Path) -> Result<PathBuf> {
    let mut random = [0; 6];
    getrandom::fill(&mut random)
        .map_err(|err| Error::new(ErrorKind::Internal, "no random numbers").with_source(err))?;
    let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(beside(out).join(format!(".ipfs-kit-partial-{random}")))
}

pub(crate) fn appear(from: &Path, to: &Path, replace: bool) -> Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let failed = |err: std::io::Error| trouble::file("move it to", to, err);
    if replace {
        return fs::rename(from, to).map_err(failed);
    }
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system knows the flag.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => fs::rename(from, to).map_err(failed),
        other => other.map_err(|err| failed(err.into())),
    }
}
