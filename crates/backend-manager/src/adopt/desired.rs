//! Policies, pins and names back into the catalog. What is wished here already stays as it is, and is told.

use std::collections::BTreeMap;

use backend_core::{Error, ErrorKind, Result};
use ipld::{Cid, address};
use rusqlite::Connection;

use super::copies::Key;
use super::{Adopt, Troubles};
use crate::catalog::contents::{self, ContentKind, NewContent};
use crate::catalog::names::{self, NameRow, Restored};
use crate::catalog::pins::{self, Pin};
use crate::catalog::state::Merged;
use crate::catalog::{PolicyNumber, Timestamp, blocks, meta, policies, state};
use crate::config::PolicyFile;
use crate::fault;
use crate::fleet::Member;
use crate::manager::{Manager, now};
use crate::reconcile::Mode;
use crate::state::{Line, Segments};
use crate::trouble;

/// Lines of one transaction.
const PAGE: usize = 500;

/// What was wished in another catalog and is wished in this one now.
#[derive(Debug, Default, Clone)]
pub struct AdoptedState {
    /// Whose it was.
    pub catalog: String,
    /// Revisions of names.
    pub names: u64,
    /// Pins.
    pub pins: u64,
    /// Policies whose files were written.
    pub policies: u64,
    /// Copies under users' keys.
    pub keys: u64,
    /// What is wished otherwise here, and stays so.
    pub kept: Troubles,
    /// What could not be taken on, and why.
    pub troubles: Troubles,
}

impl Manager {
    pub(super) async fn adopt_state(
        &self,
        segments: &Segments,
        members: &[Member],
        opts: &Adopt,
    ) -> Result<Option<AdoptedState>> {
        let own = self.catalog().read(|conn| meta::get(conn, meta::CATALOG_ID)).await?.unwrap_or_default();
        let Some(chain) = segments.choose(opts.catalog.as_deref(), &own).await? else { return Ok(None) };
        let (merged, troubles) = chain.merged(self).await?;
        let mut adopted = AdoptedState { catalog: chain.catalog.clone(), ..AdoptedState::default() };
        troubles.into_iter().for_each(|it| adopted.troubles.note(it));
        self.enter_lines(merged, members, opts.mode, &mut adopted).await?;
        if opts.mode == Mode::Act {
            let (catalog, to) = (chain.catalog, chain.to);
            let note = move |conn: &Connection| match catalog == own {
                true => state::catch_up(conn, to),
                false => state::supersede(conn, &catalog, to),
            };
            self.catalog().write(note).await?;
        }
        Ok(Some(adopted))
    }

    /// Enters what the lines say, in their order: policies, contents, pins, names, copies.
    ///
    /// # Errors
    /// What the catalog answers. What is wrong with a line is among the troubles.
    pub(crate) async fn enter_lines(
        &self,
        mut merged: Merged,
        members: &[Member],
        mode: Mode,
        adopted: &mut AdoptedState,
    ) -> Result<()> {
        let mut after = String::new();
        loop {
            let from = after.clone();
            let read = tokio::task::spawn_blocking(move || merged.page(&from, PAGE).map(|page| (merged, page)));
            let page;
            (merged, page) = read.await.map_err(trouble::lost)??;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after.clone_from(last);
            let mut lines = Vec::with_capacity(page.len());
            for (_, text) in &page {
                lines.extend(Line::read(text)?);
            }
            self.enter_page(lines, members, mode, adopted).await?;
            fault::point("after-state-page");
        }
    }

    async fn enter_page(
        &self,
        lines: Vec<Line>,
        members: &[Member],
        mode: Mode,
        adopted: &mut AdoptedState,
    ) -> Result<()> {
        let (mut others, mut keys) = (Vec::new(), Vec::new());
        for line in lines {
            match line {
                Line::Policy { name, spec: Some(spec) } => self.enter_policy(&name, spec, mode, adopted)?,
                Line::Copy { cid, store, key, owned, sidecar, handle, etag } => {
                    keys.push(Key { cid, store, key, owned, sidecar, handle, etag });
                }
                other => others.push(other),
            }
        }
        let numbers: BTreeMap<String, PolicyNumber> = match mode {
            Mode::Act => self.in_force().await?.views().iter().map(|it| (it.name.clone(), it.number)).collect(),
            Mode::Rehearse => BTreeMap::new(),
        };
        let work = move |conn: &Connection| {
            let mut part = AdoptedState::default();
            for line in others {
                match mode {
                    Mode::Act => enter(conn, line, &numbers, &mut part)?,
                    Mode::Rehearse => part.count(&line),
                }
            }
            Ok(part)
        };
        let part = match mode {
            Mode::Act => self.catalog().write(work).await?,
            Mode::Rehearse => self.catalog().read(work).await?,
        };
        adopted.merge(part);
        self.enter_copies(keys, members, mode, adopted).await
    }

    /// A policy without a file here gets one.
    fn enter_policy(&self, name: &str, spec: serde_json::Value, mode: Mode, adopted: &mut AdoptedState) -> Result<()> {
        let Ok(theirs) = serde_json::from_value::<PolicyFile>(spec) else {
            adopted.troubles.note(format!("the policy {} cannot be read", shown(name)));
            return Ok(());
        };
        let files = self.policy_files();
        let ours = match files.find(name)? {
            None if name == policies::DEFAULT => Some(PolicyFile::default()).filter(|it| *it == theirs),
            found => found,
        };
        match ours {
            Some(ours) if ours == theirs => {}
            Some(_) => adopted.kept.note(format!("the policy {} says something else here", shown(name))),
            None if mode == Mode::Rehearse => adopted.policies += 1,
            None => match files.put(name, &theirs) {
                Ok(_) => adopted.policies += 1,
                Err(err) => adopted.troubles.note(format!("the policy {}: {}", shown(name), err.message())),
            },
        }
        Ok(())
    }
}

impl AdoptedState {
    fn merge(&mut self, part: AdoptedState) {
        self.names += part.names;
        self.pins += part.pins;
        self.keys += part.keys;
        part.kept.told.into_iter().for_each(|it| self.kept.note(it));
        part.troubles.told.into_iter().for_each(|it| self.troubles.note(it));
    }

    fn count(&mut self, line: &Line) {
        match line {
            Line::Pin { .. } => self.pins += 1,
            Line::Name { .. } => self.names += 1,
            _ => {}
        }
    }
}

/// Other people's words, for a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}

fn enter(
    conn: &Connection,
    line: Line,
    numbers: &BTreeMap<String, PolicyNumber>,
    part: &mut AdoptedState,
) -> Result<()> {
    let what = match &line {
        Line::Content(it) => format!("the content {}", shown(&it.cid)),
        Line::Pin { cid, owner, .. } => format!("the pin of {} for {}", shown(cid), shown(owner)),
        Line::Name { name, .. } => format!("the name {}", shown(name)),
        _ => return Ok(()),
    };
    let entered = match line {
        Line::Content(it) => content(conn, &it),
        Line::Pin { cid, owner, policy, since, until } => {
            let policy = numbers.get(&policy).or_else(|| numbers.get(policies::DEFAULT)).copied();
            pin(conn, &cid, owner, (policy, until), since, part)
        }
        Line::Name { name, revision, cid, labels, at } => {
            let at = Timestamp::from_millis(at);
            content_of(conn, &cid).and_then(|content| {
                match names::restore(conn, &NameRow { name, revision, content, labels, at })? {
                    Restored::New => part.names += 1,
                    Restored::Known => {}
                    Restored::Other => part.kept.note(format!("{what} stands for something else here")),
                }
                Ok(())
            })
        }
        _ => Ok(()),
    };
    match entered {
        Err(err) if err.kind() == ErrorKind::Internal || err.kind() == ErrorKind::Unavailable => Err(err),
        Err(err) => {
            part.troubles.note(format!("{what}: {}", err.message()));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

pub(crate) fn parsed(cid: &str) -> Result<Cid> {
    let cid = address::to_v1(&address::parse(cid).map_err(trouble::ipld)?);
    address::check_hash(&cid).map_err(trouble::ipld)?;
    Ok(cid)
}

fn content_of(conn: &Connection, cid: &str) -> Result<crate::catalog::ContentNumber> {
    let row = contents::find(conn, &parsed(cid)?)?;
    row.map(|row| row.number).ok_or_else(|| Error::new(ErrorKind::NotFound, "nothing is told of its content"))
}

/// What is known better by reading stays.
fn content(conn: &Connection, line: &crate::state::ContentLine) -> Result<()> {
    let cid = parsed(&line.cid)?;
    let is_whole = match contents::find(conn, &cid)? {
        Some(row) => blocks::is_whole(conn, row.number)?,
        None => false,
    };
    // Without its nodes nothing but its root is known of it, whatever somebody says.
    let kind = match crate::state::kind_of(&line.kind) {
        ContentKind::File | ContentKind::Directory if !is_whole => ContentKind::Dag,
        kind => kind,
    };
    let content = NewContent { cid, size: line.size, kind, profile: line.profile };
    let number = contents::upsert(conn, &content, now())?;
    contents::learn(conn, number, kind, line.profile)
}

fn pin(
    conn: &Connection,
    cid: &str,
    owner: String,
    (policy, until): (Option<PolicyNumber>, Option<i64>),
    since: i64,
    part: &mut AdoptedState,
) -> Result<()> {
    if owner.starts_with("adding:") {
        return Err(Error::new(ErrorKind::InvalidInput, "only a process that is adding something holds it so"));
    }
    let content = content_of(conn, cid)?;
    let policy = policy.ok_or_else(|| Error::new(ErrorKind::Internal, "the catalog has no default policy"))?;
    let wanted = Pin { content, owner, policy, expires_at: until.map(Timestamp::from_millis) };
    match pins::find(conn, content, &wanted.owner)? {
        Some(known) if known.pin == wanted => Ok(()),
        Some(_) => {
            part.kept.note(format!("{} is pinned otherwise here", shown(cid)));
            Ok(())
        }
        None => {
            pins::put(conn, &wanted, Timestamp::from_millis(since))?;
            part.pins += 1;
            Ok(())
        }
    }
}
