//! What is kept of an object beside its bytes.

use std::collections::BTreeMap;

use s3s::dto::{ETag, Metadata, ServerSideEncryption, StorageClass};
use s3s::{S3Result, s3_error};

use super::tags;

/// What AWS tells where no media type was given.
const MEDIA_TYPE: &str = "binary/octet-stream";

/// What a client says of an object when it writes it.
#[derive(Debug, Clone, Default)]
pub(super) struct Attributes {
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) metadata: Option<Metadata>,
    pub(super) storage_class: Option<StorageClass>,
    pub(super) encryption: Encryption,
    pub(super) tags: BTreeMap<String, String>,
}

/// How it is said to be encrypted. Nothing is encrypted here; it is told back as it was told.
#[derive(Debug, Clone, Default)]
pub(super) struct Encryption {
    pub(super) server: Option<ServerSideEncryption>,
    pub(super) kms_key_id: Option<String>,
    pub(super) customer_algorithm: Option<String>,
    pub(super) customer_key_md5: Option<String>,
}

/// The attributes that a writing request tells.
macro_rules! attributes {
    ($input:expr) => {
        $crate::s3::attributes::Attributes {
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $crate::s3::attributes::plain($input.content_encoding.take()),
            content_language: $input.content_language.take(),
            content_type: $input.content_type.take(),
            metadata: $input.metadata.take(),
            storage_class: $input.storage_class.take(),
            encryption: $crate::s3::attributes::Encryption {
                server: $input.server_side_encryption.take(),
                kms_key_id: $input.ssekms_key_id.take(),
                customer_algorithm: $input.sse_customer_algorithm.take(),
                customer_key_md5: $input.sse_customer_key_md5.take(),
            },
            tags: Default::default(),
        }
    };
}

/// Writes how it is encrypted into a message.
macro_rules! tell_encryption {
    ($message:expr, $encryption:expr) => {
        $message.server_side_encryption = $encryption.server.clone();
        $message.ssekms_key_id = $encryption.kms_key_id.clone();
        $message.sse_customer_algorithm = $encryption.customer_algorithm.clone();
        $message.sse_customer_key_md5 = $encryption.customer_key_md5.clone();
    };
}
pub(super) use {attributes, tell_encryption};

/// Without `aws-chunked`, which is of the request and not of the object.
pub(super) fn plain(encoding: Option<String>) -> Option<String> {
    let encoding = encoding?;
    let rest: Vec<&str> =
        encoding.split(',').map(str::trim).filter(|it| !it.eq_ignore_ascii_case("aws-chunked")).collect();
    (!rest.is_empty()).then(|| rest.join(","))
}

impl Attributes {
    /// With the tags of the `x-amz-tagging` header.
    pub(super) fn tagged(mut self, header: Option<&str>, known: bool) -> S3Result<Self> {
        match header {
            None => Ok(self),
            Some(_) if !known => {
                Err(s3_error!(NotImplemented, "a header you provided implies functionality that is not implemented"))
            }
            Some(header) => {
                self.tags = tags::of_header(header)?;
                Ok(self)
            }
        }
    }

    pub(super) fn media_type(&self) -> String {
        self.content_type.clone().unwrap_or_else(|| MEDIA_TYPE.to_owned())
    }

    /// As listings tell it.
    pub(super) fn class(&self) -> String {
        self.storage_class.as_ref().map_or_else(|| StorageClass::STANDARD.to_owned(), |class| class.as_str().to_owned())
    }

    /// As `HEAD` tells it: not at all if it is the standard.
    pub(super) fn class_if_special(&self) -> Option<StorageClass> {
        self.storage_class.clone().filter(|class| class.as_str() != StorageClass::STANDARD)
    }

    /// Whether the bytes have to be restored before they can be read.
    pub(super) fn archived(&self) -> bool {
        matches!(self.class().as_str(), StorageClass::GLACIER | StorageClass::DEEP_ARCHIVE)
    }
}

impl Encryption {
    /// Whether the ETag is something else than the md5 of the bytes (S3 API, Common Response Headers).
    fn hides_md5(&self) -> bool {
        self.customer_algorithm.is_some()
            || self.server.as_ref().is_some_and(|it| it.as_str() != ServerSideEncryption::AES256)
    }

    /// The ETag of a body with this md5.
    pub(super) fn etag(&self, md5: &str) -> String {
        match self.hides_md5() {
            true => md5.chars().rev().collect(),
            false => md5.to_owned(),
        }
    }

    /// Whether a reader showed the key that it was written with.
    pub(super) fn admits(&self, key_md5: Option<&str>) -> S3Result<()> {
        match self.customer_key_md5.as_deref() {
            Some(_) if key_md5.is_none() => {
                Err(s3_error!(InvalidRequest, "the object was stored using a form of Server Side Encryption"))
            }
            Some(it) if Some(it) != key_md5 => Err(s3_error!(AccessDenied, "access denied")),
            None if key_md5.is_some() => Err(s3_error!(InvalidRequest, "the encryption parameters are not applicable")),
            _ => Ok(()),
        }
    }
}

/// As messages hold it.
pub(super) fn strong(etag: &str) -> Option<ETag> {
    Some(ETag::Strong(etag.to_owned()))
}
