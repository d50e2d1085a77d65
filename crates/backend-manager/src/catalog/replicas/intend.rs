//! Intent first: before the first byte leaves, a row says where it will go, who sends it, and how much room it takes.

use backend_core::{Error, ErrorKind, Evidence, Result};
use rusqlite::{Connection, named_params};

use super::arrows::found;
use super::find::find;
use super::row::{Epoch, ReplicaId, ReplicaRow, ReplicaState, Sidecar};
use crate::catalog::backends::{Reserved, reserve};
use crate::catalog::columns::{Code, ContentNumber, Size};
use crate::catalog::process::{Process, Worker};
use crate::catalog::{Timestamp, changes, meta, sql};

/// What is noted of a copy whose key was given to other content.
const OVERWRITTEN: &str = "overwritten";
/// The longest key, bytes.
const KEY_MAX: usize = backend_core::MAX_KEY;
/// The longest handle or etag, bytes.
const TEXT_MAX: usize = 4096;
/// Rows start above every epoch that a deleted row ever had.
const FIRST_EPOCH: &str = "(SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'epoch') + 1";

/// What a look at the name said before this intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nobody has looked.
    Nothing,
    /// The service was asked, and the name is free.
    Free,
}

/// The wish to upload.
#[derive(Debug, Clone)]
pub struct Intent {
    /// What, where.
    pub replica: ReplicaId,
    /// Bytes to count against the backend's quota, sidecar and padding included.
    pub bytes: u64,
    /// Who will upload.
    pub process: Process,
    /// What is known of the name.
    pub seen: Seen,
    /// What time it is.
    pub now: Timestamp,
}

/// What an intent comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intended {
    /// Upload; the row is yours at this epoch.
    Upload {
        /// What the next arrow must name.
        epoch: Epoch,
        /// The row as it stood before. `uploading`: an earlier upload ended without an answer, so look before sending: by its token, or by
        /// `stat` after the service has settled.
        before: Option<Box<ReplicaRow>>,
        /// The contents whose copies under this user's key are overwritten. They are missing from now on.
        overwrites: Vec<ContentNumber>,
    },
    /// It is there already.
    Present(Box<ReplicaRow>),
    /// Somebody who is alive uploads it, or another content under the same key.
    Busy {
        /// Who.
        worker: Worker,
    },
    /// What is under this name is being removed: wait until it is gone.
    Removing,
    /// The row (of this content, or of another one under the same key) is accepted, suspect or lingering: look at it first.
    Look(Box<ReplicaRow>),
    /// The backend may not hold so much. Nothing was reserved.
    QuotaExceeded {
        /// The most bytes it may hold.
        quota: u64,
        /// The bytes it holds or has reserved.
        used: u64,
    },
}

/// What a plan for later comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Planned {
    /// The row is there, its quota reserved.
    Planned(Epoch),
    /// There was a row already.
    Exists(Box<ReplicaRow>),
    /// The backend may not hold so much. Nothing was reserved.
    QuotaExceeded {
        /// The most bytes it may hold.
        quota: u64,
        /// The bytes it holds or has reserved.
        used: u64,
    },
}

/// Takes the place for an upload that begins now.
///
/// # Errors
/// `InvalidInput` for a key that is too long; `Precondition` for an unknown content or backend.
pub fn intend(conn: &Connection, intent: &Intent) -> Result<Intended> {
    sql::bounded("a key", intent.replica.key.len(), KEY_MAX)?;
    let before = find(conn, &intent.replica)?;
    if let Some(refused) = before.as_ref().and_then(|row| refuse_own(row, intent)) {
        return Ok(refused);
    }
    if let Some(refused) = holder(conn, &intent.replica)?.and_then(|row| refuse_rival(row, &intent.process)) {
        return Ok(refused);
    }
    let kept = before.as_ref().map_or(0, kept_after);
    let reserved = kept.checked_add(intent.bytes).ok_or_else(too_much)?;
    let fewer = before.as_ref().map_or(0, |row| row.reserved);
    let objects = i64::from(before.is_none());
    if let Reserved::No { quota, used } = reserve(conn, intent.replica.backend, fewer, reserved, objects)? {
        return Ok(Intended::QuotaExceeded { quota, used });
    }
    let overwrites = overwrite_rivals(conn, intent)?;
    let epoch = match &before {
        None => insert(conn, intent, ReplicaState::Uploading)?,
        Some(row) => take_over(conn, intent, row, kept)?,
    };
    Ok(Intended::Upload { epoch, before: before.map(Box::new), overwrites })
}

fn too_much() -> Error {
    Error::new(ErrorKind::InvalidInput, "more bytes than can be counted")
}

/// Why this content's own row is not to be taken.
fn refuse_own(row: &ReplicaRow, intent: &Intent) -> Option<Intended> {
    match (row.state, &row.worker) {
        (ReplicaState::Present, _) => Some(Intended::Present(Box::new(row.clone()))),
        (ReplicaState::Removing, _) => Some(Intended::Removing),
        (ReplicaState::Accepted | ReplicaState::Suspect, _) => Some(Intended::Look(Box::new(row.clone()))),
        (ReplicaState::Lingering, _) if intent.seen == Seen::Nothing => Some(Intended::Look(Box::new(row.clone()))),
        (ReplicaState::Uploading, Some(worker)) => busy(worker, &intent.process),
        _ => None,
    }
}

/// Why the row of another content that holds the same key is not to be overwritten now.
fn refuse_rival(row: ReplicaRow, process: &Process) -> Option<Intended> {
    match (row.state, &row.worker) {
        (ReplicaState::Removing, _) => Some(Intended::Removing),
        (ReplicaState::Accepted, _) => Some(Intended::Look(Box::new(row))),
        (ReplicaState::Uploading, Some(worker)) => busy(worker, process),
        _ => None,
    }
}

fn busy(worker: &Worker, process: &Process) -> Option<Intended> {
    process.alive(worker).then(|| Intended::Busy { worker: worker.clone() })
}

/// The other content's row that holds this user's key; the unique index allows one.
///
/// # Errors
/// What the catalog answers.
pub fn holder(conn: &Connection, id: &ReplicaId) -> Result<Option<ReplicaRow>> {
    // The empty key is nobody's: all that lie where their CID says have it.
    if id.key.is_empty() {
        return Ok(None);
    }
    let text = "SELECT content_id FROM replicas
        WHERE backend_id = ?1 AND key = ?2 AND content_id <> ?3 AND state NOT IN (0, 5, 7) LIMIT 1";
    let rival = sql::one(conn, text, (id.backend, &id.key, id.content), |row| row.get(0))?;
    rival.map_or(Ok(None), |content| find(conn, &ReplicaId { content, ..id.clone() }))
}

/// What lies under this user's key is overwritten: no copy of another content counts there any more (design review, A10 b).
fn overwrite_rivals(conn: &Connection, intent: &Intent) -> Result<Vec<ContentNumber>> {
    if intent.replica.key.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "UPDATE replicas SET state = 5, epoch = epoch + 1, changed_at = :now, worker = NULL, origin = 0, due_at = NULL, note = '{OVERWRITTEN}'
        WHERE backend_id = :backend AND key = :key AND content_id <> :content AND state NOT IN (5, 7) RETURNING content_id"
    );
    let id = &intent.replica;
    let params = named_params! { ":backend": id.backend, ":key": id.key, ":content": id.content, ":now": intent.now };
    let overwritten: Vec<ContentNumber> = sql::many(conn, &text, params, |row| row.get(0))?;
    overwritten.iter().try_for_each(|content| changes::copy(conn, *content, id.backend, &id.key))?;
    Ok(overwritten)
}

/// The upload for which these contents' copies were called overwritten came to nothing for certain: missing → suspect, until somebody looks.
///
/// # Errors
/// What the catalog answers.
pub fn not_overwritten(conn: &Connection, by: &ReplicaId, contents: &[ContentNumber], now: Timestamp) -> Result<()> {
    for content in contents {
        let row = find(conn, &ReplicaId { content: *content, ..by.clone() })?;
        if let Some(row) =
            row.filter(|row| row.state == ReplicaState::Missing && row.note.as_deref() == Some(OVERWRITTEN))
        {
            let _ = found(conn, &row.at(), "was to be overwritten, and was not", now)?;
        }
    }
    Ok(())
}

/// Bytes of older bodies that stay billed: those of a lingering row are hidden, not gone.
fn kept_after(row: &ReplicaRow) -> u64 {
    if row.state == ReplicaState::Lingering { row.reserved } else { row.kept }
}

fn insert(conn: &Connection, intent: &Intent, state: ReplicaState) -> Result<Epoch> {
    let text = format!(
        "INSERT INTO replicas (content_id, backend_id, key, state, epoch, changed_at, worker, attempts, reserved)
        VALUES (:content, :backend, :key, :state, {FIRST_EPOCH}, :now, :worker, :attempts, :reserved) RETURNING epoch"
    );
    let id = &intent.replica;
    let uploads = state == ReplicaState::Uploading;
    let params = named_params! {
        ":content": id.content, ":backend": id.backend, ":key": id.key, ":state": Code(state), ":now": intent.now,
        ":worker": uploads.then(|| intent.process.worker()), ":attempts": i64::from(uploads), ":reserved": Size(intent.bytes),
    };
    sql::only(conn, &text, params, |row| row.get(0))
}

/// What is gone has no handle any more; what an earlier upload was promised stays, so that it can be looked up.
fn take_over(conn: &Connection, intent: &Intent, row: &ReplicaRow, kept: u64) -> Result<Epoch> {
    let text = "UPDATE replicas SET state = 1, epoch = epoch + 1, changed_at = :now, worker = :worker, attempts = attempts + 1, due_at = NULL,
            reserved = :reserved, kept = :kept, origin = CASE WHEN state = 1 THEN origin ELSE state END,
            handle = CASE WHEN state IN (5, 7) THEN NULL ELSE handle END, version = NULL, etag = NULL, evidence = 0
        WHERE content_id = :content AND backend_id = :backend AND key = :key AND epoch = :epoch AND state IN (0, 1, 5, 6, 7) RETURNING epoch";
    let id = &intent.replica;
    let params = named_params! {
        ":content": id.content, ":backend": id.backend, ":key": id.key, ":epoch": row.epoch, ":now": intent.now,
        ":worker": intent.process.worker(), ":reserved": Size(kept.saturating_add(intent.bytes)), ":kept": Size(kept),
    };
    sql::only(conn, text, params, |row| row.get(0))
}

/// Enters a copy that is to be made later, by whoever takes it: row and quota, no worker.
///
/// # Errors
/// As [`intend`].
pub fn plan(conn: &Connection, intent: &Intent) -> Result<Planned> {
    sql::bounded("a key", intent.replica.key.len(), KEY_MAX)?;
    if let Some(row) = find(conn, &intent.replica)? {
        return Ok(Planned::Exists(Box::new(row)));
    }
    match reserve(conn, intent.replica.backend, 0, intent.bytes, 1)? {
        Reserved::No { quota, used } => Ok(Planned::QuotaExceeded { quota, used }),
        Reserved::Yes => insert(conn, intent, ReplicaState::Planned).map(Planned::Planned),
    }
}

/// A copy that was found where it lies, and of which there is no row.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    /// What, where.
    pub replica: ReplicaId,
    /// Bytes to count against the backend's quota.
    pub bytes: u64,
    /// How well it is known.
    pub evidence: Evidence,
    /// Whether it is ours, and may be removed.
    pub owned: bool,
    /// Whether the inner nodes lie beside it.
    pub sidecar: Sidecar,
    /// How the service calls it.
    pub handle: Option<&'a str>,
    /// Changes whenever the bytes change.
    pub etag: Option<&'a str>,
}

/// Enters a copy that was found, as present; whether there was no row of it. What is known of it already stays. It is counted also where the quota has no
/// room for it: it is there. With the first one that may be removed the catalog is disarmed: who wants it may not be known yet.
///
/// # Errors
/// `InvalidInput` for a key, handle or etag that is too long; `Precondition` for an unknown content or backend, and for a key that other content holds.
pub fn adopt(conn: &Connection, found: &Found<'_>, now: Timestamp) -> Result<bool> {
    sql::bounded("a key", found.replica.key.len(), KEY_MAX)?;
    for text in [found.handle, found.etag].into_iter().flatten() {
        sql::bounded("a handle or etag", text.len(), TEXT_MAX)?;
    }
    if find(conn, &found.replica)?.is_some() {
        return Ok(false);
    }
    let text = format!(
        "INSERT INTO replicas (content_id, backend_id, key, state, evidence, epoch, changed_at, checked_at, owned, sidecar, handle, etag, reserved)
        VALUES (:content, :backend, :key, 2, :evidence, {FIRST_EPOCH}, :now, :now, :owned, :sidecar, :handle, :etag, :reserved)"
    );
    let id = &found.replica;
    let params = named_params! {
        ":content": id.content, ":backend": id.backend, ":key": id.key, ":evidence": Code(found.evidence), ":now": now, ":owned": found.owned,
        ":sidecar": Code(found.sidecar), ":handle": found.handle, ":etag": found.etag, ":reserved": Size(found.bytes),
    };
    sql::run(conn, &text, params)?;
    let text = "UPDATE backends SET used_bytes = used_bytes + ?2, used_objects = used_objects + 1 WHERE id = ?1";
    sql::run(conn, text, (id.backend, Size(found.bytes)))?;
    if found.owned {
        meta::disarm(conn)?;
    }
    changes::copy(conn, id.content, id.backend, &id.key)?;
    Ok(true)
}

/// No later row of this name may start at or below the epoch of one that is deleted.
pub(super) fn raise_epoch(conn: &Connection, epoch: Epoch) -> Result<()> {
    let text = "UPDATE meta SET value = CAST(?2 AS TEXT) WHERE name = ?1 AND CAST(value AS BIGINT) < ?2";
    sql::run(conn, text, (meta::EPOCH, epoch)).map(drop)
}
