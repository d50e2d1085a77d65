//! The one JSON form of a failure: the same in the program, in logs and over a wire.

use std::time::SystemTime;

use serde::Serialize;

use crate::error::{Error, ErrorFamily, ErrorKind, RetryAdvice};

/// A failure as JSON: `{"success": false, "error": {…}, "retry_suggested": …, "retry_after_seconds": …}`. A stability boundary: fields are added, never
/// renamed or removed.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Always `false`.
    pub success: bool,
    /// What went wrong.
    pub error: ReportedError,
    /// Whether trying the same again may help.
    pub retry_suggested: bool,
    /// Seconds to wait, when the service named them.
    pub retry_after_seconds: Option<u64>,
}

/// The inner part of a [`Report`].
#[derive(Debug, Clone, Serialize)]
pub struct ReportedError {
    /// The class in ipfs_kit_py's hierarchy, such as `ConnectionError`.
    #[serde(rename = "type")]
    pub class: &'static str,
    /// Our own finer word, see [`ErrorKind::as_str`].
    pub kind: &'static str,
    /// One sentence.
    pub message: String,
    /// The causes, outermost first, joined by `: `; empty if there is none.
    pub details: String,
    /// When it was reported: RFC 3339, UTC, seconds.
    pub timestamp: String,
    /// The backend it happened on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// The verb that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'static str>,
    /// The content it happened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Report {
    /// The report of `err`, as of `now`.
    pub fn new(err: &Error, now: SystemTime) -> Self {
        let (retry_suggested, retry_after_seconds) = match err.advice() {
            RetryAdvice::Never => (false, None),
            RetryAdvice::After(wait) => (true, Some(wait.as_secs_f64().ceil() as u64)),
            RetryAdvice::Backoff | RetryAdvice::Exhausted => (true, None),
        };
        let error = ReportedError {
            class: class(err.kind()),
            kind: err.kind().as_str(),
            message: err.message().to_owned(),
            details: err.causes().join(": "),
            timestamp: timestamp(now),
            backend: err.backend().map(str::to_owned),
            operation: err.op(),
            id: err.id().map(str::to_owned),
        };
        Self { success: false, error, retry_suggested, retry_after_seconds }
    }
}

/// A time as text: RFC 3339, UTC, whole seconds. A time outside of what a calendar holds prints as the epoch's second count.
pub fn timestamp(at: SystemTime) -> String {
    let seconds = match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |seconds| -seconds),
    };
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}

fn class(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Timeout => "TimeoutError",
        ErrorKind::RateLimited => "RateLimitError",
        ErrorKind::QuotaExceeded => "QuotaExceededError",
        ErrorKind::Integrity => "IntegrityError",
        ErrorKind::Unsupported => "UnsupportedError",
        ErrorKind::InvalidConfig => "ConfigurationError",
        ErrorKind::InvalidInput | ErrorKind::InvalidRange => "ValidationError",
        other => match other.family() {
            ErrorFamily::Connection => "ConnectionError",
            ErrorFamily::Auth => "AuthenticationError",
            ErrorFamily::NotFound => "NotFoundError",
            ErrorFamily::Storage => "StorageError",
            ErrorFamily::Request => "RequestError",
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_shape_is_the_documented_one() {
        let err = Error::new(ErrorKind::RateLimited, "slow down")
            .with_advice(RetryAdvice::After(Duration::from_millis(59_200)))
            .in_context("get", "archive", None);
        let report = serde_json::to_value(Report::new(&err, SystemTime::UNIX_EPOCH)).unwrap();
        let wanted = serde_json::json!({
            "success": false,
            "error": {"type": "RateLimitError", "kind": "rate_limited", "message": "slow down", "details": "",
                      "timestamp": "1970-01-01T00:00:00Z", "backend": "archive", "operation": "get"},
            "retry_suggested": true,
            "retry_after_seconds": 60
        });
        assert_eq!(report, wanted);
    }
}
