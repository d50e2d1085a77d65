//! What a probe finds out of a service, and keeps for the next opening.

use serde::{Deserialize, Serialize};

/// All of it is `false` or absent until a probe has looked; then a service is taken for one that does as S3 does, and offers nothing on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Learnt {
    /// `PutObject` with `If-None-Match: *` refuses, and lets one of several win.
    pub(crate) put_if_absent: bool,
    /// `PutObject` with `If-Match` refuses another etag.
    pub(crate) put_if_match: bool,
    /// `CompleteMultipartUpload` does likewise.
    pub(crate) complete_if_absent: bool,
    pub(crate) complete_if_match: bool,
    /// `GetObject` with `If-Match` refuses another etag.
    pub(crate) get_if_match: bool,
    /// `DeleteObject` does likewise.
    pub(crate) delete_if_match: bool,
    /// What is overwritten stays as a version.
    pub(crate) versions: bool,
    /// Tags come back.
    pub(crate) tags: bool,
    /// Bytes that are not what their SHA-256 says are refused.
    pub(crate) sha256: bool,
    /// Bytes that are not what their CRC-64/NVME says are refused.
    pub(crate) put_crc64: bool,
    /// Parts that together are not what their CRC-64/NVME says are refused.
    pub(crate) crc64: bool,
    /// `UploadPartCopy` makes a part of what is there.
    pub(crate) copies: bool,
    /// `ListParts` tells parts without their etags, and `CompleteMultipartUpload` takes them so.
    pub(crate) bare_parts: bool,
    /// An upload that is not known is answered with 403, by `ListParts` not at all.
    pub(crate) uploads_denied: bool,
    /// `DeleteObjects` removes what it is told.
    pub(crate) batch: bool,
    /// Names are paths of files: nothing can be stored below a stored name.
    pub(crate) paths: bool,
    /// A backslash in a name is refused, or taken for a slash, so that two names are one.
    pub(crate) backslash: bool,
    /// A name that only has names below it is answered with a fault of the server instead of with 404.
    pub(crate) folder_fails: bool,
    /// A listing says that it escapes keys, and does not.
    pub(crate) unescaped: bool,
    /// The last bytes cannot be asked for when there are fewer.
    pub(crate) short_suffix: bool,
    /// The longest key that is taken, in bytes, where S3 takes longer ones.
    pub(crate) max_key: Option<usize>,
    /// The longest part of a key between slashes, likewise.
    pub(crate) max_segment: Option<usize>,
}
