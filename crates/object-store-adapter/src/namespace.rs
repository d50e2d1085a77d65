//! A manager's names as an object store: every byte is verified before it is handed over, and the etag of an object is its CID.
//!
//! A path is a name, or a name of a directory and a path in it; the longest name counts. Names and entries that are no path (not text, control
//! characters, empty segments) are not seen.

mod find;
mod met;
mod walk;
mod write;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{ByteRange, Error};
use backend_manager::{Manager, Trouble};
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyMode, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
};

use crate::error::to_object_store;
use crate::read::{invalid_range, result};
use met::Met;

/// What object_store's errors call it.
const WHO: &str = "a namespace";

/// A manager's namespace as an [`ObjectStore`]. Cheap to clone: clones share.
///
/// It reads, and adds when it was told where ([`NamespaceStore::adding_to`]). It removes nothing: what becomes of content that nobody wants any more
/// is the manager's decision. The [`ReadReport`](backend_manager::ReadReport) of a read is among the extensions of its result.
#[derive(Debug, Clone)]
pub struct NamespaceStore {
    pub(crate) manager: Manager,
    /// On which backends is added; `None`: nothing is.
    pub(crate) targets: Option<Arc<[String]>>,
    met: Met,
}

impl NamespaceStore {
    /// The names of `manager`, to be read.
    pub fn new(manager: Manager) -> Self {
        Self { manager, targets: None, met: Met::default() }
    }

    /// The names of `manager`, to be read and added to. New content goes to the backends `to`; when there is none of them, where the manager's default
    /// policy says.
    pub fn adding_to(manager: Manager, to: impl IntoIterator<Item = String>) -> Self {
        Self { targets: Some(to.into_iter().collect()), ..Self::new(manager) }
    }

    /// What reads have met so far, over all of them: copies that failed where another one had the right bytes, or where none had. The newest 1000.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.met.troubles()
    }

    async fn read(&self, path: &Path, opts: GetOptions) -> object_store::Result<GetResult> {
        let failed = |err| to_object_store(err, path);
        if opts.version.is_some() {
            return Err(failed(Error::unsupported("versions", WHO)));
        }
        let found = self.find(path).await.map_err(failed)?;
        let size = self.size(&found).await.map_err(failed)?;
        let meta = found.object(path, size);
        opts.check_preconditions(&meta)?;
        let range = match &opts.range {
            Some(range) => range.as_range(size).map_err(|err| failed(invalid_range(err)))?,
            None => 0..size,
        };
        if opts.head || (range.is_empty() && opts.range.is_some()) {
            return Ok(result(meta, range, Attributes::default(), stream::empty().boxed()));
        }
        let wanted = opts.range.is_some().then(|| ByteRange::from(range.clone()));
        let reading = self.manager.read(&found.target, wanted).await.map_err(failed)?;
        let (report, path) = (reading.report.clone(), path.clone());
        let body = self.met.listen(reading.body, report.clone());
        let body = body.map(move |frame| frame.map_err(|err| to_object_store(err, &path))).boxed();
        let mut result = result(meta, reading.range, Attributes::default(), body);
        result.extensions.insert(report);
        Ok(result)
    }
}

impl fmt::Display for NamespaceStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NamespaceStore")
    }
}

#[async_trait]
impl ObjectStore for NamespaceStore {
    async fn put_opts(&self, path: &Path, data: PutPayload, opts: PutOptions) -> object_store::Result<PutResult> {
        self.put(path, data, opts).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(self.begin(path, &opts).await?))
    }

    async fn get_opts(&self, path: &Path, opts: GetOptions) -> object_store::Result<GetResult> {
        self.read(path, opts).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        paths.map(|path| path.and_then(|path| Err(unsupported("delete", &path)))).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.objects(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.level(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, opts: CopyOptions) -> object_store::Result<()> {
        match opts.mode {
            CopyMode::Overwrite => self.copy(from, to).await,
            CopyMode::Create => Err(unsupported("a copy that does not overwrite", to)),
        }
    }

    async fn rename_opts(&self, from: &Path, _: &Path, _: RenameOptions) -> object_store::Result<()> {
        Err(unsupported("rename", from))
    }
}

fn unsupported(what: &'static str, path: &Path) -> object_store::Error {
    to_object_store(Error::unsupported(what, WHO), path)
}
