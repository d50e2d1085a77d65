//! What the catalog knows of itself: its identity, its schema, whether it may remove.

use backend_core::Result;
use rusqlite::Connection;

use super::sql;

/// A random name, made with the file: tells two catalogs apart.
pub const CATALOG_ID: &str = "catalog_id";
/// `1`: plans may remove. A catalog that was restored or adopted starts with `0`, until a person says otherwise.
pub const ARMED: &str = "armed";
/// No replica row that is deleted had a higher epoch; new rows start above it. So a late writer of a deleted row never fits its successor.
pub(super) const EPOCH: &str = "epoch";

/// The value of a name.
pub fn get(conn: &Connection, name: &str) -> Result<Option<String>> {
    sql::one(conn, "SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
}

/// Sets a name.
pub fn set(conn: &Connection, name: &str, value: &str) -> Result<()> {
    let text = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    sql::run(conn, text, [name, value]).map(drop)
}

/// Whether plans may remove content.
pub fn armed(conn: &Connection) -> Result<bool> {
    Ok(get(conn, ARMED)?.as_deref() == Some("1"))
}

/// Plans may remove content from now on: a person has said so.
pub fn arm(conn: &Connection) -> Result<()> {
    set(conn, ARMED, "1")
}

/// Plans may not remove anything from now on.
pub fn disarm(conn: &Connection) -> Result<()> {
    set(conn, ARMED, "0")
}
