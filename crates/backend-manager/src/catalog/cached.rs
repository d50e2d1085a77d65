//! What caches keep. Nothing here counts as a copy: these rows are no replicas, and no policy knows them.
//!
//! What goes is decided by S3-FIFO (Yang and others, SOSP 2023): what came once goes through a small queue and leaves; what was read again there, or comes back
//! soon after it left, is in the main queue, where each reading buys another round. One read of everything does not flush what is read daily.

use backend_core::{ErrorKind, Result};
use rusqlite::{Connection, Row};

use super::columns::{BackendNumber, Code, Coded, ContentNumber, Size};
use super::process::Worker;
use super::{Timestamp, sql};

/// Readings that are counted at the most.
const MAX_HITS: u32 = 3;
/// One part in so many of the room is for what came once.
const SMALL: u64 = 10;
/// Contents of which only the reading is remembered, for each cache.
const MAX_SEEN: i64 = 10_000;
/// Looks at the queues for one content: each buys time for one that was read.
const MAX_LOOKS: usize = 100_000;
/// Rows of one sweep.
const PAGE: i64 = 500;

/// Where content is in its life in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Read, and not kept (any more).
    Seen,
    /// On its way there; its room is taken.
    Filling,
    /// There.
    There,
    /// To be removed.
    Leaving,
}

impl Coded for Held {
    const CODES: &'static [(Self, i64)] = &[(Self::Seen, 0), (Self::Filling, 1), (Self::There, 2), (Self::Leaving, 3)];
}

/// Which content, in which cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The cache.
    pub backend: BackendNumber,
    /// The content.
    pub content: ContentNumber,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedRow {
    /// Of what.
    pub slot: Slot,
    /// Its bytes.
    pub bytes: u64,
    /// Where it is in its life.
    pub held: Held,
    /// Since when.
    pub at: Timestamp,
    /// What the service calls it.
    pub handle: Option<String>,
    /// Who fills it.
    pub worker: Option<String>,
}

/// When content is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admit {
    /// At its first reading.
    First,
    /// When it was read before, not longer ago than since then.
    Since(Timestamp),
}

const COLUMNS: &str = "backend_id, content_id, bytes, state, at, handle, worker";

fn read(row: &Row<'_>) -> rusqlite::Result<CachedRow> {
    Ok(CachedRow {
        slot: Slot { backend: row.get(0)?, content: row.get(1)? },
        bytes: row.get::<_, Size>(2)?.0,
        held: row.get::<_, Code<Held>>(3)?.0,
        at: row.get(4)?,
        handle: row.get(5)?,
        worker: row.get(6)?,
    })
}

/// What caches have of a content.
pub fn of(conn: &Connection, content: ContentNumber) -> Result<Vec<CachedRow>> {
    let text =
        format!("SELECT {COLUMNS} FROM cached WHERE content_id = ?1 AND state <> 0 ORDER BY backend_id LIMIT 64");
    sql::many(conn, &text, [content], read)
}

fn find(conn: &Connection, slot: Slot) -> Result<Option<CachedRow>> {
    let text = format!("SELECT {COLUMNS} FROM cached WHERE backend_id = ?1 AND content_id = ?2");
    sql::one(conn, &text, (slot.backend, slot.content), read)
}

/// It was read from the cache. More than three readings say nothing more.
pub fn hit(conn: &Connection, slot: Slot) -> Result<()> {
    let text =
        "UPDATE cached SET hits = hits + 1 WHERE backend_id = ?1 AND content_id = ?2 AND state = 2 AND hits < ?3";
    sql::run(conn, text, (slot.backend, slot.content, MAX_HITS)).map(drop)
}

/// It was read, and not from the cache: whether it is to be kept now. A first reading is noted.
pub fn admit(conn: &Connection, slot: Slot, admit: Admit, now: Timestamp) -> Result<bool> {
    match (find(conn, slot)?, admit) {
        (Some(row), _) if row.held != Held::Seen => Ok(false),
        (Some(row), Admit::Since(since)) if since <= row.at && row.at <= now => Ok(true),
        (_, Admit::First) => Ok(true),
        _ => {
            note_seen(conn, slot, now)?;
            Ok(false)
        }
    }
}

fn note_seen(conn: &Connection, slot: Slot, now: Timestamp) -> Result<()> {
    let text = "INSERT INTO cached (backend_id, content_id, bytes, state, turn, at) VALUES (?1, ?2, 0, 0, ?3, ?4)
        ON CONFLICT (backend_id, content_id) DO UPDATE SET bytes = 0, state = 0, turn = excluded.turn, at = excluded.at, hits = 0, queue = 0, worker = NULL, handle = NULL";
    sql::run(conn, text, (slot.backend, slot.content, next_turn(conn, slot.backend)?, now))?;
    let prune = "DELETE FROM cached WHERE backend_id = ?1 AND state = 0 AND turn <=
        (SELECT turn FROM cached WHERE backend_id = ?1 AND state = 0 ORDER BY turn DESC LIMIT 1 OFFSET ?2)";
    sql::run(conn, prune, (slot.backend, MAX_SEEN)).map(drop)
}

fn next_turn(conn: &Connection, backend: BackendNumber) -> Result<i64> {
    let text = "SELECT COALESCE(MAX(turn), 0) + 1 FROM cached WHERE backend_id = ?1";
    sql::only(conn, text, [backend], |row| row.get(0))
}

/// Takes room for content, and says who leaves for it: those are to be removed from the store before its bytes go there. `None`: it is there already, or
/// on its way, or there is no room for it at all.
pub fn reserve(
    conn: &Connection,
    slot: Slot,
    (bytes, most): (u64, u64),
    worker: &Worker,
    now: Timestamp,
) -> Result<Option<Vec<CachedRow>>> {
    let before = find(conn, slot)?;
    if most < bytes || before.as_ref().is_some_and(|row| row.held != Held::Seen) {
        return Ok(None);
    }
    let Some(leaving) = make_room(conn, slot.backend, bytes, most)? else { return Ok(None) };
    let queue = i64::from(before.is_some());
    let text = "INSERT INTO cached (backend_id, content_id, bytes, state, queue, turn, at, worker) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7)
        ON CONFLICT (backend_id, content_id) DO UPDATE SET bytes = excluded.bytes, state = 1, queue = excluded.queue, turn = excluded.turn, hits = 0,
            at = excluded.at, worker = excluded.worker";
    let turn = next_turn(conn, slot.backend)?;
    sql::run(conn, text, (slot.backend, slot.content, Size(bytes), queue, turn, now, worker.as_str()))?;
    Ok(Some(leaving))
}

fn make_room(conn: &Connection, backend: BackendNumber, bytes: u64, most: u64) -> Result<Option<Vec<CachedRow>>> {
    let mut queues = Queues::of(conn, backend)?;
    let mut leaving = Vec::new();
    for _ in 0..MAX_LOOKS {
        if queues.taken.saturating_add(bytes) <= most {
            return Ok(Some(leaving));
        }
        let is_small = most <= queues.small.saturating_mul(SMALL);
        let next = match is_small {
            true => oldest(conn, backend, 0)?.or(oldest(conn, backend, 1)?),
            false => oldest(conn, backend, 1)?.or(oldest(conn, backend, 0)?),
        };
        // All the room is taken by what is on its way.
        let Some((row, queue, hits)) = next else { return Ok(None) };
        let stays = if queue == 0 { 1 < hits } else { 0 < hits };
        if stays {
            let left = if queue == 0 { 0 } else { hits - 1 };
            let text = "UPDATE cached SET queue = 1, hits = ?3, turn = ?4 WHERE backend_id = ?1 AND content_id = ?2";
            sql::run(conn, text, (backend, row.slot.content, left, next_turn(conn, backend)?))?;
        } else {
            leave(conn, row.slot)?;
            queues.taken -= row.bytes;
        }
        if queue == 0 {
            queues.small = queues.small.saturating_sub(row.bytes);
        }
        leaving.extend((!stays).then_some(row));
    }
    Ok(None)
}

struct Queues {
    /// Bytes that are there or on their way.
    taken: u64,
    /// Of them, those there in the small queue.
    small: u64,
}

impl Queues {
    fn of(conn: &Connection, backend: BackendNumber) -> Result<Self> {
        let text =
            "SELECT COALESCE(SUM(bytes), 0), COALESCE(SUM(CASE WHEN queue = 0 AND state = 2 THEN bytes ELSE 0 END), 0)
            FROM cached WHERE backend_id = ?1 AND state IN (1, 2)";
        let read = |row: &Row<'_>| Ok(Self { taken: row.get::<_, Size>(0)?.0, small: row.get::<_, Size>(1)?.0 });
        sql::only(conn, text, [backend], read)
    }
}

fn oldest(conn: &Connection, backend: BackendNumber, queue: i64) -> Result<Option<(CachedRow, i64, u32)>> {
    let text = format!(
        "SELECT {COLUMNS}, hits FROM cached WHERE backend_id = ?1 AND state = 2 AND queue = ?2 ORDER BY turn LIMIT 1"
    );
    sql::one(conn, &text, (backend, queue), |row| Ok((read(row)?, queue, row.get(7)?)))
}

/// Whether everything that is on the store, leaving or on its way, is within `most`: only then bytes may go there.
pub fn fits(conn: &Connection, backend: BackendNumber, most: u64) -> Result<bool> {
    Ok(kept(conn, backend)?.0 <= most)
}

/// Bytes that are there, on their way or leaving, and how many contents are there.
pub fn kept(conn: &Connection, backend: BackendNumber) -> Result<(u64, u64)> {
    let text = "SELECT COALESCE(SUM(bytes), 0), COALESCE(SUM(CASE WHEN state = 2 THEN 1 ELSE 0 END), 0) FROM cached WHERE backend_id = ?1 AND state <> 0";
    sql::only(conn, text, [backend], |row| Ok((row.get::<_, Size>(0)?.0, row.get::<_, Size>(1)?.0)))
}

/// The bytes have arrived, if it is still this worker that fills.
pub fn arrived(conn: &Connection, slot: Slot, handle: Option<&str>, worker: &Worker, now: Timestamp) -> Result<bool> {
    let text = "UPDATE cached SET state = 2, at = ?3, handle = ?4, worker = NULL
        WHERE backend_id = ?1 AND content_id = ?2 AND state = 1 AND worker = ?5";
    Ok(sql::run(conn, text, (slot.backend, slot.content, now, handle, worker.as_str()))? == 1)
}

/// It is to be removed: nobody reads it from there any more.
pub fn leave(conn: &Connection, slot: Slot) -> Result<bool> {
    let text =
        "UPDATE cached SET state = 3, worker = NULL WHERE backend_id = ?1 AND content_id = ?2 AND state IN (1, 2)";
    Ok(sql::run(conn, text, (slot.backend, slot.content))? == 1)
}

/// What was leaving has left. What came once is remembered for a while: if it comes back, it stays longer.
pub fn left(conn: &Connection, slot: Slot, now: Timestamp) -> Result<()> {
    let text = "SELECT queue FROM cached WHERE backend_id = ?1 AND content_id = ?2 AND state = 3";
    let queue: Option<i64> = sql::one(conn, text, (slot.backend, slot.content), |row| row.get(0))?;
    match queue {
        Some(0) => note_seen(conn, slot, now),
        Some(_) => {
            let text = "DELETE FROM cached WHERE backend_id = ?1 AND content_id = ?2 AND state = 3";
            sql::run(conn, text, (slot.backend, slot.content)).map(drop)
        }
        None => Ok(()),
    }
}

/// Whoever filled it and found nothing to send gives the room back.
///
/// # Errors
/// `Precondition` when it is not this worker that fills.
pub fn give_back(conn: &Connection, slot: Slot, worker: &Worker) -> Result<()> {
    let text = "DELETE FROM cached WHERE backend_id = ?1 AND content_id = ?2 AND state = 1 AND worker = ?3";
    match sql::run(conn, text, (slot.backend, slot.content, worker.as_str()))? {
        1 => Ok(()),
        _ => Err(backend_core::Error::new(ErrorKind::Precondition, "somebody else has taken this over")),
    }
}

/// What is older than `since` leaves, and so does what is kept nowhere and wanted by nobody. What is wanted and was lost elsewhere stays: it may be all there is.
pub fn expire(conn: &Connection, backend: BackendNumber, since: Option<Timestamp>) -> Result<()> {
    let nobodys = "UPDATE cached SET state = 3 WHERE backend_id = ?1 AND state = 2 AND NOT EXISTS
        (SELECT 1 FROM replicas WHERE replicas.content_id = cached.content_id)
        AND NOT EXISTS (SELECT 1 FROM pins WHERE pins.content_id = cached.content_id)";
    sql::run(conn, nobodys, [backend])?;
    match since {
        Some(since) => {
            let old = "UPDATE cached SET state = 3 WHERE backend_id = ?1 AND state = 2 AND at < ?2 AND EXISTS
                (SELECT 1 FROM replicas WHERE replicas.content_id = cached.content_id AND replicas.state IN (2, 3, 6))";
            sql::run(conn, old, (backend, since)).map(drop)
        }
        None => Ok(()),
    }
}

/// What is leaving, and what is on its way by somebody: whether they live is the caller's to see.
pub fn unsettled(conn: &Connection, backend: BackendNumber) -> Result<Vec<CachedRow>> {
    let text =
        format!("SELECT {COLUMNS} FROM cached WHERE backend_id = ?1 AND state IN (1, 3) ORDER BY turn LIMIT {PAGE}");
    sql::many(conn, &text, [backend], read)
}
