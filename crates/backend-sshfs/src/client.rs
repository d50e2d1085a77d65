//! The store on the server: everything that talks to it.

mod add;
mod auth;
mod behind;
mod erase;
mod folders;
mod health;
mod hosts;
mod link;
mod list;
mod look;
mod mend;
mod name;
mod names;
mod place;
mod pool;
mod read;
mod root;
mod send;
mod session;
mod temp;
mod verify;
mod walk;
mod wire;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use backend_core::{Result, Settings};
use tokio::sync::OnceCell;

pub(crate) use add::Order;
pub(crate) use health::Learnt;
pub(crate) use name::target;
pub(crate) use pool::{READS, WRITES};

use crate::config::{Connection, invalid};
use link::Plan;
use pool::Pool;
use root::Root;

/// Requests of one transfer that are on their way at once, as OpenSSH's own client has it.
const AT_ONCE: usize = 64;
/// Bytes of one transfer that are on their way at once, at most: what fills a wire of 50 ms at 320 MiB/s.
const BUDGET: u64 = 16 << 20;
/// Bytes of all transfers together that are on their way at once: with the two above, what bounds the memory.
const BUDGETS: u64 = 32 << 20;
/// Files are their owner's alone, because the store counts as private.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// An opened store.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: Arc<Pool>,
    root: Arc<Root>,
    is_swept: Arc<AtomicBool>,
}

impl Store {
    /// Nothing is connected before the first verb.
    ///
    /// # Errors
    /// `InvalidConfig` that names the setting.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let (connection, credentials) = Connection::from_settings(settings)?;
        let hops = connection.hops().ok_or_else(|| invalid("connection.proxy_jump: it cannot be read"))?;
        let root = Arc::new(Root::new(&connection.path));
        let (timeout, clock) = (settings.connect_timeout, settings.clock.clone());
        let plan = Plan { connection, credentials, hops, timeout, clock, proofs: OnceCell::new() };
        Ok(Self { pool: Pool::new(plan), root, is_swept: Arc::default() })
    }

    /// Who shares the server's limits with whom: host and user, by their hash.
    pub(crate) fn gate(&self) -> String {
        let (plan, address) = (&self.pool.plan, ipld::address::RAW);
        let who = format!("{}:{} {}", plan.connection.host, plan.connection.port, plan.credentials.username.reveal());
        format!("sftp:{}", ipld::address::text(&ipld::address::sha256(address, who.as_bytes())))
    }
}
