//! Copying and renaming: one pass to name the content, one to send it. The source is opened anew and must still be what was named.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    Backend, ByteStream, Condition, Error, ErrorKind, GetOptions as Get, Key, Locator, Metadata, Open, Result,
};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{CopyMode, GetOptions, RenameTargetMode};

use crate::attributes::About;
use crate::error::to_object_store;
use crate::spool::Spool;
use crate::store::Core;
use crate::{location, naming};

impl Core {
    /// Copies; answers the etag of what was copied.
    pub(crate) async fn copy(
        self: &Arc<Self>,
        from: &Path,
        to: &Path,
        mode: CopyMode,
    ) -> object_store::Result<Option<String>> {
        let (source, key) = (self.locator(from, None)?, location::writable(to)?);
        let condition = match mode {
            CopyMode::Overwrite => Condition::Always,
            CopyMode::Create if self.info().offers.if_absent => Condition::IfAbsent,
            CopyMode::Create => {
                let missing = Error::unsupported("a copy that does not overwrite", &self.info().name);
                return Err(to_object_store(missing, to));
            }
        };
        if from == to && mode == CopyMode::Overwrite {
            let options = GetOptions::new().with_head(true);
            return Ok(self.get(from, options).await?.meta.e_tag);
        }
        let fetched = self.backend.get(&source, &Get::default()).await.map_err(|err| to_object_store(err, from))?;
        let (meta, body) = (fetched.meta, fetched.body);
        let tag = meta.etag.clone();
        let sent = match (&tag, self.info().offers.range) {
            (Some(tag), true) => self.send_again(body, &source, &meta, tag, (key, condition)).await,
            _ => self.send_spooled(body, &meta, (key, condition)).await,
        };
        sent.map(|_| tag).map_err(|err| to_object_store(err, to))
    }

    async fn send_again(
        &self,
        body: ByteStream,
        at: &Locator,
        meta: &Metadata,
        tag: &str,
        (key, condition): (Key, Condition),
    ) -> Result<Metadata> {
        let named = naming::name(body, &self.info().needs).await?;
        let source = Again { backend: self.backend.clone(), at: at.clone(), tag: tag.to_owned(), len: named.len() };
        self.add(&named.content(Arc::new(source)), key, condition, About::of(meta)).await
    }

    /// Where nothing says whether the source is still the same: through a file of our own.
    async fn send_spooled(
        &self,
        mut body: ByteStream,
        meta: &Metadata,
        (key, condition): (Key, Condition),
    ) -> Result<Metadata> {
        let spool = Spool::create(self.spool.clone()).await?;
        let mut number = 0;
        let mut frames = Vec::new();
        loop {
            let frame = body.try_next().await?;
            let ended = frame.is_none();
            frames.extend(frame);
            let len: u64 = frames.iter().map(|it| it.len() as u64).sum();
            if 0 < len && (ended || PART <= len) {
                let place = spool.reserve(number, len)?;
                spool.write(number, place, std::mem::take(&mut frames).into_iter().collect()).await?;
                number += 1;
            }
            if ended {
                break;
            }
        }
        let spooled = spool.whole()?;
        let named = naming::name(spooled.stream(), &self.info().needs).await?;
        self.add(&named.content(Arc::new(spooled)), key, condition, About::of(meta)).await
    }

    /// Copies, then removes the source if it is still the one that was copied.
    pub(crate) async fn rename(
        self: &Arc<Self>,
        from: &Path,
        to: &Path,
        mode: RenameTargetMode,
    ) -> object_store::Result<()> {
        let mode = match mode {
            RenameTargetMode::Overwrite => CopyMode::Overwrite,
            RenameTargetMode::Create => CopyMode::Create,
        };
        let tag = self.copy(from, to, mode).await?;
        match from == to {
            true => Ok(()),
            false => self.delete(from, tag.filter(|_| self.info().offers.if_match)).await,
        }
    }
}

/// Bytes that are written to a file of our own at a time.
const PART: u64 = 1 << 20;

/// Stored content as a source: asked for again under its etag, whatever the range.
#[derive(Debug)]
struct Again {
    backend: Arc<dyn Backend>,
    at: Locator,
    tag: String,
    len: u64,
}

#[async_trait]
impl Open for Again {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        let if_match = self.backend.info().offers.if_match.then(|| self.tag.clone());
        let part = (range != (0..self.len)).then(|| range.clone().into());
        if range.is_empty() && part.is_some() {
            return Ok(Box::pin(futures::stream::empty()));
        }
        let asked = self.backend.get(&self.at, &Get { range: part, if_match, ..Get::default() }).await;
        let fetched = asked.map_err(|err| match err.kind() {
            ErrorKind::Precondition | ErrorKind::NotFound | ErrorKind::InvalidRange => changed().with_source(err),
            _ => err,
        })?;
        match fetched.meta.etag.as_ref() == Some(&self.tag) && fetched.range == range {
            true => Ok(fetched.body),
            false => Err(changed()),
        }
    }
}

fn changed() -> Error {
    Error::new(ErrorKind::SourceChanged, "the source of the copy is no longer what was named")
}
