//! A walk over the folder in the order of keys, a page at a time.
//!
//! Memory holds the names of the folders between the root and where the walk is, and never more.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use backend_core::{ContentId, Entry, Evidence, Key, ListOptions, Locator, Result};
use backend_folders::{LOST, MAX_STEPS, PAGE, Wanted};
use rustix::io::Errno;

use super::about::About;
use super::look::{Seen, is_exact, look_in};
use super::name::OWN;
use super::names::Names;
use super::root::Opened;
use super::{Files, beneath, describe};
use crate::error::failed;

/// A walk under way.
#[derive(Debug)]
pub(crate) struct Walk {
    opened: Arc<Opened>,
    wanted: Wanted,
    levels: Vec<Level>,
}

/// One folder on the way.
#[derive(Debug)]
struct Level {
    /// Its key with a slash at the end; empty for the root.
    folder: String,
    /// Open while the walk is in it and not below.
    open: Option<OwnedFd>,
    names: Names,
    next: usize,
}

impl Walk {
    /// Begins in the deepest folder that holds everything that is wanted.
    pub(crate) fn new(files: &Files, opts: &ListOptions) -> Result<Self> {
        let opened = files.root.open()?;
        let mut walk = Self { opened, wanted: Wanted::of(opts, OWN), levels: Vec::new() };
        if let Some(start) = walk.wanted.start()
            && walk.is_spelt(&start)?
        {
            walk.enter(start)?;
        }
        Ok(walk)
    }

    /// The next entries; `None` at the end. A page may be empty before that.
    pub(crate) fn page(&mut self, files: &Files) -> Result<Option<Vec<Entry>>> {
        let mut page = Vec::new();
        for _ in 0..MAX_STEPS {
            if PAGE <= page.len() {
                return Ok(Some(page));
            }
            let Some(level) = self.levels.last_mut() else {
                // The end is a claim too: the folder must still be the one that was walked.
                files.root.recheck(&self.opened)?;
                return Ok((!page.is_empty()).then_some(page));
            };
            match level.names.get(level.next).map(str::to_owned) {
                Some(name) => {
                    level.next += 1;
                    page.extend(self.step(&name)?);
                }
                None => drop(self.levels.pop()),
            }
        }
        Ok(Some(page))
    }

    fn step(&mut self, name: &str) -> Result<Option<Entry>> {
        let path = format!("{}{name}", self.levels.last().map(|it| it.folder.as_str()).unwrap_or_default());
        if !name.ends_with('/') {
            return self.content(path, name);
        }
        if !self.wanted.stops_at(&path) {
            self.leave();
            self.enter(path)?;
            return Ok(None);
        }
        Ok(holds_content(&self.opened, &path)?.then_some(Entry::Prefix(path)))
    }

    fn content(&mut self, path: String, name: &str) -> Result<Option<Entry>> {
        let Ok(key) = Key::parse(path.clone()) else { return Ok(None) };
        let Some(folder) = self.reopen()? else { return Ok(None) };
        Ok(match look_in(folder, name)? {
            Seen::Content(seen) => {
                let at = Locator::new(ContentId::Key(key));
                let meta = describe(at, &seen, Evidence::Claimed, About::default());
                Some(Entry::Content { meta, cursor: Some(path) })
            }
            _ => None,
        })
    }

    /// Reads the names of a folder. One that is gone had nothing to list.
    fn enter(&mut self, folder: String) -> Result<()> {
        let path = folder.trim_end_matches('/');
        let open = match beneath::open(self.opened.folder(), path, beneath::READ) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
            Err(Errno::ACCESS) if folder == LOST => return Ok(()),
            other => other.map_err(|errno| failed("open a folder", errno))?,
        };
        let wanted = &self.wanted;
        let names = Names::read(open.as_fd(), |name| wanted.wants(&format!("{folder}{name}")));
        let names = names.map_err(|errno| failed("read a folder", errno))?;
        self.levels.push(Level { folder, open: Some(open), names, next: 0 });
        Ok(())
    }

    /// Of all folders on the way only the last is held open: a path may be deeper than a process may have files.
    fn leave(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            level.open = None;
        }
    }

    /// The folder the walk is in. `None`: it is gone, and what was in it.
    fn reopen(&mut self) -> Result<Option<&OwnedFd>> {
        let Some(level) = self.levels.last_mut() else { return Ok(None) };
        if level.open.is_none() {
            let path = level.folder.trim_end_matches('/');
            level.open = match beneath::open(self.opened.folder(), path, beneath::LOOK) {
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => None,
                other => Some(other.map_err(|errno| failed("open a folder", errno))?),
            };
        }
        Ok(level.open.as_ref())
    }

    fn is_spelt(&self, folder: &str) -> Result<bool> {
        match self.opened.folds() {
            true => is_exact(&self.opened, folder.trim_end_matches('/')),
            false => Ok(true),
        }
    }
}

/// Whether anything that a listing would answer lies in `folder`, which ends with a slash.
fn holds_content(opened: &Opened, folder: &str) -> Result<bool> {
    let all = Wanted::below(folder, OWN);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let reading = |errno| failed("read a folder", errno);
        let open = match beneath::open(opened.folder(), folder.trim_end_matches('/'), beneath::READ) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
            Err(Errno::ACCESS) if folder == LOST => continue,
            other => other.map_err(reading)?,
        };
        let mut found = false;
        Names::read(open.as_fd(), |name| {
            let path = format!("{folder}{name}");
            match path.ends_with('/') {
                true if all.wants(&path) => folders.push(path),
                true => {}
                false => found = found || Key::parse(path).is_ok(),
            }
            false
        })
        .map_err(reading)?;
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}
