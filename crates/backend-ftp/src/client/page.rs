//! Reading a folder: of all its names the smallest few behind a given one, so that memory does not grow with the folder.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::SystemTime;

use backend_core::{Error, ErrorKind, Result};

use super::control::{Control, Seen};
use super::data::{Lines, Wish};
use super::dialect::{self, Line};
use super::facts::{self, Facts, Kind};
use super::pool::Lease;
use crate::error::strange;

/// Names that are held of a folder. A larger one is read several times.
pub(crate) const MAX_HELD: usize = 4096;

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// A folder's ends with a slash: so names sort as keys do.
    pub(crate) name: String,
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<SystemTime>,
}

/// Some names of a folder, in order.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// More lie behind the last.
    pub(crate) is_cut: bool,
}

/// The smallest names of `folder` (which ends with a slash, or is empty: the root) that are wanted. `None` if there is no such folder.
pub(crate) async fn smallest(
    mut lease: Lease,
    folder: &str,
    wants: impl Fn(&str) -> bool + Send + Sync,
) -> Result<Option<Page>> {
    let mut held: BTreeMap<String, Item> = BTreeMap::new();
    let mut is_cut = false;
    let read = lease.control().scan(folder, |item| {
        if wants(&item.name) {
            held.insert(item.name.clone(), item);
        }
        if MAX_HELD < held.len() {
            is_cut = true;
            held.pop_last();
        }
        ControlFlow::Continue(())
    });
    let is_there = read.await?;
    lease.done();
    Ok(is_there.then(|| Page { items: held.into_values().collect(), is_cut }))
}

/// The first name that `wants` takes, in no order.
pub(crate) async fn any(
    mut lease: Lease,
    folder: &str,
    wants: impl Fn(&Item) -> bool + Send + Sync,
) -> Result<Option<Item>> {
    let mut found = None;
    let read = lease.control().scan(folder, |item| match wants(&item) {
        true => {
            found = Some(item);
            ControlFlow::Break(())
        }
        false => ControlFlow::Continue(()),
    });
    read.await?;
    // Left early, the connection is in the middle of a transfer.
    if found.is_none() {
        lease.done();
    }
    Ok(found)
}

impl Control {
    /// Gives every file and folder of a folder to `see`. `false`: there is no such folder.
    async fn scan(&mut self, folder: &str, mut see: impl FnMut(Item) -> ControlFlow<()> + Send) -> Result<bool> {
        if !self.enter(folder).await? {
            return Ok(false);
        }
        let command = if self.features.mlst { "MLSD" } else { "LIST -a" };
        let transfer = self.transfer(Wish::List(command)).await?.map_err(|reply| reply.error("list a folder"))?;
        let mut lines = Lines::new(transfer);
        while let Some(line) = lines.next().await? {
            // Names that are no UTF-8 cannot be keys.
            let Ok(line) = std::str::from_utf8(&line) else { continue };
            let Some(facts) = read(self.features.mlst, line)? else { continue };
            let Some(item) = item(facts)? else { continue };
            if see(item).is_break() {
                return Ok(true);
            }
        }
        lines.finish().await?;
        Ok(true)
    }

    /// Goes to a folder. One that is there and may not be entered is an error: without it a listing is not complete.
    async fn enter(&mut self, folder: &str) -> Result<bool> {
        let path = folder.trim_end_matches('/');
        if path.is_empty() {
            return self.enter_root().await.map(|()| true);
        }
        let reply = self.ask_of("CWD", path).await?;
        match reply.code {
            code if (200..300).contains(&code) => return Ok(true),
            550 | 553 | 501 if !reply.says_denied(&self.full(path)) => {}
            _ => return Err(reply.error("enter a folder")),
        }
        let is_hidden = match self.look(path).await? {
            Seen::File { .. } => false,
            Seen::Folder => true,
            // Some answer alike for what is not there and what may not be entered. To rename it, they look whether it is.
            Seen::Absent => self.ask_of("RNFR", path).await?.code == 350,
        };
        match is_hidden {
            true => {
                Err(Error::new(ErrorKind::Denied, "a folder may not be entered, so the listing would not be complete"))
            }
            false => self.enter_root().await.map(|()| false),
        }
    }
}

fn read(is_mlst: bool, line: &str) -> Result<Option<Facts>> {
    let unknown = || strange("the server lists a line that is none");
    match is_mlst {
        true if line.trim().is_empty() => Ok(None),
        true => facts::of_line(line.trim_start_matches(' ')).map(Some).ok_or_else(unknown),
        false => match dialect::of_line(line) {
            Line::Entry(facts) => Ok(Some(facts)),
            Line::Nothing => Ok(None),
            Line::Unknown => Err(unknown()),
        },
    }
}

/// A name is one segment, whatever the server says: nothing in it leads anywhere else.
fn item(facts: Facts) -> Result<Option<Item>> {
    let Facts { kind, size, modified, name } = facts;
    if kind == Kind::Other || name == "." || name == ".." {
        return Ok(None);
    }
    if name.is_empty() || name.contains(['/', '\0']) {
        return Err(strange("the server lists a name that leads out of its folder"));
    }
    Ok(Some(match kind {
        Kind::Folder => Item { name: format!("{name}/"), size: None, modified: None },
        _ => Item { name, size, modified },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Result<Option<String>> {
        let facts = read(true, line)?;
        Ok(match facts {
            Some(facts) => item(facts)?.map(|it| it.name),
            None => None,
        })
    }

    #[test]
    fn names_stay_in_their_folder() {
        assert_eq!(check("type=file;size=1; a b").unwrap().as_deref(), Some("a b"));
        assert_eq!(check("type=dir; d").unwrap().as_deref(), Some("d/"));
        for line in ["type=cdir; /x", "type=pdir; ..", "type=dir; ..", "type=dir; .", "type=OS.unix=slink:/etc; l", ""]
        {
            assert_eq!(check(line).unwrap(), None, "{line}");
        }
        for line in ["type=file;size=1; ../x", "type=file;size=1; /etc/passwd", "type=dir; a/../../b", "type=file; \0"]
        {
            assert!(check(line).is_err(), "{line}");
        }
        assert!(check("type=file;size=1;").is_err() && check("rubbish").is_err());
    }
}
