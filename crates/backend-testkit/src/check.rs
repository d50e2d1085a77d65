//! How a case says that a MUST does not hold. A case answers instead of panicking, so that the suite itself can be proved to bite.

use std::fmt;

use backend_core::{Error, ErrorKind};

/// What a case found.
pub type Outcome<T = ()> = Result<T, Failure>;

/// Why a backend does not conform.
pub struct Failure(String);

impl Failure {
    /// With what was seen.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Failure {
    fn from(err: Error) -> Self {
        Self(format!("a call that must succeed failed: {err:?}"))
    }
}

/// The error of a call that must fail in one of these ways.
///
/// # Errors
/// A failure when the call succeeded, or failed in another way.
pub fn must_fail<T: fmt::Debug>(what: &str, answer: Result<T, Error>, kinds: &[ErrorKind]) -> Outcome<Error> {
    match answer {
        Ok(value) => Err(Failure(format!("{what}: must fail with one of {kinds:?}, but answered {value:?}"))),
        Err(err) if kinds.contains(&err.kind()) => Ok(err),
        Err(err) => Err(Failure(format!("{what}: must fail with one of {kinds:?}, but failed with {err:?}"))),
    }
}

/// Ends a case with a [`Failure`] unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::check::Failure::new(format!($($message)+)));
        }
    };
}
pub(crate) use ensure;
