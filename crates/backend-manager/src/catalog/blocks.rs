//! The outboard: the inner nodes of each content, in pre-order, root first. One row a node: a tebibyte has 51 MiB of them.
//!
//! Nodes are not trusted because they lie here: whoever uses one hashes it first.

use async_trait::async_trait;
use backend_core::{Dag, Node, Nodes, Result};
use bytes::Bytes;
use cid::Cid;
use rusqlite::{Connection, Row};

use super::columns::{CidColumn, ContentNumber, Size};
use super::{Catalog, error, sql};

/// The most bytes of one node: twice what any IPFS implementation sends as one block (2 MiB).
pub const NODE_MAX: usize = 4 << 20;
/// A page ends when its nodes have this many bytes together.
pub const PAGE_BYTES: usize = 4 << 20;

/// An inner node and its place in pre-order, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The place.
    pub seq: u32,
    /// Its name.
    pub cid: Cid,
    /// The node, byte for byte.
    pub data: Bytes,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Block> {
    let data: Vec<u8> = row.get(2)?;
    Ok(Block { seq: row.get(0)?, cid: row.get::<_, CidColumn>(1)?.0, data: data.into() })
}

/// Keeps nodes of one content; `first` is the place of the first of them. The same again changes nothing.
///
/// # Errors
/// `InvalidInput` for a node above [`NODE_MAX`]; `Precondition` for an unknown content.
pub fn put<'a>(
    conn: &Connection,
    content: ContentNumber,
    first: u32,
    nodes: impl IntoIterator<Item = (&'a Cid, &'a [u8])>,
) -> Result<()> {
    let text = "INSERT INTO blocks (content_id, seq, cid, data) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (content_id, seq) DO UPDATE SET cid = excluded.cid, data = excluded.data";
    for (seq, (cid, data)) in (i64::from(first)..).zip(nodes) {
        sql::bounded("an inner node", data.len(), NODE_MAX)?;
        sql::run(conn, text, (content, seq, CidColumn(*cid), data))?;
    }
    Ok(())
}

/// The next nodes from place `from` on: at most `limit`, and no more after [`PAGE_BYTES`]. Empty at the end.
pub fn page(conn: &Connection, content: ContentNumber, from: u32, limit: usize) -> Result<Vec<Block>> {
    let text = "SELECT seq, cid, data FROM blocks WHERE content_id = ?1 AND ?2 <= seq ORDER BY seq LIMIT ?3";
    let mut statement = conn.prepare_cached(text).map_err(error::from_sqlite)?;
    let mut rows = statement.query((content, from, sql::limit(limit))).map_err(error::from_sqlite)?;
    let (mut page, mut bytes) = (Vec::new(), 0);
    while bytes < PAGE_BYTES
        && let Some(row) = rows.next().map_err(error::from_sqlite)?
    {
        let block = read(row).map_err(error::from_sqlite)?;
        bytes += block.data.len();
        page.push(block);
    }
    Ok(page)
}

/// One node of this content by its name.
pub fn find(conn: &Connection, content: ContentNumber, cid: &Cid) -> Result<Option<Block>> {
    // The plus keeps the planner from walking all nodes of the content: few contents share a node.
    let text = "SELECT seq, cid, data FROM blocks WHERE cid = ?2 AND +content_id = ?1 LIMIT 1";
    sql::one(conn, text, (content, CidColumn(*cid)), read)
}

/// Any content that has this node: what a gateway is asked for by block.
pub fn holder(conn: &Connection, cid: &Cid) -> Result<Option<ContentNumber>> {
    sql::one(conn, "SELECT content_id FROM blocks WHERE cid = ?1 LIMIT 1", [CidColumn(*cid)], |row| row.get(0))
}

/// Whether the root is here: it is written last, so that all nodes are then.
pub fn is_whole(conn: &Connection, content: ContentNumber) -> Result<bool> {
    let text = "SELECT 1 FROM blocks WHERE content_id = ?1 AND seq = 0";
    Ok(sql::one(conn, text, [content], |_| Ok(()))?.is_some())
}

/// How many nodes content has here, and their bytes together.
pub fn total(conn: &Connection, content: ContentNumber) -> Result<(u64, u64)> {
    let text = "SELECT COUNT(*), COALESCE(SUM(LENGTH(data)), 0) FROM blocks WHERE content_id = ?1";
    sql::only(conn, text, [content], |row| Ok((row.get::<_, Size>(0)?.0, row.get::<_, Size>(1)?.0)))
}

/// Forgets the nodes of content: they proved wrong, or can be had again from a sidecar.
pub fn clear(conn: &Connection, content: ContentNumber) -> Result<usize> {
    sql::run(conn, "DELETE FROM blocks WHERE content_id = ?1", [content])
}

/// The outboard as the contract knows it, paged from the catalog when it is read.
pub async fn dag(catalog: &Catalog, content: ContentNumber) -> Result<Dag> {
    let (count, bytes) = catalog.read(move |conn| total(conn, content)).await?;
    Ok(Dag::new(std::sync::Arc::new(Outboard { catalog: catalog.clone(), content, count, bytes })))
}

#[derive(Debug)]
struct Outboard {
    catalog: Catalog,
    content: ContentNumber,
    count: u64,
    bytes: u64,
}

#[async_trait]
impl Nodes for Outboard {
    fn count(&self) -> u64 {
        self.count
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    async fn page(&self, from: u64) -> Result<Vec<Node>> {
        let (content, Ok(from)) = (self.content, u32::try_from(from)) else { return Ok(Vec::new()) };
        let blocks = self.catalog.read(move |conn| page(conn, content, from, sql::PAGE_MAX)).await?;
        Ok(blocks.into_iter().map(|block| (block.cid, block.data)).collect())
    }

    async fn find(&self, cid: &Cid) -> Result<Option<Bytes>> {
        let (content, cid) = (self.content, *cid);
        Ok(self.catalog.read(move |conn| find(conn, content, &cid)).await?.map(|block| block.data))
    }
}
