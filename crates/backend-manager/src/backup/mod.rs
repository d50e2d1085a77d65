//! Backups: everything that is wished at one moment, with its bytes, held on one store until the backup is dropped.
//!
//! A backup is a manifest (content like any other: the lines of a state, and the configuration with its secrets masked), pins of the owner `backup:ID` on
//! everything in it, and, written last, a small index object `.ipfs-kit/backup/CATALOG/ID.json`. Without the index there is no backup.

mod index;
mod keep;
mod out;
mod restore;

use std::sync::atomic::Ordering;

use backend_core::{Addressing, Error, ErrorKind, Progress, Reads, Result, Role};
use futures::{FutureExt, StreamExt};
use ipld::Cid;
use ipld::profile::UNIXFS_V1_2025;
use rusqlite::Connection;

use crate::add::{Existing, Item, kind_of, spooled};
use crate::adopt::Troubles;
use crate::catalog::contents::{self, ContentKind, ContentRow};
use crate::catalog::pins::{self, Pin};
use crate::catalog::replicas::{self, ReplicaState};
use crate::catalog::state::Segment;
use crate::catalog::{BackendNumber, ContentNumber, PolicyNumber, Timestamp, changes, meta, names, state};
use crate::config::PolicyFile;
use crate::fault;
use crate::fleet::Member;
use crate::manager::{Manager, now};
use crate::reconcile::{Deed, Done, Listener, Mode};
use crate::state::{Line, Told, What, lines};

pub use index::BackupView;
pub use keep::Retention;
pub use restore::{Checked, Restore, RestoreInto, Restored};

pub(crate) use index::Index;

/// What the owner of a backup's pins is called before its id.
pub(crate) const OWNER: &str = "backup:";
/// Contents of one page, and contents that are copied at a time.
const PAGE: usize = 200;
const AT_A_TIME: usize = 8;
/// So many contents that cannot be copied end a backup: the store is down, and not its contents.
const GIVE_UP: u64 = 100;

/// The bytes that were sent of a content; nothing when it was there.
type Sent = Result<Option<u64>>;

/// What to back up, and where.
#[derive(Debug, Clone)]
pub struct Backup {
    /// On which store.
    pub to: String,
    /// Which older backups of this catalog stay; nothing said: all.
    pub keep: Retention,
    /// Whether anything is done.
    pub mode: Mode,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct BackedUp {
    /// What it is called; empty after a rehearsal, and where it did not come to be.
    pub id: String,
    /// Its manifest.
    pub manifest: Option<Cid>,
    /// Contents in it, those within folders included.
    pub contents: u64,
    /// Those that were copied for it, or would be.
    pub copied: u64,
    /// Bytes that were sent, or would be.
    pub bytes: u64,
    /// What could not be copied, and why.
    pub failed: Troubles,
    /// Older backups that were dropped, or would be.
    pub dropped: Vec<String>,
}

impl Manager {
    /// Holds everything that is wished now, with its bytes, on one store. What lies there already is not sent again.
    ///
    /// # Errors
    /// `Unsupported` for a store that keeps no names of ours, or cannot be read back; what the catalog answers. What could not be copied is told content by
    /// content, and stands in the index.
    pub async fn backup(&self, opts: &Backup, listener: &Listener) -> Result<BackedUp> {
        let member = self.backup_store(&opts.to).await?;
        let catalog = self.catalog().read(|conn| meta::get(conn, meta::CATALOG_ID)).await?.unwrap_or_default();
        let mut done = BackedUp::default();
        let id = index::new_id(now());
        let owner = format!("{OWNER}{id}");
        let policy = match opts.mode {
            Mode::Act => {
                self.release_dead().await?;
                self.drop_unfinished(&member, &catalog).await?;
                Some(self.backup_policy(&member.name).await?)
            }
            Mode::Rehearse => None,
        };
        self.hold(&member, (&owner, policy), &mut done, listener).await?;
        if let Some(policy) = policy.filter(|_| done.failed.count <= GIVE_UP) {
            fault::point("before-manifest");
            let (manifest, size) = self.write_manifest(&member, (&catalog, &id), (&owner, policy)).await?;
            fault::point("before-index");
            let missing = done.failed.count;
            let (contents, at) = (done.contents, now().millis());
            let index = Index {
                version: 1,
                id: id.clone(),
                catalog: catalog.clone(),
                manifest: ipld::address::text(&manifest),
                size,
                at,
                contents,
                missing,
            };
            index::write(&member, &index).await?;
            fault::point("after-index");
            (done.id, done.manifest) = (id, Some(manifest));
        }
        if !done.id.is_empty() || opts.mode == Mode::Rehearse {
            done.dropped = self.drop_older(&member, &catalog, opts).await?;
        }
        Ok(done)
    }

    /// A store that holds backups: it keeps names of ours, and gives back its own copy.
    pub(crate) async fn backup_store(&self, name: &str) -> Result<Member> {
        let member = self.fleet().member(name).await?;
        member.keeps_copies()?;
        let info = member.backend.info();
        let offers = info.offers;
        let is_ours = info.role == Role::Store && info.addressing == Addressing::Key && info.reads == Reads::Own;
        let is_able = is_ours && offers.get && offers.add && offers.list;
        if !is_able {
            return Err(Error::unsupported("backups: names of ours, a listing, and its own copy read back", name));
        }
        member.recognise(self.catalog(), &**self.fleet().clock()).await?;
        Ok(member)
    }

    /// The policy under which a store's backups are held: there, and nowhere else because of them.
    async fn backup_policy(&self, backend: &str) -> Result<PolicyNumber> {
        let name = format!("backup-{backend}");
        let description = Some(format!("What backups on {backend} hold. Made by `ipfs-kit backup`."));
        let wanted =
            PolicyFile { description, only: vec![backend.to_owned()], private: false, ..PolicyFile::default() };
        let view = match self.policy_files().find(&name)? {
            Some(_) => self.in_force().await?.named(&name)?.clone(),
            None => self.set_policy(&name, &wanted).await?,
        };
        Ok(view.number)
    }

    /// Pins everything that is wished and sees to it that the store has it.
    async fn hold(
        &self,
        member: &Member,
        (owner, policy): (&str, Option<PolicyNumber>),
        done: &mut BackedUp,
        listener: &Listener,
    ) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.catalog().read(move |conn| wished(conn, after.as_ref())).await?;
            let Some((last, rows)) = page else { return Ok(()) };
            after = Some(last);
            if let Some(policy) = policy {
                let (numbers, owner) = (rows.iter().map(|row| row.number).collect::<Vec<_>>(), owner.to_owned());
                self.catalog().write(move |conn| pin_all(conn, &numbers, &owner, policy)).await?;
            }
            for row in rows {
                let mut parts = vec![row.number];
                if row.content.kind == ContentKind::Directory {
                    parts.extend(self.members_of(row.number).await?);
                }
                self.send_parts(member, parts, (policy.is_some(), &mut *done), listener).await?;
                if GIVE_UP < done.failed.count {
                    return Ok(());
                }
            }
        }
    }

    async fn send_parts(
        &self,
        member: &Member,
        parts: Vec<ContentNumber>,
        (acts, done): (bool, &mut BackedUp),
        listener: &Listener,
    ) -> Result<()> {
        let each = parts.into_iter().map(|number| self.send_part(member, number, acts).boxed());
        let mut each = futures::stream::iter(each).buffer_unordered(AT_A_TIME);
        while let Some(sent) = each.next().await {
            let Some((what, sent)) = sent? else { continue };
            done.contents += 1;
            match sent {
                Ok(None) => {}
                Ok(Some(bytes)) => {
                    done.copied += 1;
                    done.bytes += bytes;
                    if acts {
                        listener(&what);
                    }
                }
                Err(err) => {
                    done.failed.note(format!("{}: {}", what.cid, err.message()));
                    listener(&what.failed(&err));
                }
            }
        }
        Ok(())
    }

    /// The bytes that were sent; nothing when it was there.
    async fn send_part(&self, member: &Member, number: ContentNumber, acts: bool) -> Result<Option<(Done, Sent)>> {
        let backend = member.number;
        let found = self.catalog().read(move |conn| there(conn, number, backend)).await?;
        let Some((row, is_there)) = found else { return Ok(None) };
        let done = Done::new(row.content.cid, &member.name, Deed::Copy);
        if is_there || !acts {
            let bytes = (!is_there).then(|| plain_bytes(&row));
            return Ok(Some((done, Ok(bytes))));
        }
        let sent = Box::pin(self.bring(&row, member, None, (false, done.clone()))).await;
        fault::point("after-backed-up");
        Ok(Some(match sent {
            Ok(sent) => {
                let bytes = sent.bytes;
                (sent, Ok(Some(bytes)))
            }
            Err(err) => (done, Err(err)),
        }))
    }

    /// The manifest on the store, pinned for the backup.
    async fn write_manifest(
        &self,
        member: &Member,
        (catalog, id): (&str, &str),
        (owner, policy): (&str, PolicyNumber),
    ) -> Result<(Cid, u64)> {
        let to = self.catalog().read(|conn| Ok(changes::span(conn)?.map_or(0, |it| it.1))).await?;
        let segment = Segment { to, from: 0, weight: 0 };
        let told = Told::Backup { id: id.to_owned(), configs: self.configs()? };
        let what = What { catalog: catalog.to_owned(), segment, told };
        let (body, lines) = lines(self.catalog().clone(), what);
        let content = spooled(body, self.spool_folder(), member.backend.info().needs.clone()).await?;
        tracing::debug!(lines = lines.load(Ordering::Relaxed), "a manifest was made");
        let (cid, size) = (*content.cid(), content.len());
        let item = Item {
            kind: kind_of(&content),
            content,
            profile: UNIXFS_V1_2025,
            key: None,
            whole: None,
            existing: Existing::Replace,
            name: None,
            look: false,
        };
        let members = [member.clone()];
        let mut batch = self.store(&[item], &members, owner, &Progress::default()).await?;
        if let Some(err) = batch.receipts.pop().and_then(|mut it| it.pop()).and_then(|it| it.error) {
            return Err(err);
        }
        let (numbers, owner) = (batch.numbers, owner.to_owned());
        self.catalog().write(move |conn| pin_all(conn, &numbers, &owner, policy)).await?;
        Ok((cid, size))
    }

    /// The configuration, as it may be shown.
    fn configs(&self) -> Result<Vec<Line>> {
        let mut all = Vec::new();
        for it in self.config().list()? {
            let Ok(config) = self.config().raw(&it.name) else { continue };
            // The type masks its secrets whenever it is written as text.
            let document = serde_json::to_value(&config)
                .map_err(|err| Error::new(ErrorKind::Internal, "a configuration cannot be written").with_source(err))?;
            all.push(Line::Config { name: it.name, document });
        }
        Ok(all)
    }
}

/// The next contents that somebody else than a backup wants, or calls by a name now; and where the next page begins.
fn wished(conn: &Connection, after: Option<&Cid>) -> Result<Option<(Cid, Vec<ContentRow>)>> {
    let page = state::contents(conn, after, PAGE)?;
    let Some(last) = page.last().map(|row| row.content.cid) else { return Ok(None) };
    let mut rows = Vec::new();
    for row in page {
        if is_wished(conn, row.number)? {
            rows.push(row);
        }
    }
    Ok(Some((last, rows)))
}

/// Whether a backup is to hold it.
pub(crate) fn is_wished(conn: &Connection, content: ContentNumber) -> Result<bool> {
    let is_live = |it: &pins::PinRow| it.pin.expires_at.is_none_or(|until| now() < until);
    let is_own = |owner: &str| owner.starts_with(OWNER) || owner.starts_with("adding:");
    let pins = pins::of(conn, content, "", PAGE)?;
    Ok(pins.iter().any(|it| is_live(it) && !is_own(&it.pin.owner)) || !names::of(conn, content, "", 1)?.is_empty())
}

fn pin_all(conn: &Connection, contents: &[ContentNumber], owner: &str, policy: PolicyNumber) -> Result<()> {
    contents.iter().try_for_each(|content| {
        pins::put(conn, &Pin { content: *content, owner: owner.to_owned(), policy, expires_at: None }, now())
    })
}

/// A content, and whether a copy is on the store where its CID says. One under a user's key may be written over, and is found by nobody without a catalog.
fn there(conn: &Connection, content: ContentNumber, backend: BackendNumber) -> Result<Option<(ContentRow, bool)>> {
    let Some(row) = contents::get(conn, content)? else { return Ok(None) };
    let copies = replicas::of(conn, content)?;
    let is_it = |it: &replicas::ReplicaRow| it.replica.backend == backend && it.replica.key.is_empty();
    let is_there = copies.iter().any(|it| is_it(it) && it.state == ReplicaState::Present);
    Ok(Some((row, is_there)))
}

/// What a copy takes, but for inner nodes; the files of a folder are contents of their own.
pub(crate) fn plain_bytes(row: &ContentRow) -> u64 {
    row.content.size.filter(|_| row.content.kind != ContentKind::Directory).unwrap_or(0)
}

/// A moment as it is shown.
pub(crate) fn moment(millis: i64) -> std::time::SystemTime {
    Timestamp::from_millis(millis).into()
}
