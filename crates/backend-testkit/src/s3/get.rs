//! Objects are read (S3 API, GetObject, HeadObject, GetObjectAttributes).

use std::ops::Range;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use s3s::dto::{
    ChecksumMode, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts, GetObjectInput,
    GetObjectOutput, HeadObjectInput, HeadObjectOutput, Range as Asked, StorageClass, StreamingBlob, Timestamp,
    TimestampFormat,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::attributes::{strong, tell_encryption};
use super::bucket::{Object, Version};
use super::condition::Supposed;
use super::state::Service;
use super::sums::tell;
use super::wire::OtherRange;

/// What a reader finds.
struct Found {
    version: Version,
    object: Arc<Object>,
    /// What messages tell of its version.
    shown: Option<String>,
}

/// The headers and metadata of an answer that come from the object.
macro_rules! tell_object {
    ($output:expr, $found:expr, $range:expr) => {
        let (object, attributes) = (&$found.object, &$found.object.attributes);
        $output.accept_ranges = Some("bytes".to_owned());
        $output.cache_control = attributes.cache_control.clone();
        $output.content_disposition = attributes.content_disposition.clone();
        $output.content_encoding = attributes.content_encoding.clone();
        $output.content_language = attributes.content_language.clone();
        $output.content_type = Some(attributes.media_type());
        $output.e_tag = strong(&object.etag);
        $output.last_modified = Some($found.version.time());
        $output.metadata = attributes.metadata.clone();
        $output.storage_class = attributes.class_if_special();
        $output.version_id = $found.shown.clone();
        $output.content_length = i64::try_from($range.bytes.end - $range.bytes.start).ok();
        $output.content_range = $range.told.clone();
        $output.parts_count = $range.n_parts;
        tell_encryption!($output, attributes.encryption);
    };
}

/// Which bytes are answered, and how that is told.
struct Span {
    bytes: Range<u64>,
    told: Option<String>,
    n_parts: Option<i32>,
}

impl Service {
    pub(super) fn get(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let other = req.extensions.get::<OtherRange>().copied();
        let input = req.input;
        let found = self.find(&input.bucket, &input.key, input.version_id.as_deref())?;
        let supposed = Supposed {
            is: input.if_match,
            is_not: input.if_none_match,
            unmodified_since: input.if_unmodified_since,
            modified_since: input.if_modified_since,
        };
        supposed.admits(&found.version, &found.object).map_err(|err| found.with_headers(err))?;
        found.object.attributes.encryption.admits(input.sse_customer_key_md5.as_deref())?;
        if found.object.attributes.archived() {
            return Err(s3_error!(InvalidObjectState, "The operation is not valid for the object's storage class"));
        }
        let range = input.range.and_then(|asked| other.map_or(Some(asked), |other| other.instead(asked)));
        let span = found.object.span(range, input.part_number)?;
        let mut output = GetObjectOutput::default();
        tell_object!(output, found, span);
        output.tag_count = i32::try_from(found.object.attributes.tags.len()).ok().filter(|n_tags| 0 < *n_tags);
        if asks(input.checksum_mode.as_ref()) && span.told.is_none() {
            tell!(output, found.object.sums);
            output.checksum_type = found.object.sums.checksum_type.clone();
        }
        output.body = Some(StreamingBlob::new(found.object.blob.frames(span.bytes)));
        Ok(S3Response::new(output))
    }

    pub(super) fn head(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        let found = self.find(&input.bucket, &input.key, input.version_id.as_deref())?;
        let supposed = Supposed {
            is: input.if_match,
            is_not: input.if_none_match,
            unmodified_since: input.if_unmodified_since,
            modified_since: input.if_modified_since,
        };
        supposed.admits(&found.version, &found.object).map_err(|err| found.with_headers(err))?;
        found.object.attributes.encryption.admits(input.sse_customer_key_md5.as_deref())?;
        let span = found.object.span(input.range, input.part_number)?;
        let mut output = HeadObjectOutput::default();
        tell_object!(output, found, span);
        if asks(input.checksum_mode.as_ref()) && span.told.is_none() {
            tell!(output, found.object.sums);
            output.checksum_type = found.object.sums.checksum_type.clone();
        }
        Ok(S3Response::new(output))
    }

    pub(super) fn describe(
        &self,
        req: S3Request<GetObjectAttributesInput>,
    ) -> S3Result<S3Response<GetObjectAttributesOutput>> {
        let input = req.input;
        let found = self.find(&input.bucket, &input.key, input.version_id.as_deref())?;
        // A list in one header comes in one piece.
        let names = || input.object_attributes.iter().flat_map(|it| it.as_str().split(','));
        let asked = |name: &str| names().any(|it| it.trim() == name);
        let object = &found.object;
        let n_parts = i32::try_from(object.parts.len()).ok().filter(|n_parts| 0 < *n_parts);
        let parts = || GetObjectAttributesParts { total_parts_count: n_parts, ..GetObjectAttributesParts::default() };
        Ok(S3Response::new(GetObjectAttributesOutput {
            checksum: asked("Checksum").then(|| object.sums.clone()),
            e_tag: asked("ETag").then(|| strong(&object.etag)).flatten(),
            last_modified: Some(found.version.time()),
            object_parts: n_parts.filter(|_| asked("ObjectParts")).map(|_| parts()),
            object_size: asked("ObjectSize").then(|| i64::try_from(object.blob.len()).ok()).flatten(),
            storage_class: asked("StorageClass").then(|| StorageClass::from(object.attributes.class())),
            version_id: found.shown.clone(),
            ..GetObjectAttributesOutput::default()
        }))
    }

    /// The version that a reader means. A note of removal is 404 on top, and 405 when it is asked for by its id (S3 API, Working with delete markers).
    fn find(&self, bucket: &str, key: &str, id: Option<&str>) -> S3Result<Found> {
        let mut state = self.lock();
        let bucket = state.bucket(bucket)?;
        let version = bucket.version(&self.name(key), id).map_err(|err| self.absent(err))?.clone();
        let shown = bucket.shown(&version.id);
        match version.held.clone() {
            Some(object) => Ok(Found { version, object, shown }),
            None => {
                let mut err = match id {
                    None => self.absent(s3_error!(NoSuchKey, "The specified key does not exist.")),
                    Some(_) => {
                        s3_error!(MethodNotAllowed, "The specified method is not allowed against this resource.")
                    }
                };
                err.set_headers(marker_headers(&version, shown.as_deref()));
                Err(err)
            }
        }
    }

    fn absent(&self, err: S3Error) -> S3Error {
        match self.opts.absent_is_forbidden {
            true => s3_error!(AccessDenied, "Access Denied"),
            false => err,
        }
    }
}

/// Checksums are of the whole, and told with the whole only.
fn asks(mode: Option<&ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
}

fn marker_headers(version: &Version, shown: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
    if let Some(Ok(id)) = shown.map(HeaderValue::from_str) {
        headers.insert("x-amz-version-id", id);
    }
    if let Some(time) = http_date(&version.time()) {
        headers.insert("last-modified", time);
    }
    headers
}

/// As `Date` and `Last-Modified` tell it.
pub(super) fn http_date(time: &Timestamp) -> Option<HeaderValue> {
    let mut text = Vec::new();
    time.format(TimestampFormat::HttpDate, &mut text).ok()?;
    HeaderValue::from_bytes(&text).ok()
}

impl Found {
    /// An error that still tells what is there, as 304 does.
    fn with_headers(&self, mut err: S3Error) -> S3Error {
        let mut headers = HeaderMap::new();
        if let Ok(etag) = HeaderValue::from_str(&format!("\"{}\"", self.object.etag)) {
            headers.insert("etag", etag);
        }
        if let Some(time) = http_date(&self.version.time()) {
            headers.insert("last-modified", time);
        }
        err.set_headers(headers);
        err
    }
}

impl Object {
    fn span(&self, range: Option<Asked>, part: Option<i32>) -> S3Result<Span> {
        let len = self.blob.len();
        let told = |bytes: &Range<u64>| Some(format!("bytes {}-{}/{len}", bytes.start, bytes.end.saturating_sub(1)));
        let n_parts = i32::try_from(self.parts.len()).ok().filter(|n_parts| 0 < *n_parts);
        match (range, part) {
            (None, None) => Ok(Span { bytes: 0..len, told: None, n_parts: None }),
            (Some(_), Some(_)) => Err(s3_error!(InvalidRequest, "Cannot specify both Range header and partNumber")),
            (Some(range), None) => {
                let bytes = range.check(len).map_err(|err| unsatisfiable(err.into(), len))?;
                // A suffix of nothing is the whole of nothing.
                let told = told(&bytes).filter(|_| !bytes.is_empty());
                Ok(Span { told, bytes, n_parts: None })
            }
            (None, Some(part)) => {
                let bytes = self
                    .part(part)
                    .ok_or_else(|| s3_error!(InvalidPart, "The requested partnumber is not satisfiable"))?;
                Ok(Span { told: told(&bytes), bytes, n_parts })
            }
        }
    }

    /// Where a part lies. An object of one request is its only part.
    fn part(&self, number: i32) -> Option<Range<u64>> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        if self.parts.is_empty() && index == 0 {
            return Some(0..self.blob.len());
        }
        let start: u64 = self.parts.get(..index)?.iter().sum();
        Some(start..start + self.parts.get(index)?)
    }
}

/// 416, which tells how much there is (RFC 9110, 15.5.17).
fn unsatisfiable(mut err: S3Error, len: u64) -> S3Error {
    let mut headers = HeaderMap::new();
    if let Ok(told) = HeaderValue::from_str(&format!("bytes */{len}")) {
        headers.insert("content-range", told);
    }
    err.set_message("The requested range is not satisfiable");
    err.set_headers(headers);
    err
}
