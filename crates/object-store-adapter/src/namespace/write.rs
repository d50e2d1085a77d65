//! Adding under a name.

use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{ByteStream, Error, ErrorKind, Open, Result};
use backend_manager::{AddRequest, Input, Manager, Receipt};
use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult};
use tokio::runtime::Handle;

use super::{NamespaceStore, WHO, unsupported};
use crate::error::{from_object_store, not_implemented, to_object_store};
use crate::payload::Payload;
use crate::spool::{Spool, Spooled};
use crate::upload::{Finish, Upload};

impl NamespaceStore {
    pub(super) async fn put(&self, path: &Path, data: PutPayload, opts: PutOptions) -> object_store::Result<PutResult> {
        self.admit(path, opts.attributes.is_empty())?;
        if opts.mode != PutMode::Overwrite {
            return Err(not_implemented("a put under a condition", WHO));
        }
        let body = Payload(data).open(0..u64::MAX).await.map_err(|err| to_object_store(err, path))?;
        self.add(path, body).await
    }

    pub(super) async fn begin(&self, path: &Path, opts: &PutMultipartOptions) -> object_store::Result<Upload> {
        self.admit(path, opts.attributes.is_empty())?;
        let folder = self.manager.home().spool();
        let spool = Spool::create(Some(folder)).await.map_err(|err| to_object_store(err, path))?;
        Ok(Upload::new(path.clone(), spool, Arc::new(self.clone())))
    }

    /// Gives the content of `from` this name too. Its bytes are read, and so verified; copies that are there already stay.
    pub(super) async fn copy(&self, from: &Path, to: &Path) -> object_store::Result<()> {
        self.admit(to, true)?;
        let body = self.read(from, GetOptions::default()).await?.into_stream().map_err(from_object_store).boxed();
        self.add(to, body).await.map(drop)
    }

    fn admit(&self, path: &Path, plain: bool) -> object_store::Result<()> {
        match (&self.targets, plain) {
            (None, _) => Err(unsupported("put: it was opened for reading", path)),
            (_, false) => Err(not_implemented("attributes", WHO)),
            _ if path.is_root() => {
                Err(to_object_store(Error::new(ErrorKind::InvalidInput, "a name cannot be empty"), path))
            }
            _ => Ok(()),
        }
    }

    async fn add(&self, path: &Path, body: ByteStream) -> object_store::Result<PutResult> {
        let to = self.targets.iter().flat_map(|it| it.iter().cloned()).collect();
        let request = AddRequest { to, name: Some(path.to_string()), ..AddRequest::default() };
        let receipt = added(self.manager.clone(), body, request).await;
        let receipt = receipt.map_err(|err| to_object_store(err, path))?;
        let extensions = object_store::Extensions::default();
        Ok(PutResult { e_tag: Some(receipt.cid.to_string()), version: None, extensions })
    }
}

/// Adds on a thread of its own: the compiler cannot prove that the manager's future may change its thread, and object_store wants one that may. When
/// nobody waits any more, the add is dropped as it would be here.
async fn added(manager: Manager, body: ByteStream, request: AddRequest) -> Result<Receipt> {
    let (waiting, gone) = oneshot::channel::<()>();
    let runtime = Handle::current();
    let work = move || {
        runtime.block_on(async move {
            let add = pin!(manager.add(Input::Stream(body), &request));
            match select(add, gone).await {
                Either::Left((receipt, _)) => receipt,
                Either::Right(_) => Err(Error::new(ErrorKind::Internal, "nobody waits for this add any more")),
            }
        })
    };
    let done = tokio::task::spawn_blocking(work).await;
    drop(waiting);
    done.map_err(|err| Error::new(ErrorKind::Internal, "a blocking task did not come back").with_source(err))?
}

#[async_trait]
impl Finish for NamespaceStore {
    async fn finish(&self, path: &Path, spooled: Spooled) -> object_store::Result<PutResult> {
        self.add(path, spooled.stream()).await
    }
}
