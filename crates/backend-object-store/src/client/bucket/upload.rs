//! Storing: small content in one request; large content in parts that can be gone on with, or as one stream.

use backend_core::{AddOptions, Condition, Content, Error, ErrorKind, Key, Locator, Result, ResumeToken};
use futures::stream::{self, StreamExt};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{Attributes, PutMode, PutMultipartOptions, PutOptions, PutPayload, UpdateVersion};

use super::super::call::Call;
use super::super::source::{collected, exactly};
use super::token::Token;
use super::{Bucket, Store, azure, labels};
use crate::error::unexpected;

const MIB: u64 = 1 << 20;
/// Content up to here is one request, and in memory.
const SINGLE: u64 = 8 * MIB;
/// The smallest and the largest part, in memory.
const PART: u64 = 8 * MIB;
const MAX_PART: u64 = 64 * MIB;
/// GCS, "Quotas and limits": parts of an upload. Azure, "Scalability targets": blocks of a blob.
const GCS_PARTS: u64 = 10_000;
const AZURE_PARTS: u64 = 50_000;
/// Bytes of parts that are on their way at a time.
const IN_FLIGHT: u64 = 24 * MIB;

/// The most bytes of one content.
pub(crate) const fn max_size(is_azure: bool) -> u64 {
    MAX_PART * if is_azure { AZURE_PARTS } else { GCS_PARTS }
}

/// Bytes of a part, so that all fit.
fn part_size(len: u64, is_azure: bool) -> u64 {
    let most = if is_azure { AZURE_PARTS } else { GCS_PARTS };
    len.div_ceil(most).next_multiple_of(MIB).max(PART)
}

/// An upload in parts.
struct Begun {
    token: Token,
    /// Etags of the parts that the service has, in order (on Azure: nothing in them).
    parts: Vec<String>,
}

impl Begun {
    fn n_parts(&self, len: u64) -> usize {
        usize::try_from(len.div_ceil(self.token.part)).unwrap_or(usize::MAX)
    }
}

impl Bucket {
    pub(super) async fn upload(&self, content: &Content, key: &Key, opts: &AddOptions) -> Result<Option<String>> {
        let (path, mode, attributes) = (self.path(key)?, self.mode(&opts.condition)?, labels::attributes(opts));
        if content.len() <= SINGLE {
            let payload = PutPayload::from_iter(collected(content, 0..content.len()).await?);
            return self.put(Call::write(Some(&opts.write.progress)), &path, payload, attributes, mode).await;
        }
        // GCS completes no upload under a condition; and parts of which nobody is told would be billed for ever.
        let in_parts = self.is_azure() || (mode == PutMode::Overwrite && opts.write.checkpoint.is_some());
        if !in_parts {
            let body = exactly(content.open_all().await?, content.len());
            let call = Call::write(Some(&opts.write.progress)).body(content.len(), body);
            return self.put(call, &path, PutPayload::new(), attributes, mode).await;
        }
        let mut begun = self.begin(content, &path, opts, &attributes).await?;
        let sent = self.send_parts(content, &path, opts, &mut begun, &Locator::new(key.clone())).await;
        let done = match sent {
            Ok(()) => self.complete(&path, &begun, content.len(), &attributes, &mode).await,
            Err(err) => Err(err),
        };
        match done {
            Err(err) => {
                self.forsake(&path, &begun, &err, opts).await;
                Err(lost(err))
            }
            done => done,
        }
    }

    pub(super) fn mode(&self, condition: &Condition) -> Result<PutMode> {
        Ok(match condition {
            Condition::Always => PutMode::Overwrite,
            Condition::IfAbsent => PutMode::Create,
            Condition::IfMatch(etag) => {
                let etag = self.checked(Some(etag))?.map(str::to_owned);
                PutMode::Update(UpdateVersion { e_tag: etag.clone(), version: etag })
            }
            _ => return Err(Error::new(ErrorKind::Unsupported, "there is no such condition here")),
        })
    }

    /// One request. The new etag.
    pub(super) async fn put(
        &self,
        call: Call,
        path: &Path,
        payload: PutPayload,
        attributes: Attributes,
        mode: PutMode,
    ) -> Result<Option<String>> {
        let opts = PutOptions { mode, attributes, ..PutOptions::default() };
        let put = call.run("store the content", self.store()?.plain().put_opts(path, payload, opts)).await?;
        Ok(if self.is_azure() { put.e_tag } else { put.version })
    }

    async fn begin(&self, content: &Content, path: &Path, opts: &AddOptions, attributes: &Attributes) -> Result<Begun> {
        let is_azure = self.is_azure();
        let token = opts.write.resume.as_ref().and_then(Token::read);
        if let Some(token) = token {
            if !token.is_of(content, path, is_azure) {
                return Err(Error::new(ErrorKind::InvalidInput, "the resume token is of another upload"));
            }
            if let Some(begun) = self.found(token, path, content.len()).await? {
                return Ok(begun);
            }
        }
        let upload = match self.store()? {
            Store::Gcs(store) => {
                let opts = PutMultipartOptions { attributes: attributes.clone(), ..PutMultipartOptions::default() };
                Call::write(None).run("begin an upload", store.create_multipart_opts(path, opts)).await?
            }
            Store::Azure(_) => {
                let mut random = [0; 8];
                getrandom::fill(&mut random).map_err(|_| unexpected("begin an upload", "there is no randomness"))?;
                format!("{:016x}", u64::from_be_bytes(random))
            }
        };
        let token = Token::new(content, path, is_azure, part_size(content.len(), is_azure), upload);
        Ok(Begun { token, parts: Vec::new() })
    }

    /// What the service still has of an upload.
    async fn found(&self, token: Token, path: &Path, len: u64) -> Result<Option<Begun>> {
        let expected = |index: usize| token.part.min(len.saturating_sub(token.part.saturating_mul(index as u64)));
        let sizes_and_etags: Vec<(u64, String)> = match self.store()? {
            Store::Gcs(store) => match self.gcs_parts(store, path, &token.upload).await? {
                Some(parts) => parts.into_iter().map(|part| (part.size, part.etag)).collect(),
                None => return Ok(None),
            },
            Store::Azure(store) => {
                let sizes = self.azure(store).blocks(path, &token.upload).await?;
                sizes.into_iter().map(|size| (size, String::new())).collect()
            }
        };
        let whole = sizes_and_etags.into_iter().enumerate();
        let whole = whole.take_while(|(index, (size, _))| 0 < *size && *size == expected(*index));
        let parts = whole.map(|(_, (_, etag))| etag).collect();
        Ok(Some(Begun { token, parts }))
    }

    /// Sends what is missing, some parts at a time, and tells each that is certain.
    async fn send_parts(
        &self,
        content: &Content,
        path: &Path,
        opts: &AddOptions,
        begun: &mut Begun,
        at: &Locator,
    ) -> Result<()> {
        let (part, len) = (begun.token.part, content.len());
        let token = begun.token.write()?;
        let told = |n: usize| (n as u64 * part).min(len);
        self.checkpoint(opts, &token, at, told(begun.parts.len())).await?;
        let upload = begun.token.upload.clone();
        let missing = begun.parts.len()..begun.n_parts(len);
        let at_a_time = usize::try_from(IN_FLIGHT / part).unwrap_or(1).max(1);
        let sending = stream::iter(missing).map(|index| {
            let range = index as u64 * part..((index as u64 + 1) * part).min(len);
            self.send_part(content, path, opts, &upload, (index, range))
        });
        let mut sent = sending.buffered(at_a_time);
        while let Some(etag) = sent.next().await {
            begun.parts.push(etag?);
            self.checkpoint(opts, &token, at, told(begun.parts.len())).await?;
        }
        Ok(())
    }

    async fn checkpoint(&self, opts: &AddOptions, token: &ResumeToken, at: &Locator, sent: u64) -> Result<()> {
        match &opts.write.checkpoint {
            Some(keeper) => keeper.save(token, Some(at), sent).await,
            None => Ok(()),
        }
    }

    async fn send_part(
        &self,
        content: &Content,
        path: &Path,
        opts: &AddOptions,
        upload: &String,
        (index, range): (usize, std::ops::Range<u64>),
    ) -> Result<String> {
        let frames = collected(content, range).await?;
        let call = Call::write(Some(&opts.write.progress));
        match self.store()? {
            Store::Gcs(store) => {
                let put = store.put_part(path, upload, index, PutPayload::from_iter(frames));
                call.run("send a part", put).await.map(|part| part.content_id)
            }
            Store::Azure(store) => {
                let id = azure::block(upload, index);
                self.azure(store).put_block(call, path, &id, frames).await.map(|()| String::new())
            }
        }
    }

    async fn complete(
        &self,
        path: &Path,
        begun: &Begun,
        len: u64,
        attributes: &Attributes,
        mode: &PutMode,
    ) -> Result<Option<String>> {
        if begun.parts.len() != begun.n_parts(len) {
            return Err(unexpected("complete the upload", "the service has more parts than the content"));
        }
        match self.store()? {
            Store::Gcs(store) => {
                let parts = begun.parts.iter().map(|etag| PartId { content_id: etag.clone() }).collect();
                let done = store.complete_multipart(path, &begun.token.upload, parts);
                Ok(Call::write(None).run("complete the upload", done).await?.version)
            }
            Store::Azure(store) => {
                let blocks = (begun.token.upload.as_str(), begun.parts.len());
                self.azure(store).commit(Call::write(None), path, blocks, attributes, mode).await
            }
        }
    }

    /// Frees what nobody will go on with. That it fails is not told: the first error is what matters.
    async fn forsake(&self, path: &Path, begun: &Begun, err: &Error, opts: &AddOptions) {
        let is_spoilt = matches!(err.kind(), ErrorKind::SourceChanged | ErrorKind::Integrity);
        if is_spoilt || opts.write.checkpoint.is_none() {
            let _ = self.abort(path, &begun.token.upload).await;
        }
    }

    /// Azure has no word for it: what is not listed is gone after a week, and not billed.
    async fn abort(&self, path: &Path, upload: &String) -> Result<()> {
        match self.store()? {
            Store::Gcs(store) => Call::write(None).run("give up the upload", store.abort_multipart(path, upload)).await,
            Store::Azure(_) => Ok(()),
        }
    }

    pub(super) async fn give_up(&self, token: &ResumeToken) -> Result<()> {
        let Some(token) = Token::read(token) else { return Ok(()) };
        let Some(path) = token.path(self.is_azure()) else { return Ok(()) };
        match self.abort(&path, &token.upload).await {
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(()),
            answer => answer,
        }
    }
}

/// The upload itself is not there any more: beginning anew helps.
fn lost(err: Error) -> Error {
    match err.kind() {
        ErrorKind::NotFound => Error::new(ErrorKind::Unavailable, "the upload was given up meanwhile"),
        _ => err,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_fit() {
        for is_azure in [false, true] {
            let most = if is_azure { AZURE_PARTS } else { GCS_PARTS };
            for len in [SINGLE + 1, 1 << 30, 80_000 * MIB, max_size(is_azure) - 1, max_size(is_azure)] {
                let part = part_size(len, is_azure);
                assert!(len.div_ceil(part) <= most && (PART..=MAX_PART).contains(&part), "{len}: {part}");
            }
        }
    }
}
