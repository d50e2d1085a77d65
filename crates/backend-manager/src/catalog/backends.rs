//! Backends: which stores there are, how much they may hold, how much they do.

use backend_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, Row, named_params};

use super::columns::{BackendNumber, Code, Coded, Size};
use super::sql;

/// The longest name, domain or store id, bytes.
const TEXT_MAX: usize = 255;

/// What a backend is used for today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackendState {
    /// Reads and writes; its copies count.
    Active,
    /// Switched off: its copies do not count, and license no removal elsewhere.
    Disabled,
    /// Being emptied: read, but nothing new goes there.
    Draining,
}

impl Coded for BackendState {
    const CODES: &'static [(Self, i64)] = &[(Self::Active, 0), (Self::Disabled, 1), (Self::Draining, 2)];
}

/// A backend as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBackend {
    /// What users call it.
    pub name: String,
    /// Its storage type, canonical name.
    pub kind: String,
    /// The store's own identity (its marker, its account). `None`: not known yet; what is on record stays.
    pub store_id: Option<String>,
    /// The failure domain: copies count once in each.
    pub domain: String,
    /// What it is used for.
    pub state: BackendState,
    /// The most bytes it may hold, as far as this catalog counts them.
    pub quota: Option<u64>,
}

/// A backend as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendRow {
    /// Its number.
    pub number: BackendNumber,
    /// How it is configured.
    pub backend: NewBackend,
    /// Bytes reserved and held by its replicas' rows.
    pub used: u64,
    /// How many replicas' rows there are.
    pub objects: u64,
}

const SELECT: &str =
    "SELECT id, name, kind, store_id, domain, state, quota_bytes, used_bytes, used_objects FROM backends";

fn read(row: &Row<'_>) -> rusqlite::Result<BackendRow> {
    let backend = NewBackend {
        name: row.get(1)?,
        kind: row.get(2)?,
        store_id: row.get(3)?,
        domain: row.get(4)?,
        state: row.get::<_, Code<BackendState>>(5)?.0,
        quota: row.get::<_, Option<Size>>(6)?.map(|it| it.0),
    };
    let (used, objects) = (row.get::<_, Size>(7)?.0, row.get::<_, Size>(8)?.0);
    Ok(BackendRow { number: row.get(0)?, backend, used, objects })
}

/// Enters a backend, or changes the one of that name. What it holds stays counted.
///
/// # Errors
/// `AlreadyExists`, naming it, when another backend is the same store: two copies there would be one. `Precondition` when this name stood for another
/// store before: its replicas would be looked for in the wrong place. `InvalidInput` for names that are empty or too long.
pub fn upsert(conn: &Connection, backend: &NewBackend) -> Result<BackendNumber> {
    for text in [&backend.name, &backend.kind, &backend.domain] {
        sql::bounded("a backend's name, type or domain", text.len(), TEXT_MAX)?;
        if text.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "a backend needs a name, a type and a domain"));
        }
    }
    if let Some(store) = &backend.store_id {
        refuse_store(conn, &backend.name, store)?;
    }
    let text = "INSERT INTO backends (name, kind, store_id, domain, state, quota_bytes) VALUES (:name, :kind, :store, :domain, :state, :quota)
        ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, store_id = COALESCE(excluded.store_id, backends.store_id),
            domain = excluded.domain, state = excluded.state, quota_bytes = excluded.quota_bytes
        RETURNING id";
    let params = named_params! {
        ":name": backend.name, ":kind": backend.kind, ":store": backend.store_id, ":domain": backend.domain,
        ":state": Code(backend.state), ":quota": backend.quota.map(Size),
    };
    sql::only(conn, text, params, |row| row.get(0))
}

fn refuse_store(conn: &Connection, name: &str, store: &str) -> Result<()> {
    sql::bounded("a store's identity", store.len(), TEXT_MAX)?;
    let owner =
        sql::one(conn, "SELECT name FROM backends WHERE store_id = ?1", [store], |row| row.get::<_, String>(0))?;
    if let Some(other) = owner.filter(|other| other != name) {
        let text = format!("backend {name} is the same store as backend {other} ({store})");
        return Err(Error::new(ErrorKind::AlreadyExists, text));
    }
    let before = find(conn, name)?.and_then(|row| row.backend.store_id);
    match before.filter(|before| before != store) {
        None => Ok(()),
        Some(before) => {
            let text = format!("backend {name} was the store {before} and is the store {store} now");
            Err(Error::new(ErrorKind::Precondition, text))
        }
    }
}

/// A backend by its name.
pub fn find(conn: &Connection, name: &str) -> Result<Option<BackendRow>> {
    sql::one(conn, &format!("{SELECT} WHERE name = ?1"), [name], read)
}

/// A backend by its number.
pub fn get(conn: &Connection, number: BackendNumber) -> Result<Option<BackendRow>> {
    sql::one(conn, &format!("{SELECT} WHERE id = ?1"), [number], read)
}

/// The next backends by name.
pub fn page(conn: &Connection, after: &str, limit: usize) -> Result<Vec<BackendRow>> {
    sql::many(conn, &format!("{SELECT} WHERE ?1 < name ORDER BY name LIMIT ?2"), (after, sql::limit(limit)), read)
}

/// Whether the reservation fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reserved {
    Yes,
    No { quota: u64, used: u64 },
}

/// Counts `more` bytes instead of `fewer`, and `objects` more rows. One conditional statement: two writers never get past the quota together.
pub(super) fn reserve(
    conn: &Connection,
    backend: BackendNumber,
    fewer: u64,
    more: u64,
    objects: i64,
) -> Result<Reserved> {
    let text = "UPDATE backends SET used_bytes = used_bytes - :fewer + :more, used_objects = used_objects + :objects
        WHERE id = :id AND (quota_bytes IS NULL OR :more <= :fewer OR used_bytes - :fewer + :more <= quota_bytes)";
    let params = named_params! { ":fewer": Size(fewer), ":more": Size(more), ":objects": objects, ":id": backend };
    if sql::run(conn, text, params)? == 1 {
        return Ok(Reserved::Yes);
    }
    let row =
        get(conn, backend)?.ok_or_else(|| Error::new(ErrorKind::Precondition, "the catalog has no such backend"))?;
    Ok(Reserved::No { quota: row.backend.quota.unwrap_or(u64::MAX), used: row.used })
}
