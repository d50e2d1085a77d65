//! The readers: a few connections, each used on a blocking thread for one short snapshot.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backend_core::{Error, ErrorKind, Result};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::{self, Purpose};
use super::error::from_sqlite;

/// How many snapshots are read at once; each connection keeps 4 MiB of pages.
const READERS: usize = 4;

/// A pool of connections that are opened when first needed.
#[derive(Debug)]
pub(super) struct Readers {
    idle: Arc<Idle>,
    places: Arc<Semaphore>,
}

#[derive(Debug)]
struct Idle {
    path: PathBuf,
    patience: Duration,
    connections: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, patience: Duration) -> Self {
        let idle = Idle { path, patience, connections: Mutex::new(Vec::with_capacity(READERS)) };
        Self { idle: Arc::new(idle), places: Arc::new(Semaphore::new(READERS)) }
    }

    pub(super) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|err| Error::new(ErrorKind::Internal, "the catalog is closed").with_source(err))?;
        let idle = Arc::clone(&self.idle);
        let read = tokio::task::spawn_blocking(move || {
            let _place = place;
            idle.snapshot(work)
        });
        read.await.map_err(|err| Error::new(ErrorKind::Internal, "a read of the catalog panicked").with_source(err))?
    }
}

impl Idle {
    /// Everything that `work` reads is of one moment. A connection whose work panics is dropped, and its transaction with it.
    fn snapshot<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let conn = self.take()?;
        conn.execute_batch("BEGIN").map_err(from_sqlite)?;
        let answer = work(&conn);
        // An open reader would keep the log from being reset; a connection that cannot end its transaction is dropped.
        if conn.execute_batch("ROLLBACK").is_ok() {
            self.connections.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        }
        answer
    }

    fn take(&self) -> Result<Connection> {
        let idle = self.connections.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| connection::connect(&self.path, Purpose::Read, self.patience), Ok)
    }
}
