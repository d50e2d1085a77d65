//! Objects are copied within the server (S3 API, CopyObject).

use std::sync::Arc;
use std::time::SystemTime;

use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{
    ChecksumType, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, MetadataDirective, TaggingDirective,
    Timestamp,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::attributes::{attributes, strong, tell_encryption};
use super::blob::Blob;
use super::bucket::{Object, Part};
use super::condition::Supposed;
use super::options::Checksums;
use super::put::Place;
use super::state::Service;
use super::sums::{self, Algorithm, tell};

/// How much is hashed at once, in bytes.
const FRAME: u64 = 1 << 20;

impl Service {
    pub(super) fn copy(&self, req: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let mut input = req.input;
        let supposed = Supposed {
            is: input.copy_source_if_match.take(),
            is_not: input.copy_source_if_none_match.take(),
            unmodified_since: input.copy_source_if_unmodified_since.take(),
            modified_since: input.copy_source_if_modified_since.take(),
        };
        let (source, source_version) = self.source(&input.copy_source, &supposed)?;
        let replaces = input.metadata_directive.as_ref().is_some_and(|it| it.as_str() == MetadataDirective::REPLACE);
        let retags = input.tagging_directive.as_ref().is_some_and(|it| it.as_str() == TaggingDirective::REPLACE);
        let told = attributes!(input);
        let moves = input.storage_class_changes(&told, &source) || replaces || retags;
        if !moves && input.names_itself() {
            return Err(s3_error!(
                InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without changing anything."
            ));
        }
        let mut attributes = match replaces {
            true => told.clone(),
            false => super::attributes::Attributes {
                storage_class: told.storage_class.clone(),
                encryption: told.encryption.clone(),
                ..source.attributes.clone()
            },
        };
        attributes.tags = source.attributes.tags.clone();
        if retags {
            attributes.tags.clear();
            attributes = attributes.tagged(input.tagging.as_deref(), self.opts.tags)?;
        }
        let named = input.checksum_algorithm.as_ref().and_then(|it| Algorithm::parse(it.as_str()));
        let part = self.copied(source.blob.clone(), named.unwrap_or(Algorithm::Crc64nvme))?;
        let etag = attributes.encryption.etag(&sums::hex(&part.md5));
        let mut kept = part.sums;
        kept.checksum_type = sums::any(&kept).then(|| ChecksumType::from_static(ChecksumType::FULL_OBJECT));
        let mut result = CopyObjectResult {
            e_tag: strong(&etag),
            last_modified: Some(Timestamp::from(part.at)),
            ..CopyObjectResult::default()
        };
        tell!(result, kept);
        let mut output = CopyObjectOutput {
            copy_object_result: Some(result),
            copy_source_version_id: source_version,
            ..CopyObjectOutput::default()
        };
        tell_encryption!(output, attributes.encryption);
        let object = Object { blob: part.blob, etag, sums: kept, attributes, parts: Vec::new() };
        let place = Place { bucket: &input.bucket, key: &input.key, if_match: None, if_none_match: None };
        output.version_id = self.keep(&mut self.lock(), &place, object)?;
        Ok(S3Response::new(output))
    }

    /// What is copied from, and its version where versions are kept.
    pub(super) fn source(&self, source: &CopySource, supposed: &Supposed) -> S3Result<(Arc<Object>, Option<String>)> {
        let CopySource::Bucket { bucket, key, version_id } = source else {
            return Err(s3_error!(NotImplemented, "only buckets are copied from"));
        };
        let mut state = self.lock();
        let bucket = state.bucket(bucket)?;
        let version = bucket.version(key, version_id.as_deref())?;
        let object = match (&version.held, version_id) {
            (Some(object), _) => object.clone(),
            (None, None) => return Err(s3_error!(NoSuchKey, "The specified key does not exist.")),
            (None, Some(_)) => {
                return Err(s3_error!(
                    InvalidRequest,
                    "The source of a copy request may not specifically refer to a delete marker by version id."
                ));
            }
        };
        supposed.admits_copy(version, &object)?;
        Ok((object, bucket.shown(&version.id)))
    }

    /// Bytes that are here already, as a part.
    pub(super) fn copied(&self, blob: Blob, algorithm: Algorithm) -> S3Result<Part> {
        let honest = self.opts.checksums == Checksums::Honest;
        let mut hasher = sums::hasher(if honest { std::slice::from_ref(&algorithm) } else { &[] });
        let mut md5 = Md5::new();
        let mut at = 0;
        while at < blob.len() {
            let frame = blob.read(at, FRAME).map_err(S3Error::internal_error)?;
            at += frame.len() as u64;
            hasher.update(&frame);
            md5.update(&frame);
        }
        Ok(Part { blob, md5: md5.finalize(), sums: hasher.finalize(), at: SystemTime::now() })
    }
}

/// What a request to copy means.
trait Copying {
    fn names_itself(&self) -> bool;
    fn storage_class_changes(&self, told: &super::attributes::Attributes, source: &Object) -> bool;
}

impl Copying for CopyObjectInput {
    fn names_itself(&self) -> bool {
        match &self.copy_source {
            CopySource::Bucket { bucket, key, version_id: None } => **bucket == *self.bucket && **key == *self.key,
            _ => false,
        }
    }

    fn storage_class_changes(&self, told: &super::attributes::Attributes, source: &Object) -> bool {
        let encrypts = told.encryption.server.is_some() || told.encryption.customer_algorithm.is_some();
        encrypts || told.storage_class.is_some() && told.class() != source.attributes.class()
    }
}
