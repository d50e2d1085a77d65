//! Pins: what must exist, for whom, under which policy, until when. The desired state; what a service is asked to pin is another thing.
//!
//! A pin is *dirty* until the planner has considered it. A copy may be removed only while no pin of its content is dirty
//! ([`License::Spare`](super::replicas::License::Spare)), so a pin that arrives behind the planner's back stops the removal.

use backend_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, Row, named_params};

use super::columns::{ContentNumber, PolicyNumber};
use super::{Timestamp, changes, sql};

/// The longest owner, bytes.
const OWNER_MAX: usize = 255;

/// What somebody wants kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Which content.
    pub content: ContentNumber,
    /// For whom: content is kept while any owner wants it.
    pub owner: String,
    /// Under which policy.
    pub policy: PolicyNumber,
    /// Until when; `None`: for good.
    pub expires_at: Option<Timestamp>,
}

/// A pin as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinRow {
    /// What is wanted.
    pub pin: Pin,
    /// Since when.
    pub created_at: Timestamp,
    /// Grows with every change.
    pub revision: u64,
    /// Whether the planner has not considered this revision yet.
    pub dirty: bool,
}

/// A condition: no pin of `:content`, or of a directory that it hangs from, at whatever height, for which `condition` (on `p`) holds.
pub(super) fn none_where(condition: &str) -> String {
    format!(
        "NOT EXISTS (WITH RECURSIVE up (id) AS (SELECT :content UNION SELECT l.parent_id FROM links l JOIN up ON l.child_id = up.id)
            SELECT 1 FROM up JOIN pins p ON p.content_id = up.id WHERE {condition})"
    )
}

/// The condition that a pin has not expired at `:now`.
pub(super) const LIVE: &str = "(p.expires_at IS NULL OR :now < p.expires_at)";

const SELECT: &str = "SELECT content_id, owner, policy_id, expires_at, created_at, revision, dirty FROM pins";

fn read(row: &Row<'_>) -> rusqlite::Result<PinRow> {
    let pin = Pin { content: row.get(0)?, owner: row.get(1)?, policy: row.get(2)?, expires_at: row.get(3)? };
    let revision: i64 = row.get(5)?;
    Ok(PinRow { pin, created_at: row.get(4)?, revision: revision.unsigned_abs(), dirty: row.get(6)? })
}

/// Wants content kept; an owner's earlier wish is replaced. The same wish again changes nothing.
///
/// # Errors
/// `InvalidInput` for an empty or too long owner; `Precondition` for an unknown content or policy.
pub fn put(conn: &Connection, pin: &Pin, now: Timestamp) -> Result<()> {
    sql::bounded("a pin's owner", pin.owner.len(), OWNER_MAX)?;
    if pin.owner.is_empty() {
        return Err(Error::new(ErrorKind::InvalidInput, "a pin needs an owner"));
    }
    let text = "INSERT INTO pins (content_id, owner, policy_id, created_at, expires_at) VALUES (:content, :owner, :policy, :now, :expires)
        ON CONFLICT (content_id, owner) DO UPDATE SET policy_id = excluded.policy_id, expires_at = excluded.expires_at, dirty = 1,
            revision = pins.revision + 1
        WHERE pins.policy_id <> excluded.policy_id OR COALESCE(pins.expires_at, -1) <> COALESCE(excluded.expires_at, -1)";
    let params = named_params! {
        ":content": pin.content, ":owner": pin.owner, ":policy": pin.policy, ":now": now, ":expires": pin.expires_at,
    };
    match sql::run(conn, text, params)? {
        0 => Ok(()),
        _ => changes::pin(conn, pin.content, &pin.owner),
    }
}

/// Takes an owner's wish back; whether there was one. Nothing is removed by this: the planner will see that less is needed.
pub fn remove(conn: &Connection, content: ContentNumber, owner: &str) -> Result<bool> {
    let gone = sql::run(conn, "DELETE FROM pins WHERE content_id = ?1 AND owner = ?2", (content, owner))? == 1;
    if gone {
        changes::pin(conn, content, owner)?;
    }
    Ok(gone)
}

/// The pins of one content, by owner.
pub fn of(conn: &Connection, content: ContentNumber, after: &str, limit: usize) -> Result<Vec<PinRow>> {
    let text = format!("{SELECT} WHERE content_id = ?1 AND ?2 < owner ORDER BY owner LIMIT ?3");
    sql::many(conn, &text, (content, after, sql::limit(limit)), read)
}

/// The pin of one owner.
pub fn find(conn: &Connection, content: ContentNumber, owner: &str) -> Result<Option<PinRow>> {
    sql::one(conn, &format!("{SELECT} WHERE content_id = ?1 AND owner = ?2"), (content, owner), read)
}

/// Contents that one owner wants, some of them: to take his wishes back, page by page. Reads all pins when he has few.
pub fn owned(conn: &Connection, owner: &str, limit: usize) -> Result<Vec<ContentNumber>> {
    let text = "SELECT content_id FROM pins WHERE owner = ?1 LIMIT ?2";
    sql::many(conn, text, (owner, sql::limit(limit)), |row| row.get(0))
}

/// Who has pins under a policy.
pub fn owners(conn: &Connection, policy: PolicyNumber) -> Result<Vec<String>> {
    let text = "SELECT DISTINCT owner FROM pins WHERE policy_id = ?1 ORDER BY owner LIMIT ?2";
    sql::many(conn, text, (policy, sql::limit(sql::PAGE_MAX)), |row| row.get(0))
}

/// Whether anybody wants content kept at this moment: it, or a directory that it hangs from.
pub fn wanted(conn: &Connection, content: ContentNumber, now: Timestamp) -> Result<bool> {
    let text = format!("SELECT {}", none_where(LIVE));
    let unwanted: bool = sql::only(conn, &text, named_params! { ":content": content, ":now": now }, |row| row.get(0))?;
    Ok(!unwanted)
}

/// The next pins by content and owner.
pub fn page(conn: &Connection, after: Option<(ContentNumber, &str)>, limit: usize) -> Result<Vec<PinRow>> {
    let (content, owner) = after.map_or((i64::MIN, ""), |(content, owner)| (content.get(), owner));
    let text = format!("{SELECT} WHERE (?1, ?2) < (content_id, owner) ORDER BY content_id, owner LIMIT ?3");
    sql::many(conn, &text, (content, owner, sql::limit(limit)), read)
}

/// Contents with pins that the planner has not considered.
pub fn dirty(conn: &Connection, after: Option<ContentNumber>, limit: usize) -> Result<Vec<ContentNumber>> {
    let after = after.map_or(i64::MIN, ContentNumber::get);
    let text = "SELECT DISTINCT content_id FROM pins WHERE dirty = 1 AND ?1 < content_id ORDER BY content_id LIMIT ?2";
    sql::many(conn, text, (after, sql::limit(limit)), |row| row.get(0))
}

/// The planner has considered this revision. `false`: the pin has changed since, and stays dirty.
pub fn considered(conn: &Connection, row: &PinRow) -> Result<bool> {
    let text = "UPDATE pins SET dirty = 0 WHERE content_id = ?1 AND owner = ?2 AND revision = ?3";
    let revision = i64::try_from(row.revision).unwrap_or(i64::MAX);
    Ok(sql::run(conn, text, (row.pin.content, &row.pin.owner, revision))? == 1)
}

/// The planner considers content with all that is wanted of it at this moment, also because of the directories that it hangs from.
pub fn consider(conn: &Connection, content: ContentNumber) -> Result<()> {
    let text = "UPDATE pins SET dirty = 0 WHERE dirty = 1 AND content_id IN (
        WITH RECURSIVE up (id) AS (SELECT ?1 UNION SELECT l.parent_id FROM links l JOIN up ON l.child_id = up.id) SELECT id FROM up)";
    sql::run(conn, text, [content]).map(drop)
}

/// Makes the next pins of a policy that has changed dirty, and answers after which content to go on; `None`: that was all. A policy may have
/// millions of pins, so this is done page by page.
pub fn touch_policy(
    conn: &Connection,
    policy: PolicyNumber,
    after: Option<ContentNumber>,
    limit: usize,
) -> Result<Option<ContentNumber>> {
    let after = after.map_or(i64::MIN, ContentNumber::get);
    let upto = "SELECT MAX(content_id) FROM (SELECT content_id FROM pins WHERE policy_id = ?1 AND ?2 < content_id ORDER BY content_id LIMIT ?3)";
    let upto: Option<ContentNumber> = sql::only(conn, upto, (policy, after, sql::limit(limit)), |row| row.get(0))?;
    if let Some(upto) = upto {
        let text = "UPDATE pins SET dirty = 1, revision = revision + 1 WHERE policy_id = ?1 AND ?2 < content_id AND content_id <= ?3";
        sql::run(conn, text, (policy, after, upto))?;
    }
    Ok(upto)
}

/// Pins whose time has passed, oldest first. They want nothing any more and can be taken back.
pub fn expired(conn: &Connection, now: Timestamp, limit: usize) -> Result<Vec<PinRow>> {
    let text = format!("{SELECT} WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2");
    sql::many(conn, &text, (now, sql::limit(limit)), read)
}
