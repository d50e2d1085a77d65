//! From a server's statuses and SSH's failures to the contract's kinds: the one table.

use backend_core::{Effect, Error, ErrorKind};
use russh::{ChannelOpenFailure, Error as Ssh};

use ErrorKind::{Denied, Internal, InvalidConfig, InvalidInput, Unauthenticated, Unavailable};

/// A status of a reply (draft-ietf-secsh-filexfer-02, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u32);

impl Code {
    pub(crate) const OK: Code = Code(0);
    pub(crate) const EOF: Code = Code(1);
    pub(crate) const NO_SUCH_FILE: Code = Code(2);
    pub(crate) const FAILURE: Code = Code(4);
    pub(crate) const UNSUPPORTED: Code = Code(8);
}

/// Statuses, what they mean to a caller, and the words for it.
///
/// 2 stands here for folders and copies that vanished under a running verb; that a *name* is not there is never read from this table. 4 means almost
/// anything: whoever meets it looks around first, and comes here when that told nothing. 9 to 19 are of later drafts; some servers send them all the same.
const STATUSES: &[(&[u32], ErrorKind, &str)] = &[
    (&[2, 10], Unavailable, "a folder or a copy vanished meanwhile"),
    (&[3, 12], Denied, "the server does not permit it"),
    (&[4], Unavailable, "the server failed and does not say why"),
    (&[5], InvalidInput, "the server does not take it"),
    (&[6, 7], Unavailable, "the server lost its connection"),
    (&[8], ErrorKind::Unsupported, "the server does not offer it"),
    (&[9], Internal, "the server does not know its own handle"),
    (&[11], ErrorKind::AlreadyExists, "something is there already"),
    (&[13], Unavailable, "no medium is in the drive"),
    (&[14, 15], ErrorKind::QuotaExceeded, "no room is left"),
    (&[16, 17], Unavailable, "somebody has it locked"),
    (&[18, 19, 20], InvalidInput, "the server does not take such a name"),
];

/// The failure of `what` (a verb and its object: "write the copy") with this status. The server's own words are not repeated: nobody knows what is in
/// them.
pub(crate) fn failed(what: &str, code: Code) -> Error {
    let row = STATUSES.iter().find(|(codes, ..)| codes.contains(&code.0));
    let (kind, words) = row.map_or((Internal, "the server answers something unexpected"), |row| (row.1, row.2));
    Error::new(kind, format!("cannot {what}: {words}"))
}

/// The server said what it may not say. Whatever follows on this session cannot be trusted.
pub(crate) fn malformed(what: &str) -> Error {
    Error::new(Internal, format!("the server breaks the protocol: {what}"))
}

/// The connection ended while an answer was awaited.
pub(crate) fn lost() -> Error {
    Error::new(Unavailable, "the connection was lost")
}

/// What could not be done while a connection was made.
pub(crate) fn unreachable(host: &str, err: Ssh) -> Error {
    let (kind, words) = match &err {
        Ssh::NoCommonAlgo { kind, .. } if format!("{kind:?}") == "Key" => {
            (InvalidConfig, "it has no host key that we take: give it an ed25519 or ecdsa key, as RSA is not supported")
        }
        Ssh::NoCommonAlgo { .. } => (InvalidConfig, "we have no algorithm in common"),
        Ssh::UnknownKey => (InvalidConfig, "its key is not known"),
        Ssh::WrongServerSig | Ssh::Signature(_) => (Unauthenticated, "it does not hold the key that it shows"),
        Ssh::Version | Ssh::KexInit | Ssh::Kex | Ssh::Inconsistent => {
            (Unavailable, "it does not speak SSH as it should")
        }
        Ssh::ChannelOpenFailure(why) => (Unavailable, opening(why)),
        Ssh::RequestDenied => (InvalidConfig, "it offers no SFTP to this user"),
        Ssh::Keys(_) | Ssh::SshKey(_) => (Unauthenticated, "the key cannot be used"),
        _ => (Unavailable, "the connection fails"),
    };
    Error::new(kind, format!("{host}: {words}")).with_source(err)
}

fn opening(why: &ChannelOpenFailure) -> &'static str {
    match why {
        ChannelOpenFailure::AdministrativelyProhibited => "it permits no further session or no way through",
        ChannelOpenFailure::ConnectFailed => "it does not reach the next server",
        _ => "it has no room for a session",
    }
}

/// Who is asked for is not let in.
pub(crate) fn unauthenticated(host: &str, why: &str) -> Error {
    Error::new(Unauthenticated, format!("{host}: {why}"))
}

/// What a verb answers when the store itself is not there: never `NotFound`.
pub(crate) fn no_root(why: &str) -> Error {
    Error::new(InvalidConfig, format!("connection.path: {why}"))
}

/// A failure after which nobody can tell whether the content is there. What the server refused, it certainly did not do.
pub(crate) fn unsure(err: Error) -> Error {
    match err.kind() {
        Unavailable | Internal | ErrorKind::Timeout => err.with_effect(Effect::Unknown),
        _ => err,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_stands_in_one_row_only() {
        let mut all: Vec<u32> = STATUSES.iter().flat_map(|row| row.0.iter().copied()).collect();
        let n_codes = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), n_codes);
    }

    #[test]
    fn what_a_caller_must_tell_apart_is_told_apart() {
        let cases = [
            (2, Unavailable),
            (3, Denied),
            (4, Unavailable),
            (5, InvalidInput),
            (8, ErrorKind::Unsupported),
            (11, ErrorKind::AlreadyExists),
            (15, ErrorKind::QuotaExceeded),
            (4_000_000, Internal),
        ];
        for (code, kind) in cases {
            assert_eq!(failed("do it", Code(code)).kind(), kind, "{code}");
        }
    }

    #[test]
    fn only_what_may_have_happened_is_unsure() {
        assert_eq!(unsure(lost()).effect(), Effect::Unknown);
        assert_eq!(unsure(failed("do it", Code(3))).effect(), Effect::None);
    }
}
