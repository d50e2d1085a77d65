//! Uploads in numbered parts, known by an id: [`MultipartStore`], for callers that number and retry parts themselves.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use backend_core::{Error, ErrorKind};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{MultipartId, PutMultipartOptions, PutPayload, PutResult};

use crate::error::to_object_store;
use crate::spool::{Place, Spool};
use crate::store::BackendStore;
use crate::upload::Finish;
use crate::write::FinishByAdd;

/// Uploads at a time: each holds a file open until it is completed or aborted.
const MAX_UPLOADS: usize = 256;

/// Uploads that were begun. They live as long as this process.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    uploads: Mutex<HashMap<MultipartId, Arc<Numbered>>>,
    next: AtomicU64,
}

#[derive(Debug)]
struct Numbered {
    path: Path,
    spool: Arc<Spool>,
    finish: FinishByAdd,
}

impl Begun {
    fn lock(&self) -> MutexGuard<'_, HashMap<MultipartId, Arc<Numbered>>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, upload: Numbered) -> object_store::Result<MultipartId> {
        let mut uploads = self.lock();
        if MAX_UPLOADS <= uploads.len() {
            let why = "too many uploads are under way: complete or abort some";
            return Err(to_object_store(Error::new(ErrorKind::QuotaExceeded, why), &upload.path));
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        uploads.insert(id.clone(), Arc::new(upload));
        Ok(id)
    }

    fn find(&self, path: &Path, id: &MultipartId) -> object_store::Result<Arc<Numbered>> {
        let found = self.lock().get(id).filter(|it| it.path == *path).cloned();
        let unknown = || Error::new(ErrorKind::NotFound, "there is no such upload to this path");
        found.ok_or_else(|| to_object_store(unknown(), path))
    }
}

fn part_id(place: Place) -> PartId {
    PartId { content_id: format!("{}+{}", place.at, place.len) }
}

fn place(id: &PartId) -> Option<Place> {
    let (at, len) = id.content_id.split_once('+')?;
    Some(Place { at: at.parse().ok()?, len: len.parse().ok()? })
}

#[async_trait]
impl MultipartStore for BackendStore {
    async fn create_multipart(&self, path: &Path) -> object_store::Result<MultipartId> {
        self.create_multipart_opts(path, PutMultipartOptions::default()).await
    }

    async fn create_multipart_opts(&self, path: &Path, opts: PutMultipartOptions) -> object_store::Result<MultipartId> {
        let finish = self.core.finish(path, &opts)?;
        let spool = self.core.spool(path).await?;
        self.begun.insert(Numbered { path: path.clone(), spool, finish })
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        number: usize,
        data: PutPayload,
    ) -> object_store::Result<PartId> {
        let failed = |err| to_object_store(err, path);
        let spool = self.begun.find(path, id)?.spool.clone();
        let place = spool.reserve(number, data.content_length() as u64).map_err(failed)?;
        spool.write(number, place, data).await.map_err(failed)?;
        Ok(part_id(place))
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> object_store::Result<PutResult> {
        let upload = self.begun.find(path, id)?;
        let places: Option<Vec<Place>> = parts.iter().map(place).collect();
        let unknown = || Error::new(ErrorKind::InvalidInput, "a part has an id that was not given here");
        let spooled = places.ok_or_else(unknown).and_then(|places| upload.spool.parts(&places));
        let done = upload.finish.finish(path, spooled.map_err(|err| to_object_store(err, path))?).await?;
        self.begun.lock().remove(id);
        Ok(done)
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> object_store::Result<()> {
        self.begun.find(path, id)?;
        self.begun.lock().remove(id);
        Ok(())
    }
}
