//! A walk over the store in the order of keys, a page at a time.
//!
//! Memory holds the names of the folders between the root and where the walk is, and never more. A session is held while a folder is read, and not
//! between two pages.

use backend_core::{ContentId, Entry, Evidence, Key, ListOptions, Locator, Result};
use backend_folders::{LOST, MAX_STEPS, PAGE, Wanted};

use super::look::{Seen, describe, look_at};
use super::name::OWN;
use super::names::Names;
use super::pool::Use;
use super::wire::{Attrs, Field, kind};
use super::{Store, root};
use crate::error::{Code, failed};

/// A walk under way.
#[derive(Debug)]
pub(crate) struct Walk {
    wanted: Wanted,
    levels: Vec<Level>,
}

/// One folder on the way.
#[derive(Debug)]
struct Level {
    /// Its key with a slash at the end; empty for the root.
    folder: String,
    names: Names,
    next: usize,
}

impl Walk {
    /// Begins in the deepest folder that holds everything that is wanted.
    pub(crate) async fn new(store: &Store, opts: &ListOptions) -> Result<Self> {
        let mut walk = Self { wanted: Wanted::of(opts, OWN), levels: Vec::new() };
        let Some(start) = walk.wanted.start() else { return Ok(walk) };
        let seen = {
            let mut lease = store.pool.lend(Use::Read).await?;
            look_at(&mut lease, &store.root, start.trim_end_matches('/')).await?
        };
        if seen == Seen::Folder {
            walk.enter(store, start).await?;
        }
        Ok(walk)
    }

    /// The next entries; `None` at the end. A page may be empty before that.
    pub(crate) async fn page(&mut self, store: &Store) -> Result<Option<Vec<Entry>>> {
        let mut page = Vec::new();
        for _ in 0..MAX_STEPS {
            if PAGE <= page.len() {
                return Ok(Some(page));
            }
            let Some(level) = self.levels.last_mut() else {
                // The end is a claim too: the folder must still be there.
                let mut lease = store.pool.lend(Use::Read).await?;
                root::judge(lease.attrs(kind::STAT, &store.root.path("")).await?.map(|it| it.what()))?;
                return Ok((!page.is_empty()).then_some(page));
            };
            match level.names.get(level.next).map(|(name, attrs)| (name.to_owned(), attrs)) {
                Some((name, attrs)) => {
                    level.next += 1;
                    page.extend(self.step(store, &name, &attrs).await?);
                }
                None => drop(self.levels.pop()),
            }
        }
        Ok(Some(page))
    }

    async fn step(&mut self, store: &Store, name: &str, attrs: &Attrs) -> Result<Option<Entry>> {
        let path = format!("{}{name}", self.levels.last().map(|it| it.folder.as_str()).unwrap_or_default());
        if !name.ends_with('/') {
            return Ok(content(path, attrs));
        }
        if !self.wanted.stops_at(&path) {
            self.enter(store, path).await?;
            return Ok(None);
        }
        Ok(holds_content(store, &path).await?.then_some(Entry::Prefix(path)))
    }

    async fn enter(&mut self, store: &Store, folder: String) -> Result<()> {
        let wanted = &self.wanted;
        if let Some(names) = read(store, &folder, |name| wanted.wants(&format!("{folder}{name}"))).await? {
            self.levels.push(Level { folder, names, next: 0 });
        }
        Ok(())
    }
}

fn content(path: String, attrs: &Attrs) -> Option<Entry> {
    let key = Key::parse(path.clone()).ok()?;
    let meta = describe(Locator::new(ContentId::Key(key)), attrs, Evidence::Claimed);
    Some(Entry::Content { meta, cursor: Some(path) })
}

/// The names in a folder. `None`: it is gone, and had nothing to list.
async fn read(store: &Store, folder: &str, wants: impl Fn(&str) -> bool + Send) -> Result<Option<Names>> {
    let mut lease = store.pool.lend(Use::Read).await?;
    let path = store.root.path(folder.trim_end_matches('/'));
    match lease.open(kind::OPENDIR, &[Field::Text(&path)]).await? {
        Ok(handle) => Names::read(&mut lease, &handle, &path, wants).await.map(Some),
        Err(Code::NO_SUCH_FILE) if !folder.is_empty() => Ok(None),
        Err(Code(3)) if folder == LOST => Ok(None),
        Err(code) => Err(failed("open a folder", code)),
    }
}

/// Whether anything that a listing would answer lies in `folder`, which ends with a slash.
async fn holds_content(store: &Store, folder: &str) -> Result<bool> {
    let all = Wanted::below(folder, OWN);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let wants = |name: &str| all.wants(&format!("{folder}{name}"));
        let Some(names) = read(store, &folder, wants).await? else { continue };
        for (name, _) in (0..).map_while(|at| names.get(at)) {
            let path = format!("{folder}{name}");
            match name.ends_with('/') {
                true => folders.push(path),
                false if Key::parse(path).is_ok() => return Ok(true),
                false => {}
            }
        }
    }
    Ok(false)
}
