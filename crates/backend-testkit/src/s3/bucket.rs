//! A bucket: keys, their versions, and uploads that were begun.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use s3s::dto::{Checksum, Timestamp};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::attributes::Attributes;
use super::blob::Blob;
use super::sums::Algorithm;

/// The version of what was written while nothing kept versions.
pub(super) const NULL: &str = "null";

/// An object as it was written.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) blob: Blob,
    pub(super) etag: String,
    pub(super) sums: Checksum,
    pub(super) attributes: Attributes,
    /// The sizes of its parts; none if it was written in one request.
    pub(super) parts: Vec<u64>,
}

/// One version of a key: an object, or the note that it was removed.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) at: SystemTime,
    pub(super) held: Option<Arc<Object>>,
}

impl Version {
    pub(super) fn time(&self) -> Timestamp {
        Timestamp::from(self.at)
    }
}

/// A part that was uploaded.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) blob: Blob,
    pub(super) md5: [u8; 16],
    pub(super) sums: Checksum,
    pub(super) at: SystemTime,
}

/// A multipart upload that was begun.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) attributes: Attributes,
    /// Which checksum the parts have, and whether the client asked for it.
    pub(super) algorithm: Algorithm,
    pub(super) asked: bool,
    pub(super) full_object: bool,
    pub(super) parts: BTreeMap<i32, Part>,
    pub(super) begun: SystemTime,
}

/// Whether versions are kept from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Versioning {
    Never,
    Enabled,
    Suspended,
}

/// A bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Oldest version first; never empty.
    pub(super) keys: BTreeMap<String, Vec<Version>>,
    pub(super) uploads: BTreeMap<String, Upload>,
    pub(super) versioning: Versioning,
    pub(super) made: SystemTime,
}

impl Bucket {
    pub(super) fn new(versioning: Versioning) -> Self {
        Self { keys: BTreeMap::new(), uploads: BTreeMap::new(), versioning, made: SystemTime::now() }
    }

    /// The newest version of a key, be it a note of removal.
    pub(super) fn newest(&self, key: &str) -> Option<&Version> {
        self.keys.get(key).and_then(|versions| versions.last())
    }

    /// What is visible under a key.
    pub(super) fn current(&self, key: &str) -> Option<&Arc<Object>> {
        self.newest(key).and_then(|version| version.held.as_ref())
    }

    /// The version that a request means.
    pub(super) fn version(&self, key: &str, id: Option<&str>) -> S3Result<&Version> {
        let Some(id) = id else {
            return self.newest(key).ok_or_else(|| s3_error!(NoSuchKey, "The specified key does not exist."));
        };
        let versions = self.keys.get(key).ok_or_else(no_version)?;
        versions.iter().find(|version| version.id == id).ok_or_else(no_version)
    }

    /// Puts a version on top, in place of an older one of the same id.
    pub(super) fn push(&mut self, key: &str, version: Version) {
        let versions = self.keys.entry(key.to_owned()).or_default();
        versions.retain(|it| it.id != version.id);
        versions.push(version);
    }

    /// Takes a version away for good.
    pub(super) fn take(&mut self, key: &str, id: &str) -> Option<Version> {
        let versions = self.keys.get_mut(key)?;
        let place = versions.iter().position(|version| version.id == id)?;
        let taken = versions.remove(place);
        if versions.is_empty() {
            self.keys.remove(key);
        }
        Some(taken)
    }

    /// What messages tell of a version: nothing while versions were never kept.
    pub(super) fn shown(&self, id: &str) -> Option<String> {
        (self.versioning != Versioning::Never).then(|| id.to_owned())
    }

    pub(super) fn upload(&self, key: &str, id: &str) -> S3Result<&Upload> {
        self.uploads.get(id).filter(|upload| upload.key == key).ok_or_else(no_upload)
    }

    pub(super) fn upload_mut(&mut self, key: &str, id: &str) -> S3Result<&mut Upload> {
        self.uploads.get_mut(id).filter(|upload| upload.key == key).ok_or_else(no_upload)
    }
}

pub(super) fn no_version() -> S3Error {
    s3_error!(NoSuchVersion, "The specified version does not exist.")
}

pub(super) fn no_upload() -> S3Error {
    S3Error::with_message(S3ErrorCode::NoSuchUpload, "The specified upload does not exist.")
}
