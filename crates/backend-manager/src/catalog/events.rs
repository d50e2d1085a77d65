//! Events: what happened, in order. Written in the transaction of what they tell, so they tell nothing that did not happen.

use backend_core::Result;
use cid::Cid;
use rusqlite::{Connection, Row, named_params};

use super::columns::{CidColumn, Code, Coded};
use super::{Timestamp, sql};

/// The longest body, bytes.
const BODY_MAX: usize = 64 << 10;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// Content was entered.
    Added,
    /// A copy began to be made.
    Intended,
    /// A copy is there.
    Stored,
    /// A service has taken a copy on.
    Accepted,
    /// A copy was given up before it was there.
    Abandoned,
    /// A copy was read back, or attested.
    Verified,
    /// A copy gave a first sign of being bad.
    Suspected,
    /// A copy is gone.
    Missing,
    /// A copy has bad chunks.
    Corrupt,
    /// A copy was made good again.
    Repaired,
    /// A copy is being removed.
    Removing,
    /// A copy was removed.
    Removed,
    /// Somebody wants content kept.
    Pinned,
    /// Somebody does not any more.
    Unpinned,
    /// A name was given.
    Named,
    /// A name was taken away.
    Unnamed,
    /// A backend or a policy was changed.
    Configured,
    /// A plan stopped and asks.
    Refused,
    /// Something was tried and failed.
    Failed,
}

impl Coded for Verb {
    const CODES: &'static [(Self, i64)] = &[
        (Self::Added, 1),
        (Self::Intended, 2),
        (Self::Stored, 3),
        (Self::Accepted, 4),
        (Self::Abandoned, 5),
        (Self::Verified, 6),
        (Self::Suspected, 7),
        (Self::Missing, 8),
        (Self::Corrupt, 9),
        (Self::Repaired, 10),
        (Self::Removing, 11),
        (Self::Removed, 12),
        (Self::Pinned, 13),
        (Self::Unpinned, 14),
        (Self::Named, 15),
        (Self::Unnamed, 16),
        (Self::Configured, 17),
        (Self::Refused, 18),
        (Self::Failed, 19),
    ];
}

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub verb: Verb,
    /// Of which content.
    pub cid: Option<Cid>,
    /// On which backend. By name: an event outlives the backend.
    pub backend: Option<String>,
    /// The particulars, JSON; never a secret.
    pub body: String,
}

/// An event and its place in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Grows; where to go on from.
    pub number: i64,
    /// What is told.
    pub event: Event,
}

const SELECT: &str = "SELECT id, at, verb, cid, backend, body FROM events";

fn read(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    let event = Event {
        at: row.get(1)?,
        verb: row.get::<_, Code<Verb>>(2)?.0,
        cid: row.get::<_, Option<CidColumn>>(3)?.map(|it| it.0),
        backend: row.get(4)?,
        body: row.get(5)?,
    };
    Ok(EventRow { number: row.get(0)?, event })
}

/// Tells an event; answers its number.
///
/// # Errors
/// `InvalidInput` for a body that is too long.
pub fn append(conn: &Connection, event: &Event) -> Result<i64> {
    sql::bounded("an event", event.body.len(), BODY_MAX)?;
    let text =
        "INSERT INTO events (at, verb, cid, backend, body) VALUES (:at, :verb, :cid, :backend, :body) RETURNING id";
    let params = named_params! {
        ":at": event.at, ":verb": Code(event.verb), ":cid": event.cid.map(CidColumn), ":backend": event.backend, ":body": event.body,
    };
    sql::only(conn, text, params, |row| row.get(0))
}

/// The next events, oldest first.
pub fn page(conn: &Connection, after: i64, limit: usize) -> Result<Vec<EventRow>> {
    sql::many(conn, &format!("{SELECT} WHERE ?1 < id ORDER BY id LIMIT ?2"), (after, sql::limit(limit)), read)
}

/// The number behind which the events from `since` on come.
pub fn before(conn: &Connection, since: Timestamp) -> Result<i64> {
    let text = "SELECT COALESCE(MAX(id), 0) FROM events WHERE id < (SELECT COALESCE(MIN(id), 9223372036854775807) FROM events WHERE ?1 <= at)";
    sql::only(conn, text, [since], |row| row.get(0))
}

/// The events of one content, newest first. `before`: go on below this number.
pub fn of(conn: &Connection, cid: &Cid, before: Option<i64>, limit: usize) -> Result<Vec<EventRow>> {
    let text = format!("{SELECT} WHERE cid = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
    sql::many(conn, &text, (CidColumn(*cid), before.unwrap_or(i64::MAX), sql::limit(limit)), read)
}

/// Forgets the oldest events from before `until`, at most `limit`; how many. The newest of all stays, so that numbers never start again.
pub fn prune(conn: &Connection, until: Timestamp, limit: usize) -> Result<usize> {
    let text = "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ?1 AND id < (SELECT MAX(id) FROM events) ORDER BY at LIMIT ?2)";
    sql::run(conn, text, (until, sql::limit(limit)))
}
