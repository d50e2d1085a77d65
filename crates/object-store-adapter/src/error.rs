//! Failures of the two worlds, in one table.

use std::error::Error as StdError;

use backend_core::{Effect, Error, ErrorKind};
use object_store::path::Path;

/// What object_store's generic errors say they are from.
pub(crate) const STORE: &str = "ipfs-kit";
/// How many causes are looked at: a cycle in foreign errors must not hang anybody.
const MAX_CAUSES: usize = 16;

/// A word that both worlds have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    NotFound,
    AlreadyExists,
    Precondition,
    NotSupported,
    PermissionDenied,
    Unauthenticated,
}

/// The table. What is not in it is `Generic` there; the original stays inside, and [`from_object_store`] finds it again.
const TABLE: [(ErrorKind, Word); 6] = [
    (ErrorKind::NotFound, Word::NotFound),
    (ErrorKind::AlreadyExists, Word::AlreadyExists),
    (ErrorKind::Precondition, Word::Precondition),
    (ErrorKind::Unsupported, Word::NotSupported),
    (ErrorKind::Denied, Word::PermissionDenied),
    (ErrorKind::Unauthenticated, Word::Unauthenticated),
];

/// A backend's failure in object_store's words. The failure itself is the source.
pub fn to_object_store(err: Error, path: &Path) -> object_store::Error {
    let word = TABLE.iter().find(|(kind, _)| *kind == err.kind()).map(|(_, word)| *word);
    let (path, source) = (path.to_string(), err.into());
    match word {
        Some(Word::NotFound) => object_store::Error::NotFound { path, source },
        Some(Word::AlreadyExists) => object_store::Error::AlreadyExists { path, source },
        Some(Word::Precondition) => object_store::Error::Precondition { path, source },
        Some(Word::NotSupported) => object_store::Error::NotSupported { source },
        Some(Word::PermissionDenied) => object_store::Error::PermissionDenied { path, source },
        Some(Word::Unauthenticated) => object_store::Error::Unauthenticated { path, source },
        None => object_store::Error::Generic { store: STORE, source },
    }
}

/// A failure of any object store in our words. One that came from us is given back with its kind, advice and effect.
pub fn from_object_store(err: object_store::Error) -> Error {
    if let Some(ours) = cause(&err) {
        let same = Error::new(ours.kind(), ours.message()).with_advice(ours.advice()).with_effect(ours.effect());
        return same.with_source(err);
    }
    let (kind, message) = match &err {
        object_store::Error::NotFound { .. } => (kind_of(Word::NotFound), "there is no such object"),
        object_store::Error::AlreadyExists { .. } => (kind_of(Word::AlreadyExists), "there is such an object already"),
        object_store::Error::Precondition { .. } => (kind_of(Word::Precondition), "the object is another one"),
        object_store::Error::NotModified { .. } => (kind_of(Word::Precondition), "the object was not modified"),
        object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. } => {
            (kind_of(Word::NotSupported), "the object store does not offer this")
        }
        object_store::Error::PermissionDenied { .. } => {
            (kind_of(Word::PermissionDenied), "the object store forbids it")
        }
        object_store::Error::Unauthenticated { .. } => {
            (kind_of(Word::Unauthenticated), "the object store does not know the credentials")
        }
        object_store::Error::InvalidPath { .. } => (ErrorKind::InvalidInput, "the path is not acceptable"),
        object_store::Error::UnknownConfigurationKey { .. } => (ErrorKind::InvalidConfig, "a setting is unknown"),
        // Nobody says whether it was done.
        _ => {
            return Error::new(ErrorKind::Internal, "the object store failed")
                .with_effect(Effect::Unknown)
                .with_source(err);
        }
    };
    Error::new(kind, message).with_source(err)
}

fn kind_of(word: Word) -> ErrorKind {
    TABLE.iter().find(|(_, it)| *it == word).map_or(ErrorKind::Internal, |(kind, _)| *kind)
}

/// Our own failure among `err` and its causes, whoever has wrapped it meanwhile.
pub fn cause<'a>(err: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    let mut next = Some(err);
    for _ in 0..MAX_CAUSES {
        let it = next?;
        if let Some(ours) = it.downcast_ref::<Error>() {
            return Some(ours);
        }
        next = it.source();
    }
    None
}

/// An operation, or an option of one, that `who` does not have.
pub(crate) fn not_implemented(what: &str, who: &str) -> object_store::Error {
    object_store::Error::NotImplemented { operation: what.to_owned(), implementer: who.to_owned() }
}

#[cfg(test)]
mod tests {
    use backend_core::RetryAdvice;

    use super::*;

    fn there(kind: ErrorKind) -> object_store::Error {
        let err = Error::new(kind, "why").with_advice(RetryAdvice::Exhausted).with_effect(Effect::Unknown);
        to_object_store(err, &Path::from("a/b"))
    }

    #[test]
    fn every_kind_comes_back_as_it_went() {
        for kind in ErrorKind::ALL {
            let back = from_object_store(there(kind));
            let wanted = (kind, "why", RetryAdvice::Exhausted, Effect::Unknown);
            assert_eq!((back.kind(), back.message(), back.advice(), back.effect()), wanted);
        }
    }

    #[test]
    fn words_that_both_have_are_kept() {
        use object_store::Error as E;
        assert!(matches!(there(ErrorKind::NotFound), E::NotFound { path, .. } if path == "a/b"));
        assert!(matches!(there(ErrorKind::AlreadyExists), E::AlreadyExists { .. }));
        assert!(matches!(there(ErrorKind::Precondition), E::Precondition { .. }));
        assert!(matches!(there(ErrorKind::Unsupported), E::NotSupported { .. }));
        assert!(matches!(there(ErrorKind::Denied), E::PermissionDenied { .. }));
        assert!(matches!(there(ErrorKind::Unauthenticated), E::Unauthenticated { .. }));
        assert!(matches!(there(ErrorKind::Integrity), E::Generic { store: "ipfs-kit", .. }));
    }

    #[test]
    fn foreign_failures_are_classified_without_their_words() {
        use object_store::Error as E;
        let (path, source) = (|| "canary".to_owned(), || "canary".into());
        let cases = [
            (E::NotFound { path: path(), source: source() }, ErrorKind::NotFound),
            (E::NotModified { path: path(), source: source() }, ErrorKind::Precondition),
            (not_implemented("canary", "canary"), ErrorKind::Unsupported),
            (E::Unauthenticated { path: path(), source: source() }, ErrorKind::Unauthenticated),
            (E::Generic { store: "canary", source: source() }, ErrorKind::Internal),
        ];
        for (err, kind) in cases {
            let ours = from_object_store(err);
            assert!(ours.kind() == kind && !ours.message().contains("canary"), "{ours:?}");
        }
    }
}
