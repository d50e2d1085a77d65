//! Content in several requests, which another process can go on with (multipart upload).

use std::ops::Range;

use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType};
use backend_core::{
    AddOptions, Condition, Content, Digest, DigestKind, Effect, Error, ErrorKind, Evidence, Locator, Metadata, Result,
    ResumeToken,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::stream::{self, StreamExt};

use super::mend::{Good, SMALLEST_PART};
use super::object::bare_etag;
use super::parts::{MAX_PARTS, Part, Parts, WHOLE, part_size};
use super::put::{When, by_condition, stored};
use super::{Client, Kept, Token, body};
use crate::error::lie;
use crate::failure::{Act, Failure};
use crate::provider::Checksum;

const BEGIN: Act = Act::reads("begin an upload");
const PART: Act = Act::reads("send a part");
const PARTS: Act = Act::reads("ask for the parts");
const COMPLETE: Act = Act::writes("complete the upload");
const ABORT: Act = Act::reads("give up the upload");

/// One upload in the hands of the `add` that sends it.
struct Upload<'a> {
    client: &'a Client,
    at: &'a Locator,
    content: &'a Content,
    opts: &'a AddOptions,
    token: Token,
    /// What is copied instead of sent.
    good: Option<Good>,
    /// Somebody holds a token for it, so that it may stay when this `add` fails.
    kept: bool,
}

impl Client {
    /// Whether content of this size is sent in parts.
    pub(crate) fn is_large(&self, len: u64) -> bool {
        self.rules.part_size.unwrap_or(WHOLE) < len
    }

    /// Stores content in parts, several at a time.
    pub(crate) async fn large(
        &self,
        at: &Locator,
        key: &str,
        content: &Content,
        opts: &AddOptions,
        kept: &Kept,
    ) -> Result<Metadata> {
        self.admit(key, &opts.condition).await?;
        let good = self.good(key, content.len(), opts).await?;
        let (mut upload, parts) = self.begin((at, key), content, opts, kept, good).await?;
        match upload.run(parts, kept).await {
            Ok(meta) => Ok(meta),
            Err(err) => {
                if !upload.kept {
                    // What is left over is billed until the bucket's own rules sweep it: the first error is the one to tell.
                    let _ = self.abort(&upload.token).await;
                }
                Err(err)
            }
        }
    }

    /// Refuses before the first byte what would be refused after the last: a look, not the condition itself.
    async fn admit(&self, key: &str, condition: &Condition) -> Result<()> {
        if *condition == Condition::Always {
            return Ok(());
        }
        let found = match self.head(key, None).await {
            Ok(head) => Some(head.e_tag().map(bare_etag)),
            Err(err) if err.kind() == ErrorKind::NotFound => None,
            Err(err) => return Err(err),
        };
        match (condition, found) {
            (Condition::IfAbsent, Some(_)) => {
                Err(Error::new(ErrorKind::AlreadyExists, "something is stored under this name already"))
            }
            (Condition::IfMatch(wanted), found) if found.as_ref().and_then(Option::as_ref) != Some(wanted) => {
                Err(Error::new(ErrorKind::Precondition, "what is stored is not what the condition names"))
            }
            _ => Ok(()),
        }
    }

    /// Goes on with the upload of the token, or begins one where there is none, or none any more.
    async fn begin<'a>(
        &'a self,
        (at, key): (&'a Locator, &str),
        content: &'a Content,
        opts: &'a AddOptions,
        kept: &Kept,
        good: Option<Good>,
    ) -> Result<(Upload<'a>, Parts)> {
        let known = opts.write.resume.as_ref().and_then(Token::read).filter(|token| token.is_here(self));
        if let Some(token) = known {
            token.fits(key, content)?;
            if let Some(parts) = self.known(&token).await? {
                return Ok((Upload { client: self, at, content, opts, token, good, kept: true }, parts));
            }
        }
        let size = part_size(content.len(), good.as_ref().map_or(self.rules.part_size, |_| Some(SMALLEST_PART)));
        let id = self.create(key, kept).await?;
        let token = Token::new(self, key, content, &id, size)?;
        Ok((Upload { client: self, at, content, opts, token, good, kept: false }, Parts::new(content.len(), size)))
    }

    pub(super) async fn create(&self, key: &str, kept: &Kept) -> Result<String> {
        let is_sent = self.rules.checksum == Checksum::WhenSupported;
        let answer = self.tried(|sdk| {
            let customer = self.customer_key();
            let request = sdk.create_multipart_upload().bucket(&self.rules.bucket).key(key);
            let request = request.set_content_type(kept.content_type.clone()).set_tagging(kept.tagging.clone());
            let request = request.set_metadata(Some(kept.metadata.clone()).filter(|it| !it.is_empty()));
            let request = request.set_storage_class(self.storage_class());
            let request = request.set_server_side_encryption(self.encryption());
            let request = request.set_ssekms_key_id(self.rules.kms_key_id.clone());
            let request = request.set_sse_customer_algorithm(customer.algorithm).set_sse_customer_key(customer.key);
            let request = request.set_sse_customer_key_md5(customer.md5);
            let request = request.set_checksum_algorithm(is_sent.then_some(ChecksumAlgorithm::Crc64Nvme));
            self.told(BEGIN, request.set_checksum_type(is_sent.then_some(ChecksumType::FullObject)).send())
        });
        let id = answer.await?.upload_id().map(str::to_owned);
        id.filter(|id| !id.is_empty()).ok_or_else(|| lie("an upload without an id"))
    }

    /// As [`Client::arrived`]. Where `ListParts` knows every upload, one without a part may be none: it is given up, and begun anew.
    async fn known(&self, token: &Token) -> Result<Option<Parts>> {
        let parts = self.arrived(token).await?;
        match self.learnt.uploads_denied && parts.as_ref().is_some_and(|parts| parts.bytes() == 0) {
            true => self.abort(token).await.map(|()| None),
            false => Ok(parts),
        }
    }

    /// The parts that the service has, or nothing when it does not know the upload (`ListParts`).
    pub(super) async fn arrived(&self, token: &Token) -> Result<Option<Parts>> {
        let mut parts = Parts::new(token.len(), token.part);
        if token.upload.is_empty() || MAX_PARTS < parts.count() {
            return Ok(None);
        }
        let mut marker: Option<String> = None;
        loop {
            let answer = self.tried(|sdk| {
                let customer = self.customer_key();
                let request = sdk.list_parts().bucket(&self.rules.bucket).key(&token.key).upload_id(&token.upload);
                let request = request.set_part_number_marker(marker.clone());
                let request = request.set_sse_customer_algorithm(customer.algorithm);
                let request = request.set_sse_customer_key(customer.key);
                self.told(PARTS, request.set_sse_customer_key_md5(customer.md5).send())
            });
            let page = match answer.await {
                Ok(page) => page,
                Err(failed) if failed.is(ErrorKind::NotFound) => return Ok(None),
                Err(failed) => return Err(failed.into()),
            };
            for part in page.parts() {
                let number = part.part_number().and_then(|it| u64::try_from(it).ok());
                let len = part.size().and_then(|it| u64::try_from(it).ok());
                let etag = part.e_tag().or(self.learnt.bare_parts.then_some(""));
                if let (Some(number), Some(len), Some(etag)) = (number, len, etag) {
                    let crc = part.checksum_crc64_nvme().map(str::to_owned);
                    parts.found(number, len, Part { etag: etag.to_owned(), crc });
                }
            }
            let number = |marker: Option<&str>| marker.and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
            let next = page.next_part_number_marker();
            match page.is_truncated() == Some(true) {
                false => return Ok(Some(parts)),
                true if number(marker.as_deref()) < number(next) => marker = next.map(str::to_owned),
                true => return Err(lie("a list of parts that does not go on")),
            }
        }
    }

    /// Gives up the upload of a token; one that is not known, not ours or not begun is no error.
    pub(crate) async fn discard(&self, token: &ResumeToken) -> Result<()> {
        match Token::read(token).filter(|token| token.is_here(self) && !token.upload.is_empty()) {
            Some(token) => self.abort(&token).await,
            None => Ok(()),
        }
    }

    pub(super) async fn abort(&self, token: &Token) -> Result<()> {
        let answer = self.tried(|sdk| {
            let request = sdk.abort_multipart_upload().bucket(&self.rules.bucket).key(&token.key);
            self.told(ABORT, request.upload_id(&token.upload).send())
        });
        match answer.await {
            Err(failed) if failed.is(ErrorKind::NotFound) => Ok(()),
            Err(failed) if failed.is(ErrorKind::Denied) && self.learnt.uploads_denied => Ok(()),
            answer => answer.map(drop).map_err(Into::into),
        }
    }
}

impl Upload<'_> {
    async fn run(&mut self, mut parts: Parts, kept: &Kept) -> Result<Metadata> {
        self.checkpoint(&parts).await?;
        let there = parts.bytes();
        if 0 < there {
            self.opts.write.progress.moved(there);
        }
        let answer = self.send(&mut parts).await;
        if let Err(err) = answer {
            // The bytes are not what was named: what has arrived is worth nothing to anybody.
            self.kept &= !matches!(err.kind(), ErrorKind::SourceChanged | ErrorKind::Integrity);
            return Err(err);
        }
        let etag = self.complete(&parts).await?;
        self.measure(etag.as_deref()).await?;
        let digest = self.content.digest(DigestKind::Crc64Nvme).filter(|_| self.is_attested());
        let evidence = if digest.is_some() { Evidence::Attested } else { Evidence::Acknowledged };
        let digests = digest.into_iter().map(|value| Digest { kind: DigestKind::Crc64Nvme, value: value.clone() });
        let meta = stored(self.at, self.content, self.opts, kept, evidence);
        Ok(Metadata { etag, digests: digests.collect(), ..meta })
    }

    /// Tells how to go on, if anybody wants to know. From then on the upload outlives this call.
    async fn checkpoint(&mut self, parts: &Parts) -> Result<()> {
        let Some(keeper) = &self.opts.write.checkpoint else { return Ok(()) };
        keeper.save(&self.token.seal()?, Some(self.at), parts.certain()).await?;
        self.kept = true;
        Ok(())
    }

    /// Sends what is missing.
    async fn send(&mut self, parts: &mut Parts) -> Result<()> {
        let missing: Vec<(u64, Range<u64>)> =
            parts.missing().into_iter().map(|number| (number, parts.range(number))).collect();
        let at_once = parts.at_once();
        let (client, what, token, good) =
            (self.client, (self.content, self.opts), self.token.clone(), self.good.take());
        let sends = missing.into_iter().map(|piece| {
            let (token, good, number) = (&token, good.as_ref(), piece.0);
            async move { client.piece(token, good, what, piece).await.map(|part| (number, part)) }
        });
        let mut sends = std::pin::pin!(stream::iter(sends).buffer_unordered(at_once));
        let mut certain = parts.certain();
        while let Some(sent) = sends.next().await {
            let (number, part) = sent?;
            parts.arrive(number, part);
            if certain < parts.certain() {
                certain = parts.certain();
                self.checkpoint(parts).await?;
            }
        }
        client.check_copies(&token, good.as_ref(), what, parts).await
    }

    /// The whole, composed by the service of its parts. What it answers with 200 may still be an error: the SDK looks.
    async fn complete(&mut self, parts: &Parts) -> Result<Option<String>> {
        let condition = &self.opts.condition;
        let named = self.content.digest(DigestKind::Crc64Nvme).cloned();
        let composed = || parts.crc().map(|crc| crc.to_be_bytes().to_vec().into());
        let is_sent = self.client.rules.checksum == Checksum::WhenSupported;
        let crc = if is_sent { named.or_else(composed).map(|value| BASE64.encode(value)) } else { None };
        let failed = match self.client.finish(&self.token, parts, &When::of(condition)?, crc).await {
            Ok(etag) => return Ok(etag),
            Err(failed) => gone(failed),
        };
        // S3 API, CompleteMultipartUpload: after 409 and 412 the upload cannot be completed any more, or should not be.
        let is_over = matches!(failed.status, Some(409 | 412)) || failed.is(ErrorKind::Integrity);
        self.kept &= !is_over;
        Err(by_condition(condition, failed))
    }

    /// A sum that does not come out is found before anything is claimed. Another writer's object tells nothing.
    async fn measure(&self, etag: Option<&str>) -> Result<()> {
        let head = self.client.head(&self.token.key, None).await.map_err(|err| err.with_effect(Effect::Unknown))?;
        let is_ours = head.e_tag().map(bare_etag).as_deref() == etag;
        let len = head.content_length().and_then(|len| u64::try_from(len).ok());
        match is_ours && len.is_some_and(|len| len != self.content.len()) {
            true => Err(lie("the completed object has another length than its parts").with_effect(Effect::Unknown)),
            false => Ok(()),
        }
    }

    /// Whether the service has shown that it compares what it is told about the whole.
    fn is_attested(&self) -> bool {
        self.client.learnt.crc64 && self.client.rules.checksum == Checksum::WhenSupported
    }
}

impl Client {
    /// `CompleteMultipartUpload`, under a condition and with the checksum of the whole.
    pub(super) async fn finish(
        &self,
        token: &Token,
        parts: &Parts,
        when: &When,
        crc: Option<String>,
    ) -> Result<Option<String>, Failure> {
        let kind = crc.as_ref().map(|_| ChecksumType::FullObject);
        let answer = self.tried(|sdk| {
            let customer = self.customer_key();
            let request = sdk.complete_multipart_upload().bucket(&self.rules.bucket).key(&token.key);
            let request = request.upload_id(&token.upload).multipart_upload(parts.list());
            let request = request.set_if_none_match(when.if_none_match.clone()).set_if_match(when.if_match.clone());
            let request = request.set_checksum_crc64_nvme(crc.clone()).set_checksum_type(kind.clone());
            let request = request.set_sse_customer_algorithm(customer.algorithm).set_sse_customer_key(customer.key);
            self.told(COMPLETE, request.set_sse_customer_key_md5(customer.md5).send())
        });
        answer.await.map(|answer| answer.e_tag().map(bare_etag))
    }

    /// Sends one part from the source, without holding it (`UploadPart`).
    pub(super) async fn part(
        &self,
        token: &Token,
        content: &Content,
        opts: &AddOptions,
        number: u64,
        range: Range<u64>,
    ) -> Result<Part> {
        let is_sent = self.rules.checksum == Checksum::WhenSupported;
        let range = &range;
        let attempt = |sdk: aws_sdk_s3::Client| async move {
            let (bytes, sending) = body::open(content, range.clone(), &opts.write.progress).await?;
            let customer = self.customer_key();
            let request = sdk.upload_part().bucket(&self.rules.bucket).key(&token.key).upload_id(&token.upload);
            let request = request.part_number(i32::try_from(number).unwrap_or(i32::MAX)).body(bytes);
            let request = request.content_length(i64::try_from(range.end - range.start).unwrap_or(i64::MAX));
            let request = request.set_checksum_algorithm(is_sent.then_some(ChecksumAlgorithm::Crc64Nvme));
            let request = request.set_sse_customer_algorithm(customer.algorithm).set_sse_customer_key(customer.key);
            let request = request.set_sse_customer_key_md5(customer.md5);
            let answer = self.told(PART, request.send()).await;
            answer.map_err(|failed| gone(sending.judge(failed)))
        };
        let answer = self.tried(attempt).await?;
        let etag = answer.e_tag().filter(|etag| !etag.is_empty()).ok_or_else(|| lie("a part without an etag"))?;
        Ok(Part { etag: etag.to_owned(), crc: answer.checksum_crc64_nvme().map(str::to_owned) })
    }
}

/// An upload that is not known any more in the middle of it: somebody with the same token has completed or discarded it.
fn gone(failed: Failure) -> Failure {
    if !failed.says("NoSuchUpload") {
        return failed;
    }
    let error = Error::new(ErrorKind::Unavailable, "the upload was completed or given up by somebody else");
    Failure { error: error.with_effect(Effect::Unknown), ..failed }
}
