//! What the source of a copy looked like when it was taken: by its time, and the size of the content, a later look sees that nothing has changed.

use backend_core::Result;
use cid::Cid;
use rusqlite::{Connection, Row};

use super::columns::{BackendNumber, CidColumn, ContentNumber, Size};
use super::sql;

/// Whose source it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A name's.
    Names,
    /// That of a user's key on this backend.
    Backend(BackendNumber),
}

impl Scope {
    fn number(self) -> i64 {
        match self {
            Scope::Names => 0,
            Scope::Backend(number) => number.get(),
        }
    }
}

/// A copy under a user's key, as it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Under which key.
    pub key: String,
    /// Which content.
    pub content: ContentNumber,
    /// Its name.
    pub cid: Cid,
    /// Its plain bytes, if known.
    pub size: Option<u64>,
    /// The import profile that built it; 0 where none is known.
    pub profile: u16,
    /// What the store called these bytes when they were stored.
    pub etag: Option<String>,
    /// When its source was last written, nanoseconds since 1970 UTC, if that is known.
    pub modified: Option<i64>,
}

/// Remembers when the source of `content` at this place was last written, nanoseconds since 1970 UTC. What was remembered of the place before is forgotten.
///
/// # Errors
/// `Precondition` for an unknown content.
pub fn put(conn: &Connection, scope: Scope, key: &str, content: ContentNumber, modified: i64) -> Result<()> {
    let text = "INSERT INTO marks (scope, key, content_id, modified) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (scope, key) DO UPDATE SET content_id = excluded.content_id, modified = excluded.modified";
    sql::run(conn, text, (scope.number(), key, content, modified)).map(drop)
}

/// What is remembered of a place, if `content` is still what lies there.
pub fn find(conn: &Connection, scope: Scope, key: &str, content: ContentNumber) -> Result<Option<i64>> {
    let text = "SELECT modified FROM marks WHERE scope = ?1 AND key = ?2 AND content_id = ?3";
    sql::one(conn, text, (scope.number(), key, content), |row| row.get(0))
}

/// Forgets a place. Whether anything was remembered.
pub fn remove(conn: &Connection, scope: Scope, key: &str) -> Result<bool> {
    Ok(sql::run(conn, "DELETE FROM marks WHERE scope = ?1 AND key = ?2", (scope.number(), key))? == 1)
}

/// The next present copies on a backend whose key begins with `prefix`, by key.
pub fn page(conn: &Connection, backend: BackendNumber, prefix: &str, after: &str, limit: usize) -> Result<Vec<KeyRow>> {
    let text = "SELECT r.key, r.content_id, c.cid, c.size, c.profile, r.etag, m.modified FROM replicas r JOIN contents c ON c.id = r.content_id
        LEFT JOIN marks m ON m.scope = r.backend_id AND m.key = r.key AND m.content_id = r.content_id
        WHERE r.backend_id = ?1 AND ?2 <= r.key AND r.key <> ?3 AND r.key <> '' AND r.state = 2 ORDER BY r.backend_id, r.key LIMIT ?4";
    let mut rows = sql::many(conn, text, (backend, prefix.max(after), after, sql::limit(limit)), read)?;
    // They are sorted: behind the first that does not begin so, none does.
    rows.truncate(rows.partition_point(|row| row.key.starts_with(prefix)));
    Ok(rows)
}

fn read(row: &Row<'_>) -> rusqlite::Result<KeyRow> {
    Ok(KeyRow {
        key: row.get(0)?,
        content: row.get(1)?,
        cid: row.get::<_, CidColumn>(2)?.0,
        size: row.get::<_, Option<Size>>(3)?.map(|it| it.0),
        profile: row.get(4)?,
        etag: row.get(5)?,
        modified: row.get(6)?,
    })
}

/// The contents that lay under a user's key on a backend before `content` did, and are said to be overwritten there.
pub fn overwritten(
    conn: &Connection,
    backend: BackendNumber,
    key: &str,
    by: ContentNumber,
) -> Result<Vec<ContentNumber>> {
    let text = "SELECT content_id FROM replicas WHERE backend_id = ?1 AND key = ?2 AND content_id <> ?3 AND state = 5 LIMIT ?4";
    sql::many(conn, text, (backend, key, by, sql::limit(sql::PAGE_MAX)), |row| row.get(0))
}

/// The content whose copy holds a user's key, whatever its state: the unique index allows one.
pub fn holder(conn: &Connection, backend: BackendNumber, key: &str) -> Result<Option<ContentNumber>> {
    let text = "SELECT content_id FROM replicas WHERE backend_id = ?1 AND key = ?2 AND key <> '' AND state NOT IN (0, 5, 7) LIMIT 1";
    sql::one(conn, text, (backend, key), |row| row.get(0))
}

/// Whether content lies under another user's key of this backend too.
pub fn elsewhere(conn: &Connection, backend: BackendNumber, key: &str, content: ContentNumber) -> Result<bool> {
    let text = "SELECT 1 FROM replicas WHERE content_id = ?1 AND backend_id = ?2 AND key <> '' AND key <> ?3 AND state NOT IN (4, 5, 7) LIMIT 1";
    Ok(sql::one(conn, text, (content, backend, key), |_| Ok(()))?.is_some())
}
