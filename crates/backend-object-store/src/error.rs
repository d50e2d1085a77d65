//! From what a service answered to the contract's kinds: the one table.
//!
//! The texts of `object_store` and of services never come through: they may quote an address with a signature in it. What is kept is the status, and the
//! service's own code if it is a plain word.

use std::time::Duration;

use backend_core::{Effect, Error, ErrorKind, RetryAdvice};

/// What a request came to, as the wire saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It was never sent.
    Nothing,
    /// No connection could be made.
    Unreached,
    /// It was sent, and the connection broke or was silent.
    Broken,
    /// Something else than our rules allow was about to be done, or came.
    Refused(&'static str),
    /// An answer, of the service or of where tokens come from.
    Answer { status: u16, code: String, wait: Option<Duration>, of_tokens: bool },
}

/// Codes of the services, what they mean to a caller, and the words for it.
///
/// GCS: XML API, "Error responses". Azure: "Blob service error codes", and "Common REST API error codes".
const CODES: &[(&[&str], ErrorKind, &str)] = &[
    (
        &["NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled", "InvalidBucketName"],
        ErrorKind::InvalidConfig,
        "the bucket or container is not there",
    ),
    (&["UserProjectAccountProblem", "AccountProblem", "AccountIsDisabled"], ErrorKind::Denied, "the account is closed"),
    (
        &["AuthenticationFailed", "InvalidAuthenticationInfo", "SignatureDoesNotMatch", "NoAuthenticationInformation"],
        ErrorKind::Unauthenticated,
        "the service does not know these credentials",
    ),
    (&["ExpiredToken", "InvalidSecurity"], ErrorKind::Unauthenticated, "the credentials have expired"),
    (&["RequestTimeTooSkewed"], ErrorKind::Unauthenticated, "the clock of this machine is wrong"),
    (&["SlowDown", "ServerBusy", "TooManyRequests"], ErrorKind::RateLimited, "the service asks to slow down"),
    (&["InvalidBlockList", "InvalidPart"], ErrorKind::Unavailable, "the upload was given up meanwhile"),
    (
        &["BlobImmutableDueToPolicy", "ObjectUnderActiveHold", "RetentionPolicyNotMet"],
        ErrorKind::Denied,
        "a retention policy keeps it",
    ),
    (&["BlobAlreadyExists"], ErrorKind::AlreadyExists, "something is there already"),
    (&["LeaseIdMissing"], ErrorKind::Denied, "somebody holds a lease on it"),
    (&["EntityTooLarge", "RequestBodyTooLarge", "BlockCountExceedsLimit"], ErrorKind::TooLarge, "it is too large"),
    (&["IsFolder", "BlobNotFound", "NoSuchKey", "NoSuchUpload"], ErrorKind::NotFound, "it is not there"),
];

/// Statuses, for what has no code of its own.
const STATUSES: &[(&[u16], ErrorKind, &str)] = &[
    (&[301, 302, 303, 307, 308], ErrorKind::InvalidConfig, "the service sends elsewhere, which is not followed"),
    (&[400], ErrorKind::Internal, "the service does not understand the request"),
    (&[401, 407], ErrorKind::Unauthenticated, "the service does not know these credentials"),
    (&[403], ErrorKind::Denied, "the service does not permit it"),
    (&[404, 410], ErrorKind::NotFound, "it is not there"),
    (&[405, 501], ErrorKind::Unsupported, "the service does not do that"),
    (&[408, 504], ErrorKind::Timeout, "the service waited too long"),
    (&[409, 423], ErrorKind::Unavailable, "somebody else is at it"),
    (&[412], ErrorKind::Precondition, "what is stored is not what the condition named"),
    (&[413], ErrorKind::TooLarge, "it is too large"),
    (&[414], ErrorKind::InvalidInput, "the name is too long for the service"),
    (&[416], ErrorKind::InvalidRange, "the range is not within the content"),
    (&[429], ErrorKind::RateLimited, "the service asks to slow down"),
    (&[507], ErrorKind::QuotaExceeded, "no room is left"),
];

/// The failure of `what` (a verb and its object: "read the content"); `writes`: it may have had an effect.
pub(crate) fn failed(what: &str, seen: &Seen, writes: bool) -> Error {
    let new = |kind, words: &str| Error::new(kind, format!("cannot {what}: {words}"));
    match seen {
        Seen::Nothing => new(ErrorKind::Internal, "the request could not be made"),
        Seen::Unreached => new(ErrorKind::Unavailable, "the service cannot be reached"),
        Seen::Broken => unsure(new(ErrorKind::Unavailable, "the connection broke"), writes),
        Seen::Refused(why) => unsure(new(ErrorKind::Internal, why), writes),
        Seen::Answer { status, code, wait, of_tokens } => {
            let (kind, words) = meaning(*status, code, *of_tokens);
            let shown = if code.is_empty() { String::new() } else { format!(" {code}") };
            let err = unsure(new(kind, &format!("{words} ({status}{shown})")), writes && !refuses(*status));
            match wait {
                Some(wait) if matches!(kind, ErrorKind::RateLimited | ErrorKind::Unavailable) => {
                    err.with_advice(RetryAdvice::After(*wait))
                }
                _ => err,
            }
        }
    }
}

fn meaning(status: u16, code: &str, of_tokens: bool) -> (ErrorKind, &'static str) {
    let by_code = CODES.iter().find(|(codes, ..)| codes.contains(&code)).map(|row| (row.1, row.2));
    let by_status = || STATUSES.iter().find(|(statuses, ..)| statuses.contains(&status)).map(|row| (row.1, row.2));
    match by_code.or_else(by_status) {
        _ if of_tokens && (400..500).contains(&status) && status != 429 => {
            (ErrorKind::Unauthenticated, "no token is given for these credentials")
        }
        Some(found) => found,
        None if 500 <= status => (ErrorKind::Unavailable, "the service cannot serve now"),
        None => (ErrorKind::Internal, "the service answers something unexpected"),
    }
}

/// A refusal is certainly not carried out; a success that could not be read, or a failure inside of the service, may have been.
fn refuses(status: u16) -> bool {
    (300..500).contains(&status) || matches!(status, 501 | 503 | 507)
}

fn unsure(err: Error, writes: bool) -> Error {
    match writes {
        true => err.with_effect(Effect::Unknown),
        false => err,
    }
}

/// A service that breaks its own protocol.
pub(crate) fn unexpected(what: &str, why: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot {what}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, code: &str) -> (ErrorKind, Effect) {
        let seen = Seen::Answer { status, code: code.to_owned(), wait: None, of_tokens: false };
        let err = failed("store it", &seen, true);
        (err.kind(), err.effect())
    }

    #[test]
    fn what_a_caller_must_tell_apart_is_told_apart() {
        assert_eq!(check(404, ""), (ErrorKind::NotFound, Effect::None));
        assert_eq!(check(404, "NoSuchBucket"), (ErrorKind::InvalidConfig, Effect::None));
        assert_eq!(check(403, "AuthenticationFailed"), (ErrorKind::Unauthenticated, Effect::None));
        assert_eq!(check(403, ""), (ErrorKind::Denied, Effect::None));
        assert_eq!(check(409, "BlobAlreadyExists"), (ErrorKind::AlreadyExists, Effect::None));
        assert_eq!(check(412, ""), (ErrorKind::Precondition, Effect::None));
        assert_eq!(check(503, "SlowDown"), (ErrorKind::RateLimited, Effect::None));
        assert_eq!(check(500, ""), (ErrorKind::Unavailable, Effect::Unknown));
        assert_eq!(check(200, ""), (ErrorKind::Internal, Effect::Unknown));
        assert_eq!(check(302, ""), (ErrorKind::InvalidConfig, Effect::None));
    }

    #[test]
    fn what_was_sent_and_not_answered_may_have_happened() {
        assert_eq!(failed("store it", &Seen::Broken, true).effect(), Effect::Unknown);
        assert_eq!(failed("store it", &Seen::Unreached, true).effect(), Effect::None);
        assert_eq!(failed("read it", &Seen::Broken, false).effect(), Effect::None);
    }

    #[test]
    fn a_refusal_by_the_token_service_is_about_who_we_are() {
        let seen = Seen::Answer { status: 400, code: String::new(), wait: None, of_tokens: true };
        assert_eq!(failed("read it", &seen, false).kind(), ErrorKind::Unauthenticated);
    }

    #[test]
    fn every_code_and_status_stands_in_one_row_only() {
        let mut codes: Vec<&str> = CODES.iter().flat_map(|row| row.0.iter().copied()).collect();
        let mut statuses: Vec<u16> = STATUSES.iter().flat_map(|row| row.0.iter().copied()).collect();
        let n = (codes.len(), statuses.len());
        codes.sort_unstable();
        codes.dedup();
        statuses.sort_unstable();
        statuses.dedup();
        assert_eq!((codes.len(), statuses.len()), n);
    }
}
