//! Removing: first nobody wants it any more, then its copies go, and what became of each is said.

use std::collections::BTreeMap;

use backend_core::{Addressing, Error, ErrorKind, Removal, Result};
use ipld::Cid;
use ipld::address;

use crate::add;
use crate::catalog::contents::{self, ContentKind, ContentRow};
use crate::catalog::replicas;
use crate::catalog::{ContentNumber, links, names, pins};
use crate::fault;
use crate::layout;
use crate::manager::{Manager, OWNER};
use crate::views::{Removed, RemovedCopies, removal_word};

/// Files of a directory that are looked at, at a time.
const PAGE: usize = 500;

impl Manager {
    /// Takes names and pin off `cid`, and removes every copy of ours that nobody wants any more; of a directory, also those of its files.
    ///
    /// # Errors
    /// `NotFound` when the catalog does not know it. What a store answers is told copy by copy.
    pub async fn remove(&self, cid: &Cid) -> Result<Removed> {
        self.release_dead().await?;
        let wanted = address::to_v1(cid);
        let row = self.catalog().read(move |conn| contents::find(conn, &wanted)).await?;
        let Some(row) = row else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("{} is no content of this catalog", address::text(cid)),
            ));
        };
        let names = self.unwant(row.number).await?;
        fault::point("after-unpin");
        let mut removed = Removed { cid: row.content.cid, names, copies: Vec::new(), kept: 0 };
        if self.is_wanted(row.number).await? {
            removed.kept = 1;
            return Ok(removed);
        }
        let mut tally = Tally::default();
        self.remove_copies(&row, &mut tally).await?;
        if row.content.kind == ContentKind::Directory {
            removed.kept = self.remove_children(&row, &mut tally).await?;
        }
        removed.copies = tally.finish();
        Ok(removed)
    }

    async fn unwant(&self, content: ContentNumber) -> Result<Vec<String>> {
        self.catalog()
            .write(move |conn| {
                let mut gone = Vec::new();
                loop {
                    let page = names::of(conn, content, "", PAGE)?;
                    if page.is_empty() {
                        break;
                    }
                    for row in page {
                        names::remove(conn, &row.name)?;
                        gone.push(row.name);
                    }
                }
                pins::remove(conn, content, OWNER)?;
                Ok(gone)
            })
            .await
    }

    async fn is_wanted(&self, content: ContentNumber) -> Result<bool> {
        self.catalog().read(move |conn| pins::wanted(conn, content, crate::manager::now())).await
    }

    async fn remove_children(&self, folder: &ContentRow, tally: &mut Tally) -> Result<u64> {
        let (parent, root) = (folder.number, folder.content.cid);
        let (mut after, mut kept) = (None, 0);
        loop {
            let page = self
                .catalog()
                .read(move |conn| {
                    let children = links::children(conn, parent, after, PAGE)?;
                    children
                        .into_iter()
                        .map(|child| Ok((child, contents::get(conn, child)?)))
                        .collect::<Result<Vec<_>>>()
                })
                .await?;
            let Some((last, _)) = page.last() else { return Ok(kept) };
            after = Some(*last);
            for (child, row) in page {
                if let Some(row) = &row {
                    self.let_go(root, row, tally).await?;
                }
                match row {
                    Some(_) if self.is_wanted(child).await? => kept += 1,
                    Some(row) => self.remove_copies(&row, tally).await?,
                    None => {}
                }
            }
        }
    }

    /// Copies that lay within the folder `root`, on stores that held it whole.
    async fn let_go(&self, root: Cid, child: &ContentRow, tally: &mut Tally) -> Result<()> {
        let (number, key) = (child.number, layout::within(&root, &child.content.cid));
        for row in self.catalog().read(move |conn| replicas::under(conn, number, &key)).await? {
            if self.fleet().member(&row.backend_name).await.is_ok_and(|it| it.addressing() == Addressing::Cid)
                && self.catalog().write(move |conn| add::let_go(conn, &row.replica)).await?
            {
                tally.removed(&row.backend_name, removal_word(Removal::Released));
            }
        }
        Ok(())
    }

    async fn remove_copies(&self, content: &ContentRow, tally: &mut Tally) -> Result<()> {
        let number = content.number;
        for row in self.catalog().read(move |conn| replicas::of(conn, number)).await? {
            let backend = row.backend_name.clone();
            match self.remove_copy(content, row).await {
                Ok(Some(removal)) => tally.removed(&backend, removal_word(removal)),
                Ok(None) => tally.removed(&backend, "kept"),
                Err(err) => tally.failed(&backend, err),
            }
        }
        for (cache, gone) in self.uncache(number).await? {
            match gone {
                Ok(()) => tally.removed(&cache, removal_word(Removal::Erased)),
                Err(err) => tally.failed(&cache, err),
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Tally(BTreeMap<String, RemovedCopies>);

impl Tally {
    fn of(&mut self, backend: &str) -> &mut RemovedCopies {
        let new = || RemovedCopies { backend: backend.to_owned(), removals: BTreeMap::new(), error: None, failed: 0 };
        self.0.entry(backend.to_owned()).or_insert_with(new)
    }

    fn removed(&mut self, backend: &str, word: &'static str) {
        *self.of(backend).removals.entry(word).or_default() += 1;
    }

    fn failed(&mut self, backend: &str, err: Error) {
        let copies = self.of(backend);
        copies.failed += 1;
        copies.error.get_or_insert(err);
    }

    fn finish(self) -> Vec<RemovedCopies> {
        self.0.into_values().collect()
    }
}
