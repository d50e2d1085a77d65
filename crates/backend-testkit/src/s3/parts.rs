//! Parts of a multipart upload: taken in, copied, listed (S3 API, UploadPart, UploadPartCopy, ListParts).

use std::time::SystemTime;

use s3s::dto::{
    ChecksumAlgorithm, ChecksumType, CopyPartResult, ListPartsInput, ListPartsOutput, Part as Entry, StorageClass,
    Timestamp, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::attributes::{strong, tell_encryption};
use super::bucket::{Part, Upload};
use super::options::{Checksums, Copies};
use super::receive::{Promise, Received};
use super::state::Service;
use super::sums::{self, Algorithm, tell, told};

/// The highest number of a part (S3 API, multipart upload limits).
const MAX_PARTS: i32 = 10_000;
/// Only of larger objects a range is copied (S3 API, UploadPartCopy).
const MIN_RANGED: u64 = 5 << 20;

impl Upload {
    /// What a part's sum is told by: nothing but what the client asked for.
    fn told_type(&self) -> Option<ChecksumType> {
        let name = if self.full_object { ChecksumType::FULL_OBJECT } else { ChecksumType::COMPOSITE };
        self.asked.then(|| ChecksumType::from_static(name))
    }

    fn told_algorithm(&self) -> Option<ChecksumAlgorithm> {
        self.asked.then(|| ChecksumAlgorithm::from_static(self.algorithm.name()))
    }
}

impl From<Received> for Part {
    fn from(it: Received) -> Self {
        Self { blob: it.blob, md5: it.md5, sums: it.sums, at: SystemTime::now() }
    }
}

impl Service {
    pub(super) async fn put_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let S3Request { mut input, headers, trailing_headers, .. } = req;
        let mut promise = Promise::announced(&headers, trailing_headers);
        promise.sums = told!(input);
        let (encryption, asked) = self.begun(&input, &promise)?;
        promise.md5 = input.content_md5.take();
        promise.length = input.content_length;
        promise.also = asked.filter(|_| self.opts.checksums == Checksums::Honest);
        let part = Part::from(self.receive(input.body.take(), promise).await?);
        let mut output = UploadPartOutput { e_tag: strong(&sums::hex(&part.md5)), ..UploadPartOutput::default() };
        tell!(output, part.sums);
        tell_encryption!(output, encryption);
        let mut state = self.lock();
        let upload = state.bucket(&input.bucket)?.upload_mut(&input.key, &input.upload_id)?;
        upload.parts.insert(input.part_number, part);
        Ok(S3Response::new(output))
    }

    /// What the upload that a part is for wants to know of it.
    fn begun(
        &self,
        input: &UploadPartInput,
        promise: &Promise,
    ) -> S3Result<(super::attributes::Encryption, Option<Algorithm>)> {
        if input.part_number < 1 || MAX_PARTS < input.part_number {
            return Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive"));
        }
        let mut state = self.lock();
        let upload = state.bucket(&input.bucket)?.upload(&input.key, &input.upload_id)?;
        let told = sums::ALL.into_iter().filter(|it| it.of(&promise.sums).is_some());
        let other = told.chain(promise.trailing.iter().copied()).find(|it| upload.asked && *it != upload.algorithm);
        if let Some(other) = other {
            let (other, asked) = (other.name(), upload.algorithm.name());
            return Err(s3_error!(
                InvalidRequest,
                "Checksum Type mismatch occurred, expected checksum Type: {asked}, actual checksum Type: {other}"
            ));
        }
        upload.attributes.encryption.admits(input.sse_customer_key_md5.as_deref())?;
        Ok((upload.attributes.encryption.clone(), Some(upload.algorithm)))
    }

    pub(super) fn copy_part(&self, req: S3Request<UploadPartCopyInput>) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = req.input;
        let (source, source_version) = self.source(
            &input.copy_source,
            &super::condition::Supposed {
                is: input.copy_source_if_match,
                is_not: input.copy_source_if_none_match,
                unmodified_since: input.copy_source_if_unmodified_since,
                modified_since: input.copy_source_if_modified_since,
            },
        )?;
        let range = match input.copy_source_range.as_deref() {
            None => 0..source.blob.len(),
            Some(_) if self.opts.copies == Copies::Whole => 0..source.blob.len(),
            Some(_) if source.blob.len() <= MIN_RANGED => {
                return Err(s3_error!(
                    InvalidRequest,
                    "The specified copy source is not supported as a byte-range copy source"
                ));
            }
            Some(text) => {
                let wrong = |_| {
                    s3_error!(InvalidArgument, "The x-amz-copy-source-range value must be of the form bytes=first-last")
                };
                s3s::dto::Range::parse(text).map_err(wrong)?.check(source.blob.len())?
            }
        };
        let blob = source.blob.part(range, self.spool.as_ref()).map_err(S3Error::internal_error)?;
        let mut state = self.lock();
        let upload = state.bucket(&input.bucket)?.upload_mut(&input.key, &input.upload_id)?;
        let part = self.copied(blob, upload.algorithm)?;
        let mut result = CopyPartResult {
            e_tag: strong(&sums::hex(&part.md5)),
            last_modified: Some(Timestamp::from(part.at)),
            ..CopyPartResult::default()
        };
        tell!(result, part.sums);
        upload.parts.insert(input.part_number, part);
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(result),
            copy_source_version_id: source_version,
            ..UploadPartCopyOutput::default()
        }))
    }

    pub(super) fn list_parts(&self, req: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let input = req.input;
        let max = self.page_size(input.max_parts)?;
        let after = input.part_number_marker.unwrap_or_default();
        let mut state = self.lock();
        let upload = state.bucket(&input.bucket)?.upload(&input.key, &input.upload_id)?;
        let entry = |(number, part): (&i32, &Part)| {
            let mut entry = Entry {
                e_tag: strong(&sums::hex(&part.md5)),
                last_modified: Some(Timestamp::from(part.at)),
                part_number: Some(*number),
                size: i64::try_from(part.blob.len()).ok(),
                ..Entry::default()
            };
            tell!(entry, part.sums);
            entry
        };
        let rest = || upload.parts.range(after.saturating_add(1)..);
        let parts: Vec<Entry> = rest().take(max).map(entry).collect();
        let next = parts.last().and_then(|part| part.part_number);
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            checksum_algorithm: upload.told_algorithm(),
            checksum_type: upload.told_type(),
            is_truncated: Some(parts.len() < rest().count()),
            key: Some(input.key),
            max_parts: i32::try_from(max).ok(),
            next_part_number_marker: next.or(Some(0)),
            part_number_marker: Some(after),
            parts: Some(parts),
            storage_class: Some(StorageClass::from(upload.attributes.class())),
            upload_id: Some(input.upload_id),
            ..ListPartsOutput::default()
        }))
    }
}
