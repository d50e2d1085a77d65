//! The manager: named backends, the catalog, and what is built of both.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use backend_core::{Backend, Clock, Error, ErrorKind, Result};
use backend_layers::SystemClock;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::cache::Caches;
use crate::catalog::process::{Process, Worker};
use crate::catalog::{Catalog, ContentNumber, Timestamp, pins};
use crate::config::{BackendConfig, ConfigStore, Home};
use crate::fleet::Fleet;
use crate::foreign::Blocks;
use crate::read::{Hedged, Hedging, Purse};
use crate::route::Criterion;

/// Who wants what was added by hand kept.
pub(crate) const OWNER: &str = "user";
/// Who holds what is being added, until its lasting pin is there; the process follows.
const ADDING: &str = "adding:";
/// Chunks in memory, over all reads of a manager: with chunks of 1 MiB, 32 MiB.
const CHUNKS: usize = 32;
/// The name of the store that is made when there is none.
const EMBEDDED: &str = "local";

/// Named backends and what is known of content. Cheap to clone: clones share.
#[derive(Debug, Clone)]
pub struct Manager {
    inner: Arc<Inner>,
    /// By what this clone compares the copies that it reads.
    by: Criterion,
}

#[derive(Debug)]
struct Inner {
    home: Home,
    catalog: Catalog,
    process: Process,
    fleet: Fleet,
    budget: Arc<Semaphore>,
    blocks: Arc<Blocks>,
    purse: Arc<Purse>,
    caches: Caches,
}

impl Manager {
    /// Opens the catalog and the configuration under `home`. No backend is opened, and no network touched. Blocks on the disk.
    ///
    /// # Errors
    /// `InvalidConfig` for a home on a network file system, or a catalog of a newer version; what the disk answers.
    pub fn open(home: Home) -> Result<Self> {
        Self::open_by(home, Arc::new(SystemClock))
    }

    /// As [`Manager::open`], by another clock: for whoever moves time.
    ///
    /// # Errors
    /// As [`Manager::open`].
    pub fn open_by(home: Home, clock: Arc<dyn Clock>) -> Result<Self> {
        home.prepare()?;
        let catalog = Catalog::open(&home.catalog())?;
        let process = Process::start(home.root())?;
        let fleet = Fleet::new(ConfigStore::new(&home), catalog.clone(), clock);
        let budget = Arc::new(Semaphore::new(CHUNKS));
        let (blocks, purse, caches) = (Arc::default(), Arc::default(), Caches::default());
        Ok(Self {
            inner: Arc::new(Inner { home, catalog, process, fleet, budget, blocks, purse, caches }),
            by: Criterion::default(),
        })
    }

    /// The same, comparing the copies that it reads by this.
    #[must_use]
    pub fn reading_by(&self, by: Criterion) -> Self {
        Self { inner: self.inner.clone(), by }
    }

    pub(crate) fn criterion(&self) -> Criterion {
        self.by
    }

    /// The configuration files.
    pub fn config(&self) -> &ConfigStore {
        self.inner.fleet.store()
    }

    /// The folder of everything.
    pub fn home(&self) -> &Home {
        &self.inner.home
    }

    /// The catalog, for whoever looks into it: tests, reports.
    pub fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    /// Puts an opened backend among the others under `name`, without a configuration file and without link magic.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken.
    pub async fn register(&self, name: &str, leaf: Arc<dyn Backend>) -> Result<()> {
        self.inner.fleet.register(name, leaf).await
    }

    /// A backend by name, behind all layers.
    ///
    /// # Errors
    /// `InvalidConfig` when it is not configured or configured wrongly; `Disabled` when it is switched off.
    pub async fn backend(&self, name: &str) -> Result<Arc<dyn Backend>> {
        Ok(self.inner.fleet.member(name).await?.backend)
    }

    pub(crate) fn fleet(&self) -> &Fleet {
        &self.inner.fleet
    }

    pub(crate) fn process(&self) -> &Process {
        &self.inner.process
    }

    pub(crate) fn budget(&self) -> Arc<Semaphore> {
        self.inner.budget.clone()
    }

    pub(crate) fn hedging(&self) -> Hedging {
        Hedging { clock: self.fleet().clock().clone(), purse: self.inner.purse.clone() }
    }

    /// How often reads of this manager asked a second copy because the first one was silent.
    pub fn hedges(&self) -> Hedged {
        self.inner.purse.counted()
    }

    pub(crate) fn caches(&self) -> &Caches {
        &self.inner.caches
    }

    pub(crate) fn blocks(&self) -> Arc<Blocks> {
        self.inner.blocks.clone()
    }

    pub(crate) fn spool_folder(&self) -> PathBuf {
        self.inner.home.spool()
    }

    /// Makes the store that everything works with before anything is configured.
    pub(crate) fn embed(&self) -> Result<(String, PathBuf)> {
        let folder = self.inner.home.store();
        let config = BackendConfig::embedded(EMBEDDED, &folder);
        match self.config().create(&config) {
            Ok(_) => Ok((EMBEDDED.to_owned(), folder)),
            // Another process was faster.
            Err(err) if err.kind() == ErrorKind::AlreadyExists => Ok((EMBEDDED.to_owned(), folder)),
            Err(err) => Err(err),
        }
    }

    /// The pin under which this process holds what it is adding.
    pub(crate) fn own_pin(&self) -> String {
        format!("{ADDING}{}", self.process().worker().as_str())
    }

    /// Takes this process's pins off what was added.
    pub(crate) async fn release(&self, root: ContentNumber, parts: Vec<ContentNumber>) -> Result<()> {
        let owner = self.own_pin();
        for page in parts.chunks(5000).chain([&[root][..]]) {
            let (page, owner) = (page.to_vec(), owner.clone());
            self.catalog()
                .write(move |conn| page.iter().try_for_each(|content| pins::remove(conn, *content, &owner).map(drop)))
                .await?;
        }
        Ok(())
    }

    /// Takes off the pins of processes that died while they were adding.
    pub(crate) async fn release_dead(&self) -> Result<()> {
        let text = "SELECT DISTINCT owner FROM pins WHERE owner >= 'adding:' AND owner < 'adding;'";
        let owners: Vec<String> = self.catalog().read(move |conn| column(conn, text)).await?;
        for owner in owners {
            let dead = owner.strip_prefix(ADDING).and_then(Worker::parse).is_some_and(|it| !self.process().alive(&it));
            if dead {
                let delete = move |conn: &Connection| {
                    conn.execute("DELETE FROM pins WHERE owner = ?1", [&owner]).map(drop).map_err(sql)
                };
                self.catalog().write(delete).await?;
            }
        }
        Ok(())
    }
}

pub(crate) fn sql(err: rusqlite::Error) -> Error {
    Error::new(ErrorKind::Internal, "the catalog cannot be read").with_source(err)
}

pub(crate) fn column(conn: &Connection, text: &str) -> Result<Vec<String>> {
    let mut statement = conn.prepare(text).map_err(sql)?;
    let rows = statement.query_map([], |row| row.get(0)).map_err(sql)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql)
}

/// The catalog's time of day. What it decides is only ever "about then"; order comes from epochs.
pub(crate) fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// The folder that holds `path`, for temporary files beside it.
pub(crate) fn beside(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}
