//! From the system's error numbers to the contract's kinds: the one table.

use backend_core::{Effect, Error, ErrorKind};
use rustix::io::Errno;

/// Numbers, what they mean to a caller, and the words for it.
///
/// `EIO` and friends are `Unavailable`: a disk that answers with an error cannot serve now, a second try costs little, and the bytes of a failed write
/// are never taken for stored. `ENOENT` and `ENOTDIR` stand here for folders that vanished under a running verb; that a *name* is not there is never
/// read from this table.
const TABLE: &[(&[Errno], ErrorKind, &str)] = &[
    (&[Errno::NOSPC, Errno::DQUOT], ErrorKind::QuotaExceeded, "no room is left"),
    (&[Errno::FBIG, Errno::OVERFLOW], ErrorKind::TooLarge, "it is larger than the file system or a limit allows"),
    (&[Errno::ACCESS, Errno::PERM], ErrorKind::Denied, "the system does not permit it"),
    (&[Errno::ROFS], ErrorKind::Denied, "the file system is mounted read-only"),
    (&[Errno::EXIST], ErrorKind::AlreadyExists, "something is there already"),
    (&[Errno::NAMETOOLONG], ErrorKind::InvalidInput, "the file system does not take names that long"),
    (&[Errno::INVAL, Errno::ILSEQ], ErrorKind::InvalidInput, "the file system does not take it"),
    (&[Errno::ISDIR, Errno::NOTEMPTY], ErrorKind::InvalidInput, "a folder stands there"),
    (&[Errno::LOOP], ErrorKind::InvalidInput, "a symbolic link is in the way and is not followed"),
    (&[Errno::XDEV], ErrorKind::InvalidInput, "another file system is mounted there"),
    (&[Errno::NOENT, Errno::NOTDIR], ErrorKind::Unavailable, "a folder vanished meanwhile"),
    (&[Errno::MFILE, Errno::NFILE, Errno::NOMEM], ErrorKind::Unavailable, "the system has no more of a resource"),
    (&[Errno::AGAIN, Errno::BUSY, Errno::INTR, Errno::TXTBSY], ErrorKind::Unavailable, "it is busy"),
    (&[Errno::IO, Errno::NODEV, Errno::NXIO, Errno::UCLEAN], ErrorKind::Unavailable, "the disk answers with an error"),
    (
        &[Errno::STALE, Errno::NOTCONN, Errno::HOSTDOWN, Errno::HOSTUNREACH],
        ErrorKind::Unavailable,
        "the server is away",
    ),
    (&[Errno::TIMEDOUT], ErrorKind::Timeout, "the server does not answer"),
];

/// The failure of `what` (a verb and its object: "write the copy") with this error number.
pub(crate) fn failed(what: &str, errno: Errno) -> Error {
    let row = TABLE.iter().find(|(numbers, ..)| numbers.contains(&errno));
    let (kind, words) =
        row.map_or((ErrorKind::Internal, "the system answers something unexpected"), |row| (row.1, row.2));
    Error::new(kind, format!("cannot {what}: {words}")).with_source(std::io::Error::from(errno))
}

/// The same for the standard library's errors.
pub(crate) fn failed_io(what: &str, err: std::io::Error) -> Error {
    match Errno::from_io_error(&err) {
        Some(errno) => failed(what, errno),
        None => Error::new(ErrorKind::Internal, format!("cannot {what}")).with_source(err),
    }
}

/// What a verb answers when the folder itself is not what it was: never `NotFound`.
pub(crate) fn no_root(why: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("connection.path: {why}"))
}

/// A failure after which nobody can tell whether the content is there.
pub(crate) fn unsure(err: Error) -> Error {
    err.with_effect(Effect::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_stands_in_one_row_only() {
        let mut all: Vec<i32> = TABLE.iter().flat_map(|row| row.0.iter().map(|it| it.raw_os_error())).collect();
        let n_numbers = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), n_numbers);
    }

    #[test]
    fn what_a_caller_must_tell_apart_is_told_apart() {
        let cases = [
            (Errno::NOSPC, ErrorKind::QuotaExceeded),
            (Errno::DQUOT, ErrorKind::QuotaExceeded),
            (Errno::ROFS, ErrorKind::Denied),
            (Errno::IO, ErrorKind::Unavailable),
            (Errno::NOENT, ErrorKind::Unavailable),
            (Errno::NAMETOOLONG, ErrorKind::InvalidInput),
            (Errno::NOTTY, ErrorKind::Internal),
        ];
        for (errno, kind) in cases {
            assert_eq!(failed("do it", errno).kind(), kind, "{errno}");
        }
    }
}
