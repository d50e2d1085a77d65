//! What can go wrong.

use std::time::Duration;

use backend_core::{Effect, Error, ErrorKind, Result, RetryAdvice};

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// [`backend_core::Backend::health`].
    Health,
    /// [`backend_core::Backend::stat`].
    Stat,
    /// [`backend_core::Backend::get`].
    Get,
    /// [`backend_core::Backend::add`].
    Add,
    /// [`backend_core::Backend::discard`].
    Discard,
    /// [`backend_core::Backend::remove`].
    Remove,
    /// [`backend_core::Backend::list`].
    List,
    /// [`backend_core::Backend::pin`].
    Pin,
    /// [`backend_core::Backend::probe`].
    Probe,
    /// [`backend_core::Backend::usage`].
    Usage,
}

/// One way to go wrong. Places count delivered bytes of a body, or entries of a listing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fault {
    /// Fails without having done anything, unless the effect says that this is not known.
    Fail(ErrorKind, RetryAdvice, Effect),
    /// Does it, and loses the answer: `Unavailable`, effect unknown.
    Lose,
    /// Says that it did it, and did not. A `get` delivers nothing, a `list` is empty.
    Lie,
    /// Waits first, by the clock.
    Delay(Duration),
    /// Never answers.
    Hang,
    /// Ends here, as if that were the end.
    Cut(u64),
    /// Fails here.
    Break(u64, ErrorKind),
    /// Never gets further than this.
    Stall(u64),
    /// This byte of the body is another one.
    Flip(u64),
    /// Delivers the bytes that lie so much further on than those asked for, and says that it did not. Of a whole content the first ones are missing.
    Shift(u64),
    /// Delivers the whole content whatever range was asked for: 200 instead of 206.
    Whole,
}

impl Fault {
    /// Fails with what follows from `kind`, having done nothing.
    pub fn fail(kind: ErrorKind) -> Self {
        Fault::Fail(kind, Error::new(kind, "").advice(), Effect::None)
    }

    /// `429` with `Retry-After`.
    pub fn rate_limited(after: Duration) -> Self {
        Fault::Fail(ErrorKind::RateLimited, RetryAdvice::After(after), Effect::None)
    }

    pub(super) fn failure(&self) -> Result<()> {
        match self {
            Fault::Fail(kind, advice, effect) => {
                Err(Error::new(*kind, "failed, as the script wants it").with_advice(*advice).with_effect(*effect))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn lost() -> Error {
        Error::new(ErrorKind::Unavailable, "the answer is lost, as the script wants it").with_effect(Effect::Unknown)
    }
}
