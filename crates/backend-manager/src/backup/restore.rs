//! Backups back: read with the manifest's own hash as the only thing that is believed, checked copy by copy, entered in a catalog or written to a folder.

use std::path::PathBuf;

use backend_core::{Error, ErrorKind, Locator, Result, StatOptions};
use ipld::{Cid, address};
use rusqlite::Connection;

use super::index::{self, BackupView};
use super::out::refuse_full;
use crate::adopt::{AdoptedState, AdoptedStore, Troubles};
use crate::catalog::contents::{self, ContentKind};
use crate::catalog::replicas::{self, ReplicaState};
use crate::catalog::state::Merged;
use crate::catalog::{BackendNumber, ContentNumber};
use crate::fault;
use crate::fleet::Member;
use crate::layout;
use crate::manager::Manager;
use crate::naming;
use crate::read::ReadReport;
use crate::reconcile::Mode;
use crate::state::{Line, fill, parsed_head};
use crate::trouble;

/// Lines that are looked at at a time.
const PAGE: usize = 500;
/// The longest manifest, bytes.
const MANIFEST_MAX: u64 = 4 << 30;
/// Which backup, and where to.
#[derive(Debug, Clone)]
pub struct Restore {
    /// Its id; `latest` is the newest.
    pub id: String,
    /// On which store; `None`: on all that there are.
    pub from: Option<String>,
    /// Where to.
    pub into: RestoreInto,
}

/// Where a backup is restored to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreInto {
    /// Names, pins and policies come back; what is wished here already stays.
    Catalog,
    /// Every name is a file or folder under this one, which must be new or empty.
    Folder(PathBuf),
}

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// Which backup.
    pub backup: BackupView,
    /// What the catalog was given, if it was.
    pub state: AdoptedState,
    /// Files and folders that were written.
    pub written: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Backends whose configuration is in the backup and not here.
    pub configurations: Vec<String>,
    /// What could not be restored, and why.
    pub troubles: Troubles,
}

/// What a check found.
#[derive(Debug)]
pub struct Checked {
    /// Which backup.
    pub backup: BackupView,
    /// Copies that were read back and are right.
    pub good: u64,
    /// Bytes that were read and hashed.
    pub bytes: u64,
    /// What is missing, wrong, or could not be looked at.
    pub bad: Troubles,
}

impl Manager {
    /// The backups on one store, or on all that can hold some, oldest first.
    ///
    /// # Errors
    /// What the store answers; of all, one that does not answer is left out.
    pub async fn backups(&self, from: Option<&str>) -> Result<Vec<BackupView>> {
        let mut all: Vec<BackupView> = self.indexed(from).await?.into_iter().map(|(_, view)| view).collect();
        all.sort_by(|one, other| (&one.id, &one.backend).cmp(&(&other.id, &other.backend)));
        Ok(all)
    }

    async fn indexed(&self, from: Option<&str>) -> Result<Vec<(Member, BackupView)>> {
        let mut found = Vec::new();
        let names = match from {
            Some(name) => vec![name.to_owned()],
            None => self.fleet().names()?,
        };
        for name in names {
            let looked = async {
                let member = self.backup_store(&name).await?;
                let all = index::all(&member).await?;
                Ok::<_, Error>((member, all))
            };
            match looked.await {
                Ok((member, all)) => {
                    found.extend(all.iter().filter_map(|it| it.view(&name)).map(|view| (member.clone(), view)));
                }
                Err(err) if from.is_some() => return Err(err),
                Err(err) => tracing::debug!(backend = %name, error = %err, "no backups there"),
            }
        }
        Ok(found)
    }

    async fn find_backup(&self, id: &str, from: Option<&str>) -> Result<(Member, BackupView)> {
        let mut found = self.indexed(from).await?;
        found.sort_by(|one, other| one.1.id.cmp(&other.1.id));
        let wanted = match id {
            "latest" => found.pop(),
            id => found.into_iter().find(|(_, view)| view.id == id),
        };
        wanted.ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no such backup: see `backup list`"))
    }

    /// Reads every copy back that a backup holds, and its manifest.
    ///
    /// # Errors
    /// `NotFound` for a backup that there is not; `Integrity` for a manifest that is not the one that its name says.
    pub async fn check_backup(&self, id: &str, from: Option<&str>) -> Result<Checked> {
        let (member, backup) = self.find_backup(id, from).await?;
        let mut merged = self.manifest(&member, &backup).await?;
        let mut checked = Checked { backup, good: 0, bytes: 0, bad: Troubles::default() };
        self.adopt_missing(&member, &mut merged).await?;
        let mut after = String::new();
        loop {
            let lines;
            (merged, lines) = page(merged, &mut after).await?;
            let Some(lines) = lines else { return Ok(checked) };
            for line in lines {
                let Line::Content(it) = line else { continue };
                let cid = crate::adopt::parsed(&it.cid)?;
                self.check_content(&member, &cid, &mut checked).await?;
            }
        }
    }

    async fn check_content(&self, member: &Member, cid: &Cid, checked: &mut Checked) -> Result<()> {
        let (wanted, backend) = (*cid, member.number);
        let Some(row) = self.catalog().read(move |conn| contents::find(conn, &wanted)).await? else {
            checked.bad.note(format!("{cid}: it is not there"));
            return Ok(());
        };
        let mut parts = vec![row.number];
        if row.content.kind == ContentKind::Directory {
            parts.extend(self.members_of(row.number).await?);
        }
        for number in parts {
            let found = self.catalog().read(move |conn| copy(conn, number, backend)).await?;
            let Some((content, row)) = found else {
                checked.bad.note(format!("a part of {cid}: it is not there"));
                continue;
            };
            let name = content.content.cid;
            match self.verify_row(&content, &row).await {
                Ok(it) if it.error.is_none() && it.state == ReplicaState::Present => {
                    checked.good += 1;
                    checked.bytes += it.bytes;
                }
                Ok(it) => {
                    let why = it.error.map_or_else(|| it.state.as_str().to_owned(), |err| err.message().to_owned());
                    checked.bad.note(format!("{name}: {why}"));
                }
                Err(err) => checked.bad.note(format!("{name}: {}", err.message())),
            }
        }
        Ok(())
    }

    /// Brings a backup back. From an empty home, what lies on the store is taken on first, and nothing is removed until a person says so.
    ///
    /// # Errors
    /// As [`Manager::check_backup`]; `AlreadyExists` for a folder that is not empty.
    pub async fn restore(&self, opts: &Restore) -> Result<Restored> {
        if let RestoreInto::Folder(folder) = &opts.into {
            refuse_full(folder)?;
        }
        let (member, backup) = self.find_backup(&opts.id, opts.from.as_deref()).await?;
        let mut merged = self.manifest(&member, &backup).await?;
        let mut restored = Restored {
            backup,
            state: AdoptedState::default(),
            written: 0,
            bytes: 0,
            configurations: Vec::new(),
            troubles: Troubles::default(),
        };
        self.adopt_missing(&member, &mut merged).await?;
        fault::point("after-restored-contents");
        match &opts.into {
            RestoreInto::Catalog => {
                merged = self.configured(merged, None, &mut restored).await?;
                restored.state.catalog.clone_from(&restored.backup.catalog);
                Box::pin(self.enter_lines(merged, &[], Mode::Act, &mut restored.state)).await?;
            }
            RestoreInto::Folder(folder) => {
                std::fs::create_dir_all(folder).map_err(|err| trouble::file("make", folder, err))?;
                merged = self.configured(merged, Some(folder), &mut restored).await?;
                self.write_names(merged, folder, &mut restored).await?;
            }
        }
        Ok(restored)
    }

    /// The lines of a manifest, which is read and hashed before one of them is believed.
    async fn manifest(&self, member: &Member, backup: &BackupView) -> Result<Merged> {
        let cid = backup.manifest;
        let known = self.catalog().read(move |conn| contents::find(conn, &cid)).await?;
        if known.is_none() {
            self.meet_manifest(member, &cid).await?;
        }
        let stored = self.holding(&cid).await?;
        let size = stored.content.size.filter(|size| *size <= MANIFEST_MAX);
        let size = size.ok_or_else(|| Error::new(ErrorKind::TooLarge, "a manifest of more than 4 GiB"))?;
        let body = self.body(&stored, size, 0..size, self.listen(ReadReport::default()));
        let (file, _) = naming::spool(body, &self.spool_folder()).await?;
        let (folder, id) = (self.spool_folder(), backup.id.clone());
        let work = move || {
            let file = parsed_head(file, "backup", &id)?;
            fill(Merged::new(&folder)?, file)
        };
        tokio::task::spawn_blocking(work).await.map_err(trouble::lost)?
    }

    /// Enters the manifest of a catalog that this one does not know.
    async fn meet_manifest(&self, member: &Member, cid: &Cid) -> Result<()> {
        let at = Locator::new(layout::content(cid)?);
        let meta = member.backend.stat(&at, &StatOptions::default()).await?;
        let mut store = AdoptedStore::default();
        if cid.codec() != address::RAW {
            let sidecar = Locator::new(layout::sidecar(cid)?);
            let meta = member.backend.stat(&sidecar, &StatOptions::default()).await?;
            store.merge(self.adopt_sidecar(member, &meta, Mode::Act).await);
        }
        let (number, mut part) = (member.number, AdoptedStore::default());
        let enter = move |conn: &Connection| {
            crate::adopt::plain(conn, number, &meta, Mode::Act, &mut part)?;
            Ok(part)
        };
        store.merge(self.catalog().write(enter).await?);
        match store.troubles.told.pop() {
            None => Ok(()),
            Some(why) => Err(Error::new(ErrorKind::Integrity, why)),
        }
    }

    /// Takes on what lies on the store, if anything in the backup has no copy there that the catalog knows.
    async fn adopt_missing(&self, member: &Member, merged: &mut Merged) -> Result<()> {
        let mut lines = Vec::new();
        let mut after = String::from("2");
        loop {
            let found = merged.page(&after, PAGE)?;
            let Some((last, _)) = found.last() else { break };
            after.clone_from(last);
            lines.clear();
            for (_, text) in &found {
                if let Some(Line::Content(it)) = Line::read(text)? {
                    lines.push(crate::adopt::parsed(&it.cid)?);
                }
            }
            let (cids, backend) = (std::mem::take(&mut lines), member.number);
            let is_known = move |conn: &Connection| {
                for cid in &cids {
                    let Some(row) = contents::find(conn, cid)? else { return Ok(false) };
                    if copy(conn, row.number, backend)?.is_none() {
                        return Ok(false);
                    }
                }
                Ok(true)
            };
            if self.catalog().read(is_known).await? {
                continue;
            }
            let mut store = AdoptedStore::default();
            Box::pin(self.adopt_own(member, Mode::Act, &mut store)).await?;
            return self.link_folders().await;
        }
        Ok(())
    }
}

/// The next lines; `None` at the end.
pub(super) async fn page(merged: Merged, after: &mut String) -> Result<(Merged, Option<Vec<Line>>)> {
    let from = after.clone();
    let read = tokio::task::spawn_blocking(move || merged.page(&from, PAGE).map(|page| (merged, page)));
    let (merged, page) = read.await.map_err(trouble::lost)??;
    let Some((last, _)) = page.last() else { return Ok((merged, None)) };
    after.clone_from(last);
    let mut lines = Vec::with_capacity(page.len());
    for (_, text) in &page {
        lines.extend(Line::read(text)?);
    }
    Ok((merged, Some(lines)))
}

/// A content and its readable copy on a store, where its CID says.
fn copy(
    conn: &Connection,
    content: ContentNumber,
    backend: BackendNumber,
) -> Result<Option<(contents::ContentRow, replicas::ReplicaRow)>> {
    let Some(content) = contents::get(conn, content)? else { return Ok(None) };
    let rows = replicas::of(conn, content.number)?;
    let is_it = |row: &replicas::ReplicaRow| row.replica.backend == backend && row.replica.key.is_empty();
    let found = rows.into_iter().find(|row| is_it(row) && row.is_readable());
    Ok(found.map(|row| (content, row)))
}
