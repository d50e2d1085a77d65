//! Names: what a person calls content, with every revision that it had.

use std::collections::BTreeMap;

use backend_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, Row, named_params};

use super::columns::ContentNumber;
use super::{Timestamp, changes, sql};

/// The longest name, bytes; as long as the longest key.
const NAME_MAX: usize = 1024;
/// The longest labels of one revision, bytes of JSON.
const LABELS_MAX: usize = 64 << 10;

/// One revision of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRow {
    /// The name.
    pub name: String,
    /// Counted from 1.
    pub revision: u32,
    /// What it stood for.
    pub content: ContentNumber,
    /// What was noted with it.
    pub labels: BTreeMap<String, String>,
    /// Since when.
    pub at: Timestamp,
}

const SELECT: &str = "SELECT name, revision, content_id, labels, at FROM names";

fn read(row: &Row<'_>) -> rusqlite::Result<NameRow> {
    let labels: String = row.get(3)?;
    let labels = serde_json::from_str(&labels)
        .map_err(|err| rusqlite::Error::FromSqlConversionFailure(3, rusqlite::types::Type::Text, Box::new(err)))?;
    Ok(NameRow { name: row.get(0)?, revision: row.get(1)?, content: row.get(2)?, labels, at: row.get(4)? })
}

/// Gives a name to content: a new revision, also when it is the same content again. Answers the revision.
///
/// # Errors
/// `InvalidInput` for an empty or too long name and for too many labels; `Precondition` for an unknown content.
pub fn put(
    conn: &Connection,
    name: &str,
    content: ContentNumber,
    labels: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<u32> {
    sql::bounded("a name", name.len(), NAME_MAX)?;
    if name.is_empty() {
        return Err(Error::new(ErrorKind::InvalidInput, "a name cannot be empty"));
    }
    let labels = serde_json::to_string(labels);
    let labels =
        labels.map_err(|err| Error::new(ErrorKind::InvalidInput, "labels that are no JSON").with_source(err))?;
    sql::bounded("labels", labels.len(), LABELS_MAX)?;
    let text = "INSERT INTO names (name, revision, content_id, labels, at)
        VALUES (:name, (SELECT COALESCE(MAX(revision), 0) + 1 FROM names WHERE name = :name), :content, :labels, :now) RETURNING revision";
    let params = named_params! { ":name": name, ":content": content, ":labels": labels, ":now": now };
    let revision = sql::only(conn, text, params, |row| row.get(0))?;
    changes::name(conn, name, revision)?;
    Ok(revision)
}

/// What a name stands for today.
pub fn resolve(conn: &Connection, name: &str) -> Result<Option<NameRow>> {
    sql::one(conn, &format!("{SELECT} WHERE name = ?1 ORDER BY revision DESC LIMIT 1"), [name], read)
}

/// What a name stood for, newest first. `before`: go on below this revision.
pub fn history(conn: &Connection, name: &str, before: Option<u32>, limit: usize) -> Result<Vec<NameRow>> {
    let text = format!("{SELECT} WHERE name = ?1 AND revision < ?2 ORDER BY revision DESC LIMIT ?3");
    let before = before.map_or(i64::MAX, i64::from);
    sql::many(conn, &text, (name, before, sql::limit(limit)), read)
}

/// The newest revisions of the next names that begin with `prefix`, by name.
pub fn page(conn: &Connection, prefix: &str, after: &str, limit: usize) -> Result<Vec<NameRow>> {
    let text = format!(
        "{SELECT} AS n WHERE ?1 <= name AND name <> ?2 AND revision = (SELECT MAX(revision) FROM names WHERE name = n.name)
        ORDER BY name LIMIT ?3"
    );
    // One lower bound: of two, SQLite would walk from the one that it likes.
    let mut rows = sql::many(conn, &text, (prefix.max(after), after, sql::limit(limit)), read)?;
    // They are sorted: behind the first that does not begin so, none does.
    rows.truncate(rows.partition_point(|row| row.name.starts_with(prefix)));
    Ok(rows)
}

/// The names that stand for content now, by name.
pub fn of(conn: &Connection, content: ContentNumber, after: &str, limit: usize) -> Result<Vec<NameRow>> {
    let text = format!(
        "{SELECT} AS n WHERE content_id = ?1 AND ?2 < name AND revision = (SELECT MAX(revision) FROM names WHERE name = n.name)
        ORDER BY name LIMIT ?3"
    );
    sql::many(conn, &text, (content, after, sql::limit(limit)), read)
}

/// The next revisions of all names, by name and revision.
pub fn revisions(conn: &Connection, after: (&str, u32), limit: usize) -> Result<Vec<NameRow>> {
    let text = format!("{SELECT} WHERE (?1, ?2) < (name, revision) ORDER BY name, revision LIMIT ?3");
    sql::many(conn, &text, (after.0, after.1, sql::limit(limit)), read)
}

/// One revision of a name.
pub fn revision(conn: &Connection, name: &str, revision: u32) -> Result<Option<NameRow>> {
    sql::one(conn, &format!("{SELECT} WHERE name = ?1 AND revision = ?2"), (name, revision), read)
}

/// What a restored revision comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// It is there again.
    New,
    /// It was there.
    Known,
    /// That revision stands for something else here, and stays.
    Other,
}

/// Enters a revision that a name had in another catalog, under its own number.
///
/// # Errors
/// As [`put`].
pub fn restore(conn: &Connection, row: &NameRow) -> Result<Restored> {
    sql::bounded("a name", row.name.len(), NAME_MAX)?;
    if row.name.is_empty() || row.revision == 0 {
        return Err(Error::new(ErrorKind::InvalidInput, "a name cannot be empty, and revisions count from 1"));
    }
    match revision(conn, &row.name, row.revision)? {
        Some(known) if known.content == row.content => return Ok(Restored::Known),
        Some(_) => return Ok(Restored::Other),
        None => {}
    }
    let labels = serde_json::to_string(&row.labels);
    let labels =
        labels.map_err(|err| Error::new(ErrorKind::InvalidInput, "labels that are no JSON").with_source(err))?;
    sql::bounded("labels", labels.len(), LABELS_MAX)?;
    let text = "INSERT INTO names (name, revision, content_id, labels, at) VALUES (?1, ?2, ?3, ?4, ?5)";
    sql::run(conn, text, (&row.name, row.revision, row.content, labels, row.at))?;
    changes::name(conn, &row.name, row.revision)?;
    Ok(Restored::New)
}

/// Takes a name away with all its revisions; how many there were. Contents and pins stay.
pub fn remove(conn: &Connection, name: &str) -> Result<usize> {
    let gone = sql::run(conn, "DELETE FROM names WHERE name = ?1", [name])?;
    if gone != 0 {
        changes::unname(conn, name)?;
    }
    Ok(gone)
}
