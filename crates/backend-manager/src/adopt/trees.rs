//! What hangs from a folder that was taken on, and how many bytes it stands for.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use backend_core::Result;
use futures::TryStreamExt;
use ipld::unixfs::{self, Node};
use ipld::{Cid, address};
use rusqlite::Connection;

use crate::catalog::contents::{self, ContentKind, ContentRow, NewContent};
use crate::catalog::{ContentNumber, blocks, links};
use crate::manager::{Manager, now};
use crate::trouble;

/// Contents of one page, and links of one transaction.
const PAGE: usize = 500;

/// A node of a folder: what it links to, and its bytes without those of other nodes of the folder.
struct Part {
    name: Cid,
    folders: Vec<Cid>,
    files: Vec<(Cid, u64)>,
}

impl Manager {
    /// Links the files of every folder whose size is not known yet. The size comes last: a folder that was cut off is seen by its absence.
    pub(crate) async fn link_folders(&self) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.catalog().read(move |conn| contents::page(conn, after, PAGE)).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.number);
            let is_open = |row: &&ContentRow| row.content.kind == ContentKind::Directory && row.content.size.is_none();
            for row in page.iter().filter(is_open) {
                self.link_folder(row).await?;
            }
        }
    }

    async fn link_folder(&self, row: &ContentRow) -> Result<()> {
        let number = row.number;
        if !self.catalog().read(move |conn| blocks::is_whole(conn, number)).await? {
            return Ok(());
        }
        let parts = self.parts(number).await?;
        let own: BTreeSet<Cid> = parts.iter().map(|it| it.name).collect();
        let files: BTreeMap<Cid, u64> =
            parts.iter().flat_map(|it| &it.files).filter(|(cid, _)| !own.contains(cid)).copied().collect();
        let files: Vec<(Cid, u64)> = files.into_iter().collect();
        let mut sizes: HashMap<Cid, Option<u64>> = HashMap::new();
        for page in files.chunks(PAGE) {
            let (page, folder) = (page.to_vec(), row.number);
            let found = self
                .catalog()
                .write(move |conn| page.iter().map(|it| link(conn, folder, it)).collect::<Result<Vec<_>>>());
            sizes.extend(found.await?);
        }
        let Some(size) = total(&parts, &row.content.cid, &mut sizes) else { return Ok(()) };
        let content = NewContent { size: Some(size), ..row.content };
        self.catalog().write(move |conn| contents::upsert(conn, &content, now()).map(drop)).await
    }

    /// The folder's nodes, parents first.
    async fn parts(&self, folder: ContentNumber) -> Result<Vec<Part>> {
        let dag = blocks::dag(self.catalog(), folder).await?;
        let (mut nodes, mut parts) = (dag.walk(), Vec::new());
        while let Some((cid, data)) = nodes.try_next().await? {
            address::verify(&cid, &data).map_err(trouble::ipld)?;
            let found = match unixfs::decode(&cid, &data).map_err(trouble::ipld)? {
                Node::Directory(links) => links,
                Node::Shard(shard) => shard.slots.into_iter().map(|slot| slot.link).collect(),
                // A link to somewhere is nobody's content.
                _ => Vec::new(),
            };
            let links = found.into_iter().map(|link| (address::to_v1(&link.cid), link.size));
            let mut part = Part { name: address::to_v1(&cid), folders: Vec::new(), files: Vec::new() };
            part.files.extend(links);
            parts.push(part);
        }
        let own: BTreeSet<Cid> = parts.iter().map(|it| it.name).collect();
        for part in &mut parts {
            let (folders, files) = std::mem::take(&mut part.files).into_iter().partition(|(cid, _)| own.contains(cid));
            let folders: Vec<(Cid, u64)> = folders;
            part.folders = folders.into_iter().map(|(cid, _)| cid).collect();
            part.files = files;
        }
        Ok(parts)
    }
}

/// Enters that a file hangs from a folder, and answers how long it is. Of one raw block the link tells its length; of others only their own nodes do.
fn link(conn: &Connection, folder: ContentNumber, (cid, told): &(Cid, u64)) -> Result<(Cid, Option<u64>)> {
    let is_raw = cid.codec() == address::RAW;
    let row = match contents::find(conn, cid)? {
        Some(row) => row,
        None => {
            let kind = if is_raw { ContentKind::Raw } else { ContentKind::File };
            let content = NewContent { cid: *cid, size: is_raw.then_some(*told), kind, profile: 0 };
            let number = contents::upsert(conn, &content, now())?;
            ContentRow { number, content, created_at: now() }
        }
    };
    links::put(conn, folder, row.number)?;
    Ok((*cid, row.content.size))
}

/// The bytes below `root`, each file counted as often as it is met; `None` where the size of one is not known.
fn total(parts: &[Part], root: &Cid, sizes: &mut HashMap<Cid, Option<u64>>) -> Option<u64> {
    let by_name: HashMap<Cid, &Part> = parts.iter().map(|part| (part.name, part)).collect();
    let root = address::to_v1(root);
    // Hashes make no circles: each folder is opened until those in it are known.
    let mut open = vec![root];
    while let Some(name) = open.last().copied() {
        let unknown = by_name.get(&name)?.folders.iter().find(|it| !sizes.contains_key(it));
        if let Some(below) = unknown {
            open.push(*below);
            continue;
        }
        open.pop();
        let part = by_name.get(&name)?;
        let all = part.folders.iter().chain(part.files.iter().map(|(cid, _)| cid));
        let sum = all.map(|it| sizes.get(it).copied().flatten()).try_fold(0u64, |sum, it| sum.checked_add(it?));
        sizes.insert(name, sum);
    }
    sizes.get(&root).copied().flatten()
}
