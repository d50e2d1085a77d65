//! Begun uploads: the token by which each goes on, and where its bytes come from. One a replica.

use std::path::PathBuf;

use backend_core::{Result, ResumeToken};
use rusqlite::{Connection, Row, named_params};

use super::columns::Size;
use super::replicas::{Moved, ReplicaAt, ReplicaId};
use super::{Timestamp, sql};

/// The longest path of a source, bytes.
const SOURCE_MAX: usize = 4096;

/// A begun upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Of which replica.
    pub replica: ReplicaId,
    /// How to go on. Secret.
    pub token: ResumeToken,
    /// Bytes that the service has for certain.
    pub sent: u64,
    /// The file that the bytes come from: the user's, or one that was spooled.
    pub source: PathBuf,
    /// When this was last saved.
    pub updated_at: Timestamp,
}

/// What a checkpoint says.
#[derive(Debug, Clone, Copy)]
pub struct Checkpoint<'a> {
    /// How to go on.
    pub token: &'a ResumeToken,
    /// The name that the service has promised, so that a lost answer can be looked up.
    pub handle: Option<&'a str>,
    /// Bytes that the service has for certain.
    pub sent: u64,
    /// The file that the bytes come from.
    pub source: &'a str,
}

const SELECT: &str = "SELECT content_id, backend_id, key, token, sent, source, updated_at FROM transfers";

fn read(row: &Row<'_>) -> rusqlite::Result<Transfer> {
    let token: Vec<u8> = row.get(3)?;
    let token = ResumeToken::new(token)
        .map_err(|err| rusqlite::Error::FromSqlConversionFailure(3, rusqlite::types::Type::Blob, Box::new(err)))?;
    let source: String = row.get(5)?;
    Ok(Transfer {
        replica: ReplicaId { content: row.get(0)?, backend: row.get(1)?, key: row.get(2)? },
        token,
        sent: row.get::<_, Size>(4)?.0,
        source: source.into(),
        updated_at: row.get(6)?,
    })
}

/// Keeps the newest checkpoint of an upload, and the promised handle in the replica's row. `Lost`: the row is somebody else's by now, and the upload
/// must stop. The epoch stays: this is no arrow.
///
/// # Errors
/// `InvalidInput` for a source that is too long.
pub fn save(conn: &Connection, at: &ReplicaAt, checkpoint: &Checkpoint<'_>, now: Timestamp) -> Result<Moved> {
    sql::bounded("the path of a source", checkpoint.source.len(), SOURCE_MAX)?;
    let held = "UPDATE replicas SET handle = COALESCE(?5, handle) WHERE content_id = ?1 AND backend_id = ?2 AND key = ?3 AND state = 1 AND epoch = ?4";
    let id = &at.replica;
    if sql::run(conn, held, (id.content, id.backend, &id.key, at.epoch, checkpoint.handle))? == 0 {
        return Ok(Moved::Lost);
    }
    let text = "INSERT INTO transfers (content_id, backend_id, key, token, sent, source, updated_at)
        VALUES (:content, :backend, :key, :token, :sent, :source, :now)
        ON CONFLICT (content_id, backend_id, key) DO UPDATE SET token = excluded.token, sent = excluded.sent, source = excluded.source,
            updated_at = excluded.updated_at";
    let params = named_params! {
        ":content": id.content, ":backend": id.backend, ":key": id.key, ":token": checkpoint.token.reveal().as_ref(),
        ":sent": Size(checkpoint.sent), ":source": checkpoint.source, ":now": now,
    };
    sql::run(conn, text, params)?;
    Ok(Moved::Won(at.epoch))
}

/// The begun upload of a replica.
pub fn find(conn: &Connection, id: &ReplicaId) -> Result<Option<Transfer>> {
    let text = format!("{SELECT} WHERE content_id = ?1 AND backend_id = ?2 AND key = ?3");
    sql::one(conn, &text, (id.content, id.backend, &id.key), read)
}

/// The next begun uploads.
pub fn page(conn: &Connection, after: Option<&ReplicaId>, limit: usize) -> Result<Vec<Transfer>> {
    let (content, backend, key) =
        after.map_or((i64::MIN, i64::MIN, ""), |id| (id.content.get(), id.backend.get(), id.key.as_str()));
    let text = format!(
        "{SELECT} WHERE (?1, ?2, ?3) < (content_id, backend_id, key) ORDER BY content_id, backend_id, key LIMIT ?4"
    );
    sql::many(conn, &text, (content, backend, key, sql::limit(limit)), read)
}

/// Forgets a token: the upload is whole, or the service was told to discard it. Whether there was one.
pub fn remove(conn: &Connection, id: &ReplicaId) -> Result<bool> {
    let text = "DELETE FROM transfers WHERE content_id = ?1 AND backend_id = ?2 AND key = ?3";
    Ok(sql::run(conn, text, (id.content, id.backend, &id.key))? == 1)
}

/// Whether any begun upload reads this file: a spooled file without one is a stray.
pub fn uses_source(conn: &Connection, source: &str) -> Result<bool> {
    Ok(sql::one(conn, "SELECT 1 FROM transfers WHERE source = ?1 LIMIT 1", [source], |_| Ok(()))?.is_some())
}
