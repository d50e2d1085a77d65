//! How the file is opened: who may read it, how it is journalled, how long it waits for other processes.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use backend_core::{Error, ErrorKind, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::from_sqlite;

/// The log is cut back to this when a checkpoint empties it, bytes.
const LOG_KEPT: u32 = 64 << 20;
/// Statements that a connection keeps prepared.
const PREPARED: usize = 128;
/// Between two tries to switch the journal, which SQLite does not wait for by itself.
const PAUSE: Duration = Duration::from_millis(20);

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The writer thread's own.
    Write,
    /// One of the readers': a statement that writes is refused.
    Read,
}

/// Makes the catalog's folder when it is missing; nobody but the owner may look into it.
pub(super) fn ensure_folder(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|err| cannot("make the folder of the catalog", folder, err))
}

/// Makes an empty catalog that only its owner may read, or closes one that others could read.
///
/// The file itself is never opened here: closing it again would drop the locks that another catalog of this process holds on it (fcntl(2)). So a new one
/// is made beside and linked to its name.
pub(super) fn ensure_private(path: &Path) -> Result<()> {
    if !path.exists() {
        let beside = path.with_extension(super::random_name()?);
        let made = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&beside);
        made.map_err(|err| cannot("make the catalog", path, err))?;
        let linked = fs::hard_link(&beside, path);
        fs::remove_file(&beside).map_err(|err| cannot("clear up beside the catalog", path, err))?;
        // Another process may have been first.
        linked.or_else(already_there).map_err(|err| cannot("make the catalog", path, err))?;
    }
    let mode = fs::metadata(path).map_err(|err| cannot("look at the catalog", path, err))?.permissions().mode();
    if mode & 0o077 != 0 {
        let closed = fs::Permissions::from_mode(0o600);
        fs::set_permissions(path, closed).map_err(|err| cannot("close the catalog to other users", path, err))?;
    }
    Ok(())
}

fn already_there(err: io::Error) -> io::Result<()> {
    if err.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(err) }
}

fn cannot(what: &str, path: &Path, err: io::Error) -> Error {
    let kind = match err.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::QuotaExceeded,
        _ => ErrorKind::InvalidConfig,
    };
    Error::new(kind, format!("cannot {what}: {}", path.display())).with_source(err)
}

/// A connection to a file that exists.
pub(super) fn connect(path: &Path, purpose: Purpose, patience: Duration) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(from_sqlite)?;
    configure(&conn, purpose, patience).map_err(from_sqlite)?;
    if purpose == Purpose::Write {
        journal(&conn, path, patience)?;
    }
    Ok(conn)
}

fn configure(conn: &Connection, purpose: Purpose, patience: Duration) -> rusqlite::Result<()> {
    conn.busy_timeout(patience)?;
    conn.set_prepared_statement_cache_capacity(PREPARED);
    // A plan depends on the statement alone. Otherwise SQLite looks at the values, and parses a statement again whenever others are bound to it.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.pragma_update(None, "foreign_keys", "ON")?;
    conn.pragma_update(None, "trusted_schema", "OFF")?;
    // A receipt that was shown must survive a power cut: NORMAL would lose the last commits.
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "mmap_size", 0)?;
    // KiB, negative: the page caches are what bounds this room's memory.
    conn.pragma_update(None, "cache_size", if purpose == Purpose::Write { -16384 } else { -4096 })?;
    match purpose {
        Purpose::Write => conn.pragma_update(None, "journal_size_limit", LOG_KEPT),
        Purpose::Read => conn.pragma_update(None, "query_only", "ON"),
    }
}

/// Switches to the write-ahead log. Another process that opens at the same moment makes SQLite answer "busy" at once, so it is asked again for as long
/// as the patience lasts.
fn journal(conn: &Connection, path: &Path, patience: Duration) -> Result<()> {
    let start = Instant::now();
    loop {
        let asked = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match asked.map_err(from_sqlite) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                let text = format!("the catalog cannot have a write-ahead log here ({mode}): {}", path.display());
                return Err(Error::new(ErrorKind::InvalidConfig, text));
            }
            Err(err) if err.kind() == ErrorKind::Unavailable && start.elapsed() < patience => std::thread::sleep(PAUSE),
            Err(err) => return Err(err),
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    /// An index of some rows only makes SQLite look at what is bound, unless it is told not to.
    #[test]
    fn a_statement_is_parsed_once_whatever_is_bound() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let conn = connect(file.path(), Purpose::Write, Duration::ZERO).unwrap();
        conn.execute_batch(
            "CREATE TABLE t (a, b); CREATE INDEX some ON t (a) WHERE b = 1; INSERT INTO t VALUES (1, 1)",
        )
        .unwrap();
        let mut statement = conn.prepare("SELECT COUNT(*) FROM t WHERE a = ?1 AND b = ?2").unwrap();
        for b in [1, 2, 1] {
            let found: i64 = statement.query_row([1, b], |row| row.get(0)).unwrap();
            assert_eq!(found, i64::from(b == 1));
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
