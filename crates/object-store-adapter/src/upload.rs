//! An upload in parts: put aside until it is complete, then one `add`. What is dropped or aborted leaves nothing.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{Error, ErrorKind};
use futures::FutureExt;
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutResult, UploadPart};

use crate::error::to_object_store;
use crate::spool::{Spool, Spooled};

/// What becomes of a complete upload.
#[async_trait]
pub(crate) trait Finish: fmt::Debug + Send + Sync {
    /// Stores it.
    async fn finish(&self, path: &Path, spooled: Spooled) -> object_store::Result<PutResult>;
}

/// An upload that is being filled.
#[derive(Debug)]
pub(crate) struct Upload {
    path: Path,
    /// `None` when it is over.
    spool: Option<Arc<Spool>>,
    next: usize,
    finish: Arc<dyn Finish>,
}

impl Upload {
    pub(crate) fn new(path: Path, spool: Arc<Spool>, finish: Arc<dyn Finish>) -> Self {
        Self { path, spool: Some(spool), next: 0, finish }
    }
}

fn over(path: &Path) -> object_store::Error {
    to_object_store(Error::new(ErrorKind::InvalidInput, "the upload is over: completed or aborted"), path)
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (path, number) = (self.path.clone(), self.next);
        let Some(spool) = self.spool.clone() else { return async move { Err(over(&path)) }.boxed() };
        self.next += 1;
        let place = spool.reserve(number, data.content_length() as u64);
        let write = async move { spool.write(number, place?, data).await };
        write.map(move |done| done.map_err(|err| to_object_store(err, &path))).boxed()
    }

    async fn complete(&mut self) -> object_store::Result<PutResult> {
        let spool = self.spool.as_ref().ok_or_else(|| over(&self.path))?;
        let spooled = spool.whole().map_err(|err| to_object_store(err, &self.path))?;
        let done = self.finish.finish(&self.path, spooled).await?;
        self.spool = None;
        Ok(done)
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        self.spool = None;
        Ok(())
    }
}
