//! What a backend must remember between runs: refreshed tokens, promised ids. Compare and swap, because two processes may hold one credential.

use backend_core::{Result, Secret};
use rusqlite::Connection;

use super::columns::{BackendNumber, Size};
use super::sql;

/// The longest memory of one backend, bytes.
const MEMORY_MAX: usize = 64 << 10;

/// What a backend remembers, and the revision of it.
pub fn get(conn: &Connection, backend: BackendNumber) -> Result<Option<(Secret, u64)>> {
    let text = "SELECT CAST(value AS TEXT), revision FROM memories WHERE backend_id = ?1";
    sql::one(conn, text, [backend], |row| Ok((Secret::new(row.get::<_, String>(0)?), row.get::<_, Size>(1)?.0)))
}

/// Replaces it if its revision is still `if_revision` (0: if there is none yet); whether it was.
///
/// # Errors
/// `InvalidInput` when it is too long; `Precondition` for an unknown backend.
pub fn put(conn: &Connection, backend: BackendNumber, value: &Secret, if_revision: u64) -> Result<bool> {
    let value = value.reveal().as_bytes();
    sql::bounded("a backend's memory", value.len(), MEMORY_MAX)?;
    let changed = match if_revision {
        0 => {
            let text = "INSERT INTO memories (backend_id, value, revision) VALUES (?1, ?2, 1) ON CONFLICT (backend_id) DO NOTHING";
            sql::run(conn, text, (backend, value))?
        }
        _ => {
            let text =
                "UPDATE memories SET value = ?2, revision = revision + 1 WHERE backend_id = ?1 AND revision = ?3";
            sql::run(conn, text, (backend, value, Size(if_revision)))?
        }
    };
    Ok(changed == 1)
}
