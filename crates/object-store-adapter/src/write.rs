//! Putting and deleting.

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Condition, Content, Error, ErrorKind, Key, Metadata, Open, Removal, RemoveOptions, Result, Write,
};
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, UpdateVersion};

use crate::attributes::About;
use crate::error::{not_implemented, to_object_store};
use crate::payload::Payload;
use crate::spool::{Spool, Spooled};
use crate::store::Core;
use crate::upload::{Finish, Upload};
use crate::{location, naming};

/// Removals at a time, at most.
const MAX_REMOVALS: usize = 16;

impl Core {
    pub(crate) async fn put(&self, path: &Path, data: PutPayload, opts: PutOptions) -> object_store::Result<PutResult> {
        let key = location::writable(path)?;
        let condition = self.condition(path, opts.mode)?;
        let about = About::wanted(&opts.attributes, self.info())?;
        let source = Arc::new(Payload(data));
        let stored = self.store(source, key, condition, about).await;
        stored.map(put_result).map_err(|err| to_object_store(err, path))
    }

    fn condition(&self, path: &Path, mode: PutMode) -> object_store::Result<Condition> {
        let info = self.info();
        match mode {
            PutMode::Overwrite => Ok(Condition::Always),
            PutMode::Create if info.offers.if_absent => Ok(Condition::IfAbsent),
            PutMode::Update(_) if !info.offers.if_match => Err(not_implemented("put with an update", &info.name)),
            PutMode::Update(UpdateVersion { e_tag: Some(tag), .. }) => Ok(Condition::IfMatch(tag)),
            PutMode::Update(_) => {
                Err(to_object_store(Error::new(ErrorKind::InvalidInput, "an update needs an etag"), path))
            }
            PutMode::Create => Err(not_implemented("put that creates", &info.name)),
        }
    }

    /// Names what `source` gives, and adds it.
    async fn store(&self, source: Arc<dyn Open>, key: Key, condition: Condition, about: About) -> Result<Metadata> {
        let body = source.open(0..u64::MAX).await?;
        let named = naming::name(body, &self.info().needs).await?;
        self.add(&named.content(source), key, condition, about).await
    }

    pub(crate) async fn add(
        &self,
        content: &Content,
        key: Key,
        condition: Condition,
        about: About,
    ) -> Result<Metadata> {
        let write = Write { labels: about.labels, ..Write::default() };
        let content_type = about.content_type;
        let opts = AddOptions { id: Some(key.into()), condition, content_type, write, ..AddOptions::default() };
        self.backend.add(content, &opts).await
    }

    pub(crate) async fn begin(
        self: &Arc<Self>,
        path: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Upload> {
        let finish = self.finish(path, &opts)?;
        let spool = self.spool(path).await?;
        Ok(Upload::new(path.clone(), spool, Arc::new(finish)))
    }

    pub(crate) async fn spool(&self, path: &Path) -> object_store::Result<Arc<Spool>> {
        Spool::create(self.spool.clone()).await.map_err(|err| to_object_store(err, path))
    }

    /// What is to become of an upload in parts; what cannot be kept is refused before the first of them.
    pub(crate) fn finish(
        self: &Arc<Self>,
        path: &Path,
        opts: &PutMultipartOptions,
    ) -> object_store::Result<FinishByAdd> {
        let key = location::writable(path)?;
        let about = About::wanted(&opts.attributes, self.info())?;
        Ok(FinishByAdd { core: self.clone(), key, about })
    }

    pub(crate) fn delete_all(
        self: &Arc<Self>,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let core = self.clone();
        let at_once = (self.info().limits.writes as usize).clamp(1, MAX_REMOVALS);
        let removed = paths.map(move |path| {
            let core = core.clone();
            async move {
                let path = path?;
                core.delete(&path, None).await.map(|()| path)
            }
        });
        removed.buffered(at_once).boxed()
    }

    /// Removes one object; `tag`: only if it is still this one.
    ///
    /// # Errors
    /// `NotFound` when there is none: the backend knows.
    pub(crate) async fn delete(&self, path: &Path, tag: Option<String>) -> object_store::Result<()> {
        let at = self.locator(path, None)?;
        let opts = RemoveOptions { if_match: tag, ..RemoveOptions::default() };
        let removed = self.backend.remove(&at, &opts).await;
        match removed.map_err(|err| to_object_store(err, path))? {
            Removal::Absent => {
                Err(to_object_store(Error::new(ErrorKind::NotFound, "there is nothing to remove"), path))
            }
            _ => Ok(()),
        }
    }
}

pub(crate) fn put_result(meta: Metadata) -> PutResult {
    PutResult { e_tag: meta.etag, version: meta.at.version, extensions: object_store::Extensions::default() }
}

/// A complete upload becomes one `add`.
#[derive(Debug)]
pub(crate) struct FinishByAdd {
    core: Arc<Core>,
    key: Key,
    about: About,
}

#[async_trait]
impl Finish for FinishByAdd {
    async fn finish(&self, path: &Path, spooled: Spooled) -> object_store::Result<PutResult> {
        let (key, about) = (self.key.clone(), self.about.clone());
        let stored = self.core.store(Arc::new(spooled), key, Condition::Always, about).await;
        stored.map(put_result).map_err(|err| to_object_store(err, path))
    }
}
