//! From what S3 says to the contract's kinds: the one table, by error code and then by status.

use backend_core::{Error, ErrorKind};

/// Codes of the S3 API ("Error responses") and of services that speak it, what they mean to a caller, and the words for it.
const CODES: &[(&[&str], ErrorKind, &str)] = &[
    (&["NoSuchKey", "NoSuchVersion"], ErrorKind::NotFound, "nothing is stored under this name"),
    (&["NoSuchUpload"], ErrorKind::NotFound, "the upload is not known any more"),
    (&["NoSuchBucket"], ErrorKind::InvalidConfig, "connection.bucket: there is no such bucket"),
    (&["InvalidBucketName"], ErrorKind::InvalidConfig, "connection.bucket: this cannot be a bucket's name"),
    (
        &[
            "PermanentRedirect",
            "TemporaryRedirect",
            "Redirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException",
        ],
        ErrorKind::InvalidConfig,
        "connection.region or connection.endpoint_url: the bucket is somewhere else",
    ),
    (
        &[
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "ExpiredToken",
            "InvalidToken",
            "TokenRefreshRequired",
            "InvalidSecurity",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
        ],
        ErrorKind::Unauthenticated,
        "the credentials are not accepted",
    ),
    (&["RequestTimeTooSkewed", "RequestExpired"], ErrorKind::Unauthenticated, "the clocks differ too much"),
    (
        &["AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden", "MethodNotAllowed"],
        ErrorKind::Denied,
        "the credentials do not allow it",
    ),
    (&["InvalidObjectState"], ErrorKind::Denied, "it is archived and must be restored first"),
    (
        &[
            "SlowDown",
            "RequestLimitExceeded",
            "TooManyRequests",
            "Throttling",
            "ThrottlingException",
            "BandwidthLimitExceeded",
            "SlowDownRead",
            "SlowDownWrite",
        ],
        ErrorKind::RateLimited,
        "the service asks to slow down",
    ),
    (
        &["ServiceUnavailable", "InternalError", "XMinioServerNotInitialized"],
        ErrorKind::Unavailable,
        "the service cannot serve now",
    ),
    (&["RequestTimeout"], ErrorKind::Timeout, "the service waited too long for bytes"),
    (
        &["ConditionalRequestConflict", "OperationAborted"],
        ErrorKind::Unavailable,
        "somebody else is writing it at this moment",
    ),
    (&["PreconditionFailed"], ErrorKind::Precondition, "what is stored is not what the condition names"),
    (
        &["EntityTooLarge", "EntityTooSmall", "MaxMessageLengthExceeded"],
        ErrorKind::TooLarge,
        "the service does not take this size",
    ),
    (
        &[
            "QuotaExceeded",
            "XMinioStorageFull",
            "XMinioAdminBucketQuotaExceeded",
            "ServiceQuotaExceededException",
            "InsufficientCapacity",
            "TooManyBuckets",
        ],
        ErrorKind::QuotaExceeded,
        "no room is left",
    ),
    (
        &["BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest", "XAmzContentChecksumMismatch", "BadChecksum"],
        ErrorKind::Integrity,
        "the bytes are not what their digest says",
    ),
    (&["IncompleteBody"], ErrorKind::Unavailable, "the bytes did not arrive whole"),
    (&["InvalidRange"], ErrorKind::InvalidRange, "the range does not lie within the content"),
    (&["NotImplemented", "UnsupportedOperation"], ErrorKind::Unsupported, "the service does not offer it"),
    (
        &["KeyTooLongError", "InvalidURI", "InvalidTag", "MetadataTooLarge", "InvalidStorageClass"],
        ErrorKind::InvalidInput,
        "the service does not take it",
    ),
    (&["InvalidPart", "InvalidPartOrder"], ErrorKind::Unavailable, "the service does not know the parts any more"),
];

/// Where there is no code: a HEAD has no body, and a proxy has another one.
const STATUSES: &[(u16, ErrorKind, &str)] = &[
    (301, ErrorKind::InvalidConfig, "connection.region or connection.endpoint_url: the bucket is somewhere else"),
    (302, ErrorKind::InvalidConfig, "connection.endpoint_url: the bucket is somewhere else"),
    (307, ErrorKind::InvalidConfig, "connection.endpoint_url: the bucket is somewhere else"),
    (308, ErrorKind::InvalidConfig, "connection.endpoint_url: the bucket is somewhere else"),
    (400, ErrorKind::InvalidInput, "the service does not take it"),
    (401, ErrorKind::Unauthenticated, "the credentials are not accepted"),
    (402, ErrorKind::QuotaExceeded, "the account has to pay"),
    (403, ErrorKind::Denied, "the credentials do not allow it"),
    (404, ErrorKind::NotFound, "nothing is stored under this name"),
    (405, ErrorKind::Unsupported, "the service does not offer it"),
    (408, ErrorKind::Timeout, "the service waited too long for bytes"),
    (409, ErrorKind::Unavailable, "somebody else is writing it at this moment"),
    (410, ErrorKind::NotFound, "nothing is stored under this name"),
    (411, ErrorKind::Unsupported, "the service does not take bytes this way"),
    (412, ErrorKind::Precondition, "what is stored is not what the condition names"),
    (413, ErrorKind::TooLarge, "the service does not take this size"),
    (416, ErrorKind::InvalidRange, "the range does not lie within the content"),
    (429, ErrorKind::RateLimited, "the service asks to slow down"),
    (501, ErrorKind::Unsupported, "the service does not offer it"),
    (503, ErrorKind::RateLimited, "the service asks to slow down"),
    (507, ErrorKind::QuotaExceeded, "no room is left"),
];

/// What an answer means, and the words for it.
pub(crate) fn meaning(code: Option<&str>, status: u16) -> (ErrorKind, &'static str) {
    let by_code = code.and_then(|code| CODES.iter().find(|row| row.0.contains(&code)));
    if let Some(row) = by_code {
        return (row.1, row.2);
    }
    match STATUSES.iter().find(|row| row.0 == status) {
        Some(row) => (row.1, row.2),
        None if status < 300 => (ErrorKind::Unavailable, "the answer cannot be read"),
        None if 500 <= status => (ErrorKind::Unavailable, "the service cannot serve now"),
        None => (ErrorKind::Internal, "the service answers something unexpected"),
    }
}

/// What a service calls a code is shown as it is, so it has to look like one.
pub(crate) fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'.')
}

/// The service said something that cannot be.
pub(crate) fn lie(what: &str) -> Error {
    Error::new(ErrorKind::Integrity, format!("the service lies: {what}"))
}

/// The store itself is not there.
pub(crate) fn no_bucket() -> Error {
    Error::new(ErrorKind::InvalidConfig, "connection.bucket: there is no such bucket")
}

/// The caller asked for something that this store does not take.
pub(crate) fn refused(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_and_status_stands_in_one_row_only() {
        let mut codes: Vec<&str> = CODES.iter().flat_map(|row| row.0).copied().collect();
        let n_codes = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), n_codes);
        assert!(codes.iter().all(|code| is_code(code)));
        assert!(STATUSES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn what_a_caller_must_tell_apart_is_told_apart() {
        let cases = [
            (Some("NoSuchKey"), 404, ErrorKind::NotFound),
            (Some("NoSuchBucket"), 404, ErrorKind::InvalidConfig),
            (None, 404, ErrorKind::NotFound),
            (None, 403, ErrorKind::Denied),
            (Some("RequestTimeTooSkewed"), 403, ErrorKind::Unauthenticated),
            (Some("SignatureDoesNotMatch"), 403, ErrorKind::Unauthenticated),
            (Some("ConditionalRequestConflict"), 409, ErrorKind::Unavailable),
            (Some("PreconditionFailed"), 412, ErrorKind::Precondition),
            (Some("SlowDown"), 503, ErrorKind::RateLimited),
            (Some("InternalError"), 500, ErrorKind::Unavailable),
            (Some("BadDigest"), 400, ErrorKind::Integrity),
            (Some("NeverHeardOf"), 400, ErrorKind::InvalidInput),
            (Some("NeverHeardOf"), 418, ErrorKind::Internal),
            (None, 502, ErrorKind::Unavailable),
            (None, 301, ErrorKind::InvalidConfig),
        ];
        for (code, status, kind) in cases {
            assert_eq!(meaning(code, status).0, kind, "{code:?} {status}");
        }
    }
}
