//! What goes with an object of others that was taken on: inner nodes beside it, its name and its pin.

use backend_core::{Condition, Error, ErrorKind, Locator, Progress, Result};
use ipld::profile::UNIXFS_V1_2025;
use rusqlite::Connection;

use super::AdoptUnder;
use super::under::Read;
use crate::add::{Existing, Item, Parts, Sending, kind_of};
use crate::catalog::ContentNumber;
use crate::catalog::names;
use crate::catalog::pins::{self, Pin};
use crate::catalog::replicas::{self, ReplicaAt, ReplicaId, ReplicaRow, Sidecar};
use crate::desired::{PolicyView, Traits, expiry};
use crate::fleet::Member;
use crate::manager::{Manager, OWNER, now};

impl Manager {
    /// Large files can be read in parts only by their inner nodes; these are ours, and lie where ours do.
    pub(super) async fn put_sidecar(&self, member: &Member, read: &Read, number: ContentNumber) -> Result<()> {
        if read.content.dag().is_empty() || !member.backend.info().offers.add {
            return Ok(());
        }
        let id = ReplicaId { content: number, backend: member.number, key: read.key.as_str().to_owned() };
        let wanted = id.clone();
        let Some(row) = self.catalog().read(move |conn| replicas::find(conn, &wanted)).await? else { return Ok(()) };
        let (kind, content) = (kind_of(&read.content), read.content.clone());
        let item = Item {
            content,
            kind,
            profile: UNIXFS_V1_2025,
            key: Some(read.key.clone()),
            whole: None,
            existing: Existing::Keep,
            name: None,
            look: false,
        };
        let at = ReplicaAt { replica: id, epoch: row.epoch };
        let (catalog, progress) = (self.catalog(), Progress::default());
        let parts = Parts::Sidecar(Locator::new(read.key.clone()));
        let condition = Condition::Always;
        let job = Sending {
            member,
            item: &item,
            at: at.clone(),
            look_first: false,
            mend: None,
            parts,
            condition,
            catalog,
            progress: &progress,
        };
        let placed = Box::pin(job.run()).await?;
        let handle = placed.sidecar.flatten();
        let note =
            move |conn: &Connection| replicas::sidecar(conn, &at, Sidecar::Present, handle.as_deref(), now()).map(drop);
        self.catalog().write(note).await
    }

    /// Its name is its key. A name that stands for something from elsewhere is not taken from it.
    pub(super) async fn call_it(
        &self,
        read: &Read,
        number: ContentNumber,
        opts: &AdoptUnder,
        before: Option<&ReplicaRow>,
    ) -> Result<()> {
        let (name, size) = (read.key.as_str().to_owned(), Some(read.content.len()));
        let policies = self.in_force().await?;
        let traits = Traits { name: Some(name.clone()), size, ..Traits::default() };
        let policy: PolicyView = match &opts.policy {
            Some(named) => policies.named(named)?.clone(),
            None => policies.fitting(&traits)?.clone(),
        };
        let was = before.map(|row| row.replica.content);
        let work = move |conn: &Connection| {
            let owner = OWNER.to_owned();
            if pins::find(conn, number, OWNER)?.is_none() {
                let pin = Pin { content: number, owner, policy: policy.number, expires_at: expiry(&policy, now()) };
                pins::put(conn, &pin, now())?;
            }
            match names::resolve(conn, &name)? {
                Some(row) if row.content == number => Ok(true),
                Some(row) if Some(row.content) != was => Ok(false),
                _ => {
                    names::put(conn, &name, number, &std::collections::BTreeMap::new(), now())?;
                    was.map_or(Ok(()), |was| forsake(conn, was)).map(|()| true)
                }
            }
        };
        match self.catalog().write(work).await? {
            true => Ok(()),
            false => {
                Err(Error::new(ErrorKind::AlreadyExists, "it is pinned, but its name stands for something else here"))
            }
        }
    }
}

/// What was replaced by its owner, lies nowhere else and has no other name cannot be kept any longer.
fn forsake(conn: &Connection, content: ContentNumber) -> Result<()> {
    let is_called = !names::of(conn, content, "", 1)?.is_empty();
    match is_called || !replicas::of(conn, content)?.is_empty() {
        true => Ok(()),
        false => pins::remove(conn, content, OWNER).map(drop),
    }
}
