//! Exit codes: a stability boundary, documented in the manual page.

use std::process::ExitCode;

use backend_core::{ErrorFamily, ErrorKind};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok,
    Failed,
    Usage,
    NotFound,
    Auth,
    Unavailable,
    Integrity,
    Partial,
    Unsupported,
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NotFound => 3,
            Exit::Auth => 4,
            Exit::Unavailable => 5,
            Exit::Integrity => 6,
            Exit::Partial => 7,
            Exit::Unsupported => 8,
            Exit::Interrupted => 130,
        }
    }

    pub(crate) fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Unsupported => Exit::Unsupported,
            ErrorKind::Integrity | ErrorKind::SourceChanged => Exit::Integrity,
            ErrorKind::Disabled => Exit::Unavailable,
            ErrorKind::InvalidInput | ErrorKind::InvalidConfig | ErrorKind::InvalidRange => Exit::Usage,
            kind => match kind.family() {
                ErrorFamily::Connection => Exit::Unavailable,
                ErrorFamily::Auth => Exit::Auth,
                ErrorFamily::NotFound => Exit::NotFound,
                _ => Exit::Failed,
            },
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_documented_code() {
        let wanted = [
            ("unavailable", 5),
            ("timeout", 5),
            ("rate_limited", 5),
            ("unauthenticated", 4),
            ("denied", 4),
            ("not_found", 3),
            ("already_exists", 1),
            ("precondition", 1),
            ("quota_exceeded", 1),
            ("too_large", 1),
            ("integrity", 6),
            ("source_changed", 6),
            ("disabled", 5),
            ("internal", 1),
            ("invalid_input", 2),
            ("invalid_config", 2),
            ("invalid_range", 2),
            ("unsupported", 8),
        ];
        let codes: Vec<_> = ErrorKind::ALL.iter().map(|kind| (kind.as_str(), Exit::of(*kind).code())).collect();
        assert_eq!(codes, wanted);
    }
}
