//! Emptying a backend into another: everything is copied and read back before anything is removed, and what is wished is aimed anew, so that no plan undoes it.

mod clear;

use std::collections::HashSet;

use backend_core::{Addressing, Error, ErrorKind, Evidence, Key, Reads, Result, Role};
use futures::{FutureExt, StreamExt};

use crate::adopt::Troubles;
use crate::catalog::contents::{self, ContentRow};
use crate::catalog::replicas::{self, ReplicaId, ReplicaRow, ReplicaState};
use crate::catalog::{ContentNumber, meta};
use crate::config::PolicyFile;
use crate::fault;
use crate::fleet::Member;
use crate::manager::Manager;
use crate::reconcile::{Deed, Done, Listener, Mode, moment};

/// Rows of one page, and contents that are worked on at a time.
const PAGE: usize = 200;
const AT_A_TIME: usize = 8;
/// So many contents that cannot be copied end it: the target is down, and not its contents.
const GIVE_UP: u64 = 100;

/// Whether the source is emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moving {
    /// Everything is copied and read back, and stays where it was.
    Copy,
    /// It is removed from the source once it is proved on the target.
    Move,
}

/// What to move.
#[derive(Debug, Clone)]
pub struct Migrate {
    /// From where.
    pub from: String,
    /// To where.
    pub to: String,
    /// Whether the source is emptied.
    pub moving: Moving,
    /// Whether anything is done.
    pub mode: Mode,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Migrated {
    /// Copies that were made and read back.
    pub copied: u64,
    /// Bytes that were sent, or would be.
    pub bytes: u64,
    /// Copies that the target had already, and that were proved.
    pub there: u64,
    /// Copies that were removed from the source.
    pub removed: u64,
    /// Copies on the source that existed before us: they stay.
    pub left: u64,
    /// Policies that speak of the target now, where they spoke of the source.
    pub aimed: Vec<String>,
    /// What stays on the source, and why.
    pub kept: Troubles,
    /// What could not be copied or proved, and why. Nothing of it was removed.
    pub failed: Troubles,
}

enum Brought {
    Copied(u64),
    There,
    /// There is nothing to bring, or it comes with something else.
    Nothing,
}

struct Move {
    from: Member,
    to: Member,
    mode: Mode,
}

impl Manager {
    /// Copies everything that has a copy on one backend to another, reads it back there, and then removes it from the first. It may be cut off at any moment
    /// and begun again: what is proved on the target is not sent twice, and nothing is removed that is not.
    ///
    /// # Errors
    /// `InvalidInput` for a backend into itself; `Unsupported` for a target that cannot be read back; `Disabled` while the catalog is not armed; what the
    /// catalog answers. What happens to single contents is told content by content.
    pub async fn migrate(&self, opts: &Migrate, listener: &Listener) -> Result<Migrated> {
        let it = Box::pin(self.movers(opts)).await?;
        let mut all = Migrated::default();
        if opts.mode == Mode::Act {
            self.release_dead().await?;
            Box::pin(self.settle(&mut |done| listener(done))).await?;
        }
        let failed = self.bring_all(&it, &mut all, listener).await?;
        let aimed = self.aimed(opts)?;
        all.aimed = aimed.iter().map(|(name, _)| name.clone()).collect();
        if opts.moving == Moving::Copy {
            all.aimed.clear();
            return Ok(all);
        }
        if opts.mode == Mode::Rehearse || GIVE_UP < all.failed.count {
            return Ok(all);
        }
        fault::point("before-aim");
        for (name, file) in &aimed {
            self.set_policy(name, file).await?;
        }
        fault::point("after-aim");
        self.clear_all(&it, &failed, &mut all, listener).await?;
        Ok(all)
    }

    async fn movers(&self, opts: &Migrate) -> Result<Move> {
        if opts.from == opts.to {
            return Err(Error::new(ErrorKind::InvalidInput, "a backend is not moved into itself"));
        }
        if opts.moving == Moving::Move && opts.mode == Mode::Act && !self.catalog().read(meta::armed).await? {
            let text = "the catalog was restored or adopted, and removes nothing until `reconcile --release unarmed`";
            return Err(Error::new(ErrorKind::Disabled, text));
        }
        let to = self.fleet().writable(&opts.to).await?;
        let from = self.fleet().member(&opts.from).await?;
        for member in [&from, &to] {
            member.recognise(self.catalog(), &**self.fleet().clock()).await?;
        }
        to.keeps_copies()?;
        let info = to.backend.info();
        if info.role != Role::Store || !info.offers.add || !info.offers.get || info.reads != Reads::Own {
            return Err(Error::unsupported("migration to what cannot be read back", &to.name));
        }
        if opts.moving == Moving::Move && !from.backend.info().offers.remove {
            return Err(Error::unsupported("remove", &from.name));
        }
        Ok(Move { from, to, mode: opts.mode })
    }

    /// Policies that name the source, with the target in its place.
    fn aimed(&self, opts: &Migrate) -> Result<Vec<(String, PolicyFile)>> {
        let names = |rules: &[String]| rules.contains(&opts.from);
        let all = self.policy_files().all()?;
        let named = all.into_iter().filter(|(_, file)| names(&file.prefer) || names(&file.only));
        Ok(named
            .map(|(name, file)| {
                let (prefer, only) = (aim(&file.prefer, opts), aim(&file.only, opts));
                (name, PolicyFile { prefer, only, ..file })
            })
            .collect())
    }

    /// Answers which contents could not be brought.
    async fn bring_all(&self, it: &Move, all: &mut Migrated, listener: &Listener) -> Result<HashSet<ContentNumber>> {
        let (mut failed, mut after) = (HashSet::new(), None);
        loop {
            let page = self.rows_on(it.from.number, after.clone()).await?;
            let Some(last) = page.last() else { return Ok(failed) };
            after = Some((last.replica.key.clone(), last.replica.content));
            // A folder comes before the files within it, which a store of CIDs holds because it holds the folder.
            let (own, keyed): (Vec<_>, Vec<_>) = page.into_iter().partition(|row| row.replica.key.is_empty());
            for rows in [own, keyed] {
                let each = rows.into_iter().map(|row| self.bring_row(it, row).boxed());
                let mut each = futures::stream::iter(each).buffer_unordered(AT_A_TIME);
                while let Some(brought) = each.next().await {
                    let (row, done, brought) = brought?;
                    match brought {
                        Ok(Brought::Copied(bytes)) => {
                            all.copied += 1;
                            all.bytes += bytes;
                            told(&done, it.mode, listener);
                        }
                        Ok(Brought::There) => all.there += 1,
                        Ok(Brought::Nothing) => {}
                        Err(err) => {
                            let what = format!("{}: {}", done.cid, err.message());
                            all.failed.note(what);
                            failed.insert(row.replica.content);
                            told(&done.failed(&err), it.mode, listener);
                        }
                    }
                }
            }
            if GIVE_UP < all.failed.count {
                return Ok(failed);
            }
        }
    }

    async fn rows_on(
        &self,
        backend: crate::catalog::BackendNumber,
        after: Option<(String, ContentNumber)>,
    ) -> Result<Vec<ReplicaRow>> {
        self.catalog()
            .read(move |conn| {
                let after = after.as_ref().map(|(key, content)| (key.as_str(), *content));
                replicas::page_of_backend(conn, backend, after, PAGE)
            })
            .await
    }

    async fn bring_row(&self, it: &Move, row: ReplicaRow) -> Result<(ReplicaRow, Done, Result<Brought>)> {
        let content = self.content_of_row(&row).await?;
        let done = Done::new(content.content.cid, &it.to.name, Deed::Copy);
        let brought = Box::pin(self.brought(it, &content, &row, done.clone())).await;
        Ok((row, done, brought))
    }

    async fn content_of_row(&self, row: &ReplicaRow) -> Result<ContentRow> {
        let number = row.replica.content;
        let found = self.catalog().read(move |conn| contents::get(conn, number)).await?;
        found.ok_or_else(|| Error::new(ErrorKind::Internal, "a copy without content"))
    }

    async fn brought(&self, it: &Move, content: &ContentRow, row: &ReplicaRow, done: Done) -> Result<Brought> {
        if !row.is_readable() {
            return Ok(Brought::Nothing);
        }
        let is_within = !row.replica.key.is_empty() && it.from.addressing() == Addressing::Cid;
        let (key, place) = match (it.to.addressing(), is_within) {
            (Addressing::Cid, true) => (None, row.replica.key.clone()),
            (Addressing::Key, false) if !row.replica.key.is_empty() => {
                (Some(Key::new(row.replica.key.clone())?), row.replica.key.clone())
            }
            _ => (None, String::new()),
        };
        let id = ReplicaId { content: content.number, backend: it.to.number, key: place };
        let wanted = id.clone();
        let known = self.catalog().read(move |conn| replicas::find(conn, &wanted)).await?;
        if it.mode == Mode::Rehearse {
            return Ok(match known.filter(|it| it.state == ReplicaState::Present) {
                Some(_) => Brought::There,
                None => Brought::Copied(crate::backup::plain_bytes(content)),
            });
        }
        match known {
            Some(known) if known.state == ReplicaState::Present => {
                self.proved(content, &known).await.map(|()| Brought::There)
            }
            _ if is_within && it.to.addressing() == Addressing::Cid => {
                Err(Error::new(ErrorKind::Precondition, "the folder that it is in is not there"))
            }
            _ => {
                let done = Box::pin(self.bring(content, &it.to, key, (true, done))).await?;
                fault::point("after-brought");
                match done.evidence {
                    Some(Evidence::Verified) => Ok(Brought::Copied(done.bytes)),
                    _ => Err(Error::new(ErrorKind::Integrity, "it was sent, and was not read back right")),
                }
            }
        }
    }

    /// Reads a copy back, unless that was done lately.
    async fn proved(&self, content: &ContentRow, row: &ReplicaRow) -> Result<()> {
        let terms = self.terms().await?;
        let since = moment(terms.now.saturating_sub(terms.fresh_s));
        if row.evidence == Evidence::Verified && row.proved_at.is_some_and(|at| since <= at) {
            return Ok(());
        }
        let verified = self.verify_row(content, row).await?;
        match verified.error {
            Some(err) => Err(err),
            None if verified.state == ReplicaState::Present && verified.evidence == Evidence::Verified => Ok(()),
            None => Err(Error::new(ErrorKind::Integrity, "the copy that is there reads back wrong")),
        }
    }
}

/// The target stands where the source stood, once.
fn aim(rules: &[String], opts: &Migrate) -> Vec<String> {
    let mut aimed: Vec<String> = Vec::new();
    for rule in rules {
        let rule = if *rule == opts.from { &opts.to } else { rule };
        if !aimed.contains(rule) {
            aimed.push(rule.clone());
        }
    }
    aimed
}

fn told(done: &Done, mode: Mode, listener: &Listener) {
    if mode == Mode::Act {
        listener(done);
    }
}
