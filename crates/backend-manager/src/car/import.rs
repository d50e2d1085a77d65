//! Bringing an archive in: its roots are added as they are, whatever cut them, with every name that they have.

use std::collections::HashSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use backend_core::{Content, Dag, Error, ErrorKind, Result};
use ipld::profile::{Profile, UNIXFS_V1_2025};
use ipld::{Cid, address};
use tokio::sync::mpsc;

use super::archive::{Archive, Reading};
use super::source;
use super::survey::{self, Shape, Total};
use crate::add::{
    AddRequest, Existing, Input, Item, Nothing, Place, Sent, StopOnDrop, Targets, distinct, folder_item, kind_of,
};
use crate::desired::Traits;
use crate::manager::Manager;
use crate::naming::{self, Fingerprint, with_digests};
use crate::trouble;
use crate::views::Receipt;

/// Files that are stored at a time, and groups of them that are looked at ahead.
const GROUP: usize = 256;
const AHEAD: usize = 2;
/// Nobody knows how what is in an archive was cut.
const UNKNOWN: Profile = Profile { id: 0, name: "", ..UNIXFS_V1_2025 };

impl Manager {
    /// Reads an archive (CARv1 or CARv2) from end to end. Nothing is stored of it yet; a stream is put aside.
    ///
    /// # Errors
    /// `Integrity` for what is no archive, is cut off, has a block that does not hash to its name, or lacks a block below a root; `Unsupported` for graphs
    /// that are not UnixFS; `InvalidInput` for an archive without roots; `TooLarge` for one that is larger than any of ours.
    pub async fn archive(&self, input: Input, request: &AddRequest) -> Result<Archive> {
        let (file, path, len, fingerprint) = match input {
            Input::Path(path) => opened(path)?,
            Input::Stream(stream) => {
                let (file, len) = naming::spool(stream, &self.spool_folder()).await?;
                let path = naming::path_of(&file);
                (file, path, len, None)
            }
        };
        let cancelled = Arc::new(AtomicBool::new(false));
        let _stop = StopOnDrop(cancelled.clone());
        let progress = request.activity.named.clone();
        request.activity.announce(len);
        let work = move || {
            let (progress, cancelled) = (&progress, &*cancelled);
            let archive = Archive::read(Reading { file, path, len, fingerprint, progress, cancelled })?;
            let mut met = HashSet::new();
            archive.roots().iter().try_for_each(|root| survey::complete(&archive, root, &mut met))?;
            Ok(archive.with_unused(met.len()))
        };
        tokio::task::spawn_blocking(work).await.map_err(trouble::lost)?
    }

    /// Adds one root of an archive, which keeps its name and those of all its blocks. Of `request`, `profile` and `hidden` mean nothing here.
    ///
    /// # Errors
    /// `InvalidInput` for a place that is not the content's own; otherwise as [`Manager::add`].
    pub async fn add_archived(&self, archive: &Archive, root: &Cid, request: &AddRequest) -> Result<Receipt> {
        if request.place != Place::Own {
            return Err(Error::new(ErrorKind::InvalidInput, "what is in an archive lies where its CID says"));
        }
        let request = AddRequest { profile: UNKNOWN, ..request.clone() };
        let traits = Traits { name: request.name.clone(), size: None, labels: request.labels.clone() };
        let targets = Box::pin(self.targets(&request, traits)).await?;
        let (looked, cid, spool) = (archive.clone(), *root, self.spool_folder());
        let shape =
            tokio::task::spawn_blocking(move || survey::shape(&looked, &cid)).await.map_err(trouble::lost)??;
        match shape {
            Shape::Folder => Box::pin(self.add_archived_folder(archive, root, &request, targets)).await,
            Shape::File => {
                let looked = archive.clone();
                let file = tokio::task::spawn_blocking(move || survey::file(&looked, &cid, &spool));
                let content = with_digests(file.await.map_err(trouble::lost)??, &targets.needs()).await?;
                Box::pin(self.add_file(content, request.name.clone(), &request, targets)).await
            }
        }
    }

    async fn add_archived_folder(
        &self,
        archive: &Archive,
        root: &Cid,
        request: &AddRequest,
        targets: Targets,
    ) -> Result<Receipt> {
        let targets = targets.for_a_folder()?;
        let (singles, owner, needs) = (targets.singles(), self.own_pin(), targets.needs());
        let (mut files, task) = self.files_of(archive, root);
        let mut sent = Sent::default();
        while let Some(group) = files.recv().await {
            let mut items = Vec::with_capacity(group.len());
            for content in group {
                items.push(item(with_digests(content, &needs).await?));
            }
            let batch = self.store(&distinct(items), &singles, &owner, &request.activity.stored).await?;
            sent.numbers.extend(batch.numbers);
            sent.failures.note(batch.receipts);
        }
        let total = task.await.map_err(trouble::lost)??;
        let wants_whole = !targets.wholes().is_empty();
        let (folders, all) = self.nodes_of(archive, root, wants_whole).await?;
        let cid = address::to_v1(root);
        let whole = all.map(|all| Content::tree(cid, total.bytes, all.clone(), source::of_folder(archive, *root, all)));
        let content = Content::tree(cid, total.bytes, folders, Arc::new(Nothing));
        let item = folder_item(content, whole, request.name.clone(), request);
        self.add_root(item, (total.bytes, total.files), sent, targets, request).await
    }

    /// The files of a folder, each once, in groups; and what all together are.
    fn files_of(&self, archive: &Archive, root: &Cid) -> (mpsc::Receiver<Vec<Content>>, Task<Total>) {
        let (tx, files) = mpsc::channel(AHEAD);
        let (archive, root, spool) = (archive.clone(), *root, self.spool_folder());
        let work = move || {
            let given_up = |_| Error::new(ErrorKind::Internal, "given up");
            let mut group = Vec::with_capacity(GROUP);
            let total = survey::folder(&archive, &root, |cid| {
                group.push(survey::file(&archive, cid, &spool)?);
                match group.len() < GROUP {
                    true => Ok(()),
                    false => tx.blocking_send(std::mem::take(&mut group)).map_err(given_up),
                }
            })?;
            if !group.is_empty() {
                tx.blocking_send(group).map_err(given_up)?;
            }
            Ok(total)
        };
        (files, tokio::task::spawn_blocking(work))
    }

    /// The nodes of the folders alone, and, if they are wanted, all inner nodes.
    async fn nodes_of(&self, archive: &Archive, root: &Cid, all: bool) -> Result<(Dag, Option<Dag>)> {
        let (archive, root, spool) = (archive.clone(), *root, self.spool_folder());
        let work = move || {
            let folders = survey::nodes(&archive, &root, &spool, survey::is_of_folders)?;
            let all = all.then(|| survey::nodes(&archive, &root, &spool, |_| true)).transpose()?;
            Ok((folders, all))
        };
        tokio::task::spawn_blocking(work).await.map_err(trouble::lost)?
    }
}

type Task<T> = tokio::task::JoinHandle<Result<T>>;

/// A file is read where it lies; whatever else has a path is put through a pipe by its owner.
fn opened(path: PathBuf) -> Result<(File, PathBuf, u64, Option<Fingerprint>)> {
    let file = File::open(&path).map_err(|err| trouble::file("open", &path, err))?;
    let meta = file.metadata().map_err(|err| trouble::file("look at", &path, err))?;
    if !meta.is_file() {
        let text = format!("{} is not a regular file; its bytes can be piped in (-)", trouble::shown(&path));
        return Err(Error::new(ErrorKind::InvalidInput, text));
    }
    let path = std::path::absolute(&path).map_err(|err| trouble::file("find", &path, err))?;
    Ok((file, path, meta.len(), Some(Fingerprint::of(&meta))))
}

fn item(content: Content) -> Item {
    let kind = kind_of(&content);
    Item {
        content,
        kind,
        profile: UNKNOWN,
        key: None,
        whole: None,
        existing: Existing::Replace,
        name: None,
        look: false,
    }
}
