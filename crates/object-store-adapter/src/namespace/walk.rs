//! Listing names, and what lies in the directories among them.

use std::collections::BTreeSet;
use std::time::SystemTime;

use backend_core::{Error, ErrorKind, Result};
use backend_manager::{Cid, ContentKind, DirectoryEntry, Kind, Listed};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta};

use super::NamespaceStore;
use super::find::{MAX_DEPTH, object};
use crate::error::to_object_store;
use crate::location;

/// Directories that wait to be walked.
const MAX_PENDING: usize = 100_000;

enum Line {
    Object(ObjectMeta),
    Prefix(Path),
}

type Lines = BoxStream<'static, Result<Line>>;

/// A directory, and how it is reached.
#[derive(Debug, Clone)]
struct Directory {
    path: Path,
    cid: Cid,
    at: SystemTime,
    depth: usize,
    /// Whether another name may say something else of a path in it.
    shadowed: bool,
}

impl NamespaceStore {
    pub(super) fn objects(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let at = prefix.cloned().unwrap_or_default();
        let objects = self.lines(&at, false).try_filter_map(|line| async move {
            match line {
                Line::Object(meta) => Ok(Some(meta)),
                Line::Prefix(_) => Ok(None),
            }
        });
        objects.map_err(move |err| to_object_store(err, &at)).boxed()
    }

    pub(super) async fn level(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        let at = prefix.cloned().unwrap_or_default();
        let mut lines = self.lines(&at, true).map_err(|err| to_object_store(err, &at));
        let (mut objects, mut prefixes) = (Vec::new(), BTreeSet::new());
        while let Some(line) = lines.try_next().await? {
            match line {
                Line::Object(meta) => objects.push(meta),
                Line::Prefix(path) => drop(prefixes.insert(path)),
            }
        }
        let extensions = object_store::Extensions::default();
        Ok(ListResult { common_prefixes: prefixes.into_iter().collect(), objects, extensions })
    }

    /// Names below the prefix, then what lies in the directories that the prefix itself leads to.
    fn lines(&self, prefix: &Path, shallow: bool) -> Lines {
        let below = location::below(Some(prefix));
        let (store, text) = (self.clone(), below.clone());
        let named = self.manager.names(&below).map_ok(move |named| store.named_lines(named, &text, shallow));
        let (store, prefix) = (self.clone(), prefix.clone());
        let inside = stream::once(async move {
            let directories = store.directories(&prefix).await?;
            let walks = directories.into_iter().map(move |it| store.walk(it, shallow));
            Ok::<_, Error>(stream::iter(walks).flatten())
        });
        named.try_flatten().chain(inside.try_flatten()).boxed()
    }

    fn named_lines(&self, named: Listed, below: &str, shallow: bool) -> Lines {
        let Some(path) = location::path(&named.name) else { return stream::empty().boxed() };
        let deeper = named.name[below.len()..].split_once('/').map(|(first, _)| format!("{below}{first}"));
        match (deeper.filter(|_| shallow), named.kind) {
            (Some(folder), _) => one(location::path(&folder).map(Line::Prefix)),
            (None, ContentKind::Directory) if shallow => one(Some(Line::Prefix(path))),
            (None, ContentKind::Directory) => {
                let store = self.clone();
                let walk = async move {
                    let directory = store.directory(path, &named).await?;
                    Ok::<_, Error>(store.walk(directory, false))
                };
                stream::once(walk).try_flatten().boxed()
            }
            (None, ContentKind::Raw | ContentKind::File) => {
                let store = self.clone();
                let look = async move {
                    let size = match named.size {
                        Some(size) => size,
                        None => store.known_size(&named.cid).await?,
                    };
                    Ok(Line::Object(object(&path, named.cid, size, named.at)))
                };
                stream::once(look).boxed()
            }
            (None, _) => stream::empty().boxed(),
        }
    }

    async fn directory(&self, path: Path, named: &Listed) -> Result<Directory> {
        let shadowed = self.manager.names(&format!("{}/", named.name)).next().await.transpose()?.is_some();
        Ok(Directory { path, cid: named.cid, at: named.at, depth: 0, shadowed })
    }

    /// The directories that `prefix` leads to: one for each name that it begins with.
    async fn directories(&self, prefix: &Path) -> Result<Vec<Directory>> {
        let text = prefix.as_ref();
        let ends: Vec<usize> = text.match_indices('/').map(|(at, _)| at).chain([text.len()]).collect();
        let mut found = Vec::new();
        for end in ends.into_iter().filter(|end| 0 < *end).take(MAX_DEPTH) {
            let Some(named) = self.manager.named(&text[..end]).await? else { continue };
            let directory = self.directory(prefix.clone(), &named).await?;
            let target = self.within(&named, text[end..].trim_start_matches('/')).await?;
            if let Some(target) = target.filter(|target| target.kind == Kind::Directory) {
                found.push(Directory { cid: target.cid, ..directory });
            }
        }
        Ok(found)
    }

    /// The files of a directory and of all below it; or one level.
    fn walk(&self, directory: Directory, shallow: bool) -> Lines {
        let walk = Walk { store: self.clone(), shallow, pending: vec![directory], open: None };
        stream::try_unfold(walk, |mut walk| async move { Ok(walk.next().await?.map(|line| (line, walk))) }).boxed()
    }
}

fn one(line: Option<Line>) -> Lines {
    stream::iter(line.map(Ok)).boxed()
}

struct Walk {
    store: NamespaceStore,
    shallow: bool,
    pending: Vec<Directory>,
    open: Option<(Directory, BoxStream<'static, Result<DirectoryEntry>>)>,
}

impl Walk {
    async fn next(&mut self) -> Result<Option<Line>> {
        loop {
            let Some((directory, entries)) = &mut self.open else {
                let Some(directory) = self.pending.pop() else { return Ok(None) };
                let entries = self.store.manager.entries(directory.cid);
                self.open = Some((directory, entries));
                continue;
            };
            match entries.try_next().await? {
                None => self.open = None,
                Some(entry) => {
                    let directory = directory.clone();
                    if let Some(line) = self.line(&directory, entry).await? {
                        return Ok(Some(line));
                    }
                }
            }
        }
    }

    async fn line(&mut self, directory: &Directory, entry: DirectoryEntry) -> Result<Option<Line>> {
        let Some(path) = child(&directory.path, &entry.name) else { return Ok(None) };
        let target = self.store.manager.look_at(&entry.cid).await?;
        match target.kind {
            Kind::Directory if self.shallow => Ok(Some(Line::Prefix(path))),
            Kind::Directory => self.wait(Directory { path, cid: target.cid, depth: directory.depth + 1, ..*directory }),
            Kind::Raw | Kind::File => {
                // The length of a raw block is what its link says.
                let size = match target.size.or((target.kind == Kind::Raw).then_some(entry.tsize)) {
                    Some(size) => size,
                    None => self.store.known_size(&target.cid).await?,
                };
                let hidden = directory.shadowed && self.store.find(&path).await?.target.cid != target.cid;
                Ok((!hidden).then(|| Line::Object(object(&path, target.cid, size, directory.at))))
            }
            _ => Ok(None),
        }
    }

    fn wait(&mut self, directory: Directory) -> Result<Option<Line>> {
        match directory.depth < MAX_DEPTH && self.pending.len() < MAX_PENDING {
            true => self.pending.push(directory),
            false => return Err(Error::new(ErrorKind::TooLarge, "the directory is too deep or too wide to be listed")),
        }
        Ok(None)
    }
}

/// The path of an entry, if it has one.
fn child(directory: &Path, name: &[u8]) -> Option<Path> {
    let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty() && !name.contains('/'))?;
    location::path(&format!("{directory}/{name}"))
}
