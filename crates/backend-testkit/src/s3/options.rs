//! What kind of provider the server is.

use std::time::Duration;

use crate::fixture::CANARY;

/// The smallest part that AWS takes, but for the last (S3 API, multipart upload limits).
const MIN_PART_BYTES: u64 = 5 << 20;

/// What kind of provider the server is. The default is AWS.
#[derive(Debug, Clone)]
pub struct Options {
    /// The key id that requests are signed with.
    pub access_key: String,
    /// The secret that requests are signed with; the suite's canary by default.
    pub secret_key: String,
    /// What `x-amz-security-token` has to say, if the credentials are of a session.
    pub session_token: Option<String>,
    /// The bucket that is there at the start.
    pub bucket: String,
    /// Where that bucket is.
    pub region: String,
    /// What a request that was signed for another region is told; `None` takes every region.
    pub misplaced: Option<Misplaced>,
    /// Whether versions are kept.
    pub versions: Versions,
    /// Whether tags are known; otherwise they are `NotImplemented`.
    pub tags: bool,
    /// Whether conditions of writes hold; otherwise they are ignored with 200, as Garage does.
    pub conditional_put: bool,
    /// Whether conditions of removals hold; otherwise they are ignored with 204.
    pub conditional_delete: bool,
    /// Whether checksums are compared.
    pub checksums: Checksums,
    /// Whether signed and unsigned trailers are taken.
    pub trailers: Trailers,
    /// How many entries a page of a listing has at most.
    pub max_keys: usize,
    /// The smallest size of a part that is not the last.
    pub min_part_size: u64,
    /// Whether all parts but the last must be of one size, as R2 wants it.
    pub equal_parts: bool,
    /// Whether the ETag of a multipart object is random, as R2's, instead of the md5 of the md5s.
    pub random_multipart_etag: bool,
    /// What a part that is copied gets.
    pub copies: Copies,
    /// The largest body of one request.
    pub max_body: u64,
    /// Whether what is absent answers 403 instead of 404, as without the right to list.
    pub absent_is_forbidden: bool,
    /// Whether a backslash in a key is a slash, as SeaweedFS has it.
    pub backslash_is_slash: bool,
    /// How far the server's clock is ahead of the real one, in seconds; negative if behind.
    pub clock_ahead_s: i64,
    /// How far the time of a request may be off.
    pub max_skew: Duration,
    /// Whether bodies lie in an unlinked file instead of in memory.
    pub on_disk: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            access_key: "AKIAFAKE".to_owned(),
            secret_key: format!("{CANARY}-secret"),
            session_token: None,
            bucket: "bucket".to_owned(),
            region: "us-east-1".to_owned(),
            misplaced: Some(Misplaced::Malformed),
            versions: Versions::Off,
            tags: true,
            conditional_put: true,
            conditional_delete: true,
            checksums: Checksums::Honest,
            trailers: Trailers::Accepted,
            max_keys: 1000,
            min_part_size: MIN_PART_BYTES,
            equal_parts: false,
            random_multipart_etag: false,
            copies: Copies::Range,
            max_body: 5 << 30,
            absent_is_forbidden: false,
            backslash_is_slash: false,
            clock_ahead_s: 0,
            max_skew: Duration::from_mins(15),
            on_disk: false,
        }
    }
}

/// How versions are kept at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// The server does not know what versions are: `NotImplemented`.
    Unknown,
    /// Versioning was never switched on.
    Off,
    /// Versioning is on.
    On,
}

/// What a part that is copied gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// The range that was asked for; of objects up to 5 MiB only all.
    Range,
    /// All of the object, whatever range was asked for.
    Whole,
}

/// What happens to the checksums of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksums {
    /// They are compared with the bytes, kept and told.
    Honest,
    /// They are not looked at, and never told.
    Ignored,
}

/// What happens to a body with trailers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trailers {
    /// It is read.
    Accepted,
    /// It is refused with `XAmzContentSHA256Mismatch`, as by older Ceph.
    Refused,
}

/// What a request that was signed for another region is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misplaced {
    /// 400 `AuthorizationHeaderMalformed`, with the right region.
    Malformed,
    /// 301 `PermanentRedirect`, with the right region and endpoint.
    Redirect,
}
