//! Traffic: bytes per backend and month, against monthly quotas. Counted by the caller, flushed now and then.

use backend_core::Result;
use rusqlite::Connection;

use super::columns::{BackendNumber, Size};
use super::{Timestamp, sql};

/// A calendar month in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(u32);

impl Month {
    /// `month` is 1 to 12.
    pub fn new(year: u16, month: u8) -> Option<Self> {
        (1..=12).contains(&month).then(|| Self(u32::from(year) * 100 + u32::from(month)))
    }

    /// The month of a moment, in UTC. A clock beyond all calendars shows January 1970.
    pub fn of(at: Timestamp) -> Self {
        let civil = jiff::Timestamp::from_millisecond(at.millis()).map(|it| jiff::tz::Offset::UTC.to_datetime(it));
        let month = civil.ok().and_then(|it| Self::new(u16::try_from(it.year()).ok()?, it.month().unsigned_abs()));
        month.unwrap_or(Self(197_001))
    }
}

/// Bytes that went over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// To the service.
    pub sent: u64,
    /// From the service.
    pub received: u64,
}

/// Adds to a month.
///
/// # Errors
/// `Precondition` for an unknown backend.
pub fn add(conn: &Connection, backend: BackendNumber, month: Month, more: Traffic) -> Result<()> {
    let text = "INSERT INTO traffic (backend_id, month, sent, received) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (backend_id, month) DO UPDATE SET sent = traffic.sent + excluded.sent, received = traffic.received + excluded.received";
    sql::run(conn, text, (backend, month.0, Size(more.sent), Size(more.received))).map(drop)
}

/// What a month has so far.
pub fn get(conn: &Connection, backend: BackendNumber, month: Month) -> Result<Traffic> {
    let text = "SELECT sent, received FROM traffic WHERE backend_id = ?1 AND month = ?2";
    let read =
        |row: &rusqlite::Row<'_>| Ok(Traffic { sent: row.get::<_, Size>(0)?.0, received: row.get::<_, Size>(1)?.0 });
    Ok(sql::one(conn, text, (backend, month.0), read)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_at_midnight_in_utc() {
        let check = |millis, year, month| {
            assert_eq!(Some(Month::of(Timestamp::from_millis(millis))), Month::new(year, month), "{millis}");
        };
        check(0, 1970, 1);
        check(1_796_083_199_999, 2026, 11);
        check(1_796_083_200_000, 2026, 12);
        check(i64::MIN, 1970, 1);
    }
}
