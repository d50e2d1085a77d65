//! One backend as an object store.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{Addressing, Backend, Error, ErrorKind, Info, Result};
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, RenameOptions,
};

use crate::parts::Begun;

/// A backend of keys as an [`ObjectStore`]. Cheap to clone: clones share.
///
/// Conditions, ranges, versions and metadata are there where the backend offers them, and are refused elsewhere (`NotImplemented` for a put,
/// `NotSupported` for the rest). What ipfs-kit keeps for itself, under `.ipfs-kit/`, is neither seen nor touched.
#[derive(Debug, Clone)]
pub struct BackendStore {
    pub(crate) core: Arc<Core>,
    /// Uploads that were begun through [`MultipartStore`](object_store::multipart::MultipartStore).
    pub(crate) begun: Arc<Begun>,
}

/// What the verbs work with.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) spool: Option<PathBuf>,
}

impl Core {
    pub(crate) fn info(&self) -> &Info {
        self.backend.info()
    }
}

impl BackendStore {
    /// `backend` as an object store. Uploads in parts are put aside where the system puts temporary files.
    ///
    /// # Errors
    /// `InvalidConfig` when the backend does not name content by key.
    pub fn new(backend: Arc<dyn Backend>) -> Result<Self> {
        Self::open(backend, None)
    }

    /// The same, with uploads in parts put aside in `folder`, which must have room for the largest of them.
    ///
    /// # Errors
    /// As [`BackendStore::new`].
    pub fn spooling_in(backend: Arc<dyn Backend>, folder: impl Into<PathBuf>) -> Result<Self> {
        Self::open(backend, Some(folder.into()))
    }

    fn open(backend: Arc<dyn Backend>, spool: Option<PathBuf>) -> Result<Self> {
        let info = backend.info();
        if info.addressing != Addressing::Key {
            let why = format!("{} does not name content by key: it has no paths", info.name);
            return Err(Error::new(ErrorKind::InvalidConfig, why));
        }
        Ok(Self { core: Arc::new(Core { backend, spool }), begun: Arc::default() })
    }

    /// The backend.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.core.backend
    }
}

impl fmt::Display for BackendStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BackendStore({})", self.core.info().name)
    }
}

#[async_trait]
impl ObjectStore for BackendStore {
    async fn put_opts(&self, path: &Path, data: PutPayload, opts: PutOptions) -> object_store::Result<PutResult> {
        self.core.put(path, data, opts).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(self.core.begin(path, opts).await?))
    }

    async fn get_opts(&self, path: &Path, opts: GetOptions) -> object_store::Result<GetResult> {
        self.core.get(path, opts).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.core.delete_all(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.core.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.core.list_level(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, opts: CopyOptions) -> object_store::Result<()> {
        self.core.copy(from, to, opts.mode).await.map(drop)
    }

    async fn rename_opts(&self, from: &Path, to: &Path, opts: RenameOptions) -> object_store::Result<()> {
        self.core.rename(from, to, opts.target_mode).await
    }
}
