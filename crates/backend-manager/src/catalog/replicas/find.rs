//! Which replicas there are: of a content, on a backend, in a state, due for a look. Always a page.

use std::collections::HashMap;

use backend_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, Row};

use super::row::{COLUMNS, ReplicaId, ReplicaRow, ReplicaState, read};
use crate::catalog::columns::{BackendNumber, Code, ContentNumber, Size};
use crate::catalog::process::Process;
use crate::catalog::{Timestamp, sql};

/// The most replicas of one content that [`of`] answers.
const OF_MAX: usize = 256;

fn select(rest: &str) -> String {
    format!("SELECT {COLUMNS} FROM replicas r JOIN backends b ON b.id = r.backend_id {rest}")
}

/// One replica.
pub fn find(conn: &Connection, id: &ReplicaId) -> Result<Option<ReplicaRow>> {
    let text = select("WHERE r.content_id = ?1 AND r.backend_id = ?2 AND r.key = ?3");
    sql::one(conn, &text, (id.content, id.backend, &id.key), read)
}

/// The replicas of content, the ones that count first, best evidence first: at most 256. Content that lies under more keys than that has enough.
pub fn of(conn: &Connection, content: ContentNumber) -> Result<Vec<ReplicaRow>> {
    let text = select("WHERE r.content_id = ?1 ORDER BY r.state <> 2, r.evidence DESC, r.backend_id, r.key LIMIT ?2");
    sql::many(conn, &text, (content, sql::limit(OF_MAX)), read)
}

/// The replicas of content under one key, whatever else it lies under: one a backend.
pub fn under(conn: &Connection, content: ContentNumber, key: &str) -> Result<Vec<ReplicaRow>> {
    let text = select("WHERE r.content_id = ?1 AND r.key = ?2 ORDER BY r.backend_id LIMIT ?3");
    sql::many(conn, &text, (content, key, sql::limit(OF_MAX)), read)
}

/// The next replicas of all, by content, backend and key.
pub fn page(conn: &Connection, after: Option<&ReplicaId>, limit: usize) -> Result<Vec<ReplicaRow>> {
    let (content, backend, key) =
        after.map_or((i64::MIN, i64::MIN, ""), |id| (id.content.get(), id.backend.get(), id.key.as_str()));
    let text = select(
        "WHERE (?1, ?2, ?3) < (r.content_id, r.backend_id, r.key) ORDER BY r.content_id, r.backend_id, r.key LIMIT ?4",
    );
    sql::many(conn, &text, (content, backend, key, sql::limit(limit)), read)
}

/// The next replicas on one backend, by key and content: first those that lie where their CID says, then the users' keys.
pub fn page_of_backend(
    conn: &Connection,
    backend: BackendNumber,
    after: Option<(&str, ContentNumber)>,
    limit: usize,
) -> Result<Vec<ReplicaRow>> {
    let (key, content) = after.map_or(("", i64::MIN), |(key, content)| (key, content.get()));
    let text =
        select("WHERE r.backend_id = ?1 AND (?2, ?3) < (r.key, r.content_id) ORDER BY r.key, r.content_id LIMIT ?4");
    sql::many(conn, &text, (backend, key, content, sql::limit(limit)), read)
}

/// How far a walk through the replicas of one state has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateCursor {
    /// When the last row seen was moved.
    pub changed_at: Timestamp,
    /// Which row that was.
    pub replica: ReplicaId,
}

/// Uploads that nobody works on, and where the walk goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimable {
    /// The uploads.
    pub rows: Vec<ReplicaRow>,
    /// `None`: that was all.
    pub next: Option<StateCursor>,
}

/// The next replicas in a state, the longest unchanged first. A moved row leaves the walk, or joins it at the end.
///
/// # Errors
/// `InvalidInput` for `Present`: of these there are millions and no queue. Walk them by backend, or by when they were last looked at.
pub fn page_of_state(
    conn: &Connection,
    state: ReplicaState,
    after: Option<&StateCursor>,
    limit: usize,
) -> Result<Vec<ReplicaRow>> {
    if state == ReplicaState::Present {
        return Err(Error::new(ErrorKind::InvalidInput, "present replicas are not a queue"));
    }
    let (at, content, backend, key) = after.map_or((i64::MIN, i64::MIN, i64::MIN, ""), |it| {
        (it.changed_at.millis(), it.replica.content.get(), it.replica.backend.get(), it.replica.key.as_str())
    });
    // The second condition follows from the first, but lets SQLite see that the index of unfinished work will do.
    let text = select(
        "WHERE r.state = ?1 AND r.state <> 2 AND (?2, ?3, ?4, ?5) < (r.changed_at, r.content_id, r.backend_id, r.key)
        ORDER BY r.changed_at, r.content_id, r.backend_id, r.key LIMIT ?6",
    );
    sql::many(conn, &text, (Code(state), at, content, backend, key, sql::limit(limit)), read)
}

/// The next uploads that nobody works on: the outcome is unknown, or the worker is dead. They are to be looked at, then taken over by
/// [`intend`](super::intend). A page may be empty and yet not the last.
pub fn claimable(conn: &Connection, process: &Process, after: Option<&StateCursor>, limit: usize) -> Result<Claimable> {
    let mut rows = page_of_state(conn, ReplicaState::Uploading, after, limit)?;
    let next = rows.last().map(|row| StateCursor { changed_at: row.changed_at, replica: row.replica.clone() });
    let mut alive = HashMap::new();
    rows.retain(|row| match &row.worker {
        None => true,
        Some(worker) => !*alive.entry(worker.clone()).or_insert_with(|| process.alive(worker)),
    });
    Ok(Claimable { rows, next })
}

/// The next present replicas of a backend that nobody has looked at since `before`, the longest unseen first. Looking moves them out of the answer.
pub fn to_scrub(conn: &Connection, backend: BackendNumber, before: Timestamp, limit: usize) -> Result<Vec<ReplicaRow>> {
    let text = select("WHERE r.state = 2 AND r.backend_id = ?1 AND r.checked_at < ?2 ORDER BY r.checked_at LIMIT ?3");
    sql::many(conn, &text, (backend, before, sql::limit(limit)), read)
}

/// Accepted and lingering replicas whose time to be looked at has come, the earliest first.
pub fn due(conn: &Connection, now: Timestamp, limit: usize) -> Result<Vec<ReplicaRow>> {
    let text = select("WHERE r.due_at <= ?1 ORDER BY r.due_at LIMIT ?2");
    sql::many(conn, &text, (now, sql::limit(limit)), read)
}

/// Replicas that their service drops before `horizon`, the earliest first: to be renewed, or replaced.
pub fn ending(conn: &Connection, horizon: Timestamp, limit: usize) -> Result<Vec<ReplicaRow>> {
    let text = select("WHERE r.until <= ?1 AND r.state IN (2, 3) ORDER BY r.until LIMIT ?2");
    sql::many(conn, &text, (horizon, sql::limit(limit)), read)
}

/// How many replicas of a backend are in a state. Reads the rows of unfinished work; the present ones are what remains of all, and not read.
pub fn count(conn: &Connection, backend: BackendNumber, state: ReplicaState) -> Result<u64> {
    let size = |row: &Row<'_>| row.get::<_, Size>(0).map(|it| it.0);
    if state != ReplicaState::Present {
        let text = "SELECT COUNT(*) FROM replicas WHERE state = ?2 AND state <> 2 AND backend_id = ?1";
        return sql::only(conn, text, (backend, Code(state)), size);
    }
    let text = "SELECT used_objects - (SELECT COUNT(*) FROM replicas WHERE state <> 2 AND backend_id = ?1) FROM backends WHERE id = ?1";
    Ok(sql::one(conn, text, [backend], size)?.unwrap_or(0))
}
