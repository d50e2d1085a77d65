//! What lies on a backend and under names, sorted by path, with what the catalog knows of it.

use std::collections::VecDeque;
use std::path::Path;

use backend_core::{ContentId, Entry as Line, ErrorKind, ListOptions, Result};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use ipld::Cid;
use ipld::import::check_name;
use ipld::resolve::Kind;

use super::Role;
use super::entry::{Entry, Known, What};
use super::root::DEPTH;
use super::sorter::{Sorted, Sorter};
use crate::catalog::contents::{self, ContentKind};
use crate::catalog::marks::{self, KeyRow, Scope};
use crate::catalog::{BackendNumber, Catalog, Timestamp, names};
use crate::fleet::Member;
use crate::manager::Manager;
use crate::trouble;

/// Rows that are read at a time.
const PAGE: usize = 1000;

/// Everything on a backend whose key begins with `prefix`. It is listed to its end before the first entry is answered: what cannot be listed as a whole is
/// an error, and no listing need be sorted.
///
/// # Errors
/// What the listing answers.
pub(super) async fn on_backend(
    manager: &Manager,
    member: &Member,
    prefix: &str,
    role: Role,
) -> Result<BoxStream<'static, Result<Entry>>> {
    let mut sorter = Sorter::new(&manager.spool_folder());
    let opts = if prefix.is_empty() { ListOptions::default() } else { ListOptions::prefix(prefix) };
    let mut lines = member.backend.list(&opts);
    while let Some(line) = lines.try_next().await? {
        let Line::Content { meta, .. } = line else { continue };
        let ContentId::Key(key) = &meta.at.id else { continue };
        let path = key.as_str().strip_prefix(prefix).filter(|path| !path.is_empty() && !key.is_own());
        let Some(path) = path else { continue };
        // A store's own time says when it was given the bytes: of a source that is one, of a copy it is none.
        let modified = meta.modified.filter(|_| role == Role::Source);
        let modified = modified.and_then(|at| i64::try_from(nanos_of(at)).ok());
        let found = Entry { size: meta.size, modified, ..Entry::file(path.as_bytes().to_vec()) };
        sorter.push(&Entry { etag: meta.etag, handle: meta.at.handle, ..found })?;
    }
    let rows = Rows::new(manager.catalog().clone(), member.number, prefix.to_owned());
    Ok(joined(sorter.finish()?, rows))
}

/// Nanoseconds since 1970 UTC.
fn nanos_of(at: std::time::SystemTime) -> i128 {
    match at.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => after.as_nanos().cast_signed(),
        Err(before) => -before.duration().as_nanos().cast_signed(),
    }
}

fn joined(sorted: Sorted, rows: Rows) -> BoxStream<'static, Result<Entry>> {
    stream::try_unfold((sorted, rows), |(mut sorted, mut rows)| async move {
        let Some(mut entry) = sorted.next().transpose()? else { return Ok(None) };
        if let Some(row) = rows.at(&entry.path).await?
            && is_that(&entry, &row)
        {
            entry.modified = row.modified.or(entry.modified);
            entry.size = entry.size.or(row.size);
            entry.known = Some(Known { cid: row.cid, content: Some(row.content), profile: row.profile });
        }
        Ok(Some((entry, (sorted, rows))))
    })
    .boxed()
}

/// Anybody may write under a user's key: what has another size or another etag is not what the catalog knows.
fn is_that(entry: &Entry, row: &KeyRow) -> bool {
    let same_size = entry.size.is_none() || row.size.is_none() || entry.size == row.size;
    same_size && (entry.etag.is_none() || row.etag.is_none() || entry.etag == row.etag)
}

/// The present copies under a prefix, read along with a sorted listing.
struct Rows {
    catalog: Catalog,
    backend: BackendNumber,
    prefix: String,
    after: String,
    page: VecDeque<KeyRow>,
    is_last: bool,
}

impl Rows {
    fn new(catalog: Catalog, backend: BackendNumber, prefix: String) -> Self {
        Self { catalog, backend, prefix, after: String::new(), page: VecDeque::new(), is_last: false }
    }

    /// The row at `path`; the ones before it are passed.
    async fn at(&mut self, path: &[u8]) -> Result<Option<KeyRow>> {
        loop {
            while let Some(row) = self.page.front() {
                match row.key.as_bytes().get(self.prefix.len()..).unwrap_or_default().cmp(path) {
                    std::cmp::Ordering::Less => drop(self.page.pop_front()),
                    std::cmp::Ordering::Equal => return Ok(self.page.pop_front()),
                    std::cmp::Ordering::Greater => return Ok(None),
                }
            }
            if self.is_last {
                return Ok(None);
            }
            let (backend, prefix, after) = (self.backend, self.prefix.clone(), self.after.clone());
            let page = self.catalog.read(move |conn| marks::page(conn, backend, &prefix, &after, PAGE)).await?;
            self.is_last = page.is_empty();
            if let Some(last) = page.last() {
                self.after.clone_from(&last.key);
            }
            self.page = page.into();
        }
    }
}

/// Everything whose name begins with `prefix`. Of a source, what is in directories; into them nothing can be put.
///
/// # Errors
/// What the catalog answers; what reading a directory answers.
pub(super) async fn of_names(manager: &Manager, prefix: &str, role: Role) -> Result<BoxStream<'static, Result<Entry>>> {
    let mut names = Names { manager, sorter: Sorter::new(&manager.spool_folder()) };
    let mut after = String::new();
    loop {
        let (wanted, from) = (prefix.to_owned(), after.clone());
        let page = manager.catalog().read(move |conn| {
            let rows = names::page(conn, &wanted, &from, PAGE)?;
            let each = rows.into_iter().map(|row| {
                let mark = marks::find(conn, Scope::Names, &row.name, row.content)?;
                Ok((contents::get(conn, row.content)?, mark, row))
            });
            each.collect::<Result<Vec<_>>>()
        });
        let page = page.await?;
        let Some((_, _, last)) = page.last() else { break };
        after.clone_from(&last.name);
        for (content, mark, row) in page {
            let Some(content) = content else { continue };
            let path = row.name.as_bytes().get(prefix.len()..).unwrap_or_default().to_vec();
            let told = content.content;
            let modified = mark.or(Some(nanos(row.at)).filter(|_| role == Role::Source));
            let known = Known { cid: told.cid, content: Some(content.number), profile: told.profile };
            let entry = Entry { size: told.size, modified, known: Some(known), ..Entry::file(path) };
            match (told.kind, role) {
                (ContentKind::Raw | ContentKind::File, _) => names.sorter.push(&entry)?,
                (ContentKind::Directory, Role::Source) => names.open(told.cid, entry.path, modified, 0).await?,
                (ContentKind::Directory, Role::Target) => {}
                _ => names.sorter.push(&Entry { what: What::Other, ..entry })?,
            }
        }
    }
    Ok(stream::iter(names.sorter.finish()?).boxed())
}

fn nanos(at: Timestamp) -> i64 {
    at.millis().saturating_mul(1_000_000)
}

struct Names<'a> {
    manager: &'a Manager,
    sorter: Sorter,
}

impl Names<'_> {
    fn open(&mut self, cid: Cid, path: Vec<u8>, modified: Option<i64>, depth: usize) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            if DEPTH < depth {
                let text = format!("more than {DEPTH} folders inside of one another");
                return Err(backend_core::Error::new(ErrorKind::Integrity, text));
            }
            let mut entries = self.manager.entries(cid);
            while let Some(it) = entries.try_next().await? {
                check_name(&it.name).map_err(trouble::ipld)?;
                let path = [path.as_slice(), b"/", &it.name].concat();
                let target = self.manager.look_at(&it.cid).await?;
                let found = Entry { modified, size: target.size, ..Entry::file(path.clone()) };
                match target.kind {
                    Kind::Directory => self.open(it.cid, path, modified, depth + 1).await?,
                    Kind::Symlink => self.sorter.push(&Entry { what: What::Link, ..found })?,
                    Kind::Raw | Kind::File => {
                        let entry = self.known(it.cid, found).await?;
                        self.sorter.push(&entry)?;
                    }
                    _ => self.sorter.push(&Entry { what: What::Other, ..found })?,
                }
            }
            Ok(())
        })
    }

    async fn known(&self, cid: Cid, found: Entry) -> Result<Entry> {
        let row = self.manager.catalog().read(move |conn| contents::find(conn, &cid)).await?;
        let size = row.and_then(|row| row.content.size).or(found.size);
        let (content, profile) = (row.map(|row| row.number), row.map_or(0, |row| row.content.profile));
        Ok(Entry { size, known: Some(Known { cid, content, profile }), ..found })
    }
}

/// The one file at `path`, as if it were alone in its folder.
///
/// # Errors
/// What looking at it answers.
pub(super) fn single(path: &Path) -> Result<Entry> {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::symlink_metadata(path).map_err(|err| trouble::file("look at", path, err))?;
    let name = path.file_name().map(|name| name.as_bytes().to_vec()).unwrap_or_default();
    let modified = super::spot::nanos(meta.mtime(), meta.mtime_nsec());
    Ok(Entry { size: Some(meta.len()), modified, ..Entry::file(name) })
}
