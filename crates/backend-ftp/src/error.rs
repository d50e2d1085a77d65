//! The one table: what can go wrong in this store, and what kind of failure it is.

use backend_core::{Error, ErrorKind};

/// Everything that fails here. A real service's leaf maps status codes in this place.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Nothing is stored under the name, or not this version of it.
    Absent,
    /// Something is, and the caller wanted it absent.
    Exists,
    /// What is stored is not what the condition named.
    Changed,
    /// It does not fit beside what is there.
    Full,
    /// It would not fit into the empty store.
    TooLarge,
    /// The source gave another number of bytes than it was announced with.
    Source,
    /// The bytes are not what their name or digest says.
    Mismatch(Option<ipld::Error>),
    /// The caller asked for something that makes no sense on this store.
    Input(&'static str),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let (kind, message) = match &fault {
            Fault::Absent => (ErrorKind::NotFound, "nothing is stored under this name"),
            Fault::Exists => (ErrorKind::AlreadyExists, "something is stored under this name already"),
            Fault::Changed => (ErrorKind::Precondition, "what is stored is not what the condition names"),
            Fault::Full => (ErrorKind::QuotaExceeded, "the store is full"),
            Fault::TooLarge => (ErrorKind::TooLarge, "the content is larger than the whole store"),
            Fault::Source => (ErrorKind::SourceChanged, "the source has not as many bytes as announced"),
            Fault::Mismatch(_) => (ErrorKind::Integrity, "the bytes are not what their name says"),
            Fault::Input(why) => (ErrorKind::InvalidInput, *why),
        };
        let err = Error::new(kind, message);
        match fault {
            Fault::Mismatch(Some(cause)) => err.with_source(cause),
            _ => err,
        }
    }
}

impl From<ipld::Error> for Fault {
    fn from(err: ipld::Error) -> Self {
        Fault::Mismatch(Some(err))
    }
}
