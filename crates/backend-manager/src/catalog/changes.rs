//! What was changed of the desired state and is still to be told to the stores that keep it. Written in the transaction of the change, by the functions that
//! make it, so that no change is forgotten, whoever makes it and however he ends.

use backend_core::Result;
use rusqlite::{Connection, Row};

use super::columns::{BackendNumber, Code, Coded, ContentNumber};
use super::sql;

/// What kind of thing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A pin: of content, for an owner.
    Pin,
    /// A revision of a name was given.
    Name,
    /// A name was taken away with all its revisions.
    Unname,
    /// A policy.
    Policy,
    /// A copy under a user's key.
    Copy,
}

impl Coded for Kind {
    const CODES: &'static [(Self, i64)] =
        &[(Self::Pin, 1), (Self::Name, 2), (Self::Unname, 3), (Self::Policy, 4), (Self::Copy, 5)];
}

/// A change: what it is about, not what it was. Whoever tells it looks how that is by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the order.
    pub seq: i64,
    /// Of what.
    pub kind: Kind,
    /// The content's number, or the revision of a name.
    pub number: i64,
    /// On which backend a copy is.
    pub backend: BackendNumber,
    /// The owner, the name or the key.
    pub what: String,
}

fn note(conn: &Connection, kind: Kind, number: i64, backend: i64, what: &str) -> Result<()> {
    let text = "INSERT INTO changes (kind, number, backend_id, what) VALUES (?1, ?2, ?3, ?4)";
    sql::run(conn, text, (Code(kind), number, backend, what)).map(drop)
}

/// A pin was put or taken back. What a process holds while it adds something is nobody's wish.
pub(super) fn pin(conn: &Connection, content: ContentNumber, owner: &str) -> Result<()> {
    match owner.starts_with("adding:") {
        true => Ok(()),
        false => note(conn, Kind::Pin, content.get(), 0, owner),
    }
}

pub(super) fn name(conn: &Connection, name: &str, revision: u32) -> Result<()> {
    note(conn, Kind::Name, i64::from(revision), 0, name)
}

pub(super) fn unname(conn: &Connection, name: &str) -> Result<()> {
    note(conn, Kind::Unname, 0, 0, name)
}

pub(super) fn policy(conn: &Connection, name: &str) -> Result<()> {
    note(conn, Kind::Policy, 0, 0, name)
}

/// A copy came or went. Where its CID says it is found by listing, so only users' keys are noted; `ROOT/CID` is a file within a folder, and no key.
pub(super) fn copy(conn: &Connection, content: ContentNumber, backend: BackendNumber, key: &str) -> Result<()> {
    let is_cid = |text: &str| text.parse::<cid::Cid>().is_ok();
    let is_within = key.split_once('/').is_some_and(|(root, cid)| is_cid(root) && is_cid(cid));
    match key.is_empty() || is_within {
        true => Ok(()),
        false => note(conn, Kind::Copy, content.get(), backend.get(), key),
    }
}

/// The first and the last change that are kept; `None` before there was any. The last one always is, so that numbers never start again.
pub fn span(conn: &Connection) -> Result<Option<(i64, i64)>> {
    let span = |row: &Row<'_>| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?));
    let (first, last) = sql::only(conn, "SELECT MIN(seq), MAX(seq) FROM changes", [], span)?;
    Ok(first.zip(last))
}

/// The next changes, oldest first.
pub fn page(conn: &Connection, after: i64, limit: usize) -> Result<Vec<Change>> {
    let text = "SELECT seq, kind, number, backend_id, what FROM changes WHERE ?1 < seq ORDER BY seq LIMIT ?2";
    let read = |row: &Row<'_>| {
        let kind = row.get::<_, Code<Kind>>(1)?.0;
        Ok(Change { seq: row.get(0)?, kind, number: row.get(2)?, backend: row.get(3)?, what: row.get(4)? })
    };
    sql::many(conn, text, (after, sql::limit(limit)), read)
}

/// Sees to it that the next change comes behind `seq`: stores know changes of this catalog that it does not, as after an older copy of it was put back.
/// Whether there was need to.
pub fn raise(conn: &Connection, seq: i64) -> Result<bool> {
    if span(conn)?.is_some_and(|(_, last)| seq <= last) {
        return Ok(false);
    }
    let text = "INSERT INTO changes (seq, kind, what) VALUES (?1, ?2, ?3)";
    sql::run(conn, text, (seq, Code(Kind::Policy), super::policies::DEFAULT)).map(|_| true)
}

/// Forgets the changes up to `until`, at most `limit` of them; how many. The newest of all stays.
pub fn prune(conn: &Connection, until: i64, limit: usize) -> Result<usize> {
    let text = "DELETE FROM changes WHERE seq IN (SELECT seq FROM changes WHERE seq <= ?1 AND seq < (SELECT MAX(seq) FROM changes)
        ORDER BY seq LIMIT ?2)";
    sql::run(conn, text, (until, sql::limit(limit)))
}
