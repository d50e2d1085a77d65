//! What SQLite says, in the words of the contract: one table.

use backend_core::{Effect, Error, ErrorKind};
use rusqlite::ErrorCode;

/// Classifies a failure of SQLite. It never carries values of rows, which may be secrets.
pub(super) fn from_sqlite(err: rusqlite::Error) -> Error {
    let (kind, message) = classify(&err);
    let effect = match err.sqlite_error_code() {
        // The frames may be in the log and come back when it is replayed.
        Some(ErrorCode::SystemIoFailure) => Effect::Unknown,
        _ => Effect::None,
    };
    Error::new(kind, message).with_effect(effect).with_source(err)
}

fn classify(err: &rusqlite::Error) -> (ErrorKind, &'static str) {
    use rusqlite::Error as E;
    match err {
        E::SqliteFailure(failure, _) => by_code(failure.code),
        E::FromSqlConversionFailure(..) | E::IntegralValueOutOfRange(..) | E::InvalidColumnType(..) => {
            (ErrorKind::Integrity, "the catalog holds a value that makes no sense")
        }
        E::ToSqlConversionFailure(..) => (ErrorKind::InvalidInput, "a value that the catalog cannot hold"),
        E::QueryReturnedNoRows => (ErrorKind::NotFound, "the catalog has no such row"),
        _ => (ErrorKind::Internal, "the catalog was asked something wrong"),
    }
}

fn by_code(code: ErrorCode) -> (ErrorKind, &'static str) {
    match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            (ErrorKind::Unavailable, "another process keeps the catalog busy")
        }
        ErrorCode::DiskFull => (ErrorKind::QuotaExceeded, "no room for the catalog on its disk"),
        ErrorCode::SystemIoFailure => (ErrorKind::Unavailable, "the disk of the catalog failed"),
        ErrorCode::DatabaseCorrupt => (ErrorKind::Integrity, "the catalog is damaged"),
        ErrorCode::NotADatabase => (ErrorKind::InvalidConfig, "this file is not a catalog"),
        ErrorCode::CannotOpen => (ErrorKind::InvalidConfig, "the catalog cannot be opened"),
        ErrorCode::ReadOnly => (ErrorKind::Denied, "the catalog cannot be written here"),
        ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied => {
            (ErrorKind::Denied, "no permission to use the catalog")
        }
        ErrorCode::ConstraintViolation => (ErrorKind::Precondition, "the catalog's rules forbid it"),
        ErrorCode::TooBig => (ErrorKind::InvalidInput, "a value that is too large for the catalog"),
        _ => (ErrorKind::Internal, "the catalog failed"),
    }
}
