//! What went wrong, whether to try again, and whether it may have happened all the same.
//!
//! An error is classified where it is born: a leaf has one table from its protocol's failures to [`ErrorKind`], and nobody downstream parses text.
//! Context (which operation, which backend, which content) is added once, by the `observe` layer.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// The result of everything in this workspace.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A cause, kept for `source()`.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// What went wrong, as far as a caller can act on it.
///
/// `NotFound` has one meaning: *the store was reached and recognised, and the content is not in it.* A missing bucket, root folder or repository is
/// [`ErrorKind::InvalidConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The service could not be reached, or says that it cannot serve now.
    Unavailable,
    /// Nothing moved for too long.
    Timeout,
    /// The service asks to slow down.
    RateLimited,
    /// No or wrong credentials.
    Unauthenticated,
    /// The credentials are known and do not allow this.
    Denied,
    /// The store was reached and recognised, and the content is not in it.
    NotFound,
    /// Something is there already and the caller wanted it absent.
    AlreadyExists,
    /// The stored content is not the one that the condition named.
    Precondition,
    /// No room, or more than the account or the policy allows.
    QuotaExceeded,
    /// Larger (or smaller) than the service accepts.
    TooLarge,
    /// Bytes are not what their name says.
    Integrity,
    /// The source of an upload changed while it was read.
    SourceChanged,
    /// The operator has closed this power of the service, for everybody or for good.
    Disabled,
    /// A fault of this program or of the service that has no better word.
    Internal,
    /// The caller asked for something that makes no sense.
    InvalidInput,
    /// The configuration is wrong, or points to nothing.
    InvalidConfig,
    /// The range lies outside of the content.
    InvalidRange,
    /// This backend does not do that, and never pretends to.
    Unsupported,
}

/// The families of the error hierarchy that users of ipfs_kit_py know; the `type` of the JSON form is derived from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorFamily {
    /// The service could not be talked to.
    Connection,
    /// Who you are, or what you may.
    Auth,
    /// It is not there.
    NotFound,
    /// The store refused or failed.
    Storage,
    /// The request itself is wrong.
    Request,
}

impl ErrorKind {
    /// Every kind, for tables and tests.
    pub const ALL: [ErrorKind; 18] = [
        ErrorKind::Unavailable,
        ErrorKind::Timeout,
        ErrorKind::RateLimited,
        ErrorKind::Unauthenticated,
        ErrorKind::Denied,
        ErrorKind::NotFound,
        ErrorKind::AlreadyExists,
        ErrorKind::Precondition,
        ErrorKind::QuotaExceeded,
        ErrorKind::TooLarge,
        ErrorKind::Integrity,
        ErrorKind::SourceChanged,
        ErrorKind::Disabled,
        ErrorKind::Internal,
        ErrorKind::InvalidInput,
        ErrorKind::InvalidConfig,
        ErrorKind::InvalidRange,
        ErrorKind::Unsupported,
    ];

    /// Which family of the seed's hierarchy this kind belongs to.
    pub fn family(self) -> ErrorFamily {
        match self {
            ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::RateLimited => ErrorFamily::Connection,
            ErrorKind::Unauthenticated | ErrorKind::Denied => ErrorFamily::Auth,
            ErrorKind::NotFound => ErrorFamily::NotFound,
            ErrorKind::InvalidInput | ErrorKind::InvalidConfig | ErrorKind::InvalidRange | ErrorKind::Unsupported => {
                ErrorFamily::Request
            }
            _ => ErrorFamily::Storage,
        }
    }

    /// The kind's own stable name, in snake case, as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Timeout => "timeout",
            ErrorKind::RateLimited => "rate_limited",
            ErrorKind::Unauthenticated => "unauthenticated",
            ErrorKind::Denied => "denied",
            ErrorKind::NotFound => "not_found",
            ErrorKind::AlreadyExists => "already_exists",
            ErrorKind::Precondition => "precondition",
            ErrorKind::QuotaExceeded => "quota_exceeded",
            ErrorKind::TooLarge => "too_large",
            ErrorKind::Integrity => "integrity",
            ErrorKind::SourceChanged => "source_changed",
            ErrorKind::Disabled => "disabled",
            ErrorKind::Internal => "internal",
            ErrorKind::InvalidInput => "invalid_input",
            ErrorKind::InvalidConfig => "invalid_config",
            ErrorKind::InvalidRange => "invalid_range",
            ErrorKind::Unsupported => "unsupported",
        }
    }

    fn advice(self) -> RetryAdvice {
        match self {
            ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::RateLimited => RetryAdvice::Backoff,
            _ => RetryAdvice::Never,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether and when it makes sense to try the same thing again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryAdvice {
    /// The same request will fail in the same way.
    Never,
    /// Soon, with growing pauses.
    Backoff,
    /// Not before this has passed; the service said so. It holds for every backend that shares the `gate`.
    After(Duration),
    /// A retry loop has already used up its tries: an outer loop must not multiply them.
    Exhausted,
}

/// Whether the service may have carried out what is reported as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Certainly not.
    None,
    /// It may have: look before repeating.
    Unknown,
}

/// A failure. Small (one pointer), with everything that a caller may need to decide.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    advice: RetryAdvice,
    effect: Effect,
    op: Option<&'static str>,
    backend: Option<String>,
    id: Option<String>,
    source: Option<BoxError>,
}

impl Error {
    /// A new error. `message` is a lower-case fragment without a full stop that names the thing and never a secret.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let inner = Inner {
            kind,
            message: message.into(),
            advice: kind.advice(),
            effect: Effect::None,
            op: None,
            backend: None,
            id: None,
            source: None,
        };
        Self(Box::new(inner))
    }

    /// `Unsupported`: `who` does not do `what`.
    pub fn unsupported(what: &'static str, who: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Unsupported, format!("{who} does not offer {what}"))
    }

    /// Replaces the advice that follows from the kind.
    #[must_use]
    pub fn with_advice(mut self, advice: RetryAdvice) -> Self {
        self.0.advice = advice;
        self
    }

    /// Says whether it may have happened all the same.
    #[must_use]
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.0.effect = effect;
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds where it happened. What is already there stays: the innermost context is the truest.
    #[must_use]
    pub fn in_context(mut self, op: &'static str, backend: &str, id: Option<String>) -> Self {
        self.0.op.get_or_insert(op);
        self.0.backend.get_or_insert_with(|| backend.to_owned());
        if self.0.id.is_none() {
            self.0.id = id;
        }
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message alone, without context and causes.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether to try again.
    pub fn advice(&self) -> RetryAdvice {
        self.0.advice
    }

    /// Whether it may have happened all the same.
    pub fn effect(&self) -> Effect {
        self.0.effect
    }

    /// The verb that failed, when known.
    pub fn op(&self) -> Option<&'static str> {
        self.0.op
    }

    /// The name of the backend, when known.
    pub fn backend(&self) -> Option<&str> {
        self.0.backend.as_deref()
    }

    /// The content, when known.
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// The messages of the causes, outermost first. Bounded at eight: a cycle in foreign errors must not hang a report.
    pub fn causes(&self) -> Vec<String> {
        let mut next = self.source();
        let mut causes = Vec::new();
        while let Some(cause) = next.filter(|_| causes.len() < 8) {
            causes.push(cause.to_string());
            next = cause.source();
        }
        causes
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(backend) = self.backend() {
            write!(f, "{backend}: ")?;
        }
        if let Some(op) = self.op() {
            write!(f, "{op}: ")?;
        }
        f.write_str(self.message())?;
        match self.id() {
            Some(id) => write!(f, " ({id})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("advice", &self.0.advice)
            .field("effect", &self.0.effect)
            .field("op", &self.0.op)
            .field("backend", &self.0.backend)
            .field("id", &self.0.id)
            .field("causes", &self.causes())
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_kinds_are_unique() {
        let names: std::collections::BTreeSet<_> = ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn the_innermost_context_wins() {
        let err = Error::new(ErrorKind::NotFound, "no such object").in_context("get", "inner", None);
        let err = err.in_context("stat", "outer", Some("bafy".into()));
        assert_eq!(err.to_string(), "inner: get: no such object (bafy)");
    }

    #[test]
    fn causes_are_bounded() {
        let mut err = Error::new(ErrorKind::Internal, "0");
        for n in 1..30 {
            err = Error::new(ErrorKind::Internal, n.to_string()).with_source(err);
        }
        assert_eq!(err.causes().len(), 8);
    }
}
