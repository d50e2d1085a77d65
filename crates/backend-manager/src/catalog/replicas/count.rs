//! How many copies there are, by backend and state: for whoever keeps count, not for deciding anything.

use backend_core::Result;
use rusqlite::Connection;

use super::row::ReplicaState;
use crate::catalog::columns::{Code, Size};
use crate::catalog::sql;

/// All rows, counted. It walks an index once; a million rows take a fraction of a second.
pub fn counts(conn: &Connection) -> Result<Vec<(String, ReplicaState, u64)>> {
    let text = "SELECT b.name, r.state, COUNT(*) FROM replicas r JOIN backends b ON b.id = r.backend_id
        GROUP BY b.name, r.state ORDER BY b.name, r.state LIMIT ?1";
    let read =
        |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, Code<ReplicaState>>(1)?.0, row.get::<_, Size>(2)?.0));
    sql::many(conn, text, [sql::limit(sql::PAGE_MAX)], read)
}
