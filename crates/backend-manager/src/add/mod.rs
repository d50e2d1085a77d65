//! Adding: name, intent, bytes, evidence, in this order.

mod batch;
mod car;
mod intent;
mod place;
mod targets;
mod tree;
mod want;
mod within;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backend_core::{ByteStream, Content, DigestKind, Error, ErrorKind, Key, Open, Result};
use ipld::profile::{Profile, UNIXFS_V1_2025};

pub(crate) use batch::{Item, Leases, Placed, give_up, keep};
pub(crate) use car::name_stream;
pub(crate) use intent::outboard;
pub(crate) use place::{Job as Sending, Parts};
pub(crate) use targets::Targets;
pub(crate) use tree::{Nothing, Sent, distinct, folder_item};
pub(crate) use within::let_go;

use crate::desired::Traits;
use crate::manager::Manager;
use crate::naming::{self, FileSource, Fingerprint, Job, Named};
use crate::trouble;
use crate::views::{Activity, ContentKind, Receipt};

/// What is to be added.
pub enum Input {
    /// A file or a folder of this machine.
    Path(PathBuf),
    /// Bytes that come once, of any length.
    Stream(ByteStream),
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Input::Path(path) => write!(f, "Path({path:?})"),
            Input::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// Where content lies on stores whose names we choose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Place {
    /// Where its CID says.
    #[default]
    Own,
    /// One file, under this key.
    Key(Key),
    /// Each file of a folder, under this text and its path in the folder.
    Under(String),
}

/// What becomes of other content that lies under a user's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// It is replaced.
    #[default]
    Replace,
    /// It stays, and the target is refused.
    Keep,
}

/// How to add.
#[derive(Debug, Clone)]
pub struct AddRequest {
    /// On which backends; empty: as its policy says.
    pub to: Vec<String>,
    /// Under which policy it is kept; `None`: under the one that fits.
    pub policy: Option<String>,
    /// What is noted with its name.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Under which name it shows in listings; a path's last part by default.
    pub name: Option<String>,
    /// Where on stores whose names we choose; others refuse anything but their own place.
    pub place: Place,
    /// What becomes of what lies under a user's key.
    pub existing: Existing,
    /// How the DAG is built.
    pub profile: Profile,
    /// Whether names that begin with a dot are taken too.
    pub hidden: bool,
    /// Is told how far it is.
    pub activity: Activity,
}

impl Default for AddRequest {
    fn default() -> Self {
        Self {
            to: Vec::new(),
            policy: None,
            labels: std::collections::BTreeMap::new(),
            name: None,
            place: Place::Own,
            existing: Existing::Replace,
            profile: UNIXFS_V1_2025,
            hidden: false,
            activity: Activity::default(),
        }
    }
}

/// Content that has its name and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub cid: ipld::Cid,
    /// Plain bytes.
    pub size: u64,
    /// How many files.
    pub files: u64,
    /// File or directory.
    pub kind: ContentKind,
}

/// Sets the flag when dropped: blocking work whose caller has gone stops at its next look.
pub(crate) struct StopOnDrop(pub(crate) Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Manager {
    /// Adds content and says, target by target, what came of it.
    ///
    /// # Errors
    /// When not one target has it. A receipt that is partial is not an error.
    pub async fn add(&self, input: Input, request: &AddRequest) -> Result<Receipt> {
        let is_folder = matches!(&input, Input::Path(path) if is_folder(path)?);
        fits(&request.place, is_folder)?;
        let targets = Box::pin(self.targets(request, traits(&input, request))).await?;
        let namer = Namer { request, spool: self.spool_folder(), digests: targets.needs() };
        match input {
            Input::Path(path) if is_folder => Box::pin(self.add_tree(&path, &namer, targets)).await,
            Input::Path(path) => {
                let name = request.name.clone().or_else(|| last_part(&path));
                Box::pin(self.add_file(namer.path(&path).await?, name, request, targets)).await
            }
            Input::Stream(stream) => {
                Box::pin(self.add_file(namer.stream(stream).await?, request.name.clone(), request, targets)).await
            }
        }
    }
}

/// Only the name: nothing is stored, no home is needed, and no backend is opened. A stream is put aside in the system's temporary folder.
///
/// # Errors
/// What reading the input answers.
pub async fn name(input: Input, request: &AddRequest) -> Result<Name> {
    let namer = Namer { request, spool: std::env::temp_dir(), digests: Vec::new() };
    let content = match input {
        Input::Path(path) if is_folder(&path)? => return namer.folder(&path).await,
        Input::Path(path) => namer.path(&path).await?,
        Input::Stream(stream) => namer.stream(stream).await?,
    };
    Ok(Name { cid: *content.cid(), size: content.len(), files: 1, kind: kind_of(&content) })
}

/// What a stream brings, put aside and named.
///
/// # Errors
/// The stream's own; what the disk answers.
pub(crate) async fn spooled(stream: ByteStream, spool: PathBuf, digests: Vec<DigestKind>) -> Result<Content> {
    let request = AddRequest::default();
    Namer { request: &request, spool, digests }.stream(stream).await
}

/// How what is met gets its name.
pub(crate) struct Namer<'a> {
    pub(crate) request: &'a AddRequest,
    /// Where streams and many nodes are put aside.
    pub(crate) spool: PathBuf,
    /// Which digests of whole files some target needs.
    pub(crate) digests: Vec<DigestKind>,
}

impl Namer<'_> {
    async fn path(&self, path: &Path) -> Result<Content> {
        let file = naming::open(path).or_else(|err| follow(path, err))?;
        let meta = file.metadata().map_err(|err| trouble::file("look at", path, err))?;
        if !meta.is_file() {
            let text = format!("{} is not a regular file; its bytes can be piped in (-)", trouble::shown(path));
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let path = std::path::absolute(path).map_err(|err| trouble::file("find", path, err))?;
        self.open(file, path, (meta.len(), Some(Fingerprint::of(&meta)))).await
    }

    pub(crate) async fn stream(&self, stream: ByteStream) -> Result<Content> {
        let (file, len) = naming::spool(stream, &self.spool).await?;
        let path = naming::path_of(&file);
        self.open(file, path, (len, None)).await
    }

    async fn open(&self, file: File, path: PathBuf, (len, fingerprint): (u64, Option<Fingerprint>)) -> Result<Content> {
        self.request.activity.announce(len);
        let cancelled = Arc::new(AtomicBool::new(false));
        let _stop = StopOnDrop(cancelled.clone());
        let (progress, profile) = (self.request.activity.named.clone(), self.request.profile);
        let (digests, spool) = (self.digests.clone(), self.spool.clone());
        let file = Arc::new(file);
        let (opened, shown) = (file.clone(), path.clone());
        let work = move || {
            let (file, path, cancelled) = (&*opened, &*shown, &*cancelled);
            let (digests, progress, spool) = (&*digests, &progress, &*spool);
            let job = Job { file, path, len, profile, digests, progress, cancelled, spool };
            naming::name_file(&job, naming::threads())
        };
        let named = tokio::task::spawn_blocking(work).await.map_err(trouble::lost)??;
        Ok(content(Some(file), path, fingerprint, named))
    }
}

/// A named file as content.
pub(crate) fn content(
    file: Option<Arc<File>>,
    path: PathBuf,
    fingerprint: Option<Fingerprint>,
    named: Named,
) -> Content {
    let Named { entry, dag, digests } = named;
    let source: Arc<dyn Open> =
        Arc::new(FileSource::new(file, path, fingerprint, (entry.cid, entry.size, dag.clone())));
    Content::file(ipld::address::to_v1(&entry.cid), entry.size, dag, source).with_digests(digests)
}

pub(crate) fn kind_of(content: &Content) -> ContentKind {
    if content.dag().is_empty() { ContentKind::Raw } else { ContentKind::File }
}

/// What is known before anything is read. Of a folder and of a stream no size is.
fn traits(input: &Input, request: &AddRequest) -> Traits {
    let (name, size) = match input {
        Input::Path(path) => {
            let meta = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file);
            (last_part(path), meta.map(|it| it.len()))
        }
        Input::Stream(_) => (None, None),
    };
    Traits { name: request.name.clone().or(name), size, labels: request.labels.clone() }
}

/// A key is of one file, a prefix of many.
fn fits(place: &Place, is_folder: bool) -> Result<()> {
    match (place, is_folder) {
        (Place::Key(_), true) => {
            Err(Error::new(ErrorKind::InvalidInput, "a folder lies under a prefix, not under one key"))
        }
        (Place::Under(_), false) => {
            Err(Error::new(ErrorKind::InvalidInput, "a file lies under a key; a prefix is for folders"))
        }
        _ => Ok(()),
    }
}

fn is_folder(path: &Path) -> Result<bool> {
    Ok(std::fs::metadata(path).map_err(|err| trouble::file("find", path, err))?.is_dir())
}

/// A symbolic link that the user names is followed; the ones inside of a folder are not.
fn follow(path: &Path, err: backend_core::Error) -> Result<File> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => {
            let real = std::fs::canonicalize(path).map_err(|err| trouble::file("follow", path, err))?;
            naming::open(&real)
        }
        _ => Err(err),
    }
}

pub(crate) fn last_part(path: &Path) -> Option<String> {
    let path = std::path::absolute(path).ok()?;
    path.file_name().map(|name| name.to_string_lossy().into_owned())
}
