//! What was learnt of a backend by asking it: true of one connection, which the fingerprint names. It holds no secret.

use backend_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, Row};
use serde_json::Value;

use super::columns::BackendNumber;
use super::{Timestamp, sql};

/// The most bytes of the facts of one backend (contract, C12).
const FACTS_MAX: usize = 4096;
/// The longest fingerprint, bytes.
const FINGERPRINT_MAX: usize = 255;

/// What is known of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactsRow {
    /// Of which connection.
    pub fingerprint: String,
    /// In the leaf's own shape. `Null`: it was asked, and there is nothing to learn.
    pub facts: Value,
    /// Since when.
    pub learnt_at: Timestamp,
}

fn read(row: &Row<'_>) -> rusqlite::Result<FactsRow> {
    let text: String = row.get(1)?;
    // What cannot be read is as if nothing was learnt: the leaf is then asked again by whoever tests it.
    let facts = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(FactsRow { fingerprint: row.get(0)?, facts, learnt_at: row.get(2)? })
}

/// What was last learnt of a backend, of whichever connection.
pub fn find(conn: &Connection, backend: BackendNumber) -> Result<Option<FactsRow>> {
    sql::one(conn, "SELECT fingerprint, facts, learnt_at FROM facts WHERE backend_id = ?1", [backend], read)
}

/// Replaces what is known of a backend: only its present connection matters.
///
/// # Errors
/// `InvalidInput` for facts above 4 KiB; `Precondition` for an unknown backend.
pub fn put(conn: &Connection, backend: BackendNumber, row: &FactsRow) -> Result<()> {
    let text = serde_json::to_string(&row.facts)
        .map_err(|err| Error::new(ErrorKind::Internal, "facts are no json").with_source(err))?;
    sql::bounded("what was learnt of a backend", text.len(), FACTS_MAX)?;
    sql::bounded("a fingerprint", row.fingerprint.len(), FINGERPRINT_MAX)?;
    let insert = "INSERT INTO facts (backend_id, fingerprint, facts, learnt_at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (backend_id) DO UPDATE SET fingerprint = excluded.fingerprint, facts = excluded.facts, learnt_at = excluded.learnt_at";
    sql::run(conn, insert, (backend, &row.fingerprint, text, row.learnt_at)).map(drop)
}
