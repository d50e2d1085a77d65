//! Everything that planning needs of many contents at once: a page of them with their copies and wishes, read by ranges of numbers and not one by one.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use backend_core::{Evidence, Result};
use rusqlite::{Connection, Row};

use super::columns::{BackendNumber, Code, ContentNumber, PolicyNumber, Size};
use super::process::Worker;
use super::replicas::ReplicaState;
use super::sql::PAGE_MAX;
use super::{Timestamp, sql};

/// Rows of a content beyond these are not looked at: content with so many copies is in no need.
const COPIES_MAX: usize = 256;

/// A content with all that is wanted of it and all that is there.
#[derive(Debug, Clone)]
pub struct Surveyed {
    /// Which.
    pub number: ContentNumber,
    /// Plain bytes, if known.
    pub size: Option<u64>,
    /// When it was first heard of.
    pub since: Timestamp,
    /// Who wants it, also because it is in a folder.
    pub wishes: Vec<SurveyedWish>,
    /// Its rows.
    pub copies: Vec<SurveyedCopy>,
    /// Whether a cache has it.
    pub is_near: bool,
}

/// A pin of content, or of a folder that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SurveyedWish {
    /// Under which policy.
    pub policy: PolicyNumber,
    /// Until when.
    pub until: Option<Timestamp>,
    /// Whether it is held by a process that is adding it at this moment.
    pub is_being_added: bool,
}

/// A replica's row, as far as planning goes.
#[derive(Debug, Clone)]
pub struct SurveyedCopy {
    /// On which backend.
    pub backend: BackendNumber,
    /// Under which key.
    pub key: String,
    /// Where it is in its life.
    pub state: ReplicaState,
    /// How well it is known.
    pub evidence: Evidence,
    /// When it was last proved.
    pub proved_at: Option<Timestamp>,
    /// When the service drops it.
    pub until: Option<Timestamp>,
    /// Whether it is ours.
    pub owned: bool,
    /// Who uploads it.
    pub worker: Option<Worker>,
    /// What it is again when its upload comes to nothing.
    pub origin: ReplicaState,
}

/// The highest number that a content has; 0 where there is none.
///
/// # Errors
/// What the catalog answers.
pub fn last(conn: &Connection) -> Result<i64> {
    sql::only(conn, "SELECT COALESCE(MAX(id), 0) FROM contents", (), |row| row.get(0))
}

/// The contents whose numbers are above `from`, and at most [`PAGE_MAX`] above it. Several of these may be read at once.
///
/// # Errors
/// What the catalog answers.
pub fn page(conn: &Connection, from: i64) -> Result<Vec<Surveyed>> {
    let range = (from, from.saturating_add(sql::limit(PAGE_MAX)));
    let text = "SELECT id, size, created_at FROM contents WHERE ?1 < id AND id <= ?2 ORDER BY id";
    let mut page = sql::many(conn, text, range, content)?;
    if !page.is_empty() {
        fill(conn, &mut page, range)?;
    }
    Ok(page)
}

/// One content.
///
/// # Errors
/// What the catalog answers.
pub fn one(conn: &Connection, number: ContentNumber) -> Result<Option<Surveyed>> {
    let found = sql::one(conn, "SELECT id, size, created_at FROM contents WHERE id = ?1", [number], content)?;
    let mut page: Vec<Surveyed> = found.into_iter().collect();
    fill(conn, &mut page, (number.get() - 1, number.get()))?;
    Ok(page.pop())
}

fn content(row: &Row<'_>) -> rusqlite::Result<Surveyed> {
    let size = row.get::<_, Option<Size>>(1)?.map(|it| it.0);
    let (wishes, copies) = (Vec::new(), Vec::new());
    Ok(Surveyed { number: row.get(0)?, size, since: row.get(2)?, wishes, copies, is_near: false })
}

/// Puts rows and wishes to the contents of the range, which are sorted by number as the answers are.
fn fill(conn: &Connection, page: &mut [Surveyed], range: (i64, i64)) -> Result<()> {
    let text =
        "SELECT content_id, backend_id, key, state, evidence, proved_at, until, owned, worker, origin FROM replicas
        WHERE ?1 < content_id AND content_id <= ?2 ORDER BY content_id, backend_id, key";
    let mut at = 0;
    each(conn, text, range, |row| {
        let number: ContentNumber = row.get(0)?;
        while page.get(at).is_some_and(|it| it.number < number) {
            at += 1;
        }
        if let Some(it) = page.get_mut(at).filter(|it| it.number == number && it.copies.len() < COPIES_MAX) {
            it.copies.push(copy(row)?);
        }
        Ok(())
    })?;
    let text =
        format!("SELECT content_id, {WISH} FROM pins WHERE ?1 < content_id AND content_id <= ?2 ORDER BY content_id");
    let mut wishes: BTreeMap<ContentNumber, Vec<SurveyedWish>> = BTreeMap::new();
    each(conn, &text, range, |row| {
        wishes.entry(row.get(0)?).or_default().push(wish(row)?);
        Ok(())
    })?;
    inherit(conn, range, &mut wishes)?;
    let mut near: HashSet<ContentNumber> = HashSet::new();
    let text = "SELECT content_id FROM cached WHERE ?1 < content_id AND content_id <= ?2 AND state = 2";
    each(conn, text, range, |row| {
        near.insert(row.get(0)?);
        Ok(())
    })?;
    for it in page {
        it.is_near = near.contains(&it.number);
        it.wishes = wishes.remove(&it.number).unwrap_or_default();
    }
    Ok(())
}

/// What is wanted of the folders that a content is in, at whatever height. They are few and looked up one by one: joined, SQLite would walk all pins for each page.
fn inherit(
    conn: &Connection,
    range: (i64, i64),
    wishes: &mut BTreeMap<ContentNumber, Vec<SurveyedWish>>,
) -> Result<()> {
    let text = "WITH RECURSIVE up (child, id) AS (
            SELECT child_id, parent_id FROM links WHERE ?1 < child_id AND child_id <= ?2
            UNION SELECT up.child, l.parent_id FROM links l JOIN up ON l.child_id = up.id)
        SELECT child, id FROM up";
    let mut above: Vec<(ContentNumber, ContentNumber)> = Vec::new();
    each(conn, text, range, |row| {
        above.push((row.get(0)?, row.get(1)?));
        Ok(())
    })?;
    let mut known: HashMap<ContentNumber, Vec<SurveyedWish>> = HashMap::new();
    let of_one = format!("SELECT content_id, {WISH} FROM pins WHERE content_id = ?1 LIMIT ?2");
    for (child, folder) in above {
        let of_folder = match known.entry(folder) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(sql::many(conn, &of_one, (folder, sql::limit(PAGE_MAX)), wish)?),
        };
        let all = wishes.entry(child).or_default();
        let more: Vec<SurveyedWish> = of_folder.iter().copied().filter(|wish| !all.contains(wish)).collect();
        all.extend(more);
    }
    Ok(())
}

/// Three columns, which [`wish`] reads from the second on.
const WISH: &str = "policy_id, expires_at, owner >= 'adding:' AND owner < 'adding;'";

fn wish(row: &Row<'_>) -> rusqlite::Result<SurveyedWish> {
    Ok(SurveyedWish { policy: row.get(1)?, until: row.get(2)?, is_being_added: row.get(3)? })
}

fn copy(row: &Row<'_>) -> rusqlite::Result<SurveyedCopy> {
    Ok(SurveyedCopy {
        backend: row.get(1)?,
        key: row.get(2)?,
        state: row.get::<_, Code<ReplicaState>>(3)?.0,
        evidence: row.get::<_, Code<Evidence>>(4)?.0,
        proved_at: row.get(5)?,
        until: row.get(6)?,
        owned: row.get(7)?,
        worker: row.get(8)?,
        origin: row.get::<_, Code<ReplicaState>>(9)?.0,
    })
}

fn each(
    conn: &Connection,
    text: &str,
    range: (i64, i64),
    mut take: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> Result<()> {
    let mut statement = conn.prepare_cached(text).map_err(super::error::from_sqlite)?;
    let mut rows = statement.query(range).map_err(super::error::from_sqlite)?;
    while let Some(row) = rows.next().map_err(super::error::from_sqlite)? {
        take(row).map_err(super::error::from_sqlite)?;
    }
    Ok(())
}
