//! What gateways and content do wrong, and which of several failures is told.

use backend_core::{Error, ErrorKind, RetryAdvice};

/// Bytes of a gateway that are not what was asked for.
pub(super) fn of_gateway(origin: &str, err: ipld::Error) -> Error {
    let (kind, words) = match &err {
        ipld::Error::Mismatch { .. } => (ErrorKind::Integrity, "a block does not hash to its name"),
        ipld::Error::Missing { .. } | ipld::Error::Truncated(_) => (ErrorKind::Unavailable, "the answer is cut off"),
        ipld::Error::Unexpected { .. } => (ErrorKind::Integrity, "a block came that nobody asked for"),
        ipld::Error::Limit { .. } => (ErrorKind::Internal, "the answer is over a limit"),
        ipld::Error::InvalidCid(_) | ipld::Error::Malformed { .. } => (ErrorKind::Internal, "the answer is malformed"),
        _ => (ErrorKind::Internal, "the answer does not fit the question"),
    };
    Error::new(kind, format!("{origin}: {words}")).with_source(err)
}

/// What is wrong with blocks that were hashed: nobody serves them better.
pub(super) fn of_content(err: ipld::Error) -> Error {
    let (kind, words) = match &err {
        ipld::Error::WrongKind { .. } => (ErrorKind::InvalidInput, "it is no file"),
        ipld::Error::Range { .. } => (ErrorKind::InvalidRange, "the range is not within the file"),
        ipld::Error::InvalidCid(_) => (ErrorKind::InvalidInput, "its hash cannot be verified"),
        _ => (ErrorKind::InvalidInput, "its blocks break the rules of their format"),
    };
    Error::new(kind, words).with_source(err)
}

/// The one failure of several that a caller should hear: whoever can be asked again comes first, then the liar, and that it is not there only
/// when nobody says anything else.
pub(super) fn worst(one: Option<Error>, other: Error) -> Error {
    let Some(one) = one else { return other };
    let (mut kept, dropped) = if weight(&one) < weight(&other) { (other, one) } else { (one, other) };
    if let (RetryAdvice::After(wait), RetryAdvice::After(less)) = (kept.advice(), dropped.advice()) {
        kept = kept.with_advice(RetryAdvice::After(wait.min(less)));
    }
    kept
}

fn weight(err: &Error) -> u8 {
    match (err.kind(), err.advice()) {
        (ErrorKind::NotFound, _) => 0,
        (ErrorKind::Unsupported | ErrorKind::InvalidConfig, _) => 1,
        (ErrorKind::Integrity, _) => 3,
        (_, RetryAdvice::After(_)) => 4,
        (_, RetryAdvice::Backoff) => 5,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn not_found_is_told_only_when_all_say_so() {
        let err = |kind| Error::new(kind, "x");
        let kinds = |list: &[ErrorKind]| {
            list.iter().fold(None, |worst_yet, kind| Some(worst(worst_yet, err(*kind)))).map(|err| err.kind())
        };
        use ErrorKind::{Integrity, NotFound, Unavailable, Unsupported};
        assert_eq!(kinds(&[NotFound, NotFound]), Some(NotFound));
        assert_eq!(kinds(&[NotFound, Unsupported]), Some(Unsupported));
        assert_eq!(kinds(&[Integrity, NotFound]), Some(Integrity));
        assert_eq!(kinds(&[NotFound, Unavailable, Integrity]), Some(Unavailable));
        let after = |secs| err(ErrorKind::RateLimited).with_advice(RetryAdvice::After(Duration::from_secs(secs)));
        assert_eq!(worst(Some(after(9)), after(5)).advice(), RetryAdvice::After(Duration::from_secs(5)));
    }
}
