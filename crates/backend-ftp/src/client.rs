//! The server: everything that talks to it.

mod add;
mod control;
mod data;
mod dial;
mod dialect;
mod facts;
mod list;
mod name;
mod page;
mod parents;
mod pool;
mod prefix;
mod read;
mod remove;
mod resume;
mod secured;
mod send;
mod tls;
mod token;

use std::sync::Arc;
use std::time::Duration;

use backend_core::{Clock, Error, ErrorKind, Evidence, Health, Locator, Metadata, Power, Result};

pub(crate) use add::Order;
pub(crate) use name::Names;
pub(crate) use pool::share;

use control::{Control, Seen};
use dial::Dialer;
use pool::Pool;

use crate::config::{Connection, Credentials};

/// An opened store. Connections are made by the first verb.
#[derive(Debug)]
pub(crate) struct Store {
    pool: Arc<Pool>,
    names: Names,
    clock: Arc<dyn Clock>,
    identity: String,
}

impl Store {
    pub(crate) fn new(
        connection: Connection,
        credentials: Credentials,
        clock: Arc<dyn Clock>,
        patience: Duration,
    ) -> Result<Self> {
        let names = Names::new(connection.utf8);
        let user = credentials.username.as_deref().unwrap_or("anonymous");
        let identity = format!("{user}@{}:{}/{}", connection.host, connection.port(), connection.path);
        let n_connections = connection.max_connections;
        let dialer = Dialer::new(connection, credentials, clock.clone(), patience)?;
        let pool = Arc::new(Pool::new(dialer, n_connections, clock.clone()));
        Ok(Self { pool, names, clock, identity })
    }

    /// One round trip to the folder itself.
    pub(crate) async fn health(&self) -> Health {
        let begun = self.clock.monotonic();
        let asked = self.ask_root().await;
        let latency = self.clock.monotonic().saturating_sub(begun);
        let mut health = match asked {
            Ok(()) => Health::new(Power::Works, Power::Unknown, latency),
            Err(err) => {
                let fails = Power::Fails(err.kind());
                let mut health = Health::new(fails, fails, latency);
                health.note = Some(err.message().to_owned());
                health
            }
        };
        health.identity = Some(self.identity.clone());
        health
    }

    async fn ask_root(&self) -> Result<()> {
        let mut lease = self.pool.lease().await?;
        lease.control().enter_root().await?;
        lease.done();
        Ok(())
    }

    pub(crate) async fn stat(&self, at: &Locator) -> Result<Metadata> {
        let path = self.names.path_of(at)?;
        let mut lease = self.pool.lease().await?;
        let seen = lease.control().look(&path).await?;
        let answer = match seen {
            Seen::File { size, mut modified } => {
                if modified.is_none() {
                    modified = lease.control().modified(&path).await?;
                }
                let mut meta = Metadata::new(at.clone(), Evidence::Acknowledged);
                meta.size = Some(size);
                meta.modified = modified;
                Ok(meta)
            }
            Seen::Folder | Seen::Absent => Err(absent(lease.control()).await),
        };
        lease.done();
        answer
    }
}

/// Before it is said that something is not there, the folder itself must still be.
async fn absent(control: &mut Control) -> Error {
    match control.enter_root().await {
        Ok(()) => Error::new(ErrorKind::NotFound, "nothing is stored under the key"),
        Err(err) => err,
    }
}
