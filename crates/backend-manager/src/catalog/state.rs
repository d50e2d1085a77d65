//! The desired state as it is told to stores: which segments of it each of them has, and the rows that a whole one is made of.
//!
//! A segment tells everything that was changed behind `from` and up to `to` as it is when it is written; one from 0 tells all.

use backend_core::{Error, ErrorKind, Result};
use cid::Cid;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::columns::{BackendNumber, CidColumn};
use super::contents::{self, ContentRow};
use super::{changes, meta, sql};

/// Segments of one store; with more of them all is told anew.
const SEGMENTS: usize = 64;
/// Changes that are kept for stores that are behind; who is behind by more is told everything.
const CHANGES: i64 = 100_000;
/// Changes that are forgotten at a time.
const PRUNED: usize = 20_000;
/// What the rows of `meta` are called that say which segments a store has.
const BOOK: &str = "state:";
/// Which other catalogs' states this one has taken on, and up to where.
const SUPERSEDES: &str = "state_supersedes";

/// A part of the state that a store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Segment {
    /// Up to which change.
    pub to: i64,
    /// Behind which change; 0: it is whole.
    pub from: i64,
    /// Changes in it, or lines of a whole one: as a measure.
    pub weight: i64,
}

/// A segment that is to be written, and those that are then not needed any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The new one.
    pub segment: Segment,
    /// Those whose changes it tells too.
    pub absorbed: Vec<Segment>,
}

/// The segments of a store, oldest first. Empty: it has never been told.
pub fn book(conn: &Connection, backend: BackendNumber) -> Result<Vec<Segment>> {
    let text = meta::get(conn, &format!("{BOOK}{}", backend.get()))?;
    let parsed = text.as_deref().map_or(Ok(Vec::new()), serde_json::from_str);
    parsed.map_err(|err| Error::new(ErrorKind::Internal, "the catalog's book of segments is broken").with_source(err))
}

/// Notes that a store has a new segment and no longer these. Of two processes that did so at once, both are noted.
pub fn enter(conn: &Connection, backend: BackendNumber, due: &Due) -> Result<()> {
    let mut segments = book(conn, backend)?;
    segments.retain(|it| !due.absorbed.iter().any(|gone| (gone.from, gone.to) == (it.from, it.to)));
    segments.push(due.segment);
    segments.sort_unstable();
    let text = serde_json::to_string(&segments)
        .map_err(|err| Error::new(ErrorKind::Internal, "no book of segments").with_source(err))?;
    meta::set(conn, &format!("{BOOK}{}", backend.get()), &text)
}

/// What a store is to be told; `None`: it knows everything. Each segment takes on those before it that are not much larger, so that there are few of them and
/// each line is written a few times, however small the changes come: the whole is written again only when half of it was changed.
pub fn due(conn: &Connection, backend: BackendNumber) -> Result<Option<Due>> {
    let (first, last) = changes::span(conn)?.unwrap_or((1, 0));
    let known = book(conn, backend)?;
    let Some(newest) = known.last().copied() else { return Ok(Some(whole(last, known))) };
    if last <= newest.to {
        return Ok(None);
    }
    let has_gap = newest.to + 1 < first;
    if has_gap || SEGMENTS <= known.len() {
        return Ok(Some(whole(last, known)));
    }
    let mut segment = Segment { to: last, from: newest.to, weight: last - newest.to };
    let mut absorbed = Vec::new();
    for it in known.iter().rev() {
        let is_small = it.weight <= segment.weight.saturating_mul(2);
        if !is_small || (it.from != 0 && it.from + 1 < first) {
            break;
        }
        segment.weight += it.weight;
        segment.from = it.from.min(segment.from);
        absorbed.push(*it);
        if segment.from == 0 {
            return Ok(Some(whole(last, known)));
        }
    }
    Ok(Some(Due { segment, absorbed }))
}

fn whole(to: i64, absorbed: Vec<Segment>) -> Due {
    Due { segment: Segment { to, from: 0, weight: 0 }, absorbed }
}

/// Forgets changes that every store with a book knows whole, and those beyond what is kept.
pub fn prune(conn: &Connection) -> Result<()> {
    let Some((_, last)) = changes::span(conn)? else { return Ok(()) };
    let text = format!("SELECT value FROM meta WHERE '{BOOK}' <= name AND name < 'state;' LIMIT ?1");
    let books: Vec<String> = sql::many(conn, &text, [sql::limit(sql::PAGE_MAX)], |row| row.get(0))?;
    let whole = books.iter().map(|text| {
        let segments: Vec<Segment> = serde_json::from_str(text).unwrap_or_default();
        segments.iter().filter(|it| it.from == 0).map(|it| it.to).max().unwrap_or(0)
    });
    let known = whole.min().unwrap_or(0).max(last - CHANGES);
    changes::prune(conn, known, PRUNED).map(drop)
}

/// The next contents that are pinned, named or under a user's key, in the order of their CIDs.
pub fn contents(conn: &Connection, after: Option<&Cid>, limit: usize) -> Result<Vec<ContentRow>> {
    let text = "SELECT cid FROM contents AS c WHERE ?1 < cid AND (
            EXISTS (SELECT 1 FROM pins p WHERE p.content_id = c.id AND NOT (p.owner >= 'adding:' AND p.owner < 'adding;'))
            OR EXISTS (SELECT 1 FROM names n WHERE n.content_id = c.id)
            OR EXISTS (SELECT 1 FROM replicas r WHERE r.content_id = c.id AND r.key <> ''))
        ORDER BY cid LIMIT ?2";
    let after = match after {
        Some(cid) => cid.to_bytes(),
        None => Vec::new(),
    };
    let cids = sql::many(conn, text, (after, sql::limit(limit)), |row| row.get::<_, CidColumn>(0))?;
    cids.iter().filter_map(|cid| contents::find(conn, &cid.0).transpose()).collect()
}

/// Stores know changes of this very catalog up to `to`. If it does not know them itself, it counts on behind them, and tells every store everything anew.
pub fn catch_up(conn: &Connection, to: i64) -> Result<()> {
    match changes::raise(conn, to)? {
        false => Ok(()),
        true => sql::run(conn, &format!("DELETE FROM meta WHERE '{BOOK}' <= name AND name < 'state;'"), []).map(drop),
    }
}

/// Which catalogs this one has taken the place of, and up to which of their changes: JSON, `{"ID": N}`.
pub fn supersedes(conn: &Connection) -> Result<std::collections::BTreeMap<String, i64>> {
    let text = meta::get(conn, SUPERSEDES)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Notes that this catalog has taken the place of another one.
pub fn supersede(conn: &Connection, catalog: &str, to: i64) -> Result<()> {
    let mut all = supersedes(conn)?;
    all.insert(catalog.to_owned(), to);
    let text = serde_json::to_string(&all)
        .map_err(|err| Error::new(ErrorKind::Internal, "no list of catalogs").with_source(err))?;
    meta::set(conn, SUPERSEDES, &text)
}

/// The keys and values of a state that is put together from its segments, in a file of its own that goes with the process.
#[derive(Debug)]
pub struct Merged(Connection);

impl Merged {
    /// An empty one. Blocks.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn new(folder: &std::path::Path) -> Result<Self> {
        let failed =
            |err: std::io::Error| Error::new(ErrorKind::Internal, "cannot put the state aside").with_source(err);
        let file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        let conn = Connection::open(file.path()).map_err(super::error::from_sqlite)?;
        let text = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; CREATE TABLE lines (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID";
        conn.execute_batch(text).map_err(super::error::from_sqlite)?;
        // The file has no name any more; it is there as long as the connection is.
        file.close().map_err(failed)?;
        Ok(Self(conn))
    }

    /// All of `work`, or nothing.
    ///
    /// # Errors
    /// `work`'s own.
    pub fn together(&mut self, work: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        self.0.execute_batch("BEGIN").map_err(super::error::from_sqlite)?;
        let done = work(self);
        self.0.execute_batch("COMMIT").map_err(super::error::from_sqlite)?;
        done
    }

    /// Sets a key.
    pub fn put(&self, key: &str, value: &str) -> Result<()> {
        let text =
            "INSERT INTO lines (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        sql::run(&self.0, text, (key, value)).map(drop)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Result<Option<String>> {
        sql::one(&self.0, "SELECT value FROM lines WHERE key = ?1", [key], |row| row.get(0))
    }

    /// Takes away all keys from `from` on that come before `to`.
    pub fn clear(&self, from: &str, to: &str) -> Result<()> {
        sql::run(&self.0, "DELETE FROM lines WHERE ?1 <= key AND key < ?2", (from, to)).map(drop)
    }

    /// The next keys and values, in order.
    pub fn page(&self, after: &str, limit: usize) -> Result<Vec<(String, String)>> {
        let text = "SELECT key, value FROM lines WHERE ?1 < key ORDER BY key LIMIT ?2";
        sql::many(&self.0, text, (after, sql::limit(limit)), |row| Ok((row.get(0)?, row.get(1)?)))
    }
}
