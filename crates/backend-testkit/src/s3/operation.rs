//! Which operation of the S3 API a request is, by its method, path and query.

use std::fmt;

use http::{HeaderMap, Method};

/// An operation, called as in the S3 API.
#[expect(missing_docs, reason = "the names are the API's")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Every operation, in a rule or a count.
    Any,
    AbortMultipartUpload,
    CompleteMultipartUpload,
    CopyObject,
    CreateBucket,
    CreateMultipartUpload,
    DeleteBucket,
    DeleteObject,
    DeleteObjectTagging,
    DeleteObjects,
    GetBucketLocation,
    GetBucketVersioning,
    GetObject,
    GetObjectAttributes,
    GetObjectTagging,
    HeadBucket,
    HeadObject,
    ListBuckets,
    ListMultipartUploads,
    ListObjectVersions,
    ListObjects,
    ListObjectsV2,
    ListParts,
    PutBucketVersioning,
    PutObject,
    PutObjectTagging,
    UploadPart,
    UploadPartCopy,
    /// Something else.
    Unknown,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Operation {
    /// Whether `other` is meant by this name.
    pub fn covers(self, other: Self) -> bool {
        self == Self::Any || self == other
    }

    pub(super) fn of(
        method: &Method,
        bucket: &str,
        key: &str,
        query: &[(String, String)],
        headers: &HeaderMap,
    ) -> Self {
        let has = |name: &str| query.iter().any(|(it, _)| it == name);
        match (bucket.is_empty(), key.is_empty()) {
            (true, _) => match *method {
                Method::GET => Self::ListBuckets,
                _ => Self::Unknown,
            },
            (false, true) => Self::of_bucket(method, has),
            (false, false) => Self::of_object(method, has, headers.contains_key("x-amz-copy-source")),
        }
    }

    fn of_bucket(method: &Method, has: impl Fn(&str) -> bool) -> Self {
        match *method {
            Method::HEAD => Self::HeadBucket,
            Method::DELETE => Self::DeleteBucket,
            Method::PUT if has("versioning") => Self::PutBucketVersioning,
            Method::PUT => Self::CreateBucket,
            Method::POST if has("delete") => Self::DeleteObjects,
            Method::GET if has("versions") => Self::ListObjectVersions,
            Method::GET if has("uploads") => Self::ListMultipartUploads,
            Method::GET if has("location") => Self::GetBucketLocation,
            Method::GET if has("versioning") => Self::GetBucketVersioning,
            Method::GET if has("list-type") => Self::ListObjectsV2,
            Method::GET => Self::ListObjects,
            _ => Self::Unknown,
        }
    }

    fn of_object(method: &Method, has: impl Fn(&str) -> bool, copies: bool) -> Self {
        match *method {
            Method::HEAD => Self::HeadObject,
            Method::GET if has("uploadId") => Self::ListParts,
            Method::GET if has("tagging") => Self::GetObjectTagging,
            Method::GET if has("attributes") => Self::GetObjectAttributes,
            Method::GET => Self::GetObject,
            Method::PUT if has("tagging") => Self::PutObjectTagging,
            Method::PUT if has("uploadId") && copies => Self::UploadPartCopy,
            Method::PUT if has("uploadId") => Self::UploadPart,
            Method::PUT if copies => Self::CopyObject,
            Method::PUT => Self::PutObject,
            Method::POST if has("uploads") => Self::CreateMultipartUpload,
            Method::POST if has("uploadId") => Self::CompleteMultipartUpload,
            Method::DELETE if has("uploadId") => Self::AbortMultipartUpload,
            Method::DELETE if has("tagging") => Self::DeleteObjectTagging,
            Method::DELETE => Self::DeleteObject,
            _ => Self::Unknown,
        }
    }
}
