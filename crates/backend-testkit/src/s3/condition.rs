//! Whether what a request supposes is so (RFC 9110, 13; S3 API, Conditional requests).

use std::sync::Arc;

use s3s::dto::{ETag, ETagCondition, Timestamp};
use s3s::{S3Error, S3Result, s3_error};

use super::bucket::{Object, Version};

fn failed() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

fn meets(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(ETag::Strong(it) | ETag::Weak(it)) => it == etag,
    }
}

/// Of a write, judged under the lock that also holds while it is done.
pub(super) fn admits_write(
    present: Option<&Arc<Object>>,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    match (if_match, if_none_match, present) {
        (Some(_), Some(_), _) | (_, Some(ETagCondition::ETag(_)), _) => {
            Err(s3_error!(NotImplemented, "A header you provided implies functionality that is not implemented"))
        }
        (Some(_), None, None) => Err(s3_error!(NoSuchKey, "The specified key does not exist.")),
        (Some(condition), None, Some(object)) if !meets(condition, &object.etag) => Err(failed()),
        (None, Some(ETagCondition::Any), Some(_)) => Err(failed()),
        _ => Ok(()),
    }
}

/// Of a removal. What is absent is not there to differ.
pub(super) fn admits_removal(present: Option<&Arc<Object>>, if_match: Option<&ETagCondition>) -> S3Result<()> {
    match (if_match, present) {
        (Some(condition), Some(object)) if !meets(condition, &object.etag) => Err(failed()),
        (Some(ETagCondition::Any), None) => Err(failed()),
        _ => Ok(()),
    }
}

/// What a reader supposes.
#[derive(Debug, Default)]
pub(super) struct Supposed {
    pub(super) is: Option<ETagCondition>,
    pub(super) is_not: Option<ETagCondition>,
    pub(super) unmodified_since: Option<Timestamp>,
    pub(super) modified_since: Option<Timestamp>,
}

impl Supposed {
    /// Of a read. Dates count only where no ETag is told.
    pub(super) fn admits(&self, version: &Version, object: &Object) -> S3Result<()> {
        let newer_than = |time: &Timestamp| *time < seconds(&version.time());
        match (&self.is, &self.unmodified_since) {
            (Some(condition), _) if !meets(condition, &object.etag) => return Err(failed()),
            (None, Some(time)) if newer_than(time) => return Err(failed()),
            _ => {}
        }
        match (&self.is_not, &self.modified_since) {
            (Some(condition), _) if meets(condition, &object.etag) => Err(s3_error!(NotModified, "Not Modified")),
            (None, Some(time)) if !newer_than(time) => Err(s3_error!(NotModified, "Not Modified")),
            _ => Ok(()),
        }
    }

    /// Of a copy's source, where everything that does not hold is a failure.
    pub(super) fn admits_copy(&self, version: &Version, object: &Object) -> S3Result<()> {
        self.admits(version, object).map_err(|_| failed())
    }
}

/// Without the fraction, which dates of HTTP do not have.
fn seconds(time: &Timestamp) -> Timestamp {
    let mut text = Vec::new();
    let written = time.format(s3s::dto::TimestampFormat::HttpDate, &mut text);
    let text = String::from_utf8_lossy(&text);
    let parsed = written.ok().and_then(|()| Timestamp::parse(s3s::dto::TimestampFormat::HttpDate, &text).ok());
    parsed.unwrap_or_else(|| time.clone())
}
