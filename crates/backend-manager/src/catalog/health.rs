//! How each power of a backend was when somebody last looked: it outlives the process, so that a day of grace is a day.

use std::time::Duration;

use backend_core::{ErrorKind, Result};
use backend_layers::Side;
use rusqlite::types::Type;
use rusqlite::{Connection, Row};

use super::columns::{BackendNumber, Code, Coded, Size};
use super::{Timestamp, sql};

impl Coded for Side {
    const CODES: &'static [(Self, i64)] = &[(Side::Reads, 0), (Side::Writes, 1)];
}

/// A power that does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shut {
    /// What the last failure was.
    pub kind: ErrorKind,
    /// Since when.
    pub since: Timestamp,
    /// Not to be tried before then.
    pub retry_at: Timestamp,
    /// How often it was tried again in vain.
    pub times: u32,
}

/// One power of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthRow {
    /// Which.
    pub side: Side,
    /// Whether it is shut.
    pub shut: Option<Shut>,
    /// How long it takes to answer.
    pub latency: Option<Duration>,
    /// Bytes a second that it sends.
    pub throughput: Option<u64>,
}

fn kind(text: &str) -> rusqlite::Result<ErrorKind> {
    let unknown = || rusqlite::Error::FromSqlConversionFailure(2, Type::Text, "no kind of error".into());
    ErrorKind::ALL.into_iter().find(|it| it.as_str() == text).ok_or_else(unknown)
}

fn read(row: &Row<'_>) -> rusqlite::Result<HealthRow> {
    let since: Option<Timestamp> = row.get(1)?;
    let shut = match since {
        Some(since) => Some(Shut {
            kind: kind(&row.get::<_, String>(2)?)?,
            since,
            retry_at: row.get::<_, Option<Timestamp>>(3)?.unwrap_or(since),
            times: row.get(4)?,
        }),
        None => None,
    };
    let latency = row.get::<_, Option<Size>>(5)?.map(|it| Duration::from_micros(it.0));
    let throughput = row.get::<_, Option<Size>>(6)?.map(|it| it.0);
    Ok(HealthRow { side: row.get::<_, Code<Side>>(0)?.0, shut, latency, throughput })
}

/// Both powers of a backend, as far as anything is known of them.
pub fn of(conn: &Connection, backend: BackendNumber) -> Result<Vec<HealthRow>> {
    let text = "SELECT power, since, kind, retry_at, times, latency_us, bytes_per_s FROM health WHERE backend_id = ?1 ORDER BY power LIMIT 2";
    sql::many(conn, text, [backend], read)
}

/// Notes that a power is shut, or (`None`) that it works.
///
/// # Errors
/// `Precondition` for an unknown backend.
pub fn put(conn: &Connection, backend: BackendNumber, side: Side, shut: Option<&Shut>) -> Result<()> {
    let text = "INSERT INTO health (backend_id, power, since, retry_at, kind, times) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (backend_id, power) DO UPDATE SET since = excluded.since, retry_at = excluded.retry_at, kind = excluded.kind, times = excluded.times";
    let (since, retry_at) = (shut.map(|it| it.since), shut.map(|it| it.retry_at));
    let (kind, times) = (shut.map(|it| it.kind.as_str()), shut.map_or(0, |it| it.times));
    sql::run(conn, text, (backend, Code(side), since, retry_at, kind, times)).map(drop)
}

/// What was measured of a power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// How long it takes to answer.
    pub latency: Option<Duration>,
    /// Bytes a second.
    pub throughput: Option<u64>,
}

/// Notes what was measured of a power; what was not stays as it was.
///
/// # Errors
/// `Precondition` for an unknown backend.
pub fn put_pace(conn: &Connection, backend: BackendNumber, side: Side, pace: Pace) -> Result<()> {
    if pace == Pace::default() {
        return Ok(());
    }
    let text = "INSERT INTO health (backend_id, power, latency_us, bytes_per_s) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (backend_id, power) DO UPDATE SET latency_us = COALESCE(excluded.latency_us, health.latency_us),
            bytes_per_s = COALESCE(excluded.bytes_per_s, health.bytes_per_s)";
    let most = u64::MAX >> 1;
    let micros = pace.latency.map(|it| Size(u64::try_from(it.as_micros()).unwrap_or(most).min(most)));
    let rate = pace.throughput.map(|it| Size(it.min(most)));
    sql::run(conn, text, (backend, Code(side), micros, rate)).map(drop)
}
