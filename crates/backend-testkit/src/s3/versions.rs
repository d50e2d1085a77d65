//! Versions of a bucket: whether they are kept, and their listing (S3 API, ListObjectVersions).

use s3s::dto::{
    BucketVersioningStatus, DeleteMarkerEntry, GetBucketVersioningInput, GetBucketVersioningOutput,
    ListObjectVersionsInput, ListObjectVersionsOutput, ObjectVersion, ObjectVersionStorageClass,
    PutBucketVersioningInput, PutBucketVersioningOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::attributes::strong;
use super::bucket::{Bucket, Version, Versioning};
use super::list::{Ask, Page, Writing, algorithms};
use super::options::Versions;
use super::state::Service;

/// One page of versions.
#[derive(Default)]
struct Found {
    versions: Vec<ObjectVersion>,
    markers: Vec<DeleteMarkerEntry>,
    prefixes: Vec<String>,
    /// The last key and version of it, where more follow.
    next: Option<(String, String)>,
}

impl Service {
    fn knows_versions(&self) -> S3Result<()> {
        match self.opts.versions {
            Versions::Unknown => {
                Err(s3_error!(NotImplemented, "A header you provided implies functionality that is not implemented"))
            }
            Versions::Off | Versions::On => Ok(()),
        }
    }

    pub(super) fn versioning(
        &self,
        req: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        self.knows_versions()?;
        let status = match self.lock().bucket(&req.input.bucket)?.versioning {
            Versioning::Never => None,
            Versioning::Enabled => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED)),
            Versioning::Suspended => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::SUSPENDED)),
        };
        Ok(S3Response::new(GetBucketVersioningOutput { status, ..GetBucketVersioningOutput::default() }))
    }

    pub(super) fn put_versioning(
        &self,
        req: S3Request<PutBucketVersioningInput>,
    ) -> S3Result<S3Response<PutBucketVersioningOutput>> {
        self.knows_versions()?;
        let versioning = match req.input.versioning_configuration.status.as_ref().map(BucketVersioningStatus::as_str) {
            Some(BucketVersioningStatus::ENABLED) => Versioning::Enabled,
            Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
            _ => {
                return Err(s3_error!(
                    IllegalVersioningConfigurationException,
                    "The Versioning element must be specified"
                ));
            }
        };
        self.lock().bucket(&req.input.bucket)?.versioning = versioning;
        Ok(S3Response::new(PutBucketVersioningOutput::default()))
    }

    pub(super) fn list_versions(
        &self,
        req: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        self.knows_versions()?;
        let input = req.input;
        if input.version_id_marker.is_some() && input.key_marker.is_none() {
            return Err(s3_error!(InvalidArgument, "A version-id marker cannot be specified without a key marker."));
        }
        let writing = Writing::of(input.encoding_type.as_ref());
        let max = self.page_size(input.max_keys)?;
        let mut state = self.lock();
        let found = match max {
            0 => Found::default(),
            _ => page(state.bucket(&input.bucket)?, &input, max, writing),
        };
        let (next_key, next_version) = found.next.unzip();
        Ok(S3Response::new(ListObjectVersionsOutput {
            common_prefixes: writing.prefixes(&found.prefixes),
            delete_markers: Some(found.markers),
            delimiter: input.delimiter.as_deref().map(|it| writing.name(it)),
            encoding_type: input.encoding_type,
            is_truncated: Some(next_key.is_some()),
            key_marker: Some(writing.name(input.key_marker.as_deref().unwrap_or_default())),
            max_keys: i32::try_from(max).ok(),
            name: Some(input.bucket),
            next_key_marker: next_key.map(|key| writing.name(&key)),
            next_version_id_marker: next_version.filter(|id| !id.is_empty()),
            prefix: Some(writing.name(input.prefix.as_deref().unwrap_or_default())),
            version_id_marker: input.version_id_marker,
            versions: Some(found.versions),
            ..ListObjectVersionsOutput::default()
        }))
    }
}

/// Names are found as other listings find them; then each key's versions follow, newest first.
fn page(bucket: &Bucket, input: &ListObjectVersionsInput, max: usize, writing: Writing) -> Found {
    let (marker, delimiter) = (input.key_marker.as_deref().unwrap_or_default(), input.delimiter.as_deref());
    let folded = delimiter.is_some_and(|it| !it.is_empty() && !marker.is_empty() && marker.ends_with(it));
    let ask = Ask {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter,
        after: marker,
        skip_below: folded,
        max: usize::MAX,
    };
    let names = Page::of(bucket, &ask, |_| true);
    let mut found = Found::default();
    let mut last = None;
    let mut left = max;
    if let Some(behind) = input.version_id_marker.as_deref() {
        let rest =
            bucket.keys.get(marker).into_iter().flatten().rev().skip_while(|version| version.id != behind).skip(1);
        for version in rest {
            if left == 0 {
                found.next = last;
                return found;
            }
            found.add(bucket, marker, version, writing);
            last = Some((marker.to_owned(), version.id.clone()));
            left -= 1;
        }
    }
    let mut all: Vec<(String, bool)> = names.keys.into_iter().map(|key| (key, false)).collect();
    all.extend(names.prefixes.into_iter().map(|prefix| (prefix, true)));
    all.sort();
    for (name, is_prefix) in all {
        let versions = bucket.keys.get(&name).filter(|_| !is_prefix);
        let entries: Vec<Option<&Version>> =
            versions.map_or_else(|| vec![None], |versions| versions.iter().rev().map(Some).collect());
        for version in entries {
            if left == 0 {
                found.next = last;
                return found;
            }
            match version {
                Some(version) => found.add(bucket, &name, version, writing),
                None => found.prefixes.push(name.clone()),
            }
            last = Some((name.clone(), version.map(|version| version.id.clone()).unwrap_or_default()));
            left -= 1;
        }
    }
    found
}

impl Found {
    fn add(&mut self, bucket: &Bucket, key: &str, version: &Version, writing: Writing) {
        let is_latest = Some(bucket.newest(key).is_some_and(|newest| newest.id == version.id));
        let (key, last_modified, version_id) =
            (Some(writing.name(key)), Some(version.time()), Some(version.id.clone()));
        match &version.held {
            None => self.markers.push(DeleteMarkerEntry { is_latest, key, last_modified, owner: None, version_id }),
            Some(object) => self.versions.push(ObjectVersion {
                checksum_algorithm: algorithms(object),
                checksum_type: object.sums.checksum_type.clone(),
                e_tag: strong(&object.etag),
                is_latest,
                key,
                last_modified,
                size: i64::try_from(object.blob.len()).ok(),
                storage_class: Some(ObjectVersionStorageClass::from(object.attributes.class())),
                version_id,
                ..ObjectVersion::default()
            }),
        }
    }
}
