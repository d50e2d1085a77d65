//! The arrows that end a row: removal, which needs a license, and taking back an upload that had no effect.

use backend_core::{Error, ErrorKind, Removal, Result};
use rusqlite::{Connection, named_params};

use super::arrows::{after, arrow, cut};
use super::find::find;
use super::intend::raise_epoch;
use super::row::{Moved, ReplicaAt, ReplicaId};
use crate::catalog::backends::{Reserved, reserve};
use crate::catalog::columns::Size;
use crate::catalog::process::Process;
use crate::catalog::{Timestamp, changes, meta, pins, sql, transfers};

/// Why a copy may be removed. It is held against the catalog in the very statement that begins the removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum License {
    /// Enough other copies are proved.
    Spare(Spare),
    /// Nobody wants the content: no pin of it, or of a directory above it, is alive.
    Unwanted,
    /// Nothing is lost: the copy is missing, or was accepted and never came to be.
    Dead,
    /// A person named this copy and knows what it means. The only license for what is not ours, and while the catalog is not armed.
    Person,
}

/// How many other copies must be left, and how well they must be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spare {
    /// In so many other failure domains; 0 means 1.
    pub others: u32,
    /// Verified since then.
    pub verified_since: Timestamp,
    /// Kept by their services beyond then.
    pub outlive: Timestamp,
}

/// Begins a removal: present, suspect, missing, corrupt or accepted → removing, if the license holds at this moment. `Lost` also when it does not.
///
/// A row whose user's key another content holds by now is never removed: the object under the key is the other's. [`forget`] it.
///
/// # Errors
/// `Disabled` while the catalog is not armed, unless a person asks.
pub fn begin_remove(conn: &Connection, at: &ReplicaAt, license: &License, now: Timestamp) -> Result<Moved> {
    if *license != License::Person && !meta::armed(conn)? {
        let text = "the catalog was restored or adopted, and removes nothing until it is armed";
        return Err(Error::new(ErrorKind::Disabled, text));
    }
    // The first condition spares SQLite the walk through all copies that have no user's key.
    let theirs = "(:key = '' OR NOT EXISTS (SELECT 1 FROM replicas o WHERE o.backend_id = :backend AND o.key = :key
        AND o.content_id <> :content AND o.state NOT IN (0, 5, 7)))";
    let from = format!("state IN (2, 3, 5, 6, 8) AND {theirs} AND {}", condition(license));
    let change = "state = 4, worker = NULL, due_at = NULL";
    match license {
        License::Spare(spare) => {
            let others = i64::from(spare.others.max(1));
            let more = named_params! { ":others": others, ":since": spare.verified_since, ":outlive": spare.outlive };
            arrow(conn, at, now, &from, change, more)
        }
        _ => arrow(conn, at, now, &from, change, &[]),
    }
}

/// Takes a begun removal on, so that others wait for it while this process lives. `Lost`: somebody who is alive carries it out.
///
/// # Errors
/// What the catalog answers.
pub fn take_removal(conn: &Connection, at: &ReplicaAt, process: &Process, now: Timestamp) -> Result<Moved> {
    let held = find(conn, &at.replica)?.and_then(|row| row.worker).is_some_and(|worker| process.alive(&worker));
    if held {
        return Ok(Moved::Lost);
    }
    arrow(conn, at, now, "state = 4", "worker = :worker", named_params! { ":worker": process.worker() })
}

/// Leaves a begun removal to whoever comes next.
///
/// # Errors
/// What the catalog answers.
pub fn leave_removal(conn: &Connection, at: &ReplicaAt, now: Timestamp) -> Result<Moved> {
    arrow(conn, at, now, "state = 4", "worker = NULL", &[])
}

/// The license as SQL. Copies on backends that are not active do not speak for others, and several in one domain are one.
fn condition(license: &License) -> String {
    let proved = "SELECT COUNT(DISTINCT b.domain) FROM replicas o JOIN backends b ON b.id = o.backend_id
        WHERE o.content_id = :content AND NOT (o.backend_id = :backend AND o.key = :key) AND o.state = 2 AND o.evidence = 4
            AND :since <= o.proved_at AND (o.until IS NULL OR :outlive < o.until) AND b.state = 0";
    match license {
        License::Spare(_) => format!("owned = 1 AND {} AND :others <= ({proved})", pins::none_where("p.dirty = 1")),
        License::Unwanted => format!("owned = 1 AND {}", pins::none_where(pins::LIVE)),
        License::Dead => "owned = 1 AND state IN (5, 8)".into(),
        License::Person => "1 = 1".into(),
    }
}

/// What became of the bytes: removing or lingering → no row and the quota given back, when they are gone; lingering and still counted, when they are
/// hidden, released, scheduled, or anything that this program does not know.
///
/// # Errors
/// `Precondition` while a resume token of this replica is left: the upload must be discarded first.
pub fn removed(conn: &Connection, at: &ReplicaAt, removal: Removal, now: Timestamp) -> Result<Moved> {
    let due = match removal {
        Removal::Absent | Removal::Erased => return delete(conn, at, "state IN (4, 7)"),
        Removal::Scheduled(wait) => after(now, Some(wait)),
        _ => None,
    };
    let change = "state = 7, due_at = :due, bad_chunks = NULL, worker = NULL";
    arrow(conn, at, now, "state IN (4, 7)", change, named_params! { ":due": due })
}

/// The upload failed for certain without effect, and is to be tried later: uploading → planned, or what was there before. Row, quota and token stay.
pub fn postpone(conn: &Connection, at: &ReplicaAt, note: &str, now: Timestamp) -> Result<Moved> {
    let change = format!("state = 0, {TAKEN_BACK}, note = :note");
    match arrow(conn, at, now, "state = 1 AND origin = 0", &change, named_params! { ":note": cut(note) })? {
        Moved::Lost => back(conn, at, note, now),
        won => Ok(won),
    }
}

/// Gives up a copy that never came to be: planned, or uploading and failed for certain without effect → no row and the quota given back. An upload
/// that was to replace something goes back to that: missing, corrupt, or lingering.
///
/// # Errors
/// `Precondition` while a resume token of this replica is left: the upload must be discarded first, or its parts are billed for ever.
pub fn abandon(conn: &Connection, at: &ReplicaAt, note: &str, now: Timestamp) -> Result<Moved> {
    match delete(conn, at, "state IN (0, 1) AND origin = 0")? {
        Moved::Won(epoch) => Ok(Moved::Won(epoch)),
        Moved::Lost => {
            refuse_token(conn, &at.replica)?;
            back(conn, at, note, now)
        }
    }
}

/// What an attempt without effect leaves: nobody works on it, and it was no attempt.
const TAKEN_BACK: &str = "worker = NULL, attempts = CASE WHEN attempts > 0 THEN attempts - 1 ELSE 0 END";

/// The upload that was to replace something had no effect: what was there is there as before, and a hidden body is looked at again.
fn back(conn: &Connection, at: &ReplicaAt, note: &str, now: Timestamp) -> Result<Moved> {
    let note = cut(note);
    let change = format!("state = origin, origin = 0, {TAKEN_BACK}, note = :note");
    let moved = arrow(conn, at, now, "state = 1 AND origin IN (5, 6)", &change, named_params! { ":note": note })?;
    if moved != Moved::Lost {
        return Ok(moved);
    }
    let change = format!("state = 7, origin = 0, {TAKEN_BACK}, note = :note, due_at = :now, reserved = kept, kept = 0");
    let room = read_room(conn, at, "state = 1 AND origin = 7")?;
    let moved = arrow(conn, at, now, "state = 1 AND origin = 7", &change, named_params! { ":note": note })?;
    if let Some((reserved, kept)) = room {
        give_back(conn, at, reserved, kept, 0)?;
    }
    Ok(moved)
}

/// Forgets a copy that is gone, without asking the service to remove anything: missing → no row and the quota given back.
///
/// # Errors
/// `Precondition` while a resume token of this replica is left.
pub fn forget(conn: &Connection, at: &ReplicaAt) -> Result<Moved> {
    delete(conn, at, "state = 5")
}

/// Deletes the row, gives its quota back, and sees to it that no late writer of it ever fits a later row of the same name.
fn delete(conn: &Connection, at: &ReplicaAt, from: &str) -> Result<Moved> {
    let id = &at.replica;
    let Some((reserved, _)) = read_room(conn, at, from)? else { return Ok(Moved::Lost) };
    refuse_token(conn, id)?;
    let text = "DELETE FROM replicas WHERE content_id = ?1 AND backend_id = ?2 AND key = ?3 AND epoch = ?4";
    sql::run(conn, text, (id.content, id.backend, &id.key, at.epoch))?;
    give_back(conn, at, reserved, 0, -1)?;
    raise_epoch(conn, at.epoch)?;
    changes::copy(conn, id.content, id.backend, &id.key)?;
    Ok(Moved::Won(at.epoch))
}

/// What the row counts against the quota, if it is still at this epoch and `from` holds: all of it, and the part of hidden bodies.
fn read_room(conn: &Connection, at: &ReplicaAt, from: &str) -> Result<Option<(u64, u64)>> {
    let id = &at.replica;
    let text = format!(
        "SELECT reserved, kept FROM replicas WHERE content_id = ?1 AND backend_id = ?2 AND key = ?3 AND epoch = ?4 AND {from}"
    );
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Size>(0)?.0, row.get::<_, Size>(1)?.0));
    sql::one(conn, &text, (id.content, id.backend, &id.key, at.epoch), read)
}

/// Counts `more` bytes, which are never more than the `fewer` that were counted: no quota refuses that.
fn give_back(conn: &Connection, at: &ReplicaAt, fewer: u64, more: u64, objects: i64) -> Result<()> {
    match reserve(conn, at.replica.backend, fewer, more, objects)? {
        Reserved::Yes => Ok(()),
        Reserved::No { .. } => Err(Error::new(ErrorKind::Internal, "the catalog could not give quota back")),
    }
}

fn refuse_token(conn: &Connection, id: &ReplicaId) -> Result<()> {
    match transfers::find(conn, id)? {
        None => Ok(()),
        Some(_) => {
            let text = "a resume token of this copy is left: discard the upload first";
            Err(Error::new(ErrorKind::Precondition, text))
        }
    }
}
