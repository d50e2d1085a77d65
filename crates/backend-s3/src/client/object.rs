//! What is there: its description and a link to it (`HeadObject`, `GetObjectTagging`).

use std::collections::HashMap;
use std::time::SystemTime;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType, ServerSideEncryption};
use backend_core::{Digest, DigestKind, Error, ErrorKind, Evidence, Link, Locator, Metadata, Result, Secret};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use md5::{Digest as _, Md5};

use super::{Client, labels};
use crate::config::{Encryption, Labels};
use crate::failure::{Act, Failure};
use crate::provider::Checksum;

pub(super) const HEAD: Act = Act::reads("look at the object");
const TAGS: Act = Act::reads("read the tags");

/// The headers of a customer's key, on every request that touches the bytes (S3 API, SSE-C). Empty without one.
#[derive(Clone, Default)]
pub(super) struct CustomerKey {
    pub(super) algorithm: Option<String>,
    pub(super) key: Option<String>,
    pub(super) md5: Option<String>,
}

/// What `HeadObject` and `GetObject` both tell.
pub(super) struct Told<'a> {
    pub(super) size: Option<u64>,
    pub(super) etag: Option<&'a str>,
    pub(super) modified: Option<&'a DateTime>,
    pub(super) content_type: Option<&'a str>,
    pub(super) metadata: Option<&'a HashMap<String, String>>,
    pub(super) encryption: Option<&'a ServerSideEncryption>,
    /// The SHA-256 of the whole object, and not of its parts' digests.
    pub(super) sha256: Option<&'a str>,
}

impl Client {
    pub(super) fn customer_key(&self) -> CustomerKey {
        let Some(key) = &self.rules.customer_key else { return CustomerKey::default() };
        let raw = BASE64.decode(key.reveal()).unwrap_or_default();
        CustomerKey {
            algorithm: Some("AES256".to_owned()),
            key: Some(key.reveal().to_owned()),
            md5: Some(BASE64.encode(Md5::digest(raw))),
        }
    }

    /// # Errors
    /// `NotFound` when the bucket is there and nothing is stored under the key; a delete marker is nothing.
    pub(super) async fn head(&self, key: &str, version: Option<&str>) -> Result<HeadObjectOutput> {
        match self.asked(key, version).await {
            Ok(head) => Ok(head),
            Err(failed) => Err(self.absence(key, failed, version).await),
        }
    }

    /// `HeadObject`, as it was answered.
    pub(super) async fn asked(&self, key: &str, version: Option<&str>) -> Result<HeadObjectOutput, Failure> {
        let customer = self.customer_key();
        let mode = (self.rules.checksum == Checksum::WhenSupported).then_some(ChecksumMode::Enabled);
        let answer = self.tried(|sdk| {
            let request = sdk.head_object().bucket(&self.rules.bucket).key(key);
            let request = request.set_version_id(version.map(str::to_owned)).set_checksum_mode(mode.clone());
            let request = request.set_sse_customer_algorithm(customer.algorithm.clone());
            let request = request.set_sse_customer_key(customer.key.clone());
            self.told(HEAD, request.set_sse_customer_key_md5(customer.md5.clone()).send())
        });
        answer.await
    }

    /// A 404 without words may be of the bucket; a version that cannot be one is not there; a marker is no content.
    pub(super) async fn absence(&self, key: &str, failed: Failure, version: Option<&str>) -> Error {
        let is_marker = failed.status == Some(405) && (version.is_some() || failed.says("MethodNotAllowed"));
        let is_no_version = failed.status == Some(400)
            && version.is_some()
            && failed.region.is_none()
            && failed.code.as_deref().is_none_or(|code| code == "InvalidArgument");
        let is_bare = failed.is(ErrorKind::NotFound) && failed.code.as_deref().is_none_or(|code| code == "NotFound");
        if is_bare && let Err(err) = self.recognised().await {
            return err;
        }
        match is_marker || is_no_version {
            true => Error::new(ErrorKind::NotFound, "nothing is stored under this name in this version"),
            false => self.judged(key, failed).await,
        }
    }

    pub(crate) async fn stat(&self, at: &Locator, key: &str) -> Result<Metadata> {
        let head = self.head(key, at.version.as_deref()).await?;
        let mut meta = self.metadata(at, &told_by_head(&head))?;
        if self.rules.labels == Labels::Tags && self.learnt.tags {
            meta.labels = self.tags(key, at.version.as_deref()).await?;
        }
        Ok(meta)
    }

    pub(super) async fn tags(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<std::collections::BTreeMap<String, String>> {
        let answer = self.tried(|sdk| {
            let request = sdk.get_object_tagging().bucket(&self.rules.bucket).key(key);
            self.told(TAGS, request.set_version_id(version.map(str::to_owned)).send())
        });
        let answer = answer.await?;
        Ok(answer.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
    }

    pub(super) fn metadata(&self, at: &Locator, told: &Told<'_>) -> Result<Metadata> {
        let etag = told.etag.map(bare_etag);
        let mut digests = Vec::new();
        if let Some(value) = told.sha256.and_then(|text| BASE64.decode(text).ok()).filter(|it| it.len() == 32) {
            digests.push(Digest { kind: DigestKind::Sha256, value: value.into() });
        }
        if let Some(value) = etag.as_deref().and_then(|etag| self.md5_of(etag, told.encryption)) {
            digests.push(Digest { kind: DigestKind::Md5, value });
        }
        Ok(Metadata {
            size: told.size,
            digests,
            etag,
            modified: told.modified.and_then(|time| SystemTime::try_from(*time).ok()),
            content_type: told.content_type.map(str::to_owned),
            labels: if self.rules.labels == Labels::Metadata {
                labels::found(told.metadata)
            } else {
                Default::default()
            },
            ..Metadata::new(at.clone(), Evidence::Acknowledged)
        })
    }

    /// An etag is the MD5 of the bytes when the provider says so, the object was put at once, and no key changes it.
    fn md5_of(&self, etag: &str, encryption: Option<&ServerSideEncryption>) -> Option<Bytes> {
        let is_plain = encryption.is_none_or(|how| *how == ServerSideEncryption::Aes256);
        let is_kept_plain = !matches!(self.rules.encryption, Some(Encryption::Kms | Encryption::Customer));
        if !(self.rules.row.etag_is_md5 && is_plain && is_kept_plain && etag.len() == 32) {
            return None;
        }
        let digits = etag.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
        digits
            .map(|pair| pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()))
            .collect::<Option<Vec<u8>>>()
            .map(Bytes::from)
    }

    /// An address under which anybody may read for a while (`GetObject`, signed in the query).
    pub(crate) async fn link(&self, at: &Locator, key: &str) -> Result<Link> {
        let now = self.clock.now();
        let config = PresigningConfig::builder().start_time(now).expires_in(self.rules.link_expiry).build();
        let config = config.map_err(|_| Error::new(ErrorKind::Internal, "a link cannot live that long"))?;
        let signed = self.tried(|sdk| {
            let request = sdk.get_object().bucket(&self.rules.bucket).key(key).set_version_id(at.version.clone());
            let config = config.clone();
            self.told(Act::reads("sign a link"), request.presigned(config))
        });
        let url = Secret::new(signed.await?.uri());
        Ok(Link { url, until: Some(now + self.rules.link_expiry) })
    }
}

fn told_by_head(head: &HeadObjectOutput) -> Told<'_> {
    let is_whole = head.checksum_type().is_none_or(|kind| *kind == ChecksumType::FullObject);
    Told {
        size: head.content_length().and_then(|len| u64::try_from(len).ok()),
        etag: head.e_tag(),
        modified: head.last_modified(),
        content_type: head.content_type(),
        metadata: head.metadata(),
        encryption: head.server_side_encryption(),
        sha256: head.checksum_sha256().filter(|_| is_whole),
    }
}

pub(super) fn told_by_get(got: &GetObjectOutput) -> Told<'_> {
    let is_whole = got.checksum_type().is_none_or(|kind| *kind == ChecksumType::FullObject);
    Told {
        size: got.content_length().and_then(|len| u64::try_from(len).ok()),
        etag: got.e_tag(),
        modified: got.last_modified(),
        content_type: got.content_type(),
        metadata: got.metadata(),
        encryption: got.server_side_encryption(),
        sha256: got.checksum_sha256().filter(|_| is_whole),
    }
}

/// An etag without the quotes of HTTP.
pub(super) fn bare_etag(etag: &str) -> String {
    etag.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(etag).to_owned()
}

/// The same of one that is ours already.
pub(super) fn bared(mut etag: String) -> String {
    if 1 < etag.len() && etag.starts_with('"') && etag.ends_with('"') {
        etag.pop();
        etag.remove(0);
    }
    etag
}

/// An etag as a condition; what cannot be one is nobody's.
pub(super) fn quoted(etag: &str) -> Result<String> {
    match etag.bytes().all(|it| (0x20..0x7f).contains(&it) && it != b'"') && !etag.is_empty() && etag != "*" {
        true => Ok(format!("\"{etag}\"")),
        false => Err(Error::new(ErrorKind::Precondition, "no content has this etag")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use backend_core::{Key, Settings};
    use backend_layers::SystemClock;
    use serde_json::{Value, json};

    use super::*;
    use crate::rules::Rules;

    /// Host and path of what is signed: a link is made here alone.
    async fn signed(connection: Value) -> String {
        let mut settings = Settings::new("links", connection, Arc::new(SystemClock));
        settings.credentials = json!({ "access_key_id": "AK", "secret_access_key": "SK" });
        let client = Client::new(Rules::read(&settings).unwrap(), &settings);
        let link = client.link(&Locator::new(Key::new("a").unwrap()), "a").await.unwrap();
        let (address, query) = link.url.reveal().split_once('?').unwrap();
        assert!(query.contains("X-Amz-SignedHeaders=host") && !query.contains("SK"), "{query}");
        address.to_owned()
    }

    #[tokio::test]
    async fn the_bucket_stands_in_the_host_or_in_the_path() {
        let cases = [
            (json!({ "bucket": "box" }), "https://box.s3.us-east-1.amazonaws.com/a"),
            (json!({ "bucket": "box", "region": "eu-west-1" }), "https://box.s3.eu-west-1.amazonaws.com/a"),
            (json!({ "bucket": "box", "path_style": true }), "https://s3.us-east-1.amazonaws.com/box/a"),
            (json!({ "bucket": "a.box" }), "https://s3.us-east-1.amazonaws.com/a.box/a"),
            (
                json!({ "bucket": "box", "endpoint_url": "https://fra1.digitaloceanspaces.com" }),
                "https://box.fra1.digitaloceanspaces.com/a",
            ),
            (json!({ "bucket": "box", "endpoint_url": "https://s3.example" }), "https://s3.example/box/a"),
            (
                json!({ "bucket": "box", "endpoint_url": "https://s3.example/up", "path_style": false }),
                "https://box.s3.example/up/a",
            ),
            (
                json!({ "bucket": "box", "endpoint_url": "http://127.0.0.1:9", "path_style": false }),
                "http://127.0.0.1:9/box/a",
            ),
        ];
        for (connection, wanted) in cases {
            assert_eq!(signed(connection.clone()).await, wanted, "{connection}");
        }
    }

    #[test]
    fn etags_lose_and_get_their_quotes() {
        for (etag, bare) in [("\"a-2\"", "a-2"), ("a", "a"), ("\"", "\""), ("\"\"", ""), ("\"a", "\"a"), ("", "")] {
            assert_eq!((bare_etag(etag).as_str(), bared(etag.to_owned()).as_str()), (bare, bare));
        }
        assert_eq!(quoted("a b").unwrap(), "\"a b\"");
        for etag in ["", "*", "a\"b", "a\nb", "ö"] {
            assert_eq!(quoted(etag).unwrap_err().kind(), ErrorKind::Precondition, "{etag:?}");
        }
    }
}
