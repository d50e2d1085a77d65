//! Walks a folder and names everything in it: files as they are met, directories when all of theirs are named.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use backend_core::{Dag, DigestKind, Error, ErrorKind, Progress, Result};
use ipld::import::{self, DirectoryBuilder, Entry};
use ipld::profile::Profile;

use super::file::{Job, Named, name_file, threads};
use super::fingerprint::Fingerprint;
use super::nodes::NodeSpool;
use crate::trouble;

/// Files that are named, and handed on, at a time.
const GROUP: usize = 256;
/// A file of more bytes is hashed by all cores; smaller ones are shared out, a file a core.
const LARGE: u64 = 8 << 20;
/// Folders inside of one another.
const DEPTH: usize = 1024;

/// A file that was named.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) named: Named,
}

/// A folder that was named: the nodes of all its directories and symbolic links.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) entry: Entry,
    pub(crate) dag: Dag,
    pub(crate) files: u64,
}

/// How to walk, and whom to tell.
#[derive(Debug)]
pub(crate) struct Visitor<F> {
    pub(crate) how: How,
    /// Is given the files, up to 256 at a time, in the order of the walk.
    pub(crate) found: F,
}

/// How to name what is met.
#[derive(Debug)]
pub(crate) struct How {
    pub(crate) profile: Profile,
    /// Whether names that begin with a dot are taken too.
    pub(crate) hidden: bool,
    pub(crate) digests: Vec<DigestKind>,
    pub(crate) progress: Progress,
    pub(crate) cancelled: Arc<AtomicBool>,
    pub(crate) spool: PathBuf,
}

/// Walks `root`. Blocking. Symbolic links are kept as such and never followed.
///
/// # Errors
/// `InvalidInput` for what is neither file, folder nor symbolic link; what reading answers; what `found` answers.
pub(crate) fn walk<F>(root: &Path, visitor: Visitor<F>) -> Result<Tree>
where
    F: FnMut(Vec<Found>) -> Result<()>,
{
    let nodes = NodeSpool::new(&visitor.how.spool);
    let mut walk = Walk { visitor, nodes, files: 0 };
    let entry = walk.folder(root, 0)?;
    let dag = walk.nodes.finish(&entry.cid)?;
    Ok(Tree { entry, dag, files: walk.files })
}

struct Walk<F> {
    visitor: Visitor<F>,
    nodes: NodeSpool,
    files: u64,
}

enum Met {
    File(OsString, u64),
    Folder(OsString),
    Link(OsString),
}

impl<F: FnMut(Vec<Found>) -> Result<()>> Walk<F> {
    fn folder(&mut self, path: &Path, depth: usize) -> Result<Entry> {
        if DEPTH < depth {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("more than {DEPTH} folders inside of one another"),
            ));
        }
        let names = self.names(path)?;
        let mut builder = DirectoryBuilder::new(self.visitor.how.profile);
        for group in names.chunks(GROUP) {
            self.group(path, group, depth, &mut builder)?;
        }
        drop(names);
        let mut failed = None;
        let entry = builder.finish(&mut |block| {
            if let Err(err) = self.nodes.push(block) {
                failed.get_or_insert(err);
            }
        });
        failed.map_or(entry.map_err(trouble::ipld), Err)
    }

    fn names(&self, path: &Path) -> Result<Vec<OsString>> {
        let failed = |err| trouble::file("list", path, err);
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if self.visitor.how.hidden || !name.as_bytes().starts_with(b".") {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn group(&mut self, path: &Path, names: &[OsString], depth: usize, into: &mut DirectoryBuilder) -> Result<()> {
        let mut files = Vec::new();
        for name in names {
            let path = path.join(name);
            match met(&path, name)? {
                Met::File(name, len) => files.push((name, len)),
                Met::Folder(name) => {
                    let entry = self.folder(&path, depth + 1)?;
                    into.add(name.as_bytes(), entry).map_err(trouble::ipld)?;
                }
                Met::Link(name) => {
                    let target = fs::read_link(&path).map_err(|err| trouble::file("read the link", &path, err))?;
                    let (entry, block) =
                        import::symlink(&self.visitor.how.profile, &target.into_os_string().into_vec());
                    self.nodes.push(block)?;
                    into.add(name.as_bytes(), entry).map_err(trouble::ipld)?;
                }
            }
        }
        let paths: Vec<(PathBuf, u64)> = files.iter().map(|(name, len)| (path.join(name), *len)).collect();
        let found = self.visitor.how.each(&paths).into_iter().collect::<Result<Vec<Found>>>()?;
        for (found, (name, _)) in found.iter().zip(&files) {
            into.add(name.as_bytes(), found.named.entry).map_err(trouble::ipld)?;
        }
        self.files += found.len() as u64;
        if found.is_empty() { Ok(()) } else { (self.visitor.found)(found) }
    }
}

impl How {
    /// Names files in their order: small ones in parallel, large ones each by all cores. Blocking.
    pub(crate) fn each(&self, files: &[(PathBuf, u64)]) -> Vec<Result<Found>> {
        let lanes = threads().min(files.len().max(1));
        let small = |lane: usize| -> Vec<(usize, Result<Found>)> {
            let mine = files.iter().enumerate().skip(lane).step_by(lanes);
            mine.filter(|(_, (_, len))| *len <= LARGE).map(|(at, (path, _))| (at, self.one(path, 1))).collect()
        };
        let mut found: Vec<Option<Result<Found>>> = files.iter().map(|_| None).collect();
        std::thread::scope(|scope| {
            let lanes: Vec<_> = (1..lanes).map(|lane| scope.spawn(move || small(lane))).collect();
            let mine = small(0);
            let theirs = lanes.into_iter().flat_map(|lane| lane.join().unwrap_or_default());
            for (at, named) in mine.into_iter().chain(theirs) {
                found[at] = Some(named);
            }
        });
        let each = found.into_iter().zip(files);
        each.map(|(found, (path, _))| found.unwrap_or_else(|| self.one(path, threads()))).collect()
    }

    fn one(&self, path: &Path, threads: usize) -> Result<Found> {
        let it = self;
        let file = open(path)?;
        let meta = file.metadata().map_err(|err| trouble::file("look at", path, err))?;
        let job = Job {
            file: &file,
            path,
            len: meta.len(),
            profile: it.profile,
            digests: &it.digests,
            progress: &it.progress,
            cancelled: &it.cancelled,
            spool: &it.spool,
        };
        let named = name_file(&job, threads)?;
        Ok(Found { path: path.to_owned(), fingerprint: Fingerprint::of(&meta), named })
    }
}

fn met(path: &Path, name: &OsString) -> Result<Met> {
    let meta = fs::symlink_metadata(path).map_err(|err| trouble::file("look at", path, err))?;
    let kind = meta.file_type();
    match (kind.is_dir(), kind.is_symlink(), kind.is_file()) {
        (true, ..) => Ok(Met::Folder(name.clone())),
        (_, true, _) => Ok(Met::Link(name.clone())),
        (.., true) => Ok(Met::File(name.clone(), meta.len())),
        _ => Err(Error::new(
            ErrorKind::InvalidInput,
            format!("{} is neither file, folder nor symbolic link", trouble::shown(path)),
        )),
    }
}

/// Opens a user's file for reading. Not through a symbolic link that took the file's place, and never waiting for a pipe's other end.
pub(crate) fn open(path: &Path) -> Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty());
    opened.map(File::from).map_err(|err| trouble::file("open", path, err.into()))
}
