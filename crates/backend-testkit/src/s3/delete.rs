//! Objects are removed, and where versions are kept hidden (S3 API, DeleteObject, DeleteObjects).

use std::time::SystemTime;

use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETagCondition, Error,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::bucket::{Version, Versioning};
use super::condition::admits_removal;
use super::state::{Service, State};

/// How many keys one request removes at most.
const MAX_KEYS: usize = 1000;

/// What was done to a key.
struct Done {
    /// The version that is meant by the answer.
    version: Option<String>,
    /// Whether that is a note of removal.
    marker: Option<bool>,
}

impl Service {
    pub(super) fn delete(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = req.input;
        let mut state = self.lock();
        let done =
            self.removed(&mut state, &input.bucket, &input.key, input.version_id.as_deref(), input.if_match.as_ref())?;
        let output = DeleteObjectOutput {
            delete_marker: done.marker,
            version_id: done.version,
            ..DeleteObjectOutput::default()
        };
        Ok(S3Response::new(output))
    }

    pub(super) fn delete_many(&self, req: S3Request<DeleteObjectsInput>) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let told = |name: &str| name == "content-md5" || name == "x-amz-trailer" || name.starts_with("x-amz-checksum-");
        if !req.headers.keys().any(|name| told(name.as_str())) {
            return Err(s3_error!(
                InvalidRequest,
                "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
            ));
        }
        let input = req.input;
        if input.delete.objects.is_empty() || MAX_KEYS < input.delete.objects.len() {
            return Err(s3_error!(MalformedXML, "The XML you provided was not well-formed or did not validate"));
        }
        let quiet = input.delete.quiet.unwrap_or_default();
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        let mut state = self.lock();
        state.bucket(&input.bucket)?;
        for it in input.delete.objects {
            let condition = it.e_tag.map(ETagCondition::ETag);
            match self.removed(&mut state, &input.bucket, &it.key, it.version_id.as_deref(), condition.as_ref()) {
                Ok(_) if quiet => {}
                Ok(done) => deleted.push(DeletedObject {
                    delete_marker: done.marker,
                    delete_marker_version_id: done.version.filter(|_| done.marker.is_some()),
                    key: Some(it.key),
                    version_id: it.version_id,
                }),
                Err(err) => errors.push(Error {
                    code: Some(err.code().as_str().to_owned()),
                    key: Some(it.key),
                    message: err.message().map(str::to_owned),
                    version_id: it.version_id,
                }),
            }
        }
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: Some(deleted),
            errors: Some(errors),
            ..DeleteObjectsOutput::default()
        }))
    }

    /// Removes a version for good, or hides a key. What is absent is removed already.
    fn removed(
        &self,
        state: &mut State,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        if_match: Option<&ETagCondition>,
    ) -> S3Result<Done> {
        let (marker_id, name) = (state.version_id(bucket), self.name(key));
        let (bucket, key) = (state.bucket(bucket)?, &*name);
        if self.opts.conditional_delete {
            let present = match version {
                Some(id) => bucket.version(key, Some(id)).ok().and_then(|version| version.held.as_ref()),
                None => bucket.current(key),
            };
            admits_removal(present, if_match)?;
        }
        if let Some(id) = version {
            let taken = bucket.take(key, id);
            let marker = taken.is_some_and(|taken| taken.held.is_none()).then_some(true);
            return Ok(Done { version: Some(id.to_owned()), marker });
        }
        if bucket.versioning == Versioning::Never {
            bucket.keys.remove(key);
            return Ok(Done { version: None, marker: None });
        }
        bucket.push(key, Version { id: marker_id.clone(), at: SystemTime::now(), held: None });
        Ok(Done { version: Some(marker_id), marker: Some(true) })
    }
}
