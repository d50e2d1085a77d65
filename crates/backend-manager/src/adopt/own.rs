//! What lies on a store of keys where this program puts it: sidecars first, for they say what the plain bytes are.

use backend_core::{
    ByteStream, Dag, Entry, Error, ErrorKind, Evidence, GetOptions, ListOptions, Metadata, OWN_PREFIX, Result,
};
use futures::{FutureExt, StreamExt, TryStreamExt};
use ipld::car::{Decoder, Item, Options};
use ipld::unixfs::{self, Node};
use ipld::{Cid, address};
use rusqlite::Connection;

use super::{AdoptedStore, Troubles};
use crate::add::outboard;
use crate::catalog::contents::{self, ContentKind, NewContent};
use crate::catalog::replicas::{self, Found, ReplicaId, Sidecar};
use crate::catalog::{BackendNumber, ContentNumber, blocks};
use crate::fault;
use crate::fleet::Member;
use crate::layout;
use crate::manager::{Manager, now};
use crate::naming::NodeSpool;
use crate::reconcile::Mode;
use crate::trouble;

/// Entries of one transaction.
const PAGE: usize = 500;
/// Sidecars that are read at a time.
const AT_A_TIME: usize = 8;
/// The longest sidecar, bytes: of a file of 80 TiB.
const SIDECAR_MAX: u64 = 4 << 30;
/// What the catalog counts for a node in an archive, beside its bytes.
pub(super) const HEAD: u64 = 40;

/// A sidecar that was read.
struct Read {
    root: Cid,
    kind: ContentKind,
    /// Of a file.
    size: Option<u64>,
    dag: Dag,
}

impl Manager {
    pub(crate) async fn adopt_own(&self, member: &Member, mode: Mode, store: &mut AdoptedStore) -> Result<()> {
        self.adopt_sidecars(member, mode, store).await?;
        fault::point("after-sidecars");
        let opts = ListOptions::prefix(format!("{OWN_PREFIX}c/"));
        let mut pages = entries(member, &opts).chunks(PAGE);
        while let Some(page) = pages.next().await {
            let page: Vec<Metadata> = page.into_iter().collect::<Result<_>>()?;
            let (number, backend) = (member.number, member.name.clone());
            let work = move |conn: &Connection| {
                let mut part = AdoptedStore { backend, ..AdoptedStore::default() };
                page.iter().try_for_each(|meta| plain(conn, number, meta, mode, &mut part))?;
                Ok(part)
            };
            let part = match mode {
                Mode::Act => self.catalog().write(work).await?,
                Mode::Rehearse => self.catalog().read(work).await?,
            };
            fault::point("after-adopted-page");
            store.merge(part);
        }
        Ok(())
    }

    async fn adopt_sidecars(&self, member: &Member, mode: Mode, store: &mut AdoptedStore) -> Result<()> {
        let opts = ListOptions::prefix(format!("{OWN_PREFIX}d/"));
        let listed = entries(member, &opts);
        let (manager, backend) = (self.clone(), member.clone());
        let mut each = listed
            .map(move |meta| {
                let (manager, member) = (manager.clone(), backend.clone());
                async move {
                    match meta {
                        Ok(meta) => Ok(manager.adopt_sidecar(&member, &meta, mode).await),
                        Err(err) => Err(err),
                    }
                }
                .boxed()
            })
            .buffered(AT_A_TIME);
        while let Some(part) = each.next().await {
            store.merge(part?);
        }
        Ok(())
    }

    pub(crate) async fn adopt_sidecar(&self, member: &Member, meta: &Metadata, mode: Mode) -> AdoptedStore {
        let mut part = AdoptedStore::default();
        let Some(root) = named(meta, layout::sidecar) else {
            part.strange = 1;
            return part;
        };
        match Box::pin(self.sidecar_of(member, meta, root, mode)).await {
            Ok(Some(true)) => {
                part.copies = 1;
                part.bytes = meta.size.unwrap_or(0);
            }
            Ok(Some(false)) => part.known = 1,
            Ok(None) => {}
            Err(err) => part.troubles.note(format!("{}: {}", meta.at.id, err.message())),
        }
        part
    }

    /// `None`: it is of a file, which has its own row. Else whether the row of the folder is new.
    async fn sidecar_of(&self, member: &Member, meta: &Metadata, root: Cid, mode: Mode) -> Result<Option<bool>> {
        let number = member.number;
        let known = self.catalog().read(move |conn| known(conn, number, &root)).await?;
        let (number, kind) = match known {
            Some(it) if it.has_nodes && (it.kind != ContentKind::Directory || it.has_row) => {
                return Ok((it.kind == ContentKind::Directory).then_some(false));
            }
            Some(it) if it.has_nodes => (it.number, it.kind),
            _ if mode == Mode::Rehearse => return Ok(None),
            _ => {
                let body = member.backend.get(&meta.at, &GetOptions::default()).await?.body;
                let read = read(body, root, self.spool_folder()).await?;
                (self.enter_sidecar(&read).await?, read.kind)
            }
        };
        if kind != ContentKind::Directory {
            return Ok(None);
        }
        if mode == Mode::Rehearse {
            return Ok(Some(true));
        }
        let (backend, handle, etag) = (member.number, meta.at.handle.clone(), meta.etag.clone());
        let enter = move |conn: &Connection| {
            let (nodes, bytes) = blocks::total(conn, number)?;
            let found = Found {
                replica: ReplicaId { content: number, backend, key: String::new() },
                bytes: bytes + nodes * HEAD,
                evidence: Evidence::Claimed,
                owned: true,
                sidecar: Sidecar::Present,
                handle: handle.as_deref(),
                etag: etag.as_deref(),
            };
            replicas::adopt(conn, &found, now())
        };
        self.catalog().write(enter).await.map(Some)
    }

    /// The content with all its nodes. The size of a folder stays unknown until its files are.
    async fn enter_sidecar(&self, read: &Read) -> Result<ContentNumber> {
        let content = NewContent { cid: read.root, size: read.size, kind: read.kind, profile: 0 };
        let enter = move |conn: &Connection| {
            let number = contents::upsert(conn, &content, now())?;
            contents::learn(conn, number, content.kind, 0).map(|()| number)
        };
        let number = self.catalog().write(enter).await?;
        outboard(self.catalog(), &read.dag, number).await?;
        Ok(number)
    }
}

impl AdoptedStore {
    pub(crate) fn merge(&mut self, part: AdoptedStore) {
        self.copies += part.copies;
        self.bytes += part.bytes;
        self.known += part.known;
        self.strange += part.strange;
        let Troubles { told, count } = part.troubles;
        let more = count - told.len() as u64;
        told.into_iter().for_each(|it| self.troubles.note(it));
        self.troubles.count += more;
    }
}

/// What a store lists, without folders.
pub(super) fn entries(member: &Member, opts: &ListOptions) -> futures::stream::BoxStream<'static, Result<Metadata>> {
    let content = |entry| {
        std::future::ready(Ok(match entry {
            Entry::Content { meta, .. } => Some(meta),
            _ => None,
        }))
    };
    member.backend.list(opts).try_filter_map(content).boxed()
}

/// The CID that an object is called by, if it lies exactly where that CID says.
fn named(meta: &Metadata, place: impl Fn(&Cid) -> Result<backend_core::Key>) -> Option<Cid> {
    let key = meta.at.id.key()?;
    let name = key.as_str().rsplit('/').next()?;
    let cid = address::parse(name.strip_suffix(".car").unwrap_or(name)).ok()?;
    let cid = address::to_v1(&cid);
    let is_checked = address::check_hash(&cid).is_ok() && address::inline(&cid).is_none();
    (is_checked && place(&cid).is_ok_and(|it| it == *key)).then_some(cid)
}

struct Known {
    number: ContentNumber,
    kind: ContentKind,
    has_nodes: bool,
    has_row: bool,
}

fn known(conn: &Connection, backend: BackendNumber, cid: &Cid) -> Result<Option<Known>> {
    let Some(row) = contents::find(conn, cid)? else { return Ok(None) };
    let (number, kind) = (row.number, row.content.kind);
    let id = ReplicaId { content: number, backend, key: String::new() };
    let has_row = replicas::find(conn, &id)?.is_some();
    Ok(Some(Known { number, kind, has_nodes: blocks::is_whole(conn, number)?, has_row }))
}

/// The plain bytes of a file, by their name and length alone.
pub(crate) fn plain(
    conn: &Connection,
    backend: BackendNumber,
    meta: &Metadata,
    mode: Mode,
    part: &mut AdoptedStore,
) -> Result<()> {
    let Some(cid) = named(meta, layout::content) else {
        part.strange += 1;
        return Ok(());
    };
    match entered(conn, backend, (&cid, meta), mode) {
        Ok(Some(bytes)) => {
            part.copies += 1;
            part.bytes += bytes;
            Ok(())
        }
        Ok(None) => {
            part.known += 1;
            Ok(())
        }
        Err(err) if matches!(err.kind(), ErrorKind::Integrity | ErrorKind::InvalidInput | ErrorKind::NotFound) => {
            part.troubles.note(format!("{}: {}", meta.at.id, err.message()));
            Ok(())
        }
        Err(err) => Err(err),
    }
}

/// `None`: there was a row.
fn entered(
    conn: &Connection,
    backend: BackendNumber,
    (cid, meta): (&Cid, &Metadata),
    mode: Mode,
) -> Result<Option<u64>> {
    let size = meta.size.ok_or_else(|| Error::new(ErrorKind::NotFound, "the store does not say how long it is"))?;
    let found = contents::find(conn, cid)?;
    let (kind, sidecar) = match cid.codec() == address::RAW {
        true => (ContentKind::Raw, Sidecar::None),
        false => (ContentKind::File, Sidecar::Present),
    };
    if mode == Mode::Rehearse {
        let Some(row) = found else { return Ok(Some(size)) };
        let id = ReplicaId { content: row.number, backend, key: String::new() };
        return Ok(replicas::find(conn, &id)?.is_none().then_some(size));
    }
    let (is_whole, (nodes, node_bytes)) = match &found {
        Some(row) => (blocks::is_whole(conn, row.number)?, blocks::total(conn, row.number)?),
        None => (false, (0, 0)),
    };
    if kind == ContentKind::File && !is_whole {
        return Err(Error::new(
            ErrorKind::NotFound,
            "its inner nodes are missing, without which it cannot be verified",
        ));
    }
    let number = contents::upsert(conn, &NewContent { cid: *cid, size: Some(size), kind, profile: 0 }, now())?;
    contents::learn(conn, number, kind, 0)?;
    let found = Found {
        replica: ReplicaId { content: number, backend, key: String::new() },
        bytes: size + node_bytes + nodes * HEAD,
        evidence: Evidence::Claimed,
        owned: true,
        sidecar,
        handle: meta.at.handle.as_deref(),
        etag: meta.etag.as_deref(),
    };
    Ok(replicas::adopt(conn, &found, now())?.then_some(size))
}

/// Reads a sidecar: each node hashed, and what its root is.
async fn read(mut body: ByteStream, root: Cid, spool: std::path::PathBuf) -> Result<Read> {
    let mut decoder = Decoder::new(Options::default());
    let (mut nodes, mut bytes, mut top) = (NodeSpool::new(&spool), 0, None);
    while let Some(frame) = body.next().await {
        decoder.feed(frame?);
        while let Some(item) = decoder.next().map_err(trouble::ipld)? {
            let Item::Block(block) = item else { continue };
            bytes += block.data.len() as u64;
            if SIDECAR_MAX < bytes {
                return Err(Error::new(ErrorKind::TooLarge, "the sidecar is larger than 4 GiB"));
            }
            block.verify().map_err(trouble::ipld)?;
            if address::same(&block.cid, &root) {
                top = Some(unixfs::decode(&block.cid, &block.data).map_err(trouble::ipld)?);
            }
            nodes.push(block)?;
        }
    }
    decoder.finish().map_err(trouble::ipld)?;
    let (kind, size) = match top {
        Some(Node::File(file)) => (ContentKind::File, Some(file.size)),
        Some(Node::Directory(_) | Node::Shard(_)) => (ContentKind::Directory, None),
        Some(_) => return Err(Error::new(ErrorKind::Integrity, "its root is neither a file nor a folder")),
        None => return Err(Error::new(ErrorKind::Integrity, "it lacks its root")),
    };
    let seal = tokio::task::spawn_blocking(move || nodes.finish(&root));
    Ok(Read { root, kind, size, dag: seal.await.map_err(trouble::lost)?? })
}
