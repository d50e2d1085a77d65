//! How the store is, how much room it has, and what only a try can tell.

use std::time::Duration;

use backend_core::{Error, ErrorKind, Health, Power, Result, Scope, Usage};
use serde::{Deserialize, Serialize};

use super::pool::Use;
use super::root;
use super::session::Session;
use super::temp::{Temp, open};
use super::wire::{Field, Reply, flag, kind};
use super::{Store, folders};
use crate::error::{Code, failed};

/// What a probe finds out; all of it is `false` until one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Learnt {
    /// `hardlink@openssh.com` works on the store's disk, and refuses over what is there.
    pub(crate) if_absent: bool,
    /// The server copies parts of a file into another (`copy-data`).
    pub(crate) mend: bool,
    /// `statvfs@openssh.com` is answered.
    pub(crate) usage: bool,
}

impl Store {
    pub(crate) async fn health(&self) -> Health {
        let clock = self.pool.plan.clock.clone();
        let begun = clock.monotonic();
        let asked = self.identity().await;
        let latency: Duration = clock.monotonic().saturating_sub(begun);
        match asked {
            Ok(identity) => {
                let mut health = Health::new(Power::Works, Power::Unknown, latency);
                health.identity = Some(identity);
                health
            }
            Err(err) => {
                let mut health = Health::new(Power::Fails(err.kind()), Power::Fails(err.kind()), latency);
                health.note = Some(err.message().to_owned());
                health
            }
        }
    }

    /// The fingerprint of the server's key, and where the folder really is.
    async fn identity(&self) -> Result<String> {
        let mut lease = self.pool.lend(Use::Short).await?;
        let path = self.root.path("");
        root::judge(lease.attrs(kind::STAT, &path).await?.map(|it| it.what()))?;
        let real = match lease.call(kind::REALPATH, &[Field::Text(&path)]).await? {
            Reply::Names(names) => names.into_iter().next().map(|(name, _)| name).unwrap_or_default(),
            // A server that does not resolve names (WS_FTP): its key alone is what it is known by.
            _ => bytes::Bytes::new(),
        };
        let real: String = String::from_utf8_lossy(&real).chars().take(1024).flat_map(char::escape_debug).collect();
        Ok(format!("{} {real}", self.pool.fingerprint().unwrap_or_default()))
    }

    pub(crate) async fn usage(&self) -> Result<Usage> {
        let mut lease = self.pool.lend(Use::Short).await?;
        if !lease.features.statvfs {
            return Err(Error::new(ErrorKind::Unsupported, "the server does not tell how much room it has"));
        }
        let path = self.root.path("");
        root::judge(lease.attrs(kind::STAT, &path).await?.map(|it| it.what()))?;
        let room = lease.room(&path).await?;
        let mut usage = Usage::of(Scope::Disk);
        (usage.used, usage.free, usage.limit) = (Some(room.used), Some(room.free), Some(room.limit));
        Ok(usage)
    }

    /// # Errors
    /// What the server answers to a plain write, and whatever leaves a question open.
    pub(crate) async fn probe(&self) -> Result<Learnt> {
        let mut lease = self.pool.lend(Use::Write).await?;
        let (one, other) = (Temp::new()?, Temp::new()?);
        let tried = self.links(&mut lease, &one, &other).await;
        for temp in [&one, &other] {
            match lease.status(kind::REMOVE, &[Field::Text(&self.root.path(&temp.path()))]).await? {
                Code::OK | Code::NO_SUCH_FILE => {}
                code => return Err(failed("remove what was written to try it", code)),
            }
        }
        let usage = lease.features.statvfs && lease.room(&self.root.path("")).await.is_ok();
        Ok(Learnt { if_absent: tried?, mend: lease.features.copy_data, usage })
    }

    /// Whether a link makes a second name, and refuses over a name that is there.
    async fn links(&self, session: &mut Session, one: &Temp, other: &Temp) -> Result<bool> {
        let (from, to) = (self.root.path(&one.path()), self.root.path(&other.path()));
        let flags = flag::WRITE | flag::CREATE | flag::EXCLUSIVE;
        let opened = match open(session, &from, flags).await? {
            Err(Code::NO_SUCH_FILE) => {
                folders::make(session, &self.root, super::name::TEMPS).await?;
                open(session, &from, flags).await?
            }
            opened => opened,
        };
        let handle = match opened {
            Ok(handle) => handle,
            Err(code) => return Err(folders::explain(session, &self.root, "write to the store", code).await),
        };
        session.close(&handle).await?;
        if !session.features.hardlink {
            return Ok(false);
        }
        let link = [Field::Text(b"hardlink@openssh.com"), Field::Text(&from), Field::Text(&to)];
        let first = session.status(kind::EXTENDED, &link).await?;
        let second = session.status(kind::EXTENDED, &link).await?;
        Ok(first == Code::OK && second != Code::OK)
    }
}
