//! An object is written in one request (S3 API, PutObject).

use std::sync::Arc;
use std::time::SystemTime;

use s3s::dto::{Checksum, ChecksumType, ETagCondition, PutObjectInput, PutObjectOutput};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::attributes::{attributes, strong, tell_encryption};
use super::bucket::{Object, Version};
use super::condition::admits_write;
use super::options::Checksums;
use super::receive::Promise;
use super::state::{Service, State};
use super::sums::{self, Algorithm, tell, told};

/// The longest key, in bytes (S3 API, object key naming).
const MAX_KEY: usize = 1024;
/// How much metadata there may be, names and values, in bytes.
const MAX_METADATA: usize = 2 << 10;

/// What an object is written under, and what that supposes.
pub(super) struct Place<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    pub(super) if_match: Option<&'a ETagCondition>,
    pub(super) if_none_match: Option<&'a ETagCondition>,
}

impl Service {
    pub(super) async fn put(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let S3Request { mut input, headers, trailing_headers, .. } = req;
        self.lock().bucket(&input.bucket)?;
        let mut promise = Promise::announced(&headers, trailing_headers);
        promise.sums = told!(input);
        promise.md5 = input.content_md5.take();
        promise.length = input.content_length;
        promise.also =
            self.also(&promise.sums, &promise.trailing, input.checksum_algorithm.as_ref().map(|it| it.as_str()));
        let attributes = attributes!(input).tagged(input.tagging.as_deref(), self.opts.tags)?;
        let received = self.receive(input.body.take(), promise).await?;
        let etag = attributes.encryption.etag(&sums::hex(&received.md5));
        let mut sums = received.sums;
        sums.checksum_type = sums::any(&sums).then(|| ChecksumType::from_static(ChecksumType::FULL_OBJECT));
        let object = Object { blob: received.blob, etag, sums, attributes, parts: Vec::new() };
        let place = Place {
            bucket: &input.bucket,
            key: &input.key,
            if_match: input.if_match.as_ref(),
            if_none_match: input.if_none_match.as_ref(),
        };
        let mut output = PutObjectOutput { e_tag: strong(&object.etag), ..PutObjectOutput::default() };
        tell!(output, object.sums);
        output.checksum_type = object.sums.checksum_type.clone();
        tell_encryption!(output, object.attributes.encryption);
        output.version_id = self.keep(&mut self.lock(), &place, object)?;
        Ok(S3Response::new(output))
    }

    /// What is computed though it was not told: what was named, or what AWS computes of itself.
    pub(super) fn also(&self, told: &Checksum, trailing: &[Algorithm], named: Option<&str>) -> Option<Algorithm> {
        match self.opts.checksums {
            Checksums::Ignored => None,
            Checksums::Honest if sums::any(told) || !trailing.is_empty() => None,
            Checksums::Honest => named.and_then(Algorithm::parse).or(Some(Algorithm::Crc64nvme)),
        }
    }

    /// Makes an object visible, if what its writer supposes is so. Answers the version, where versions are kept.
    pub(super) fn keep(&self, state: &mut State, place: &Place<'_>, object: Object) -> S3Result<Option<String>> {
        if MAX_KEY < place.key.len() {
            return Err(s3_error!(KeyTooLongError, "Your key is too long"));
        }
        let metadata = object.attributes.metadata.iter().flatten();
        if MAX_METADATA < metadata.map(|(name, value)| name.len() + value.len()).sum() {
            return Err(s3_error!(MetadataTooLarge, "Your metadata headers exceed the maximum allowed metadata size"));
        }
        let id = state.version_id(place.bucket);
        let bucket = state.bucket(place.bucket)?;
        if self.opts.conditional_put {
            admits_write(bucket.current(place.key), place.if_match, place.if_none_match)?;
        }
        bucket.push(
            &self.name(place.key),
            Version { id: id.clone(), at: SystemTime::now(), held: Some(Arc::new(object)) },
        );
        Ok(bucket.shown(&id))
    }
}
