//! Contents: what has a name here, whether or not anybody keeps it.

use backend_core::{Error, ErrorKind, Result};
use cid::Cid;
use rusqlite::{Connection, Row, named_params};

use super::columns::{CidColumn, Code, Coded, ContentNumber, Size};
use super::{Timestamp, sql};

/// What the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContentKind {
    /// One block; the CID is the hash of the bytes.
    Raw,
    /// A UnixFS file with inner nodes.
    File,
    /// A UnixFS directory, with all that hangs from it.
    Directory,
    /// Some other graph, known by its root alone.
    Dag,
}

impl Coded for ContentKind {
    const CODES: &'static [(Self, i64)] = &[(Self::Raw, 0), (Self::File, 1), (Self::Directory, 2), (Self::Dag, 3)];
}

/// What is to be known of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewContent {
    /// Its name; a CIDv0 is kept as the CIDv1 of the same node.
    pub cid: Cid,
    /// Plain bytes. `None`: not known yet, as for a CID that a service was asked to fetch.
    pub size: Option<u64>,
    /// What it is.
    pub kind: ContentKind,
    /// The import profile that built it (`ipld::Profile::id`); 0 where none is known.
    pub profile: u16,
}

/// Content as it stands in the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRow {
    /// Its number.
    pub number: ContentNumber,
    /// What was told of it.
    pub content: NewContent,
    /// When it was first heard of.
    pub created_at: Timestamp,
}

const SELECT: &str = "SELECT id, cid, size, kind, profile, created_at FROM contents";

fn read(row: &Row<'_>) -> rusqlite::Result<ContentRow> {
    let content = NewContent {
        cid: row.get::<_, CidColumn>(1)?.0,
        size: row.get::<_, Option<Size>>(2)?.map(|it| it.0),
        kind: row.get::<_, Code<ContentKind>>(3)?.0,
        profile: row.get(4)?,
    };
    Ok(ContentRow { number: row.get(0)?, content, created_at: row.get(5)? })
}

/// The number of content, which is entered when it is new. A size that was not known is filled in; everything else stays as first told.
///
/// # Errors
/// `Integrity` when another size is on record: one CID has one size.
pub fn upsert(conn: &Connection, content: &NewContent, now: Timestamp) -> Result<ContentNumber> {
    let insert =
        "INSERT INTO contents (cid, size, kind, profile, created_at) VALUES (:cid, :size, :kind, :profile, :now)
        ON CONFLICT (cid) DO UPDATE SET size = excluded.size WHERE contents.size IS NULL AND excluded.size IS NOT NULL";
    let params = named_params! {
        ":cid": CidColumn(content.cid), ":size": content.size.map(Size), ":kind": Code(content.kind), ":profile": content.profile, ":now": now,
    };
    sql::run(conn, insert, params)?;
    let row = find(conn, &content.cid)?.ok_or_else(|| Error::new(ErrorKind::Internal, "the catalog lost a content"))?;
    match (row.content.size, content.size) {
        (Some(known), Some(told)) if known != told => {
            let text = format!("{} has {known} bytes in the catalog and {told} now", row.content.cid);
            Err(Error::new(ErrorKind::Integrity, text))
        }
        _ => Ok(row.number),
    }
}

/// Says what content is of which only the root was known. What is known better stays.
pub fn learn(conn: &Connection, number: ContentNumber, kind: ContentKind, profile: u16) -> Result<()> {
    let text = "UPDATE contents SET kind = ?2, profile = CASE WHEN profile = 0 THEN ?3 ELSE profile END
        WHERE id = ?1 AND (kind = 3 OR (kind = ?2 AND profile = 0))";
    sql::run(conn, text, (number, Code(kind), profile)).map(drop)
}

/// Content by its CID, of whichever version.
pub fn find(conn: &Connection, cid: &Cid) -> Result<Option<ContentRow>> {
    sql::one(conn, &format!("{SELECT} WHERE cid = ?1"), [CidColumn(*cid)], read)
}

/// Content by its number.
pub fn get(conn: &Connection, number: ContentNumber) -> Result<Option<ContentRow>> {
    sql::one(conn, &format!("{SELECT} WHERE id = ?1"), [number], read)
}

/// The next contents by number, at most `limit` and [`PAGE_MAX`](super::PAGE_MAX). A short page is not the end; an empty one is.
pub fn page(conn: &Connection, after: Option<ContentNumber>, limit: usize) -> Result<Vec<ContentRow>> {
    let after = after.map_or(i64::MIN, ContentNumber::get);
    sql::many(conn, &format!("{SELECT} WHERE ?1 < id ORDER BY id LIMIT ?2"), (after, sql::limit(limit)), read)
}
