//! Which content hangs from which: a directory and its members.

use backend_core::Result;
use rusqlite::Connection;

use super::columns::ContentNumber;
use super::sql;

/// Says that `child` hangs from `parent`. The same again changes nothing.
///
/// # Errors
/// `Precondition` when one of them is unknown.
pub fn put(conn: &Connection, parent: ContentNumber, child: ContentNumber) -> Result<()> {
    let text = "INSERT INTO links (parent_id, child_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    sql::run(conn, text, (parent, child)).map(drop)
}

/// What hangs from `parent`, by number.
pub fn children(
    conn: &Connection,
    parent: ContentNumber,
    after: Option<ContentNumber>,
    limit: usize,
) -> Result<Vec<ContentNumber>> {
    let text = "SELECT child_id FROM links WHERE parent_id = ?1 AND ?2 < child_id ORDER BY child_id LIMIT ?3";
    page(conn, text, parent, after, limit)
}

/// What `child` hangs from, by number.
pub fn parents(
    conn: &Connection,
    child: ContentNumber,
    after: Option<ContentNumber>,
    limit: usize,
) -> Result<Vec<ContentNumber>> {
    let text = "SELECT parent_id FROM links WHERE child_id = ?1 AND ?2 < parent_id ORDER BY parent_id LIMIT ?3";
    page(conn, text, child, after, limit)
}

fn page(
    conn: &Connection,
    text: &str,
    of: ContentNumber,
    after: Option<ContentNumber>,
    limit: usize,
) -> Result<Vec<ContentNumber>> {
    let after = after.map_or(i64::MIN, ContentNumber::get);
    sql::many(conn, text, (of, after, sql::limit(limit)), |row| row.get(0))
}

/// Whether anything hangs from `child`'s side upwards: content inside a directory.
pub fn has_parent(conn: &Connection, child: ContentNumber) -> Result<bool> {
    Ok(!parents(conn, child, None, 1)?.is_empty())
}
