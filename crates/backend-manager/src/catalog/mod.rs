//! The catalog: what should be where, and what was seen there.
//!
//! One SQLite file. One thread writes, committing in groups ([`Catalog::write`]); a few connections read snapshots on blocking threads
//! ([`Catalog::read`]). Both take a closure over a [`Connection`], and the functions of the rooms below take the same, so that several of them compose
//! in ONE transaction; no transaction lives across an await. The room knows rows and their rules; it talks to no backend and reads no clock.
//!
//! Desired state: [`contents`], [`aliases`], [`blocks`] (the outboard), [`links`], [`pins`], [`policies`], [`names`],
//! [`marks`] (what sources looked like). Seen state: [`backends`],
//! [`facts`], [`health`],
//! [`replicas`] (the life of a copy), [`transfers`], [`traffic`], [`events`]; and [`cached`], which is no copy. Both at once, for planning: [`survey`]; for
//! telling them to the stores: [`changes`], [`state`]. The catalog itself: [`meta`],
//! [`process`] (who is alive), [`leases`] (who does which chore), [`invariants`].
//!
//! Nothing answers more than [`PAGE_MAX`] rows: longer answers are asked for page by page, by key.

pub mod aliases;
pub mod backends;
pub mod blocks;
pub mod cached;
pub mod changes;
mod columns;
mod connection;
pub mod contents;
mod error;
pub mod events;
pub mod facts;
pub mod health;
pub mod invariants;
pub mod leases;
pub mod links;
pub mod marks;
pub mod memories;
pub mod meta;
pub mod names;
mod network;
pub mod pins;
pub mod policies;
pub mod process;
mod readers;
pub mod replicas;
pub mod schema;
mod sql;
pub mod state;
pub mod survey;
mod time;
pub mod traffic;
pub mod transfers;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use backend_core::{Error, ErrorKind, Result};
use rusqlite::Connection;

pub use columns::{BackendNumber, ContentNumber, Number, OfBackend, OfContent, OfPolicy, PolicyNumber};
pub use sql::PAGE_MAX;
pub use time::Timestamp;

use connection::Purpose;

/// How long a write waits while other processes write, unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// A catalog, opened. Cheap to clone: all clones share one writer thread and one pool of readers.
#[derive(Debug, Clone)]
pub struct Catalog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    writer: writer::Writer,
    readers: readers::Readers,
}

impl Catalog {
    /// Opens the catalog at `path`; makes it (mode 0600, in a folder of mode 0700) or brings it up to date when need be. Blocks.
    ///
    /// # Errors
    /// `InvalidConfig` when the folder is on a network file system, when the file is no catalog, or when a newer ipfs-kit has written it;
    /// `Denied`, `QuotaExceeded` and `Unavailable` as the disk says.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_patiently(path, PATIENCE)
    }

    /// As [`Catalog::open`], with another patience towards other processes.
    ///
    /// # Errors
    /// As [`Catalog::open`].
    pub fn open_patiently(path: &Path, patience: Duration) -> Result<Self> {
        connection::ensure_folder(folder_of(path))?;
        network::refuse(folder_of(path))?;
        connection::ensure_private(path)?;
        let mut conn = connection::connect(path, Purpose::Write, patience)?;
        schema::prepare(&mut conn)?;
        let readers = readers::Readers::new(path.to_owned(), patience);
        Ok(Self(Arc::new(Inner { path: path.to_owned(), writer: writer::Writer::start(conn)?, readers })))
    }

    /// Runs `work` in a transaction and answers after its COMMIT has reached the disk. `work` is kept when it answers `Ok` and taken back when it
    /// answers an error or panics; other writes may share the commit, none of them sees or suffers its failure.
    ///
    /// Cancel safe: dropped before `work` is queued, nothing happens; dropped later, `work` runs and is committed all the same, and nobody is told.
    ///
    /// # Errors
    /// `work`'s own. `Unavailable` with `Backoff` when other processes keep the catalog busy longer than the patience; `QuotaExceeded` when the disk
    /// is full; `Precondition` when the commit breaks a rule. After each of them nothing of `work` is kept, unless the error's effect is unknown.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.0.writer.write(work).await
    }

    /// Queues a write that nobody waits for. Meant for guards that are dropped, which cannot await: an upload that ends with its future. Writes of one
    /// catalog run in the order in which they were queued. Who posts bounds how many: each posted write stands for something that was begun.
    ///
    /// # Errors
    /// `Internal` when the writer thread has ended. What becomes of `work` later is not told.
    pub fn post<F>(&self, work: F) -> Result<()>
    where
        F: FnOnce(&Connection) -> Result<()> + Send + 'static,
    {
        self.0.writer.post(work)
    }

    /// Runs `work` on one snapshot, on a blocking thread. Keep it short: a long reader keeps the log from being reset.
    ///
    /// # Errors
    /// `work`'s own; a statement that writes is refused with `Denied`.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.0.readers.read(work).await
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// How many transactions this catalog's writer has committed since it was opened: fewer than the writes, when they come in groups.
    pub fn commits(&self) -> u64 {
        self.0.writer.commits()
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Thirty-two random hexadecimal digits.
fn random_name() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|err| Error::new(ErrorKind::Internal, "no random numbers").with_source(err))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
