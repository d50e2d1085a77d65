//! What is there: its description, its bytes, a link to it (`HeadObject`, `GetObject`, `GetObjectTagging`).

use std::collections::HashMap;
use std::ops::Range;
use std::time::SystemTime;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream as SdkStream, DateTime};
use aws_sdk_s3::types::{ChecksumMode, ChecksumType, ServerSideEncryption};
use backend_core::{
    ByteRange, ByteStream, Digest, DigestKind, Error, ErrorKind, Evidence, Fetched, GetOptions, Link, Locator,
    Metadata, Result, Secret,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use md5::{Digest as _, Md5};

use super::{Client, labels};
use crate::config::{Encryption, Labels};
use crate::error::lie;
use crate::failure::{Act, Failure};
use crate::provider::Checksum;

const HEAD: Act = Act::reads("look at the object");
const GET: Act = Act::reads("read the object");
const TAGS: Act = Act::reads("read the tags");

/// The headers of a customer's key, on every request that touches the bytes (S3 API, SSE-C). Empty without one.
#[derive(Clone, Default)]
pub(super) struct CustomerKey {
    pub(super) algorithm: Option<String>,
    pub(super) key: Option<String>,
    pub(super) md5: Option<String>,
}

/// What `HeadObject` and `GetObject` both tell.
struct Told<'a> {
    size: Option<u64>,
    etag: Option<&'a str>,
    modified: Option<&'a DateTime>,
    content_type: Option<&'a str>,
    metadata: Option<&'a HashMap<String, String>>,
    encryption: Option<&'a ServerSideEncryption>,
    /// The SHA-256 of the whole object, and not of its parts' digests.
    sha256: Option<&'a str>,
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
        let customer = self.customer_key();
        let mode = (self.rules.checksum == Checksum::WhenSupported).then_some(ChecksumMode::Enabled);
        let answer = self.tried(|sdk| {
            let request = sdk.head_object().bucket(&self.rules.bucket).key(key);
            let request = request.set_version_id(version.map(str::to_owned)).set_checksum_mode(mode.clone());
            let request = request.set_sse_customer_algorithm(customer.algorithm.clone());
            let request = request.set_sse_customer_key(customer.key.clone());
            self.told(HEAD, request.set_sse_customer_key_md5(customer.md5.clone()).send())
        });
        match answer.await {
            Ok(head) => Ok(head),
            Err(failed) => Err(self.absence(failed, version).await),
        }
    }

    /// A 404 without words may be of the bucket; a version that cannot be one is not there; a marker is no content.
    pub(super) async fn absence(&self, failed: Failure, version: Option<&str>) -> Error {
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
            false => failed.into(),
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

    fn metadata(&self, at: &Locator, told: &Told<'_>) -> Result<Metadata> {
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

    pub(crate) async fn get(&self, at: &Locator, key: &str, opts: &GetOptions) -> Result<Fetched> {
        let asked = opts.range.filter(|range| *range != ByteRange::From(0));
        let header = asked.map(header).transpose()?;
        let if_match = opts.if_match.as_deref().map(quoted).transpose()?;
        let customer = self.customer_key();
        let answer = self.tried(|sdk| {
            let request = sdk.get_object().bucket(&self.rules.bucket).key(key);
            let request = request.set_version_id(at.version.clone()).set_range(header.clone());
            let request = request.set_if_match(if_match.clone());
            let request = request.set_sse_customer_algorithm(customer.algorithm.clone());
            let request = request.set_sse_customer_key(customer.key.clone());
            self.told(GET, request.set_sse_customer_key_md5(customer.md5.clone()).send())
        });
        match (answer.await, asked) {
            (Ok(answer), asked) => self.fetched(at, answer, asked),
            // Nothing of nothing: the range begins at 0, and the content is empty.
            (Err(failed), Some(range)) if failed.is(ErrorKind::InvalidRange) => {
                let meta = self.stat(at, key).await?;
                let range = range.within(meta.size.unwrap_or_default())?;
                match range.is_empty() {
                    true => Ok(Fetched { meta, range, body: stream::empty().boxed() }),
                    false => Err(failed.into()),
                }
            }
            (Err(failed), _) => Err(self.absence(failed, at.version.as_deref()).await),
        }
    }

    fn fetched(&self, at: &Locator, answer: GetObjectOutput, asked: Option<ByteRange>) -> Result<Fetched> {
        let len = answer.content_length().and_then(|len| u64::try_from(len).ok());
        let len = len.ok_or_else(|| lie("an object without a length"))?;
        let (range, size) = match (asked, answer.content_range()) {
            (None, _) => (0..len, len),
            (Some(_), Some(text)) => span(text).ok_or_else(|| lie("a Content-Range that is none"))?,
            (Some(_), None) => return Err(lie("a range was asked for, and all is sent")),
        };
        if range.end - range.start != len || asked.is_some_and(|asked| asked.within(size).ok() != Some(range.clone())) {
            return Err(lie("another range is sent than was asked for"));
        }
        let told = Told { size: Some(size), ..told_by_get(&answer) };
        let mut meta = self.metadata(at, &told)?;
        if asked.is_some() {
            meta.digests.retain(|digest| digest.kind == DigestKind::Md5);
        }
        Ok(Fetched { meta, range, body: frames(answer.body, len) })
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

fn told_by_get(got: &GetObjectOutput) -> Told<'_> {
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

/// An etag as a condition; what cannot be one is nobody's.
pub(super) fn quoted(etag: &str) -> Result<String> {
    match etag.bytes().all(|it| (0x20..0x7f).contains(&it) && it != b'"') && !etag.is_empty() && etag != "*" {
        true => Ok(format!("\"{etag}\"")),
        false => Err(Error::new(ErrorKind::Precondition, "no content has this etag")),
    }
}

/// No object is larger, and some services count in signed numbers.
const LAST: u64 = i64::MAX as u64;

/// The `Range` header; both ends are included there.
fn header(range: ByteRange) -> Result<String> {
    let empty = || Error::new(ErrorKind::InvalidRange, format!("the range {range} asks for nothing"));
    match range {
        ByteRange::Bounded(start, end) if start < end => {
            Ok(format!("bytes={}-{}", start.min(LAST), (end - 1).min(LAST)))
        }
        ByteRange::From(start) => Ok(format!("bytes={}-", start.min(LAST))),
        ByteRange::Last(n) if 0 < n => Ok(format!("bytes=-{}", n.min(LAST))),
        _ => Err(empty()),
    }
}

/// `bytes 0-4/10`, as the range and the whole size.
fn span(text: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then(|| (first..last + 1, size))
}

/// The body, counted: it ends well only after exactly `len` bytes.
fn frames(body: SdkStream, len: u64) -> ByteStream {
    let next = |state: Option<(SdkStream, u64)>| async move {
        let (mut body, left) = state?;
        match body.next().await {
            Some(Ok(frame)) => match left.checked_sub(frame.len() as u64) {
                Some(left) => Some((Ok(frame), Some((body, left)))),
                None => Some((Err(lie("more bytes than announced")), None)),
            },
            None if left == 0 => None,
            Some(Err(_)) | None => {
                let missing = format!("the connection broke, {left} bytes are missing");
                Some((Err(Error::new(ErrorKind::Unavailable, missing)), None))
            }
        }
    };
    // Some readers ask again behind the end.
    stream::unfold(Some((body, len)), next).fuse().boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_or_refused() {
        assert_eq!(span("bytes 0-4/10"), Some((0..5, 10)));
        for text in ["", "bytes */10", "bytes 4-3/10", "bytes 0-10/10", "bytes 0-4/*", "bytes -1-4/10", "0-4/10"] {
            assert_eq!(span(text), None, "{text}");
        }
        assert_eq!(span(&format!("bytes 0-{}/{}", u64::MAX, u64::MAX)), None);
    }

    #[test]
    fn headers_include_both_ends() {
        assert_eq!(header(ByteRange::Bounded(2, 5)).unwrap(), "bytes=2-4");
        assert_eq!(header(ByteRange::From(7)).unwrap(), "bytes=7-");
        assert_eq!(header(ByteRange::Last(3)).unwrap(), "bytes=-3");
        assert_eq!(header(ByteRange::Bounded(1, u64::MAX)).unwrap(), format!("bytes=1-{LAST}"));
        for range in [ByteRange::Bounded(3, 3), ByteRange::Bounded(4, 3), ByteRange::Last(0)] {
            assert_eq!(header(range).unwrap_err().kind(), ErrorKind::InvalidRange);
        }
    }

    #[test]
    fn etags_lose_and_get_their_quotes() {
        assert_eq!((bare_etag("\"a-2\""), bare_etag("a"), bare_etag("\"")), ("a-2".into(), "a".into(), "\"".into()));
        assert_eq!(quoted("a b").unwrap(), "\"a b\"");
        for etag in ["", "*", "a\"b", "a\nb", "ö"] {
            assert_eq!(quoted(etag).unwrap_err().kind(), ErrorKind::Precondition, "{etag:?}");
        }
    }
}
