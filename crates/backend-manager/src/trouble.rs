//! From the errors of `ipld` and of the operating system to the contract's.

use std::io;
use std::path::Path;

use backend_core::{Error, ErrorKind};

/// An error of `ipld`: what does not hash or parse is an `Integrity` failure, what cannot be named or asked for is the caller's.
pub(crate) fn ipld(err: ipld::Error) -> Error {
    let kind = match &err {
        ipld::Error::InvalidCid(_) => ErrorKind::InvalidInput,
        ipld::Error::NoEntry { .. } => ErrorKind::NotFound,
        ipld::Error::WrongKind { .. } => ErrorKind::InvalidInput,
        ipld::Error::Range { .. } => ErrorKind::InvalidRange,
        _ => ErrorKind::Integrity,
    };
    Error::new(kind, err.to_string())
}

/// An error of the operating system about a user's own file.
pub(crate) fn file(what: &str, path: &Path, err: io::Error) -> Error {
    let kind = match err.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::QuotaExceeded,
        io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput => {
            ErrorKind::InvalidInput
        }
        _ => ErrorKind::Internal,
    };
    Error::new(kind, format!("cannot {what} {}", shown(path))).with_source(err)
}

/// A path as it may be printed: no control character of a hostile name reaches a terminal.
pub(crate) fn shown(path: &Path) -> String {
    path.to_string_lossy()
        .chars()
        .flat_map(|it| if it.is_control() { it.escape_debug().collect() } else { vec![it] })
        .collect()
}

/// A blocking task that did not come back: it panicked, or the runtime is going down.
pub(crate) fn lost(err: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Internal, "a blocking task did not come back").with_source(err)
}
