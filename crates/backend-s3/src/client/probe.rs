//! What only the service can tell: a canary is written, overwritten, and removed again. A 200 alone proves nothing.

mod copies;
mod names;
mod parts;
mod race;

use std::hash::{BuildHasher, RandomState};

use backend_core::{
    AddOptions, Condition, Content, ContentId, ErrorKind, GetOptions, Key, Locator, OWN_PREFIX, Result, Write,
};
use bytes::Bytes;
use ipld::address;

use super::put::Sums;
use super::versions::Versioning;
use super::{Client, Kept, Learnt};
use crate::config::Labels;
use crate::provider::Checksum;

/// A CRC-64/NVME that the canary does not have.
const NO_CRC: [u8; 8] = [0x5a; 8];

/// An etag that nothing has.
const NO_ETAG: &str = "00000000000000000000000000000000-9";

/// Names of the canary, and what it is.
struct Canary {
    key: String,
    raced: Vec<String>,
    content: Content,
    other: Content,
    versioning: Versioning,
}

impl Canary {
    fn new(client: &Client, versioning: Versioning) -> Self {
        let name = format!("{OWN_PREFIX}probe/{:016x}", RandomState::new().hash_one(0));
        let content = |text: &'static str| {
            let bytes = Bytes::from_static(text.as_bytes());
            Content::bytes(address::sha256(address::RAW, &bytes), bytes)
        };
        Self {
            key: client.key(&name),
            raced: (0..2 * race::ROUNDS).map(|n| client.key(&format!("{name}-{n}"))).collect(),
            content: content("a canary of ipfs-kit\n"),
            other: content("another canary of ipfs-kit\n"),
            versioning,
        }
    }
}

impl Client {
    /// Looks with eyes that have learnt nothing, so that it learns the same twice.
    ///
    /// # Errors
    /// What the service answers to a plain write, and whatever leaves a question open.
    pub(crate) async fn probe(&self) -> Result<Learnt> {
        let it = self.unlearnt();
        let canary = Canary::new(&it, it.versioning().await?);
        let learnt = Box::pin(it.learn(&canary)).await;
        let swept = it.sweep(&canary).await;
        let learnt = learnt?;
        swept?;
        Ok(learnt)
    }

    async fn learn(&self, canary: &Canary) -> Result<Learnt> {
        self.canary(canary, Condition::Always).await?;
        let (max_key, max_segment) = self.longest(canary).await?;
        Ok(Learnt {
            put_if_absent: self.refuses_to_create(canary).await?,
            put_if_match: self.refuses_to_replace(canary).await?,
            get_if_match: self.refuses_to_read(canary).await?,
            delete_if_match: self.refuses_to_delete(canary).await?,
            complete_if_absent: self.refuses_to_complete(canary, Condition::IfAbsent, None).await?,
            complete_if_match: self.refuses_to_complete(canary, wrong(), None).await?,
            sha256: self.refuses_by_sha256(canary).await?,
            put_crc64: self.refuses_by_crc64(canary).await?,
            crc64: self.refuses_other_parts(canary).await?,
            copies: self.copies_parts(canary).await?,
            bare_parts: self.completes_bare_parts(canary).await?,
            uploads_denied: self.denies_unknown_uploads(canary).await?,
            tags: self.keeps_tags(canary).await?,
            versions: canary.versioning == Versioning::Enabled,
            batch: self.removes_many(canary).await?,
            paths: self.names_are_paths(canary).await?,
            backslash: self.mistakes_backslashes(canary).await?,
            folder_fails: self.fails_over_folders(canary).await?,
            unescaped: self.lies_about_escapes(canary).await?,
            short_suffix: self.knows_no_short_suffix(canary).await?,
            max_key,
            max_segment,
        })
    }

    async fn sweep(&self, canary: &Canary) -> Result<()> {
        for key in canary.raced.iter().chain([&canary.key]) {
            self.wipe(canary, key).await?;
        }
        Ok(())
    }

    /// Nothing of it stays, in no version.
    async fn wipe(&self, canary: &Canary, key: &str) -> Result<()> {
        match canary.versioning {
            Versioning::Never => self.delete(key, None, None).await?,
            Versioning::Suspended | Versioning::Enabled => self.erase(key).await?,
        };
        Ok(())
    }

    async fn canary(&self, canary: &Canary, condition: Condition) -> Result<Option<String>> {
        self.create_at(&canary.key, &canary.content, condition).await
    }

    async fn create_at(&self, key: &str, content: &Content, condition: Condition) -> Result<Option<String>> {
        let opts = AddOptions { condition, ..AddOptions::default() };
        self.put(key, content, &opts, &Kept::default(), &Sums::default()).await
    }

    async fn refuses_to_create(&self, canary: &Canary) -> Result<bool> {
        if !refused(self.canary(canary, Condition::IfAbsent).await, &[ErrorKind::AlreadyExists])? {
            return Ok(false);
        }
        self.one_wins(canary).await
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

    async fn refuses_by_sha256(&self, canary: &Canary) -> Result<bool> {
        let sha256 = super::digest_of(&canary.other);
        self.refuses_other_bytes(canary, &Sums { is_signed: true, sha256, crc64: None }).await
    }

    async fn refuses_by_crc64(&self, canary: &Canary) -> Result<bool> {
        match self.rules.checksum {
            Checksum::WhenRequired => Ok(false),
            Checksum::WhenSupported => {
                let crc64 = Some(Bytes::from_static(&NO_CRC));
                self.refuses_other_bytes(canary, &Sums { crc64, ..Sums::default() }).await
            }
        }
    }

    async fn refuses_other_bytes(&self, canary: &Canary, sums: &Sums) -> Result<bool> {
        let put = self.put(&canary.key, &canary.content, &AddOptions::default(), &Kept::default(), sums).await;
        if put.as_ref().is_err_and(|err| err.kind() == ErrorKind::Unavailable) {
            // A service that breaks over it (s3s-fs: 500) is not asked to compare. That it is there at all, another question shows.
            self.canary(canary, Condition::Always).await?;
            return Ok(false);
        }
        refused(put, &[ErrorKind::Integrity, ErrorKind::InvalidInput, ErrorKind::Unauthenticated])
    }

    async fn keeps_tags(&self, canary: &Canary) -> Result<bool> {
        let labels = [("canary".to_owned(), "yes".to_owned())].into();
        let opts = AddOptions { write: Write { labels, ..Write::default() }, ..AddOptions::default() };
        let kept = Kept::of(&opts, Labels::Tags)?;
        let put = self.put(&canary.key, &canary.content, &opts, &kept, &Sums::default()).await;
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

impl Client {
    /// Two objects are removed by one request, and are gone.
    async fn removes_many(&self, canary: &Canary) -> Result<bool> {
        let pair: Vec<(&str, Option<&str>)> = canary.raced.iter().take(2).map(|key| (key.as_str(), None)).collect();
        for (key, _) in &pair {
            self.create_at(key, &canary.content, Condition::Always).await?;
        }
        let removed = self.delete_many(&pair).await;
        if !self.is_taken(canary, removed).await? {
            return Ok(false);
        }
        for (key, _) in &pair {
            match self.head(key, None).await {
                Err(err) if err.kind() == ErrorKind::NotFound => {}
                Ok(_) => return Ok(false),
                Err(err) => return Err(err),
            }
        }
        Ok(true)
    }

    /// Whether a request was done. A service that refuses it does not offer it; one that breaks over it neither, if it is there otherwise.
    async fn is_taken<T>(&self, canary: &Canary, answer: Result<T>) -> Result<bool> {
        match answer {
            Ok(_) => Ok(true),
            Err(err) if is_no(err.kind()) || err.kind() == ErrorKind::TooLarge => Ok(false),
            Err(err) if err.kind() == ErrorKind::Unavailable => {
                self.canary(canary, Condition::Always).await?;
                Ok(false)
            }
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
