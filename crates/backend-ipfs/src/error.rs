//! From what a node says to the contract's kinds: the one table.
//!
//! Kubo answers every failure of a command with 500 and a text, or with a text in the trailer `X-Stream-Error`; only the text tells them apart.
//! Source: go-ipfs-cmds, boxo and kubo 0.43.1; each text was seen on the wire.

use backend_core::{Effect, Error, ErrorKind, RetryAdvice};
use backend_http::{Refusal, shown};
use serde::Deserialize;

use ErrorKind::{
    AlreadyExists, Denied, Integrity, Internal, InvalidConfig, InvalidInput, InvalidRange, NotFound, QuotaExceeded,
    RateLimited, Timeout, TooLarge, Unauthenticated, Unavailable,
};

/// Texts in lower case, and what they mean. The first row that fits is taken, so the special ones stand first.
const TEXTS: &[(&[&str], ErrorKind)] = &[
    (&["mismatch in content integrity", "import failed after block", "unexpected eof", "invalid header:"], Integrity),
    (&["is not pinned", "not pinned or pinned indirectly", "not recursively pinned already"], NotFound),
    (&["block was not found locally", "ipld: could not find", "blockservice: key not found"], NotFound),
    (&["failed to fetch all nodes", "no link named", "file does not exist"], NotFound),
    (&["produced block is over", "block is too large"], TooLarge),
    (&["is pinned recursively", "already pinned recursively"], AlreadyExists),
    (&["file already exists", "directory already has entry", "cannot unlink existing file"], AlreadyExists),
    (&["maximum storage limit exceeded", "no space left on device", "disk quota exceeded"], QuotaExceeded),
    (&["this dag node is a directory", "invalid path", "invalid cid", "selected encoding not supported"], InvalidInput),
    (&["argument \"", "pin name is", "could not convert value", "unsupported multibase"], InvalidInput),
    (&["paths must start with a leading slash", "path does not have enough components"], InvalidInput),
    (&["offset was past end of file", "cannot specify negative offset"], InvalidRange),
    (&["reached limit of"], RateLimited),
    (&["context deadline exceeded", "context canceled"], Timeout),
    (
        &[
            "must be run in online mode",
            "no connected peers",
            "lock is already held",
            "use of closed",
            "datastore closed",
        ],
        Unavailable,
    ),
    (&["permission denied", "read-only file system"], Denied),
];

/// Statuses whose text does not matter.
const STATUSES: &[(u16, ErrorKind, &str)] = &[
    (301, InvalidConfig, "the address leads somewhere else"),
    (302, InvalidConfig, "the address leads somewhere else"),
    (307, InvalidConfig, "the address leads somewhere else"),
    (308, InvalidConfig, "the address leads somewhere else"),
    (401, Unauthenticated, "the node wants other credentials"),
    (404, InvalidConfig, "there is no such command: this is no RPC of Kubo, or one that is too old"),
    (405, InvalidConfig, "this is no RPC of Kubo"),
    (408, Timeout, "the server did not wait"),
    (413, TooLarge, "a server before the node takes no request that large: see its client_max_body_size"),
    (429, RateLimited, "the node asks to slow down"),
    (502, Unavailable, "the server before the node does not reach it"),
    (503, Unavailable, "the node cannot serve now"),
    (504, Timeout, "the node did not answer in time"),
];

/// What a command's failure means, by its text.
fn kind_said(text: &str) -> ErrorKind {
    let plain = text.to_lowercase();
    let row = TEXTS.iter().find(|(texts, _)| texts.iter().any(|it| plain.contains(it)));
    row.map_or(Internal, |row| row.1)
}

/// The failure that a command tells in a line or a trailer of its answer.
pub(crate) fn said(text: &str) -> Error {
    Error::new(kind_said(text), format!("the node says: {}", shown(text)))
}

/// What an answer with this status and text means, and words for it where the text says little.
fn kind_of(status: u16, text: &str) -> (ErrorKind, Option<&'static str>) {
    if let Some((_, kind, words)) = STATUSES.iter().find(|row| row.0 == status) {
        return (*kind, Some(words));
    }
    match status {
        500 => (kind_said(text), None),
        // Kubo never sends 401, and answers 403 both to who is unknown and to who asks from a browser.
        403 if text.contains("Access Denied") => (Unauthenticated, Some("the node wants other credentials")),
        403 => (Denied, Some("the node does not answer this kind of client")),
        400 if text.contains("api version mismatch") => (InvalidConfig, Some("the node answers only its own version")),
        400 => (InvalidInput, None),
        501.. => (Unavailable, None),
        _ => (Internal, None),
    }
}

/// How Kubo tells a failure (go-ipfs-cmds, `error.go`).
#[derive(Deserialize)]
struct Told {
    #[serde(rename = "Message")]
    message: String,
}

/// What a refusal means.
pub(crate) fn refused(refusal: &Refusal) -> Error {
    let told = serde_json::from_slice::<Told>(&refusal.body);
    let text =
        told.as_ref().map_or_else(|_| String::from_utf8_lossy(&refusal.body).into_owned(), |told| told.message.clone());
    let (kind, words) = kind_of(refusal.status.as_u16(), &text);
    let err = refusal.error_saying(kind, words.unwrap_or(&text));
    // A command that failed in Kubo's own words did not do what it was asked for.
    let surely = told.is_ok() && !matches!(kind, Timeout | Internal | Unavailable);
    if surely { err.with_effect(Effect::None) } else { err }
}

/// Something that no Kubo answers.
pub(crate) fn strange(what: &str) -> Error {
    Error::new(Internal, format!("the node answers strangely: {what}"))
}

/// Bytes that are not what their name says.
pub(crate) fn broken(err: ipld::Error) -> Error {
    let kind = match &err {
        ipld::Error::Limit { .. } | ipld::Error::WrongKind { .. } => InvalidInput,
        ipld::Error::Range { .. } => InvalidRange,
        _ => Integrity,
    };
    Error::new(kind, err.to_string()).with_source(err)
}

/// The source gave another number of bytes than the content was named with.
pub(crate) fn changed() -> Error {
    Error::new(ErrorKind::SourceChanged, "the source has not as many bytes as its content")
}

/// The caller asked for something that makes no sense here.
pub(crate) fn input(why: &'static str) -> Error {
    Error::new(InvalidInput, why)
}

/// What is configured as the gateway is none.
pub(crate) fn no_gateway(why: &str) -> Error {
    Error::new(InvalidConfig, format!("connection.gateway_url is not the gateway of a node: {why}"))
}

/// The content is not on the node.
pub(crate) fn absent(why: &'static str) -> Error {
    Error::new(NotFound, why)
}

/// The pin could not be set because blocks that were just imported are gone: the node's garbage collection ran in between.
pub(crate) fn collected(err: Error) -> Error {
    Error::new(Unavailable, "blocks were collected before they were pinned")
        .with_advice(RetryAdvice::Backoff)
        .with_source(err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_seen_on_the_wire_have_their_kind() {
        let cid = "bafkreidxlu2tvwxo3wa7jrqh5sqcw5lwb4selw2tzmgp5lheyunb7dqlsy";
        let cases = [
            (format!("path '{cid}' is not pinned"), NotFound),
            ("not pinned or pinned indirectly".to_owned(), NotFound),
            (format!("pin: block was not found locally (offline): ipld: could not find {cid}"), NotFound),
            (format!("import failed: mismatch in content integrity, expected: {cid}, got: {cid}"), Integrity),
            (format!("import failed after block \"{cid}\": unexpected EOF"), Integrity),
            (format!("import failed at block \"{cid}\": produced block is over 2MiB: big blocks"), TooLarge),
            (format!("pin: {cid} already pinned recursively"), AlreadyExists),
            ("cp: cannot put node in path /a/n: directory already has entry by that name".to_owned(), AlreadyExists),
            ("cp: cannot unlink existing file: not a file: /a/n".to_owned(), AlreadyExists),
            ("this dag node is a directory".to_owned(), InvalidInput),
            ("pin: context deadline exceeded".to_owned(), Timeout),
            ("something new".to_owned(), Internal),
        ];
        for (text, kind) in cases {
            assert_eq!(kind_of(500, &text).0, kind, "{text}");
        }
    }

    #[test]
    fn statuses_have_their_kind() {
        let denied = "Kubo RPC Access Denied: Please provide a valid authorization token";
        let cases = [
            (403, denied, Unauthenticated),
            (403, "403 - Forbidden", Denied),
            (404, "404 page not found", InvalidConfig),
            (405, "405 - Method Not Allowed", InvalidConfig),
            (400, "file argument 'path' is required", InvalidInput),
            (400, "api version mismatch (/kubo/0.43.1/ != 0)", InvalidConfig),
            (502, "<html>", Unavailable),
            (599, "", Unavailable),
            (418, "", Internal),
        ];
        for (status, text, kind) in cases {
            assert_eq!(kind_of(status, text).0, kind, "{status} {text}");
        }
    }

    #[test]
    fn a_text_of_the_node_is_shown_short_and_on_one_line() {
        let err = said(&format!("a\n\u{1b}[2J{}", "x".repeat(5000)));
        assert!(err.message().len() < 400 && !err.message().contains(['\n', '\u{1b}']), "{err}");
    }
}
