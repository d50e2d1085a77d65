//! What was begun and left: removals that nobody finishes, and copies of which a service was to tell more.

use std::time::Duration;

use backend_core::{ErrorKind, Next, Removal, Result, Status};

use super::act::is_there;
use super::done::{Deed, Done};
use crate::catalog::contents::{self, ContentRow};
use crate::catalog::pins;
use crate::catalog::replicas::{self, Accepted, License, ReplicaRow, ReplicaState, Stored};
use crate::erase::{self, Named, Permit};
use crate::manager::{Manager, now};
use crate::views::removal_word;

/// Rows of one page, and pages of one round: what is left waits for the next round.
const PAGE: usize = 200;
const PAGES: usize = 50;
/// When to ask again, where a service does not say.
const SOON: Duration = Duration::from_secs(60);
/// So long a copy that nothing is heard of is waited for, where nobody said how long.
const PATIENCE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

impl Manager {
    /// Ends what was begun: pins whose time is over, removals, and what services were to tell.
    pub(crate) async fn settle(&self, told: &mut (dyn FnMut(&Done) + Send)) -> Result<()> {
        self.end_pins().await?;
        self.sweep_caches().await?;
        let mut after = None;
        for _ in 0..PAGES {
            let from = after.clone();
            let read = self
                .catalog()
                .read(move |conn| replicas::page_of_state(conn, ReplicaState::Removing, from.as_ref(), PAGE));
            let rows = read.await?;
            let Some(last) = rows.last() else { break };
            after = Some(replicas::StateCursor { changed_at: last.changed_at, replica: last.replica.clone() });
            for row in rows {
                self.finish_removal(row, told).await?;
            }
        }
        for _ in 0..PAGES {
            let due = self.catalog().read(move |conn| replicas::due(conn, now(), PAGE)).await?;
            if due.is_empty() {
                return Ok(());
            }
            let mut moved = false;
            for row in due {
                moved |= self.ask(row, told).await?;
            }
            if !moved {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Pins whose time is over go, but for those that hold something by law: of these the planner knows.
    async fn end_pins(&self) -> Result<()> {
        let policies = self.in_force().await?;
        let held: Vec<_> = policies.views().iter().filter(|it| it.file.legal_hold).map(|it| it.number).collect();
        for _ in 0..PAGES {
            let held = held.clone();
            let ended = self.catalog().write(move |conn| {
                let rows = pins::expired(conn, now(), PAGE)?;
                let ended: Vec<_> = rows.into_iter().filter(|row| !held.contains(&row.pin.policy)).collect();
                ended.iter().try_for_each(|row| pins::remove(conn, row.pin.content, &row.pin.owner).map(drop))?;
                Ok(ended.len())
            });
            if ended.await? == 0 {
                break;
            }
        }
        Ok(())
    }

    async fn finish_removal(&self, row: ReplicaRow, told: &mut (dyn FnMut(&Done) + Send)) -> Result<()> {
        let Some(content) = self.content(&row).await? else { return Ok(()) };
        let done = Done::new(content.content.cid, &row.backend_name, Deed::Remove);
        let tried = async {
            let member = self.fleet().writable(&row.backend_name).await?;
            member.recognise(self.catalog(), &**self.fleet().clock()).await?;
            let named = Named { cid: content.content.cid, kind: content.content.kind };
            erase::finish(self.catalog(), self.process(), &member, &named, &row.replica).await
        };
        match Box::pin(tried).await {
            Ok(None) => {}
            Ok(Some(removal)) => told(&Done { note: Some(removal_word(removal).to_owned()), ..done }),
            Err(err) => {
                let done = done.failed(&err);
                self.tell(&done).await?;
                told(&done);
            }
        }
        Ok(())
    }

    /// Whether the row was moved on.
    async fn ask(&self, row: ReplicaRow, told: &mut (dyn FnMut(&Done) + Send)) -> Result<bool> {
        let Some(content) = self.content(&row).await? else { return Ok(false) };
        let done = Done::new(content.content.cid, &row.backend_name, Deed::Settle);
        match Box::pin(self.answer(&content, row)).await {
            Ok(state) => {
                let done = Done { state, ..done };
                if state != Some(ReplicaState::Accepted) {
                    self.tell(&done).await?;
                    told(&done);
                }
                Ok(true)
            }
            Err(err) => {
                told(&done.failed(&err));
                Ok(false)
            }
        }
    }

    async fn answer(&self, content: &ContentRow, row: ReplicaRow) -> Result<Option<ReplicaState>> {
        let member = self.fleet().member(&row.backend_name).await?;
        member.recognise(self.catalog(), &**self.fleet().clock()).await?;
        let answer = is_there(&member, content, &row).await;
        let at = row.at();
        match (row.state, answer) {
            (ReplicaState::Accepted, Ok(meta)) if meta.status == Status::Stored => {
                let write = move |conn: &rusqlite::Connection| {
                    let stored = Stored {
                        handle: meta.at.handle.as_deref(),
                        version: meta.at.version.as_deref(),
                        etag: meta.etag.as_deref(),
                        until: meta.until.map(Into::into),
                        proved_at: meta.proved_at.map(Into::into),
                        ..Stored::new(meta.evidence.min(backend_core::Evidence::Attested))
                    };
                    replicas::stored(conn, &at, &stored, now()).map(drop)
                };
                self.catalog().write(write).await?;
                Ok(Some(ReplicaState::Present))
            }
            (ReplicaState::Accepted, Ok(meta)) if matches!(meta.status, Status::Queued | Status::Working) => {
                self.wait_on(row, meta.next).await
            }
            (ReplicaState::Accepted, Err(err)) if err.kind() != ErrorKind::NotFound => Err(err),
            // It failed, or nobody knows of it: given time enough, it never came to be.
            (ReplicaState::Accepted, Ok(_)) => self.bury(content, row).await,
            (ReplicaState::Accepted, Err(_)) if !is_over(&row) => self.wait_on(row, Next::Nothing).await,
            (ReplicaState::Accepted, Err(_)) => self.bury(content, row).await,
            (_, Err(err)) if err.kind() == ErrorKind::NotFound => {
                member.recognise_now(self.catalog()).await?;
                self.catalog()
                    .write(move |conn| replicas::removed(conn, &at, Removal::Absent, now()).map(drop))
                    .await?;
                Ok(None)
            }
            (_, Err(err)) => Err(err),
            (_, Ok(_)) => {
                let again = move |conn: &rusqlite::Connection| {
                    replicas::removed(conn, &at, Removal::Scheduled(SOON * 60), now()).map(drop)
                };
                self.catalog().write(again).await?;
                Ok(Some(ReplicaState::Lingering))
            }
        }
    }

    async fn wait_on(&self, row: ReplicaRow, next: Next) -> Result<Option<ReplicaState>> {
        let wait = match next {
            Next::Look(wait) | Next::Resume(wait) => wait.max(Duration::from_secs(1)),
            _ => SOON,
        };
        let at = row.at();
        let write = move |conn: &rusqlite::Connection| {
            let deadline_at = row.deadline_at.or(Some(now().plus(PATIENCE)));
            let accepted = Accepted { due_at: now().plus(wait), deadline_at, ..Accepted::default() };
            replicas::accepted(conn, &at, &accepted, now()).map(drop)
        };
        self.catalog().write(write).await?;
        Ok(Some(ReplicaState::Accepted))
    }

    async fn bury(&self, content: &ContentRow, row: ReplicaRow) -> Result<Option<ReplicaState>> {
        let permit = Permit { license: License::Dead, wishes: None };
        self.remove_under(content, row, permit).await?;
        Ok(None)
    }

    async fn content(&self, row: &ReplicaRow) -> Result<Option<ContentRow>> {
        let number = row.replica.content;
        self.catalog().read(move |conn| contents::get(conn, number)).await
    }
}

fn is_over(row: &ReplicaRow) -> bool {
    row.deadline_at.is_some_and(|at| at <= now())
}
