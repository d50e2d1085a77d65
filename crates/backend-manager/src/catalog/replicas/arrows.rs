//! The arrows that move a row from state to state and leave it in the catalog.

use std::time::Duration;

use backend_core::{Evidence, Result};
use rusqlite::{Connection, ToSql, named_params};

use super::row::{BadChunk, Moved, ReplicaAt, Sidecar};
use crate::catalog::columns::Code;
use crate::catalog::process::Process;
use crate::catalog::{Timestamp, changes, sql};

/// The most ranges that are kept of one replica; more are run together.
const RANGES_MAX: usize = 4096;
/// The longest note, bytes; longer ones are cut.
const NOTE_MAX: usize = 4096;
/// The longest handle, version or etag, bytes.
const TEXT_MAX: usize = 4096;

type Named<'a> = (&'static str, &'a dyn ToSql);

/// One conditional statement: the row moves if it is still at this epoch and `from` holds.
pub(super) fn arrow(
    conn: &Connection,
    at: &ReplicaAt,
    now: Timestamp,
    from: &str,
    change: &str,
    more: &[Named<'_>],
) -> Result<Moved> {
    let text = format!(
        "UPDATE replicas SET epoch = epoch + 1, changed_at = :now, {change}
        WHERE content_id = :content AND backend_id = :backend AND key = :key AND epoch = :epoch AND {from} RETURNING epoch"
    );
    let id = &at.replica;
    let own: [Named<'_>; 5] = [
        (":content", &id.content),
        (":backend", &id.backend),
        (":key", &id.key),
        (":epoch", &at.epoch),
        (":now", &now),
    ];
    let params: Vec<Named<'_>> = own.iter().chain(more).copied().collect();
    let moved = sql::one(conn, &text, params.as_slice(), |row| row.get(0))?;
    Ok(moved.map_or(Moved::Lost, Moved::Won))
}

/// What an add came to.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// How well it is known; `Verified` only when it was read back.
    pub evidence: Evidence,
    /// How the service calls it; absent: what was promised before stays.
    pub handle: Option<&'a str>,
    /// Which version it is.
    pub version: Option<&'a str>,
    /// Changes whenever the bytes change.
    pub etag: Option<&'a str>,
    /// Whether the service says that it was there before this call. Then it is not ours, unless an earlier upload of ours may have made it.
    pub existed: Option<bool>,
    /// When the service will drop it.
    pub until: Option<Timestamp>,
    /// When it was read back, or proved by the service.
    pub proved_at: Option<Timestamp>,
}

impl Stored<'_> {
    /// Stored with this evidence, nothing else known.
    pub fn new(evidence: Evidence) -> Self {
        Self { evidence, handle: None, version: None, etag: None, existed: None, until: None, proved_at: None }
    }
}

/// The bytes are there: uploading or accepted → present. The token, if there was one, is to be removed in the same transaction.
///
/// # Errors
/// `InvalidInput` for a handle, version or etag that is too long.
pub fn stored(conn: &Connection, at: &ReplicaAt, stored: &Stored<'_>, now: Timestamp) -> Result<Moved> {
    for text in [stored.handle, stored.version, stored.etag].into_iter().flatten() {
        sql::bounded("a handle, version or etag", text.len(), TEXT_MAX)?;
    }
    let change = "state = 2, worker = NULL, strikes = 0, bad_chunks = NULL, due_at = NULL, deadline_at = NULL, origin = 0, note = NULL,
        evidence = :evidence, handle = COALESCE(:handle, handle), version = :version, etag = :etag, until = :until, proved_at = :proved,
        checked_at = :now,
        owned = CASE WHEN :existed = 1 AND attempts <= 1 THEN 0 WHEN :existed = 0 THEN 1 ELSE owned END";
    let more = named_params! {
        ":evidence": Code(stored.evidence), ":handle": stored.handle, ":version": stored.version, ":etag": stored.etag,
        ":until": stored.until, ":proved": stored.proved_at, ":existed": stored.existed,
    };
    let moved = arrow(conn, at, now, "state IN (1, 8)", change, more)?;
    if moved != Moved::Lost {
        changes::copy(conn, at.replica.content, at.replica.backend, &at.replica.key)?;
    }
    Ok(moved)
}

/// What a service that has taken a copy on says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Accepted<'a> {
    /// How it calls the copy, or the request.
    pub handle: Option<&'a str>,
    /// Whether it was there before this call.
    pub existed: Option<bool>,
    /// When to ask again.
    pub due_at: Timestamp,
    /// When to give it up.
    pub deadline_at: Option<Timestamp>,
    /// Its own words.
    pub note: Option<&'a str>,
}

/// The service has taken it on: uploading → accepted, without lease. Asked again and still working: accepted → accepted.
///
/// # Errors
/// `InvalidInput` for a handle that is too long.
pub fn accepted(conn: &Connection, at: &ReplicaAt, accepted: &Accepted<'_>, now: Timestamp) -> Result<Moved> {
    sql::bounded("a handle", accepted.handle.map_or(0, str::len), TEXT_MAX)?;
    let change = "state = 8, worker = NULL, evidence = 1, due_at = :due, deadline_at = COALESCE(:deadline, deadline_at), note = :note,
        handle = COALESCE(:handle, handle),
        owned = CASE WHEN :existed = 1 AND attempts <= 1 THEN 0 WHEN :existed = 0 THEN 1 ELSE owned END";
    let more = named_params! {
        ":due": accepted.due_at, ":deadline": accepted.deadline_at, ":note": accepted.note.map(cut), ":handle": accepted.handle,
        ":existed": accepted.existed,
    };
    arrow(conn, at, now, "state IN (1, 8)", change, more)
}

/// The service wants the act gone on with: accepted → uploading, leased.
pub fn resume(conn: &Connection, at: &ReplicaAt, process: &Process, now: Timestamp) -> Result<Moved> {
    let change = "state = 1, worker = :worker, due_at = NULL";
    arrow(conn, at, now, "state = 8", change, named_params! { ":worker": process.worker() })
}

/// The upload ended without an answer: it stays uploading, by nobody. Quota, token and promised handle stay.
pub fn unknown(conn: &Connection, at: &ReplicaAt, note: &str, now: Timestamp) -> Result<Moved> {
    arrow(conn, at, now, "state = 1", "worker = NULL, note = :note", named_params! { ":note": cut(note) })
}

/// Every byte was read back and hashed, at `now`: present or suspect → present.
pub fn verified(conn: &Connection, at: &ReplicaAt, now: Timestamp) -> Result<Moved> {
    let change =
        "state = 2, evidence = 4, proved_at = :now, checked_at = :now, strikes = 0, bad_chunks = NULL, note = NULL";
    arrow(conn, at, now, "state IN (2, 3)", change, &[])
}

/// What a look without reading the bytes says.
#[derive(Debug, Clone, Copy)]
pub struct Checked {
    /// How well it is known by this look. What was known better before stays.
    pub evidence: Evidence,
    /// When the service will drop it.
    pub until: Option<Timestamp>,
    /// When the service last proved it.
    pub proved_at: Option<Timestamp>,
}

/// Somebody looked and it is there: present, or suspect without bad chunks → present. A copy with bad chunks must be [`verified`].
pub fn checked(conn: &Connection, at: &ReplicaAt, checked: &Checked, now: Timestamp) -> Result<Moved> {
    let change = "state = 2, checked_at = :now, strikes = 0, note = NULL, until = :until,
        evidence = CASE WHEN evidence < :evidence THEN :evidence ELSE evidence END,
        proved_at = CASE WHEN :proved IS NOT NULL AND COALESCE(proved_at, :proved) <= :proved THEN :proved ELSE proved_at END";
    let more =
        named_params! { ":evidence": Code(checked.evidence), ":until": checked.until, ":proved": checked.proved_at };
    arrow(conn, at, now, "(state = 2 OR (state = 3 AND bad_chunks IS NULL))", change, more)
}

/// One sign that it is bad, a negative answer or bad chunks: present → suspect. It does not count any more, and is still read chunk by chunk.
pub fn suspect(conn: &Connection, at: &ReplicaAt, bad: &[BadChunk], note: &str, now: Timestamp) -> Result<Moved> {
    let change = "state = 3, strikes = strikes + 1, checked_at = :now, bad_chunks = :bad, note = :note";
    arrow(conn, at, now, "state = 2", change, named_params! { ":bad": ranges(bad), ":note": cut(note) })
}

/// A second look, after settling and with the store recognised, found nothing: suspect → missing.
pub fn missing(conn: &Connection, at: &ReplicaAt, note: &str, now: Timestamp) -> Result<Moved> {
    let change = "state = 5, strikes = strikes + 1, checked_at = :now, bad_chunks = NULL, note = :note";
    arrow(conn, at, now, "state = 3", change, named_params! { ":note": cut(note) })
}

/// A second look found these chunks bad: suspect, or corrupt with others → corrupt.
pub fn corrupt(conn: &Connection, at: &ReplicaAt, bad: &[BadChunk], now: Timestamp) -> Result<Moved> {
    let change = "state = 6, strikes = strikes + 1, checked_at = :now, bad_chunks = :bad";
    arrow(conn, at, now, "state IN (3, 6)", change, named_params! { ":bad": ranges(bad) })
}

/// What was missing is there again, as after a disk was mounted: missing → suspect, until somebody verifies it.
pub fn found(conn: &Connection, at: &ReplicaAt, note: &str, now: Timestamp) -> Result<Moved> {
    let change = "state = 3, evidence = 0, checked_at = :now, note = :note";
    arrow(conn, at, now, "state = 5", change, named_params! { ":note": cut(note) })
}

/// What became of the inner nodes beside the content. No state changes, but the epoch does: row and sidecar stand for each other.
///
/// # Errors
/// `InvalidInput` for a handle that is too long.
pub fn sidecar(
    conn: &Connection,
    at: &ReplicaAt,
    sidecar: Sidecar,
    handle: Option<&str>,
    now: Timestamp,
) -> Result<Moved> {
    sql::bounded("a handle", handle.map_or(0, str::len), TEXT_MAX)?;
    let change = "sidecar = :sidecar, sidecar_handle = :handle";
    arrow(conn, at, now, "1 = 1", change, named_params! { ":sidecar": Code(sidecar), ":handle": handle })
}

/// When to look again at what a removal has scheduled.
pub(super) fn after(now: Timestamp, wait: Option<Duration>) -> Option<Timestamp> {
    wait.map(|wait| now.plus(wait))
}

/// A note is somebody else's words: cut, at a character.
pub(super) fn cut(note: &str) -> &str {
    &note[..note.floor_char_boundary(NOTE_MAX)]
}

/// Sorted, neighbours run together, JSON. `None` for no range. Beyond [`RANGES_MAX`] everything up to the last byte that is bad counts as bad: a list
/// from hostile bytes stays small, and no bad byte is called good.
fn ranges(bad: &[BadChunk]) -> Option<String> {
    let mut sorted = bad.to_vec();
    sorted.sort_unstable();
    let mut runs: Vec<BadChunk> = Vec::new();
    for it in sorted {
        let full = runs.len() == RANGES_MAX;
        match runs.last_mut() {
            Some(run) if full || it.offset <= run.offset.saturating_add(run.len) => {
                let end = (run.offset.saturating_add(run.len)).max(it.offset.saturating_add(it.len));
                run.len = end - run.offset;
            }
            _ => runs.push(it),
        }
    }
    (!runs.is_empty()).then(|| serde_json::to_string(&runs).unwrap_or_else(|_| "[]".into()))
}
