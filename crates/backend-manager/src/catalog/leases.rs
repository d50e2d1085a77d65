//! Who does which chore: one row a chore, held by a process that lives. What a dead one held is free.
//!
//! A lease has no end of its own: whether its holder is alive is known, not guessed from a clock that may jump.

use std::time::Duration;

use backend_core::Result;
use rusqlite::{Connection, Row};

use super::process::{Process, Worker};
use super::{Timestamp, sql};

/// What a chore's row is called before its name.
const PREFIX: &str = "chore:";
/// The longest report, bytes.
const REPORT_MAX: usize = 4096;
/// The most chores that are listed.
const MOST: usize = 100;

const RUNNING: i64 = 1;

/// A chore as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoreRow {
    /// What it is called.
    pub name: String,
    /// Who does it now.
    pub worker: Option<Worker>,
    /// When it last ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended: empty, or what went wrong.
    pub trouble: String,
}

struct Held {
    state: i64,
    worker: Option<Worker>,
    not_before: Timestamp,
}

/// Takes a chore, if it is due and nobody who lives does it; whether it is ours now. A chore that was never done is due. `every` bounds how long a clock
/// that was set back can put it off.
pub fn take(conn: &Connection, name: &str, process: &Process, now: Timestamp, every: Duration) -> Result<bool> {
    let kind = format!("{PREFIX}{name}");
    let read = |row: &Row<'_>| Ok(Held { state: row.get(0)?, worker: row.get(1)?, not_before: row.get(2)? });
    let held = sql::one(conn, "SELECT state, worker, not_before FROM jobs WHERE kind = ?1 LIMIT 1", [&kind], read)?;
    let Some(held) = held else {
        let text = "INSERT INTO jobs (kind, state, worker, attempts, spec) VALUES (?1, 1, ?2, 0, '{}')";
        return sql::run(conn, text, (&kind, process.worker())).map(|n| n == 1);
    };
    let is_busy = held.worker.as_ref().is_some_and(|it| it != process.worker() && process.alive(it));
    let is_early = now < held.not_before && held.not_before <= now.plus(every);
    if (held.state == RUNNING && is_busy) || (held.state != RUNNING && is_early) {
        return Ok(false);
    }
    let text = "UPDATE jobs SET state = 1, worker = ?2 WHERE kind = ?1";
    sql::run(conn, text, (&kind, process.worker())).map(|n| n == 1)
}

/// Gives a chore back; it is due again after `every`. What another process has taken meanwhile is left to it.
///
/// # Errors
/// `InvalidInput` for a report of more than 4 KiB.
pub fn give_back(
    conn: &Connection,
    name: &str,
    process: &Process,
    now: Timestamp,
    every: Duration,
    trouble: &str,
) -> Result<()> {
    sql::bounded("the report of a chore", trouble.len(), REPORT_MAX)?;
    let text = "UPDATE jobs SET state = 0, worker = NULL, not_before = ?3, lease_until = ?4, report = ?5
        WHERE kind = ?1 AND worker = ?2";
    let kind = format!("{PREFIX}{name}");
    sql::run(conn, text, (kind, process.worker(), now.plus(every), now, trouble)).map(drop)
}

/// All chores that were ever done, by name.
pub fn chores(conn: &Connection) -> Result<Vec<ChoreRow>> {
    let text = "SELECT kind, worker, lease_until, report FROM jobs WHERE 'chore:' <= kind AND kind < 'chore;' ORDER BY kind LIMIT ?1";
    let read = |row: &Row<'_>| {
        let kind: String = row.get(0)?;
        let name = kind.strip_prefix(PREFIX).unwrap_or(&kind).to_owned();
        let trouble = row.get::<_, Option<String>>(3)?.unwrap_or_default();
        Ok(ChoreRow { name, worker: row.get(1)?, ended_at: row.get(2)?, trouble })
    };
    sql::many(conn, text, [sql::limit(MOST)], read)
}
