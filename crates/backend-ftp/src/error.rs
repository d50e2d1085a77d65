//! From a server's answers to the contract's kinds: the one table.
//!
//! Source: RFC 959 section 4.2, RFC 2228, RFC 4217, RFC 3659. 550 means almost anything; whoever can tell more asks before it comes here.

use std::io;

use backend_core::{Effect, Error, ErrorKind};
use suppaftp::FtpError;

use ErrorKind::{
    Denied, Integrity, Internal, InvalidConfig, InvalidInput, QuotaExceeded, RateLimited, Timeout, Unauthenticated,
    Unavailable, Unsupported,
};

/// Codes and what they mean to a caller.
const TABLE: &[(&[u16], ErrorKind)] = &[
    (&[421, 425, 426, 434, 450, 451], Unavailable),
    (&[452, 552], QuotaExceeded),
    (&[430, 530, 532], Unauthenticated),
    (&[500, 502, 504], Unsupported),
    (&[501], InvalidInput),
    (&[522, 533, 534, 535, 536], InvalidConfig),
    (&[550, 553], Denied),
];

/// The most of a server's text that a message repeats.
const MAX_SHOWN: usize = 160;

/// What a server answered: the code, and its text on the last line.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) text: String,
}

impl Reply {
    /// The code is taken from the text: the library has no word for some.
    pub(crate) fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body).trim_end().to_owned();
        let code = text.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
        Self { code, text }
    }

    pub(crate) fn is_good(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Whether the server says of `path` that it is not allowed, as far as servers have words for it. Many repeat the path, whose words are not theirs.
    pub(crate) fn says_denied(&self, path: &str) -> bool {
        let plain = self.text.replace(path, "").to_ascii_lowercase();
        ["denied", "permission", "not permitted", "read-only"].iter().any(|word| plain.contains(word))
    }

    /// The failure of `what` (a verb and its object) with this answer.
    pub(crate) fn error(&self, what: &str) -> Error {
        Error::new(kind(self.code), format!("cannot {what}: the server says {}", shown(&self.text)))
    }

    /// The same where the server's text may repeat what we sent: a password.
    pub(crate) fn error_silent(&self, what: &str) -> Error {
        Error::new(kind(self.code), format!("cannot {what}: the server answers {}", self.code))
    }
}

fn kind(code: u16) -> ErrorKind {
    let row = TABLE.iter().find(|(codes, _)| codes.contains(&code));
    row.map_or(if (400..500).contains(&code) { Unavailable } else { Internal }, |row| row.1)
}

/// A text of the server for a message: no control characters, and not much of it.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect()
}

/// The failure of `what` in the library: an answer, a connection, TLS.
pub(crate) fn failed(what: &str, err: FtpError) -> Error {
    match err {
        FtpError::UnexpectedResponse(response) => Reply::read(&response.body).error(what),
        FtpError::ConnectionError(err) => broken(what, err),
        FtpError::SecureError(why) => {
            // The library has turned it into text; what is wrong with a certificate is the user's matter, the rest is the network's.
            let kind = if why.contains("ertificate") { InvalidConfig } else { Unavailable };
            Error::new(kind, format!("cannot {what}: TLS fails: {}", shown(&why)))
        }
        FtpError::BadResponse | FtpError::InvalidAddress(_) | FtpError::DataConnectionAlreadyOpen => {
            strange(&format!("cannot {what}: no FTP server answers so"))
        }
    }
}

/// Whether the server refuses the version of TLS (RFC 5246, section 7.2, `protocol_version`; some say `handshake_failure`). The library has turned the
/// alert into text.
pub(crate) fn wants_newer(err: &FtpError) -> bool {
    matches!(err, FtpError::SecureError(why) if why.contains("ProtocolVersion") || why.contains("HandshakeFailure"))
}

/// A connection that failed.
pub(crate) fn broken(what: &str, err: io::Error) -> Error {
    let kind = match err.kind() {
        io::ErrorKind::TimedOut => Timeout,
        io::ErrorKind::InvalidData => Internal,
        io::ErrorKind::InvalidInput => InvalidInput,
        _ => Unavailable,
    };
    Error::new(kind, format!("cannot {what}: the connection failed")).with_source(err)
}

/// At the door: 421 is said to one too many, 550 to nobody.
pub(crate) fn at_the_door(what: &str, err: FtpError) -> Error {
    match err {
        FtpError::UnexpectedResponse(response) => match Reply::read(&response.body) {
            reply if reply.code == 421 => {
                Error::new(RateLimited, format!("cannot {what}: the server takes no more connections"))
            }
            reply => reply.error_silent(what),
        },
        other => failed(what, other),
    }
}

/// Something that no server should answer.
pub(crate) fn strange(what: &str) -> Error {
    Error::new(Internal, what)
}

/// Bytes or sizes that are not what they were said to be.
pub(crate) fn lie(what: impl Into<String>) -> Error {
    Error::new(Integrity, what)
}

/// The folder itself is not there: never `NotFound`.
pub(crate) fn no_root(reply: &Reply) -> Error {
    Error::new(InvalidConfig, format!("connection.path: the server says {}", shown(&reply.text)))
}

/// The source has another number of bytes than its content.
pub(crate) fn changed() -> Error {
    Error::new(ErrorKind::SourceChanged, "the source has not as many bytes as its content")
}

/// The caller asked for something that makes no sense here.
pub(crate) fn input(why: &'static str) -> Error {
    Error::new(InvalidInput, why)
}

/// A failure after which nobody can tell whether the content is there.
pub(crate) fn unsure(err: Error) -> Error {
    err.with_effect(Effect::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_in_one_row_only() {
        let mut all: Vec<u16> = TABLE.iter().flat_map(|row| row.0.iter().copied()).collect();
        let n_codes = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), n_codes);
    }

    #[test]
    fn answers_have_their_kind_and_are_shown_without_control_characters() {
        let cases = [
            ("452 Disk full", QuotaExceeded),
            ("552-Much\r\n552 too much", QuotaExceeded),
            ("426 Aborted", Unavailable),
            ("499 Something new", Unavailable),
            ("530 Who?", Unauthenticated),
            ("550 \u{1b}[2J", Denied),
            ("599 Something new", Internal),
            ("ha", Internal),
        ];
        for (text, kind) in cases {
            let err = Reply::read(text.as_bytes()).error("do it");
            assert_eq!(err.kind(), kind, "{text}");
            assert!(!err.message().contains(['\u{1b}', '\r', '\n']), "{err}");
        }
    }

    #[test]
    fn a_path_that_is_repeated_says_nothing() {
        let check = |text: &str| Reply::read(text.as_bytes()).says_denied("/b/Denied of 5");
        assert!(check("550 /b/Denied of 5: Permission denied") && check("550 Permission denied."));
        assert!(!check("550 '/b/Denied of 5' cannot be listed") && !check("550 Not found"));
    }

    #[test]
    fn the_door_repeats_no_text() {
        let body = b"530 PASS canary is wrong".to_vec();
        let response = suppaftp::types::Response::new(suppaftp::Status::NotLoggedIn, body);
        let err = at_the_door("log in", FtpError::UnexpectedResponse(response));
        assert!(err.kind() == Unauthenticated && !err.message().contains("canary"), "{err}");
    }
}
