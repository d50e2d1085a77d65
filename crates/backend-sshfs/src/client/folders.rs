//! Folders above content, and what a failure without a reason may mean.

use backend_core::{Error, ErrorKind, Result};

use super::FOLDER_MODE;
use super::root::Root;
use super::session::{Session, code};
use super::wire::{Field, kind};
use crate::error::{Code, failed};

/// With less room than the largest write the disk is taken for full.
const FULL: u64 = 256 << 10;

/// Makes the folder `path` and those above it. In one flight: the server does one after the other.
pub(crate) async fn make(session: &mut Session, root: &Root, path: &str) -> Result<()> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    for end in ends {
        let folder = root.path(path.get(..end).unwrap_or(path));
        session.ask(kind::MKDIR, &[Field::Text(&folder), Field::Mode(Some(FOLDER_MODE))]);
    }
    let mut refused = None;
    while 0 < session.in_flight() {
        let (_, reply) = session.answer().await?;
        match code(reply)? {
            // A folder that is there already is answered by a failure without a reason: what follows tells.
            Code::OK | Code::FAILURE | Code(11) => {}
            other => refused = Some(other),
        }
    }
    match refused {
        None | Some(Code::NO_SUCH_FILE) => Ok(()),
        Some(code) => Err(failed("make a folder", code)),
    }
}

/// The error of a status: of one without a reason, after a look at how much room is left.
pub(crate) async fn explain(session: &mut Session, root: &Root, what: &str, code: Code) -> Error {
    if code == Code::FAILURE && session.features.statvfs && session.in_flight() == 0 {
        match session.room(&root.path("")).await {
            Ok(room) if room.free < FULL || room.files == 0 => {
                return Error::new(ErrorKind::QuotaExceeded, format!("cannot {what}: no room is left"));
            }
            _ => {}
        }
    }
    failed(what, code)
}
