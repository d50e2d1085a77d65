//! How a statement is run: prepared once per connection, its failure classified.

use backend_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::error::from_sqlite;

/// The most rows of one answer. Longer answers are asked for page by page.
pub const PAGE_MAX: usize = 2000;

/// Runs a statement; answers how many rows it touched.
pub(super) fn run(conn: &Connection, sql: &str, params: impl Params) -> Result<usize> {
    conn.prepare_cached(sql).and_then(|mut statement| statement.execute(params)).map_err(from_sqlite)
}

/// The first row, if there is one.
pub(super) fn one<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>> {
    let found = conn.prepare_cached(sql).and_then(|mut statement| statement.query_row(params, read).optional());
    found.map_err(from_sqlite)
}

/// The row that is always there.
pub(super) fn only<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<T> {
    one(conn, sql, params, read)?.ok_or_else(|| Error::new(ErrorKind::Internal, "the catalog lost a row"))
}

/// All rows of a statement that bounds itself by a `LIMIT`.
pub(super) fn many<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = conn.prepare_cached(sql).map_err(from_sqlite)?;
    let rows = statement.query_map(params, read).map_err(from_sqlite)?;
    rows.collect::<rusqlite::Result<_>>().map_err(from_sqlite)
}

/// A page's length as SQL wants it: at least one row, at most [`PAGE_MAX`].
pub(super) fn limit(wanted: usize) -> i64 {
    i64::try_from(wanted.clamp(1, PAGE_MAX)).unwrap_or(1)
}

/// Refuses a text or a blob that is longer than this column is meant to hold.
pub(super) fn bounded(what: &str, len: usize, max: usize) -> Result<()> {
    if len <= max {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidInput, format!("{what} of {len} bytes, at most {max} are kept")))
}
