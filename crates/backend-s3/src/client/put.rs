//! Content in one request (`PutObject`).

use aws_sdk_s3::types::{ChecksumAlgorithm, ServerSideEncryption, StorageClass};
use backend_core::{
    AddOptions, Condition, Content, Digest, DigestKind, Error, ErrorKind, Evidence, Locator, Metadata, Result,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::hooks::Signed;
use super::object::{bare_etag, quoted};
use super::{Client, Kept, Token, body};
use crate::config::Encryption;
use crate::failure::{Act, Failure};
use crate::provider::Checksum;

const PUT: Act = Act::writes("put the object");

/// The headers of a condition (S3 API, "Conditional writes").
#[derive(Debug, Clone, Default)]
pub(super) struct When {
    pub(super) if_none_match: Option<String>,
    pub(super) if_match: Option<String>,
}

/// What the service can compare the bytes with.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// The SHA-256 stands in the signature.
    pub(super) is_signed: bool,
    pub(super) sha256: Option<Bytes>,
    /// CRC-64/NVME; it is sent where there is no SHA-256.
    pub(super) crc64: Option<Bytes>,
}

impl When {
    pub(super) fn of(condition: &Condition) -> Result<Self> {
        match condition {
            Condition::Always => Ok(Self::default()),
            Condition::IfAbsent => Ok(Self { if_none_match: Some("*".to_owned()), if_match: None }),
            Condition::IfMatch(etag) => Ok(Self { if_none_match: None, if_match: Some(quoted(etag)?) }),
            _ => Err(Error::new(ErrorKind::Unsupported, "this condition is not known here")),
        }
    }
}

/// What a write under a condition means when it failed: 412 is the condition's own word, 404 is nothing to match.
pub(super) fn by_condition(condition: &Condition, failed: Failure) -> Error {
    let lost = failed.is(ErrorKind::Precondition);
    match condition {
        Condition::IfAbsent if lost => {
            Error::new(ErrorKind::AlreadyExists, "something is stored under this name already")
        }
        Condition::IfMatch(_) if lost || failed.says("NoSuchKey") => {
            Error::new(ErrorKind::Precondition, "what is stored is not what the condition names")
        }
        _ => failed.into(),
    }
}

impl Client {
    pub(super) fn storage_class(&self) -> Option<StorageClass> {
        self.rules.storage_class.as_deref().map(StorageClass::from)
    }

    pub(super) fn encryption(&self) -> Option<ServerSideEncryption> {
        match self.rules.encryption? {
            Encryption::Aes256 => Some(ServerSideEncryption::Aes256),
            Encryption::Kms => Some(ServerSideEncryption::AwsKms),
            Encryption::Customer => None,
        }
    }

    /// Stores content in one request. With a checkpoint it tells first where it will be, so that a lost answer can be looked up.
    pub(crate) async fn small(
        &self,
        at: &Locator,
        key: &str,
        content: &Content,
        opts: &AddOptions,
        kept: &Kept,
    ) -> Result<Metadata> {
        if let Some(keeper) = &opts.write.checkpoint {
            let token = Token::new(self, key, content, "", 1)?;
            keeper.save(&token.seal()?, Some(at), 0).await?;
        }
        let sums = Sums {
            is_signed: self.learnt.sha256,
            sha256: body::digest_of(content),
            crc64: content.digest(DigestKind::Crc64Nvme).filter(|value| value.len() == 8).cloned(),
        };
        let etag = self.put(key, content, opts, kept, &sums).await?;
        let is_sent = self.rules.checksum == Checksum::WhenSupported;
        let compared = match (sums.sha256, sums.crc64) {
            (Some(value), _) if self.learnt.sha256 => Some(Digest { kind: DigestKind::Sha256, value }),
            (None, Some(value)) if is_sent && self.learnt.put_crc64 => {
                Some(Digest { kind: DigestKind::Crc64Nvme, value })
            }
            _ => None,
        };
        let evidence = if compared.is_some() { Evidence::Attested } else { Evidence::Acknowledged };
        let digests = compared.into_iter().collect();
        Ok(Metadata { digests, etag, ..stored(at, content, opts, kept, evidence) })
    }

    /// The etag of what was put. With a digest the service is given the chance to refuse other bytes: as a checksum where the provider takes them, and
    /// a SHA-256 in the signature, too, which services that check signatures compare, and answer well where a probe has seen it.
    pub(super) async fn put(
        &self,
        key: &str,
        content: &Content,
        opts: &AddOptions,
        kept: &Kept,
        sums: &Sums,
    ) -> Result<Option<String>> {
        let when = When::of(&opts.condition)?;
        let is_sent = self.rules.checksum == Checksum::WhenSupported;
        let sha256 = sums.sha256.as_ref().filter(|_| is_sent).map(|value| BASE64.encode(value));
        let crc64 = sums.crc64.as_ref().filter(|_| is_sent && sha256.is_none()).map(|value| BASE64.encode(value));
        let signed = sums.sha256.as_ref().filter(|_| sums.is_signed).map(hex);
        let algorithm = (is_sent && sha256.is_none() && crc64.is_none()).then_some(ChecksumAlgorithm::Crc64Nvme);
        let (when, sha256, crc64, signed, algorithm) = (&when, &sha256, &crc64, &signed, &algorithm);
        let attempt = |sdk: aws_sdk_s3::Client| async move {
            let (bytes, sending) = body::open(content, 0..content.len(), &opts.write.progress).await?;
            let customer = self.customer_key();
            let len = i64::try_from(content.len()).unwrap_or(i64::MAX);
            let request = sdk.put_object().bucket(&self.rules.bucket).key(key).content_length(len).body(bytes);
            let request = request.set_if_none_match(when.if_none_match.clone()).set_if_match(when.if_match.clone());
            let request = request.set_checksum_sha256(sha256.clone()).set_checksum_crc64_nvme(crc64.clone());
            let request = request.set_checksum_algorithm(algorithm.clone());
            let request = request.set_content_type(kept.content_type.clone()).set_tagging(kept.tagging.clone());
            let request = request.set_metadata(Some(kept.metadata.clone()).filter(|it| !it.is_empty()));
            let request = request.set_storage_class(self.storage_class());
            let request = request.set_server_side_encryption(self.encryption());
            let request = request.set_ssekms_key_id(self.rules.kms_key_id.clone());
            let request = request.set_sse_customer_algorithm(customer.algorithm).set_sse_customer_key(customer.key);
            let request = request.set_sse_customer_key_md5(customer.md5).customize();
            let answer = self.told(PUT, request.interceptor(Signed(signed.clone())).send()).await;
            answer.map_err(|failed| sending.judge(failed))
        };
        match self.tried(attempt).await {
            Ok(answer) => Ok(answer.e_tag().map(bare_etag)),
            Err(failed) => Err(by_condition(&opts.condition, failed)),
        }
    }
}

/// As a signature wants a payload's SHA-256.
fn hex(digest: &Bytes) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is known of content that was just stored.
pub(super) fn stored(at: &Locator, content: &Content, opts: &AddOptions, kept: &Kept, evidence: Evidence) -> Metadata {
    Metadata {
        size: Some(content.len()),
        existed: (opts.condition == Condition::IfAbsent).then_some(false),
        content_type: kept.content_type.clone(),
        labels: kept.labels.clone(),
        ..Metadata::new(at.clone(), evidence)
    }
}
