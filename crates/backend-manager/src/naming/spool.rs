//! A one-shot stream (stdin, a pipe) becomes content that can be re-opened: in memory while it is small, else in an unlinked file.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use backend_core::{Error, Result};
use bytes::Bytes;
use futures::{Stream, StreamExt};

use crate::trouble;

/// Bytes that are written to the file at a time; a stream up to this long never waits for a disk until its end.
const MEMORY: usize = 8 << 20;

/// The whole stream in a file that has no name (mode 0600), and its length. The kernel frees it when this process ends, however it ends.
///
/// # Errors
/// The stream's own; `QuotaExceeded` when the disk is full: the message names the folder and how to choose another.
pub(crate) async fn spool<S>(mut stream: S, folder: &Path) -> Result<(File, u64)>
where
    S: Stream<Item = Result<Bytes>> + Unpin + Send,
{
    let folder = folder.to_owned();
    let mut file = tempfile::tempfile_in(&folder).map_err(|err| failed(&folder, err))?;
    let (mut buffer, mut len) = (Vec::with_capacity(64 << 10), 0);
    loop {
        let frame = stream.next().await.transpose()?;
        let ended = frame.is_none();
        if let Some(frame) = frame {
            len += frame.len() as u64;
            buffer.extend_from_slice(&frame);
        }
        if MEMORY <= buffer.len() || (ended && !buffer.is_empty()) {
            let folder = folder.clone();
            let write = move || file.write_all(&buffer).map(|()| (file, buffer)).map_err(|err| failed(&folder, err));
            (file, buffer) = tokio::task::spawn_blocking(write).await.map_err(trouble::lost)??;
            buffer.clear();
        }
        if ended {
            return Ok((file, len));
        }
    }
}

fn failed(folder: &Path, err: std::io::Error) -> Error {
    let what = "put the stream aside (IPFS_KIT_HOME names another folder) in";
    trouble::file(what, folder, err)
}

/// A path under which this process can open an unlinked file again.
pub(crate) fn path_of(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}
