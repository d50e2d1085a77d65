//! Multipart uploads begin, end, and are listed (S3 API, CreateMultipartUpload, CompleteMultipartUpload, …).

use std::collections::BTreeMap;
use std::time::SystemTime;

use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, Checksum, ChecksumAlgorithm, ChecksumType,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ETag, ListMultipartUploadsInput, ListMultipartUploadsOutput, MultipartUpload,
    StorageClass, Timestamp,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::attributes::{attributes, strong, tell_encryption};
use super::blob::Blob;
use super::bucket::{Object, Part, Upload, no_upload};
use super::list::Writing;
use super::options::Checksums;
use super::put::Place;
use super::receive::bad_digest;
use super::state::Service;
use super::sums::{self, Algorithm, tell, told};

impl Service {
    pub(super) fn begin(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let mut input = req.input;
        let attributes = attributes!(input).tagged(input.tagging.as_deref(), self.opts.tags)?;
        let named = input.checksum_algorithm.as_ref().and_then(|it| Algorithm::parse(it.as_str()));
        let algorithm = named.unwrap_or(Algorithm::Crc64nvme);
        let kind = input.checksum_type.as_ref().map_or(algorithm.default_type(), |it| it.as_str()).to_owned();
        let full_object = kind == ChecksumType::FULL_OBJECT;
        let hash = matches!(algorithm, Algorithm::Sha1 | Algorithm::Sha256);
        if (full_object && hash) || (!full_object && algorithm == Algorithm::Crc64nvme) {
            let name = algorithm.name();
            return Err(s3_error!(
                InvalidRequest,
                "The {kind} checksum type cannot be used with the {name} checksum algorithm."
            ));
        }
        let asked = named.is_some() && self.opts.checksums == Checksums::Honest;
        let mut output = CreateMultipartUploadOutput {
            bucket: Some(input.bucket.clone()),
            key: Some(input.key.clone()),
            checksum_algorithm: asked.then(|| ChecksumAlgorithm::from_static(algorithm.name())),
            checksum_type: asked.then(|| ChecksumType::from(kind)),
            ..CreateMultipartUploadOutput::default()
        };
        tell_encryption!(output, attributes.encryption);
        let mut state = self.lock();
        let id = state.unique("u");
        let upload = Upload {
            key: input.key,
            attributes,
            algorithm,
            asked,
            full_object,
            parts: BTreeMap::new(),
            begun: SystemTime::now(),
        };
        state.bucket(&input.bucket)?.uploads.insert(id.clone(), upload);
        output.upload_id = Some(id);
        Ok(S3Response::new(output))
    }

    /// Puts the parts together and makes the whole visible: judged and done under one lock.
    pub(super) fn complete(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        let mut state = self.lock();
        let upload = state.bucket(&input.bucket)?.upload(&input.key, &input.upload_id)?.clone();
        let listed = input.multipart_upload.as_ref().and_then(|it| it.parts.as_deref()).unwrap_or_default();
        let parts = self.chosen(&upload, listed)?;
        let object = self.assembled(&upload, &parts, &told!(input), &input.upload_id)?;
        if input.mpu_object_size.is_some_and(|size| u64::try_from(size) != Ok(object.blob.len())) {
            return Err(s3_error!(
                InvalidRequest,
                "The provided 'x-amz-mp-object-size' header does not match what was computed"
            ));
        }
        let mut output = CompleteMultipartUploadOutput {
            bucket: Some(input.bucket.clone()),
            key: Some(input.key.clone()),
            e_tag: strong(&object.etag),
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            checksum_type: object.sums.checksum_type.clone(),
            server_side_encryption: object.attributes.encryption.server.clone(),
            ssekms_key_id: object.attributes.encryption.kms_key_id.clone(),
            ..CompleteMultipartUploadOutput::default()
        };
        tell!(output, object.sums);
        let place = Place {
            bucket: &input.bucket,
            key: &input.key,
            if_match: input.if_match.as_ref(),
            if_none_match: input.if_none_match.as_ref(),
        };
        output.version_id = self.keep(&mut state, &place, object)?;
        state.bucket(&input.bucket)?.uploads.remove(&input.upload_id);
        Ok(S3Response::new(output))
    }

    /// The parts that the client lists, if they are those that are here.
    fn chosen(&self, upload: &Upload, listed: &[CompletedPart]) -> S3Result<Vec<Part>> {
        if listed.is_empty() {
            return Err(s3_error!(MalformedXML, "The XML you provided was not well-formed or did not validate"));
        }
        let mut chosen: Vec<Part> = Vec::new();
        let mut before = 0;
        for it in listed {
            let number = it.part_number.unwrap_or_default();
            if number <= before {
                return Err(s3_error!(InvalidPartOrder, "The list of parts was not in ascending order."));
            }
            before = number;
            let part = upload.parts.get(&number).ok_or_else(invalid_part)?;
            if it.e_tag.as_ref().map(ETag::value) != Some(sums::hex(&part.md5).as_str()) {
                return Err(invalid_part());
            }
            let sums = told!(it);
            if self.opts.checksums == Checksums::Honest && sums::differs(&sums, &part.sums).is_some() {
                return Err(invalid_part());
            }
            if upload.asked && !upload.full_object && upload.algorithm.of(&sums).is_none() {
                let name = upload.algorithm.name().to_ascii_lowercase();
                return Err(s3_error!(
                    InvalidRequest,
                    "The upload was created using a {name} checksum. The complete request must include the checksum for each part."
                ));
            }
            chosen.push(part.clone());
        }
        self.large_enough(&chosen)?;
        Ok(chosen)
    }

    fn large_enough(&self, chosen: &[Part]) -> S3Result<()> {
        let Some((_, but_last)) = chosen.split_last() else { return Ok(()) };
        if but_last.iter().any(|part| part.blob.len() < self.opts.min_part_size) {
            return Err(s3_error!(EntityTooSmall, "Your proposed upload is smaller than the minimum allowed size"));
        }
        let first = but_last.first().map(|part| part.blob.len());
        match self.opts.equal_parts && but_last.iter().any(|part| Some(part.blob.len()) != first) {
            true => Err(s3_error!(InvalidPart, "All non-trailing parts must have the same length.")),
            false => Ok(()),
        }
    }

    fn assembled(&self, upload: &Upload, parts: &[Part], promised: &Checksum, id: &str) -> S3Result<Object> {
        let mut md5 = Md5::new();
        for part in parts {
            md5.update(&part.md5);
        }
        let digest = match self.opts.random_multipart_etag {
            true => sums::hex(&Md5::checksum(id.as_bytes())),
            false => sums::hex(&md5.finalize()),
        };
        let sums = self.sums_of(upload, parts)?;
        if let Some(algorithm) = sums::differs(promised, &sums) {
            return Err(bad_digest(algorithm.name()));
        }
        let blobs: Vec<Blob> = parts.iter().map(|part| part.blob.clone()).collect();
        let sizes = blobs.iter().map(Blob::len).collect();
        let etag = format!("{digest}-{}", parts.len());
        Ok(Object { blob: Blob::join(&blobs), etag, sums, attributes: upload.attributes.clone(), parts: sizes })
    }

    fn sums_of(&self, upload: &Upload, parts: &[Part]) -> S3Result<Checksum> {
        let mut sums = Checksum::default();
        if self.opts.checksums == Checksums::Ignored {
            return Ok(sums);
        }
        let (sum, kind) = match upload.full_object {
            true => {
                let parts: Vec<_> = parts.iter().map(|part| (&part.sums, part.blob.len())).collect();
                (sums::full_object(upload.algorithm, &parts), ChecksumType::FULL_OBJECT)
            }
            false => {
                let parts: Vec<_> = parts.iter().map(|part| &part.sums).collect();
                (sums::composite(upload.algorithm, &parts), ChecksumType::COMPOSITE)
            }
        };
        let sum = sum.ok_or_else(|| s3_error!(InvalidPart, "a part has no checksum of the upload's kind"))?;
        upload.algorithm.put(&mut sums, sum);
        sums.checksum_type = Some(ChecksumType::from_static(kind));
        Ok(sums)
    }

    pub(super) fn abort(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = req.input;
        let mut state = self.lock();
        let bucket = state.bucket(&input.bucket)?;
        bucket.upload(&input.key, &input.upload_id)?;
        bucket.uploads.remove(&input.upload_id).ok_or_else(no_upload)?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    pub(super) fn list_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = req.input;
        let writing = Writing::of(input.encoding_type.as_ref());
        let max = self.page_size(input.max_uploads)?;
        let (prefix, key_marker) =
            (input.prefix.clone().unwrap_or_default(), input.key_marker.clone().unwrap_or_default());
        let id_marker = input.upload_id_marker.clone().unwrap_or_default();
        let mut state = self.lock();
        let uploads = &state.bucket(&input.bucket)?.uploads;
        // Ids are given in the order of their beginning, which is the order of the API within a key.
        let mut all: Vec<(&String, &String, &Upload)> =
            uploads.iter().map(|(id, upload)| (&upload.key, id, upload)).collect();
        all.sort_by_key(|(key, id, _)| (*key, *id));
        let behind = |key: &str, id: &str| match id_marker.is_empty() {
            true => key_marker.as_str() < key,
            false => (key_marker.as_str(), id_marker.as_str()) < (key, id),
        };
        all.retain(|(key, id, _)| key.starts_with(&prefix) && (key_marker.is_empty() || behind(key, id)));
        let truncated = max < all.len();
        all.truncate(max);
        let last = all.last().filter(|_| truncated).map(|(key, id, _)| (writing.name(key), (*id).clone()));
        let (next_key_marker, next_upload_id_marker) = last.unzip();
        let entry = |(key, id, upload): &(&String, &String, &Upload)| MultipartUpload {
            initiated: Some(Timestamp::from(upload.begun)),
            key: Some(writing.name(key)),
            storage_class: Some(StorageClass::from(upload.attributes.class())),
            upload_id: Some((*id).clone()),
            ..MultipartUpload::default()
        };
        let uploads = all.iter().map(entry).collect();
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket.clone()),
            encoding_type: input.encoding_type,
            is_truncated: Some(truncated),
            key_marker: Some(writing.name(&key_marker)),
            max_uploads: i32::try_from(max).ok(),
            next_key_marker,
            next_upload_id_marker,
            prefix: Some(writing.name(&prefix)),
            upload_id_marker: input.upload_id_marker,
            uploads: Some(uploads),
            ..ListMultipartUploadsOutput::default()
        }))
    }
}

fn invalid_part() -> S3Error {
    s3_error!(
        InvalidPart,
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
    )
}
