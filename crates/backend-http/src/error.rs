//! What can go wrong on the way, and what a status means: the two tables, and texts of strangers made fit to print.

use std::error::Error as StdError;
use std::io;

use backend_core::{Effect, Error, ErrorKind, RetryAdvice};
use http::StatusCode;
use url::Url;

use crate::endpoint::Origin;

/// The most characters of a stranger's text in a message.
const SHOWN: usize = 300;
/// How deep causes are searched: a cycle in foreign errors must not hang us.
const CAUSES: usize = 16;

/// How a conversation broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    Name,
    ConnectTime,
    Tls,
    Connect,
    Time,
    Cut,
    Reset,
    Garbage,
    Other,
}

/// Kind, whether another try makes sense, whether the request may have left, and the words.
const BREAKS: &[(Break, ErrorKind, bool, bool, &str)] = &[
    (Break::Name, ErrorKind::Unavailable, true, false, "its name cannot be resolved"),
    (Break::ConnectTime, ErrorKind::Timeout, true, false, "making a connection takes too long"),
    (Break::Tls, ErrorKind::Unavailable, false, false, "no trusted TLS connection can be made"),
    (Break::Connect, ErrorKind::Unavailable, true, false, "no connection can be made"),
    (Break::Time, ErrorKind::Timeout, true, true, "the connection timed out"),
    (Break::Cut, ErrorKind::Unavailable, true, true, "the answer was cut off"),
    (Break::Reset, ErrorKind::Unavailable, true, true, "the connection was reset"),
    (Break::Garbage, ErrorKind::Internal, false, true, "the answer is not HTTP"),
    (Break::Other, ErrorKind::Unavailable, true, true, "the conversation broke off"),
];

/// The failure of a conversation with `origin`; `changes`: what was asked for may have happened all the same.
pub(crate) fn broken(origin: &Origin, changes: bool, err: reqwest::Error) -> Error {
    let how = classify(&err);
    let row = BREAKS.iter().find(|row| row.0 == how);
    let (kind, again, left, words) =
        row.map_or((ErrorKind::Unavailable, true, true, "the conversation broke off"), |it| (it.1, it.2, it.3, it.4));
    let broken = Error::new(kind, format!("{origin}: {words}")).with_source(err.without_url());
    let broken = if again { broken } else { broken.with_advice(RetryAdvice::Never) };
    match changes && left {
        true => broken.with_effect(Effect::Unknown),
        false => broken,
    }
}

fn classify(err: &reqwest::Error) -> Break {
    let (mut tls, mut parse, mut cut, mut reset) = (false, false, false, false);
    let mut cause: Option<&(dyn StdError + 'static)> = Some(err);
    for _ in 0..CAUSES {
        let Some(it) = cause else { break };
        if let Some(err) = it.downcast_ref::<io::Error>() {
            tls |= is_tls(err);
            cut |= err.kind() == io::ErrorKind::UnexpectedEof;
            reset |= matches!(
                err.kind(),
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted
            );
        }
        if let Some(err) = it.downcast_ref::<hyper::Error>() {
            parse |= err.is_parse();
            cut |= err.is_incomplete_message() || err.is_closed();
        }
        tls |= it.is::<rustls::Error>();
        cause = it.source();
    }
    match err.is_connect() {
        true if err.is_dns() => Break::Name,
        true if tls => Break::Tls,
        true if err.is_timeout() => Break::ConnectTime,
        true => Break::Connect,
        false if parse => Break::Garbage,
        false if err.is_timeout() => Break::Time,
        false if reset => Break::Reset,
        false if cut => Break::Cut,
        false => Break::Other,
    }
}

/// An I/O error hides what it wraps from `source`, and may wrap another one.
fn is_tls(err: &io::Error) -> bool {
    let mut inner = err.get_ref();
    for _ in 0..CAUSES {
        let Some(it) = inner else { return false };
        if it.is::<rustls::Error>() {
            return true;
        }
        inner = it.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    }
    false
}

/// What a status means where a leaf has no better word. 2xx never comes here.
const STATUSES: &[(u16, ErrorKind)] = &[
    (400, ErrorKind::InvalidInput),
    (401, ErrorKind::Unauthenticated),
    (402, ErrorKind::QuotaExceeded),
    (403, ErrorKind::Denied),
    (404, ErrorKind::NotFound),
    (405, ErrorKind::Unsupported),
    (406, ErrorKind::Unsupported),
    (407, ErrorKind::Unauthenticated),
    (408, ErrorKind::Timeout),
    (409, ErrorKind::Precondition),
    (410, ErrorKind::NotFound),
    (412, ErrorKind::Precondition),
    (413, ErrorKind::TooLarge),
    (414, ErrorKind::InvalidInput),
    (416, ErrorKind::InvalidRange),
    (423, ErrorKind::Unavailable),
    (425, ErrorKind::Unavailable),
    (429, ErrorKind::RateLimited),
    (451, ErrorKind::Denied),
    (500, ErrorKind::Unavailable),
    (501, ErrorKind::Unsupported),
    (502, ErrorKind::Unavailable),
    (503, ErrorKind::Unavailable),
    (504, ErrorKind::Timeout),
    (507, ErrorKind::QuotaExceeded),
];

/// The kind of a refusal by its status alone.
pub(crate) fn kind_of(status: StatusCode) -> ErrorKind {
    let code = status.as_u16();
    let row = STATUSES.iter().find(|row| row.0 == code);
    match row {
        Some(row) => row.1,
        None if status.is_redirection() => ErrorKind::InvalidConfig,
        None if status.is_client_error() => ErrorKind::InvalidInput,
        None if status.is_server_error() => ErrorKind::Unavailable,
        None => ErrorKind::Internal,
    }
}

/// Whether a service that answers so may have done it all the same.
pub(crate) fn may_have_happened(status: StatusCode) -> bool {
    match status.as_u16() {
        408 => true,
        501 => false,
        code => 500 <= code,
    }
}

/// An address as it may be printed: no user, no password, no query, no fragment.
pub(crate) fn address(url: &Url) -> String {
    let query = if url.query().is_some() { "?…" } else { "" };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = shown(url.path());
    format!("{}://{}{port}{path}{query}", url.scheme(), url.host_str().unwrap_or_default())
}

/// A text of a stranger as it may be printed: on one line, without control characters, at most 300 characters.
pub fn shown(text: &str) -> String {
    let text = text.trim();
    let mut out: String = text.chars().take(SHOWN).flat_map(escaped).collect();
    if SHOWN < text.chars().take(SHOWN + 1).count() {
        out.push('…');
    }
    out
}

fn escaped(it: char) -> impl Iterator<Item = char> {
    let plain = matches!(it, '"' | '\'');
    let escaped = (!plain).then(|| it.escape_debug());
    escaped.into_iter().flatten().chain(plain.then_some(it))
}

/// A fault of the peer that has no better word: it broke a rule of the protocol.
pub(crate) fn lie(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Internal, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_break_and_status_stands_in_one_row() {
        for (n, row) in BREAKS.iter().enumerate() {
            assert!(BREAKS.iter().skip(n + 1).all(|other| other.0 != row.0), "{:?}", row.0);
        }
        assert!(STATUSES.is_sorted_by(|one, other| one.0 < other.0));
    }

    #[test]
    fn strangers_texts_cannot_draw() {
        assert_eq!(shown(" a\u{1b}[2J\r\n\"b\" ü "), "a\\u{1b}[2J\\r\\n\"b\" ü");
        assert_eq!(shown(&"x".repeat(301)).chars().count(), 301);
        assert_eq!(shown(&"x".repeat(300)), "x".repeat(300));
    }

    #[test]
    fn addresses_are_shown_without_secrets() {
        let url = "https://me:canary@a.example:444/x%0Ay?token=canary#canary".parse().unwrap();
        assert_eq!(address(&url), "https://a.example:444/x%0Ay?…");
    }

    #[test]
    fn unknown_statuses_have_a_kind() {
        let kinds = [302, 304, 418, 418, 599, 999].map(|code| kind_of(StatusCode::from_u16(code).unwrap()));
        let wanted = [
            ErrorKind::InvalidConfig,
            ErrorKind::InvalidConfig,
            ErrorKind::InvalidInput,
            ErrorKind::InvalidInput,
            ErrorKind::Unavailable,
            ErrorKind::Internal,
        ];
        assert_eq!(kinds, wanted);
    }
}
