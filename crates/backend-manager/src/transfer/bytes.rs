//! Plain bytes of files: copied, filled in from a stream, named and digested.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use backend_core::{ByteStream, DigestKind, Error, ErrorKind, Progress, Result};
use futures::StreamExt;
use ipld::profile::Profile;

use crate::add::StopOnDrop;
use crate::naming::{Fingerprint, Hasher};
use crate::trouble;

/// A file of this machine: the kernel copies, and it is the same file before and after.
pub(super) async fn copy(path: PathBuf, mut to: File, sent: Progress) -> Result<(File, Option<i64>)> {
    let work = move || {
        let from = crate::naming::open(&path)?;
        let look = |file: &File| file.metadata().map_err(|err| trouble::file("look at", &path, err));
        let before = look(&from)?;
        if !before.is_file() {
            let text = format!("{} is not a regular file any more", trouble::shown(&path));
            return Err(Error::new(ErrorKind::SourceChanged, text));
        }
        let copied = copy_all(&from, &mut to, before.len(), &sent);
        copied.map_err(|err| trouble::file("copy", &path, err))?;
        let (was, is) = (Fingerprint::of(&before), Fingerprint::of(&look(&from)?));
        let written = to.metadata().map_err(|err| trouble::file("look at the copy of", &path, err))?.len();
        match was == is && written == before.len() {
            true => Ok((to, was.modified())),
            false => {
                let text = format!("{} changed while it was being copied", trouble::shown(&path));
                Err(Error::new(ErrorKind::SourceChanged, text))
            }
        }
    };
    tokio::task::spawn_blocking(work).await.map_err(trouble::lost)?
}

/// In pieces, so that it can be seen how far it is; each is cloned or copied without coming here where the file system can do that.
fn copy_all(from: &File, to: &mut File, len: u64, sent: &Progress) -> std::io::Result<()> {
    use std::io::Read;
    const PIECE: u64 = 8 << 20;
    let mut left = len;
    while 0 < left {
        let n = std::io::copy(&mut from.take(left.min(PIECE)), to)?;
        if n == 0 {
            return Ok(());
        }
        sent.moved(n);
        left -= n;
    }
    Ok(())
}

/// # Errors
/// `Integrity` when not all of it came.
pub(super) async fn fill(
    mut body: ByteStream,
    size: Option<u64>,
    mut file: File,
    (path, sent): (&str, &Progress),
) -> Result<File> {
    let mut written = 0;
    while let Some(bytes) = body.next().await {
        let bytes = bytes?;
        written += bytes.len() as u64;
        sent.moved(bytes.len() as u64);
        file = crate::export::write(file, bytes, std::path::Path::new(path)).await?;
    }
    match size.is_none_or(|size| size == written) {
        true => Ok(file),
        false => Err(Error::new(ErrorKind::Integrity, format!("{written} bytes of {path} came, which is not all"))),
    }
}

/// The name that a file of a folder has now.
///
/// # Errors
/// What reading it answers.
pub(super) async fn name_of(file: File, path: PathBuf, profile: Profile, spool: PathBuf) -> Result<ipld::Cid> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let _stop = StopOnDrop(cancelled.clone());
    let work = move || {
        let len = file.metadata().map_err(|err| trouble::file("look at", &path, err))?.len();
        let (progress, digests) = (Progress::new(), []);
        let (file, path, cancelled, spool) = (&file, &*path, &*cancelled, &*spool);
        let job =
            crate::naming::Job { file, path, len, profile, digests: &digests, progress: &progress, cancelled, spool };
        let named = crate::naming::name_file(&job, crate::naming::threads())?;
        Ok(ipld::address::to_v1(&named.entry.cid))
    };
    tokio::task::spawn_blocking(work).await.map_err(trouble::lost)?
}

/// One digest of a file of a folder.
///
/// # Errors
/// What reading it answers.
pub(super) async fn digest_of(
    file: std::fs::File,
    path: std::path::PathBuf,
    kind: DigestKind,
) -> Result<backend_core::Digest> {
    use std::io::Read;
    let path = Arc::new(path);
    let work = move || {
        let failed = |err| trouble::file("read", &path, err);
        let mut hasher = Hasher::new(kind, file.metadata().map_err(failed)?.len())?;
        let (mut file, mut piece) = (file, vec![0; 128 << 10]);
        loop {
            match file.read(&mut piece).map_err(failed)? {
                0 => return hasher.finish(),
                n => hasher.update(&piece[..n]),
            }
        }
    };
    tokio::task::spawn_blocking(work).await.map_err(trouble::lost)?
}
