//! A walk over the folders in the order of keys. A connection is held while a folder is read, and never while an entry is looked at.

use std::collections::VecDeque;
use std::sync::Arc;

use backend_core::{Entry, Evidence, Key, ListOptions, Locator, Metadata, Result};
use backend_folders::Wanted;
use futures::stream::{self, BoxStream, StreamExt};

use super::Store;
use super::name::{Names, OWN};
use super::page::{Item, any, smallest};
use super::pool::Pool;

/// The deepest that keys can lie: every segment has a letter and a slash.
const MAX_DEPTH: usize = 512;

/// A walk under way.
struct Walk {
    pool: Arc<Pool>,
    names: Names,
    wanted: Wanted,
    levels: Vec<Level>,
    start: Option<String>,
}

/// One folder on the way.
struct Level {
    /// Ends with a slash; empty for the root.
    folder: String,
    items: VecDeque<Item>,
    last: Option<String>,
    is_cut: bool,
}

impl Store {
    /// Everything that the options ask for. The options were checked.
    pub(crate) fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        let wanted = Wanted::of(opts, OWN);
        let start = wanted.start();
        let walk = Walk { pool: self.pool.clone(), names: self.names, wanted, levels: Vec::new(), start };
        stream::try_unfold(walk, |mut walk| async move {
            let entry = walk.next().await?;
            Ok(entry.map(|entry| (entry, walk)))
        })
        .boxed()
    }
}

impl Walk {
    async fn next(&mut self) -> Result<Option<Entry>> {
        if let Some(start) = self.start.take() {
            self.enter(start).await?;
        }
        loop {
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            let Some(item) = level.items.pop_front() else {
                self.refill().await?;
                continue;
            };
            let path = format!("{}{}", level.folder, item.name);
            level.last = Some(item.name.clone());
            if !path.ends_with('/') {
                match self.content(path, &item) {
                    Some(entry) => return Ok(Some(entry)),
                    None => continue,
                }
            }
            match self.wanted.stops_at(&path) {
                false => self.enter(path).await?,
                true if self.holds_content(&path).await? => return Ok(Some(Entry::Prefix(path))),
                true => {}
            }
        }
    }

    /// What could not be asked for by its name is not listed.
    fn content(&self, path: String, item: &Item) -> Option<Entry> {
        let at = Locator::new(Key::parse(path.clone()).ok()?);
        self.names.path_of(&at).ok()?;
        let mut meta = Metadata::new(at, Evidence::Claimed);
        meta.size = item.size;
        meta.modified = item.modified;
        Some(Entry::Content { meta, cursor: Some(path) })
    }

    async fn enter(&mut self, folder: String) -> Result<()> {
        if MAX_DEPTH <= self.levels.len() {
            return Ok(());
        }
        self.levels.push(Level { folder, items: VecDeque::new(), last: None, is_cut: true });
        self.refill().await
    }

    /// The next names of the folder where the walk is, or back to the one above. A folder that is gone had nothing to list.
    async fn refill(&mut self) -> Result<()> {
        let Some(level) = self.levels.last() else { return Ok(()) };
        let page = match level.is_cut {
            true => {
                let (wanted, folder, last) = (&self.wanted, &level.folder, &level.last);
                let wants = |name: &str| {
                    last.as_deref().is_none_or(|last| last < name) && wanted.wants(&format!("{folder}{name}"))
                };
                smallest(self.pool.lease().await?, folder, wants).await?
            }
            false => None,
        };
        match (page, self.levels.last_mut()) {
            (Some(page), Some(level)) if !page.items.is_empty() => {
                level.items = page.items.into();
                level.is_cut = page.is_cut;
            }
            _ => drop(self.levels.pop()),
        }
        Ok(())
    }

    /// Whether anything lies below a folder, at any depth.
    async fn holds_content(&self, folder: &str) -> Result<bool> {
        let all = Wanted::below(folder, OWN);
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let lease = self.pool.lease().await?;
            let is_content = |it: &Item| !it.name.ends_with('/') && Key::parse(format!("{folder}{}", it.name)).is_ok();
            if any(lease, &folder, is_content).await?.is_some() {
                return Ok(true);
            }
            let is_folder = |name: &str| name.ends_with('/') && all.wants(&format!("{folder}{name}"));
            let below = smallest(self.pool.lease().await?, &folder, is_folder).await?;
            folders.extend(below.unwrap_or_default().items.into_iter().map(|it| format!("{folder}{}", it.name)));
        }
        Ok(false)
    }
}
