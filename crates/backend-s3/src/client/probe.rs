//! What only the service can tell: a canary is written, overwritten, and removed again. A 200 alone proves nothing.

use std::hash::{BuildHasher, RandomState};

use backend_core::{
    AddOptions, Condition, Content, ContentId, ErrorKind, GetOptions, Key, Locator, OWN_PREFIX, Result, Write,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::future::join_all;
use ipld::address;
use serde::{Deserialize, Serialize};

use super::parts::Parts;
use super::put::{When, hex};
use super::versions::Versioning;
use super::{Client, Kept, Token};
use crate::config::Labels;
use crate::failure::Failure;
use crate::provider::Checksum;

/// So many writers try to create one name at once; some services look first and write then.
const RACERS: usize = 8;
const RACES: usize = 3;

/// An etag that nothing has.
const NO_ETAG: &str = "00000000000000000000000000000000-9";

/// What a probe finds out; all of it is `false` until one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Learnt {
    /// `PutObject` with `If-None-Match: *` refuses, and lets one of several win.
    pub(crate) put_if_absent: bool,
    /// `PutObject` with `If-Match` refuses another etag.
    pub(crate) put_if_match: bool,
    /// `CompleteMultipartUpload` does likewise.
    pub(crate) complete_if_absent: bool,
    pub(crate) complete_if_match: bool,
    /// `GetObject` with `If-Match` refuses another etag.
    pub(crate) get_if_match: bool,
    /// `DeleteObject` does likewise.
    pub(crate) delete_if_match: bool,
    /// What is overwritten stays as a version.
    pub(crate) versions: bool,
    /// Tags come back.
    pub(crate) tags: bool,
    /// Bytes that are not what their SHA-256 says are refused.
    pub(crate) sha256: bool,
    /// Parts that together are not what their CRC-64/NVME says are refused.
    pub(crate) crc64: bool,
}

/// Names of the canary, and what it is.
struct Canary {
    key: String,
    raced: Vec<String>,
    content: Content,
    other: Content,
}

impl Canary {
    fn new(client: &Client) -> Self {
        let name = format!("{OWN_PREFIX}probe/{:016x}", RandomState::new().hash_one(0));
        let content = |text: &'static str| {
            let bytes = Bytes::from_static(text.as_bytes());
            Content::bytes(address::sha256(address::RAW, &bytes), bytes)
        };
        Self {
            key: client.key(&name),
            raced: (0..RACES).map(|n| client.key(&format!("{name}-{n}"))).collect(),
            content: content("a canary of ipfs-kit\n"),
            other: content("another canary of ipfs-kit\n"),
        }
    }
}

impl Client {
    /// # Errors
    /// What the service answers to a plain write, and whatever leaves a question open.
    pub(crate) async fn probe(&self) -> Result<Learnt> {
        let canary = Canary::new(self);
        let versioning = self.versioning().await?;
        let learnt = self.learn(&canary, versioning).await;
        let swept = self.sweep(&canary, versioning).await;
        let learnt = learnt?;
        swept?;
        Ok(learnt)
    }

    async fn learn(&self, canary: &Canary, versioning: Versioning) -> Result<Learnt> {
        self.canary(canary, Condition::Always).await?;
        Ok(Learnt {
            put_if_absent: self.refuses_to_create(canary).await?,
            put_if_match: self.refuses_to_replace(canary).await?,
            get_if_match: self.refuses_to_read(canary).await?,
            delete_if_match: self.refuses_to_delete(canary).await?,
            complete_if_absent: self.refuses_to_complete(canary, Condition::IfAbsent, None).await?,
            complete_if_match: self.refuses_to_complete(canary, wrong(), None).await?,
            sha256: self.refuses_other_bytes(canary).await?,
            crc64: self.refuses_other_parts(canary).await?,
            tags: self.keeps_tags(canary).await?,
            versions: versioning == Versioning::Enabled,
        })
    }

    async fn sweep(&self, canary: &Canary, versioning: Versioning) -> Result<()> {
        for key in canary.raced.iter().chain([&canary.key]) {
            match versioning {
                Versioning::Never => self.delete(key, None, None).await?,
                Versioning::Suspended | Versioning::Enabled => self.erase(key).await?,
            };
        }
        Ok(())
    }

    async fn canary(&self, canary: &Canary, condition: Condition) -> Result<Option<String>> {
        self.create_at(&canary.key, &canary.content, condition).await
    }

    async fn create_at(&self, key: &str, content: &Content, condition: Condition) -> Result<Option<String>> {
        let opts = AddOptions { condition, ..AddOptions::default() };
        self.put(key, content, &opts, &Kept::default(), (None, None)).await
    }

    async fn refuses_to_create(&self, canary: &Canary) -> Result<bool> {
        if !refused(self.canary(canary, Condition::IfAbsent).await, &[ErrorKind::AlreadyExists])? {
            return Ok(false);
        }
        for key in &canary.raced {
            let racers = (0..RACERS).map(|_| self.create_at(key, &canary.content, Condition::IfAbsent));
            let winners = join_all(racers).await.into_iter().filter(Result::is_ok).count();
            if winners != 1 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn refuses_to_replace(&self, canary: &Canary) -> Result<bool> {
        let Some(etag) = self.canary(canary, Condition::Always).await? else { return Ok(false) };
        let refuses = refused(self.canary(canary, wrong()).await, &[ErrorKind::Precondition])?;
        Ok(refuses && self.canary(canary, Condition::IfMatch(etag)).await.is_ok())
    }

    async fn refuses_to_read(&self, canary: &Canary) -> Result<bool> {
        let Ok(key) = Key::parse(canary.key.as_str()) else { return Ok(false) };
        let at = Locator::new(ContentId::from(key));
        let opts = GetOptions { if_match: Some(NO_ETAG.to_owned()), ..GetOptions::default() };
        refused(self.get(&at, &canary.key, &opts).await, &[ErrorKind::Precondition])
    }

    async fn refuses_to_delete(&self, canary: &Canary) -> Result<bool> {
        let refuses = refused(self.delete(&canary.key, None, Some(NO_ETAG)).await, &[ErrorKind::Precondition])?;
        if !refuses {
            self.canary(canary, Condition::Always).await?;
        }
        Ok(refuses)
    }

    /// Over the canary, which is there.
    async fn refuses_to_complete(&self, canary: &Canary, condition: Condition, crc: Option<String>) -> Result<bool> {
        let refusal = match &crc {
            Some(_) => [ErrorKind::Integrity, ErrorKind::InvalidInput],
            None => [ErrorKind::Precondition; 2],
        };
        let upload = match self.create(&canary.key, &Kept::default()).await {
            Err(err) if is_no(err.kind()) => return Ok(false),
            answer => answer?,
        };
        let token = Token::new(self, &canary.key, &canary.content, &upload, canary.content.len())?;
        let answer = self.completed(canary, &token, &condition, crc).await;
        if answer.is_err() {
            self.abort(&token).await?;
        }
        refused(answer.map_err(Into::into), &refusal)
    }

    async fn completed(
        &self,
        canary: &Canary,
        token: &Token,
        condition: &Condition,
        crc: Option<String>,
    ) -> Result<Option<String>, Failure> {
        let (content, opts) = (&canary.content, AddOptions::default());
        let part = self.part(token, content, &opts, 1, 0..content.len()).await?;
        let mut parts = Parts::new(content.len(), content.len());
        parts.arrive(1, part);
        self.finish(token, &parts, &When::of(condition)?, crc).await
    }

    async fn refuses_other_bytes(&self, canary: &Canary) -> Result<bool> {
        let Some(digest) = super::digest_of(&canary.other) else { return Ok(false) };
        let (opts, kept) = (AddOptions::default(), Kept::default());
        let told = (Some(&digest), Some(hex(&digest)));
        let put = self.put(&canary.key, &canary.content, &opts, &kept, told).await;
        if put.as_ref().is_err_and(|err| err.kind() == ErrorKind::Unavailable) {
            // A service that breaks over it (s3s-fs: 500) is not asked to compare. That it is there at all, another question shows.
            self.canary(canary, Condition::Always).await?;
            return Ok(false);
        }
        refused(put, &[ErrorKind::Integrity, ErrorKind::InvalidInput, ErrorKind::Unauthenticated])
    }

    async fn refuses_other_parts(&self, canary: &Canary) -> Result<bool> {
        match self.rules.checksum {
            Checksum::WhenRequired => Ok(false),
            Checksum::WhenSupported => {
                let crc = BASE64.encode([0x5a; 8]);
                self.refuses_to_complete(canary, Condition::Always, Some(crc)).await
            }
        }
    }

    async fn keeps_tags(&self, canary: &Canary) -> Result<bool> {
        let labels = [("canary".to_owned(), "yes".to_owned())].into();
        let opts = AddOptions { write: Write { labels, ..Write::default() }, ..AddOptions::default() };
        let kept = Kept::of(&opts, Labels::Tags)?;
        let put = self.put(&canary.key, &canary.content, &opts, &kept, (None, None)).await;
        match put {
            Err(err) if is_no(err.kind()) => return Ok(false),
            answer => answer?,
        };
        match self.tags(&canary.key, None).await {
            Ok(tags) => Ok(tags == opts.write.labels),
            Err(err) if is_no(err.kind()) => Ok(false),
            Err(err) => Err(err),
        }
    }
}

fn wrong() -> Condition {
    Condition::IfMatch(NO_ETAG.to_owned())
}

/// A service's way to say that it does not do that.
fn is_no(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Unsupported
            | ErrorKind::InvalidInput
            | ErrorKind::Denied
            | ErrorKind::NotFound
            | ErrorKind::Internal
    )
}

/// Whether it was refused in one of these ways. A service that does not know the question does not refuse; a broken connection tells nothing.
fn refused<T>(answer: Result<T>, kinds: &[ErrorKind]) -> Result<bool> {
    match answer {
        Ok(_) => Ok(false),
        Err(err) if kinds.contains(&err.kind()) => Ok(true),
        Err(err) if is_no(err.kind()) => Ok(false),
        Err(err) => Err(err),
    }
}
