//! What names a service takes, and what it says of them: some keep them as paths of files, with all that follows.

use backend_core::{ByteRange, Condition, ErrorKind, GetOptions, Key, Locator, MAX_KEY, Result};

use super::{Canary, Client, is_no};
use crate::client::list::{Ask, Line, Mark, Texts};
use crate::client::paths::is_fault;
use crate::client::{Kept, Token};

/// Bytes between slashes that every service takes.
const SHORT: usize = 32;

impl Client {
    /// Whether nothing can be stored below a stored name, or that one is lost by it.
    pub(super) async fn names_are_paths(&self, canary: &Canary) -> Result<bool> {
        self.canary(canary, Condition::Always).await?;
        let below = format!("{}/below", canary.key);
        if !self.takes(canary, &below).await? {
            return Ok(true);
        }
        match self.head(&canary.key, None).await {
            Ok(_) => Ok(false),
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(true),
            Err(err) => Err(err),
        }
    }

    /// Whether a name with a backslash is not kept, or is found under a slash too, as SeaweedFS has it.
    pub(super) async fn mistakes_backslashes(&self, canary: &Canary) -> Result<bool> {
        let (key, other) = (format!("{}-back\\slash", canary.key), format!("{}-back/slash", canary.key));
        let put = self.create_at(&key, &canary.content, Condition::Always).await;
        if !self.is_taken(canary, put).await? {
            return Ok(true);
        }
        let met = self.head(&other, None).await;
        self.wipe(canary, &key).await?;
        self.is_taken(canary, met).await
    }

    /// Whether a name that only has names below it is a fault, in whose stead S3 says 404.
    pub(super) async fn fails_over_folders(&self, canary: &Canary) -> Result<bool> {
        let Some((folder, _)) = canary.key.rsplit_once('/') else { return Ok(false) };
        match self.asked(folder, None).await {
            Err(failed) if is_fault(&failed) => {
                self.canary(canary, Condition::Always).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Whether a listing says that its keys are escaped when they are not: what would be made of such a key is listed.
    pub(super) async fn lies_about_escapes(&self, canary: &Canary) -> Result<bool> {
        let key = format!("{}-%41+ b", canary.key);
        let put = self.create_at(&key, &canary.content, Condition::Always).await;
        if !self.is_taken(canary, put).await? {
            return Ok(false);
        }
        let ask = Ask { prefix: format!("{}-", canary.key), shallow: false, versions: false, most: None };
        let page = self.page(&ask, &Mark::default()).await;
        self.wipe(canary, &key).await?;
        let wrong = Texts(true).decoded(&key)?;
        Ok(page?.lines.iter().map(Line::key).any(|listed| listed == wrong))
    }

    /// Whether more of the last bytes than there are cannot be asked for.
    pub(super) async fn knows_no_short_suffix(&self, canary: &Canary) -> Result<bool> {
        self.canary(canary, Condition::Always).await?;
        let Ok(key) = Key::parse(canary.key.as_str()) else { return Ok(false) };
        let opts = GetOptions::range(ByteRange::Last(2 * canary.content.len()));
        match self.get(&Locator::new(key), &canary.key, &opts).await {
            Ok(_) => Ok(false),
            Err(err) if is_no(err.kind()) || matches!(err.kind(), ErrorKind::InvalidRange | ErrorKind::Integrity) => {
                Ok(true)
            }
            Err(err) if err.kind() == ErrorKind::Unavailable => {
                self.canary(canary, Condition::Always).await?;
                Ok(true)
            }
            Err(err) => Err(err),
        }
    }

    /// The longest key that is taken, and the longest segment of one, where S3 takes longer ones.
    pub(super) async fn longest(&self, canary: &Canary) -> Result<(Option<usize>, Option<usize>)> {
        if self.takes(canary, &canary.long(MAX_KEY, MAX_KEY)).await? {
            return Ok((None, None));
        }
        let max_key = self.most(canary, SHORT, MAX_KEY).await?;
        let one = self.most(canary, MAX_KEY, max_key).await?;
        let begin = canary.key.rfind('/').map_or(0, |at| at + 1);
        Ok(((max_key < MAX_KEY).then_some(max_key), (one < max_key).then_some(one - begin)))
    }

    /// The longest key of up to `bound` bytes that is taken, cut into segments.
    async fn most(&self, canary: &Canary, segment: usize, bound: usize) -> Result<usize> {
        let (mut taken, mut refused) = (canary.long(0, segment).len(), bound + 1);
        while taken + 1 < refused {
            let len = usize::midpoint(taken, refused);
            match self.takes(canary, &canary.long(len, segment)).await? {
                true => taken = len,
                false => refused = len,
            }
        }
        Ok(taken)
    }

    /// Whether content can be stored under a key, at once and in parts. What fails once is tried once more: no name is refused for a bad moment.
    async fn takes(&self, canary: &Canary, key: &str) -> Result<bool> {
        for _ in 0..2 {
            let put = self.create_at(key, &canary.content, Condition::Always).await;
            let taken = self.is_taken(canary, put).await? && self.begins(canary, key).await?;
            let wiped = self.wipe(canary, key).await;
            // What is refused cannot be removed either.
            if taken {
                return wiped.map(|()| true);
            }
        }
        Ok(false)
    }

    async fn begins(&self, canary: &Canary, key: &str) -> Result<bool> {
        match self.create(key, &Kept::default()).await {
            Ok(upload) => {
                self.abort(&Token::new(self, key, &canary.content, &upload, 1)?).await?;
                Ok(true)
            }
            Err(err) if err.kind() == ErrorKind::Unsupported => Ok(true),
            answer => self.is_taken(canary, answer).await,
        }
    }
}

impl Canary {
    /// A key of `len` bytes, or a few more if that is too few, with slashes behind every `segment` bytes; no two lengths share a folder.
    fn long(&self, len: usize, segment: usize) -> String {
        let mut key = format!("{}-{len}-", self.key);
        for n in 1.. {
            let is_last = len <= key.len() + 1;
            key.push(if n % (segment + 1) == 0 && !is_last { '/' } else { 'n' });
            if is_last {
                break;
            }
        }
        key
    }
}
