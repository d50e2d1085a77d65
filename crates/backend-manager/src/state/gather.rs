//! A segment as a stream of lines, read from the catalog page by page: everything, or what was changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use backend_core::{Addressing, Result};
use bytes::Bytes;
use futures::stream;
use ipld::{Cid, address};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use super::line::{Head, Line, Tail, kind_word, written};
use super::{Bodies, ContentLine, bodies};
use crate::backup::is_wished;
use crate::catalog::backends::{self, BackendRow};
use crate::catalog::changes::{self, Change, Kind};
use crate::catalog::contents::{self, ContentRow};
use crate::catalog::names::{self, NameRow};
use crate::catalog::pins::{self, PinRow};
use crate::catalog::replicas::{self, ReplicaId, ReplicaState, Sidecar};
use crate::catalog::state::{self, Segment};
use crate::catalog::{Catalog, ContentNumber, PAGE_MAX, policies};

/// Rows of one page: with labels of 64 KiB each they are still in bounds.
const PAGE: usize = 500;
/// Pins of one content that are told: one an owner.
const PINS: usize = PAGE_MAX;

/// Which segment. Every store is told the same.
#[derive(Debug, Clone)]
pub(crate) struct What {
    pub(crate) catalog: String,
    pub(crate) segment: Segment,
    pub(crate) told: Told,
}

/// For what it is told.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// So that a lost catalog can be rebuilt: everything.
    State,
    /// As a backup: what is wished now, and what is said of the backends.
    Backup { id: String, configs: Vec<Line> },
}

/// How far the reading has come.
#[derive(Debug, Clone)]
enum At {
    Head,
    Configs,
    Policies(String),
    Contents(Option<Cid>),
    Names(String, u32),
    /// The backend, the key, the content.
    Copies(String, String, i64),
    Changes(i64),
    Tail,
    Done,
}

struct Reading {
    catalog: Catalog,
    what: What,
    at: At,
    hash: Sha256,
    lines: Arc<AtomicI64>,
}

/// The bytes of a segment, and how many lines it has by the time it is read to its end.
pub(crate) fn lines(catalog: Catalog, what: What) -> (Bodies, Arc<AtomicI64>) {
    let lines = Arc::new(AtomicI64::new(0));
    let begun = Reading { catalog, what, at: At::Head, hash: Sha256::new(), lines: lines.clone() };
    let pages = stream::try_unfold(begun, |mut reading| async move {
        let bytes = reading.next().await?;
        Ok(bytes.map(|bytes| (bytes, reading)))
    });
    (bodies(pages), lines)
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if matches!(self.at, At::Done) {
            return Ok(None);
        }
        if matches!(self.at, At::Tail) {
            let sha256 = self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            let end = self.lines.load(Ordering::Relaxed).unsigned_abs();
            self.at = At::Done;
            return Ok(Some(format!("{}\n", written(&Tail { end, sha256 })?).into()));
        }
        let (at, what) = (self.at.clone(), self.what.clone());
        let (texts, next) = self.catalog.read(move |conn| page(conn, &at, &what)).await?;
        if !matches!(self.at, At::Head) {
            self.lines.fetch_add(i64::try_from(texts.len()).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
        self.at = next;
        let bytes: String = texts.into_iter().map(|text| format!("{text}\n")).collect();
        self.hash.update(bytes.as_bytes());
        Ok(Some(bytes.into()))
    }
}

/// The lines of a page, and where it goes on.
fn page(conn: &Connection, at: &At, what: &What) -> Result<(Vec<String>, At)> {
    let (lines, next) = match at {
        At::Head => return head(conn, what),
        At::Configs => match &what.told {
            Told::State => (Vec::new(), At::Policies(String::new())),
            Told::Backup { configs, .. } => (configs.clone(), At::Policies(String::new())),
        },
        At::Policies(after) => policies_page(conn, after)?,
        At::Contents(after) => contents_page(conn, what, after.as_ref())?,
        At::Names(name, _) if what.is_backup() => present_names(conn, name)?,
        At::Names(name, revision) => names_page(conn, name, *revision)?,
        At::Copies(backend, key, content) => copies_page(conn, backend, (key, *content))?,
        At::Changes(after) => changes_page(conn, what, *after)?,
        At::Tail | At::Done => (Vec::new(), At::Tail),
    };
    Ok((lines.iter().map(written).collect::<Result<_>>()?, next))
}

fn head(conn: &Connection, what: &What) -> Result<(Vec<String>, At)> {
    let Segment { from, to, .. } = what.segment;
    let (word, id) = match &what.told {
        Told::State => ("state", String::new()),
        Told::Backup { id, .. } => ("backup", id.clone()),
    };
    let head = Head {
        ipfs_kit: word.to_owned(),
        version: 1,
        catalog: what.catalog.clone(),
        id,
        from,
        to,
        at: crate::manager::now().millis(),
        supersedes: state::supersedes(conn)?,
    };
    let next = if from == 0 { At::Configs } else { At::Changes(from) };
    Ok((vec![written(&head)?], next))
}

fn policies_page(conn: &Connection, after: &str) -> Result<(Vec<Line>, At)> {
    let page = policies::page(conn, after, PAGE)?;
    let next = page.last().map_or(At::Contents(None), |last| At::Policies(last.name.clone()));
    let line = |row: policies::PolicyRow| Line::Policy { name: row.name, spec: serde_json::from_str(&row.spec).ok() };
    Ok((page.into_iter().map(line).collect(), next))
}

fn contents_page(conn: &Connection, what: &What, after: Option<&Cid>) -> Result<(Vec<Line>, At)> {
    let page = state::contents(conn, after, PAGE)?;
    let next = page.last().map_or_else(|| At::Names(String::new(), 0), |last| At::Contents(Some(last.content.cid)));
    let mut lines = Vec::new();
    for row in page {
        if what.is_backup() && !is_wished(conn, row.number)? {
            continue;
        }
        lines.push(content_line(&row));
        for pin in pins::of(conn, row.number, "", PINS)?.into_iter().filter(|it| what.tells(&it.pin.owner)) {
            lines.push(pin_line(conn, &row.content.cid, pin)?);
        }
    }
    Ok((lines, next))
}

impl What {
    fn is_backup(&self) -> bool {
        matches!(self.told, Told::Backup { .. })
    }

    /// A backup does not hold what only backups want.
    fn tells(&self, owner: &str) -> bool {
        let is_of_backups = owner.starts_with(crate::backup::OWNER);
        !(owner.starts_with("adding:") || self.is_backup() && is_of_backups)
    }
}

pub(crate) fn content_line(row: &ContentRow) -> Line {
    let contents::NewContent { cid, size, kind, profile } = row.content;
    Line::Content(ContentLine { cid: address::text(&cid), size, kind: kind_word(kind).to_owned(), profile })
}

pub(crate) fn pin_line(conn: &Connection, cid: &Cid, row: PinRow) -> Result<Line> {
    let policy = policies::get(conn, row.pin.policy)?.map_or_else(|| policies::DEFAULT.to_owned(), |it| it.name);
    Ok(Line::Pin {
        cid: address::text(cid),
        owner: row.pin.owner,
        policy,
        since: row.created_at.millis(),
        until: row.pin.expires_at.map(|it| it.millis()),
    })
}

pub(crate) fn name_line(conn: &Connection, row: NameRow) -> Result<Option<Line>> {
    let Some(content) = contents::get(conn, row.content)? else { return Ok(None) };
    let cid = address::text(&content.content.cid);
    Ok(Some(Line::Name { name: row.name, revision: row.revision, cid, labels: row.labels, at: row.at.millis() }))
}

/// What names stand for at present, without what they stood for before.
fn present_names(conn: &Connection, after: &str) -> Result<(Vec<Line>, At)> {
    let page = names::page(conn, "", after, PAGE)?;
    let next = page.last().map_or(At::Tail, |it| At::Names(it.name.clone(), 0));
    let lines = page.into_iter().filter_map(|row| name_line(conn, row).transpose());
    Ok((lines.collect::<Result<_>>()?, next))
}

fn names_page(conn: &Connection, name: &str, revision: u32) -> Result<(Vec<Line>, At)> {
    let page = names::revisions(conn, (name, revision), PAGE)?;
    let next = match page.last() {
        Some(last) => At::Names(last.name.clone(), last.revision),
        None => next_backend(conn, "")?,
    };
    let lines = page.into_iter().filter_map(|row| name_line(conn, row).transpose());
    Ok((lines.collect::<Result<_>>()?, next))
}

/// Copies under users' keys, backend by backend. A store of CIDs has none: what looks like one there is a file within a folder.
fn copies_page(conn: &Connection, backend: &str, (key, content): (&str, i64)) -> Result<(Vec<Line>, At)> {
    let is_of_keys = |row: &BackendRow| {
        let kind = backend_core::find(&row.backend.kind);
        row.backend.store_id.is_some() && kind.is_ok_and(|it| it.addressing != Addressing::Cid)
    };
    let page = match backends::find(conn, backend)?.filter(is_of_keys) {
        Some(row) => {
            let after = (key, ContentNumber::new(content));
            replicas::page_of_backend(conn, row.number, Some(after), PAGE)?
        }
        None => Vec::new(),
    };
    let next = match page.last() {
        Some(last) => At::Copies(backend.to_owned(), last.replica.key.clone(), last.replica.content.get()),
        None => next_backend(conn, backend)?,
    };
    let lines = page.into_iter().filter_map(|row| copy_line(conn, &row.replica).transpose());
    Ok((lines.collect::<Result<_>>()?, next))
}

/// Behind all rows that lie where their CID says.
fn next_backend(conn: &Connection, after: &str) -> Result<At> {
    let next = backends::page(conn, after, 1)?.pop();
    Ok(next.map_or(At::Tail, |row| At::Copies(row.backend.name, String::new(), i64::MAX)))
}

/// A copy under a user's key as it is now; `None` where the content or the store has no name yet.
fn copy_line(conn: &Connection, id: &ReplicaId) -> Result<Option<Line>> {
    let (Some(content), Some(backend)) = (contents::get(conn, id.content)?, backends::get(conn, id.backend)?) else {
        return Ok(None);
    };
    let Some(store) = backend.backend.store_id else { return Ok(None) };
    let (cid, key) = (address::text(&content.content.cid), id.key.clone());
    let holds = |state| matches!(state, ReplicaState::Present | ReplicaState::Suspect | ReplicaState::Corrupt);
    Ok(Some(match replicas::find(conn, id)?.filter(|row| holds(row.state)) {
        None => Line::Uncopy { cid, store, key },
        Some(row) => {
            let sidecar = row.sidecar == Sidecar::Present;
            Line::Copy { cid, store, key, owned: row.owned, sidecar, handle: row.handle, etag: row.etag }
        }
    }))
}

/// What was changed, as it is now: contents first, for the others speak of them.
fn changes_page(conn: &Connection, what: &What, after: i64) -> Result<(Vec<Line>, At)> {
    let page: Vec<Change> =
        changes::page(conn, after, PAGE)?.into_iter().filter(|it| it.seq <= what.segment.to).collect();
    let next = page.last().map_or(At::Tail, |last| At::Changes(last.seq));
    let unnamed: BTreeSet<&str> = page.iter().filter(|it| it.kind == Kind::Unname).map(|it| it.what.as_str()).collect();
    let mut all: BTreeMap<(u8, String), Line> = BTreeMap::new();
    for it in &page {
        match it.kind {
            Kind::Policy => {
                let spec = policies::find(conn, &it.what)?.and_then(|row| serde_json::from_str(&row.spec).ok());
                all.insert((1, it.what.clone()), Line::Policy { name: it.what.clone(), spec });
            }
            Kind::Pin => changed_pin(conn, it, &mut all)?,
            Kind::Name if !unnamed.contains(it.what.as_str()) => {
                let revision = u32::try_from(it.number).unwrap_or(0);
                if let Some(row) = names::revision(conn, &it.what, revision)? {
                    named(conn, row, &mut all)?;
                }
            }
            Kind::Name => {}
            Kind::Unname => {
                all.insert((3, format!("{}\u{0}", it.what)), Line::Unname { name: it.what.clone() });
                renamed(conn, &it.what, &mut all)?;
            }
            Kind::Copy => {
                let content = ContentNumber::new(it.number);
                let id = ReplicaId { content, backend: it.backend, key: it.what.clone() };
                if let Some(line) = copy_line(conn, &id)? {
                    told(conn, content, &mut all)?;
                    all.insert((4, format!("{}\u{0}{}\u{0}{}", it.backend.get(), it.what, it.number)), line);
                }
            }
        }
    }
    // What a key was taken away from comes before what it was given to.
    let (gone, there): (Vec<Line>, Vec<Line>) = all.into_values().partition(|line| matches!(line, Line::Uncopy { .. }));
    Ok((gone.into_iter().chain(there).collect(), next))
}

type Lines = BTreeMap<(u8, String), Line>;

fn told(conn: &Connection, content: ContentNumber, all: &mut Lines) -> Result<Option<ContentRow>> {
    let row = contents::get(conn, content)?;
    if let Some(row) = &row {
        all.insert((0, address::text(&row.content.cid)), content_line(row));
    }
    Ok(row)
}

fn changed_pin(conn: &Connection, it: &Change, all: &mut Lines) -> Result<()> {
    let content = ContentNumber::new(it.number);
    let Some(row) = told(conn, content, all)? else { return Ok(()) };
    let found = pins::find(conn, content, &it.what)?;
    let cid = address::text(&row.content.cid);
    let line = match found {
        Some(pin) => pin_line(conn, &row.content.cid, pin)?,
        None => Line::Unpin { cid: cid.clone(), owner: it.what.clone() },
    };
    all.insert((2, format!("{cid}\u{0}{}", it.what)), line);
    Ok(())
}

fn named(conn: &Connection, row: NameRow, all: &mut Lines) -> Result<()> {
    told(conn, row.content, all)?;
    let key = (3, format!("{}\u{0}{:010}", row.name, row.revision));
    if let Some(line) = name_line(conn, row)? {
        all.insert(key, line);
    }
    Ok(())
}

/// All that a name stands for after it was taken away and given again.
fn renamed(conn: &Connection, name: &str, all: &mut Lines) -> Result<()> {
    let mut after = 0;
    loop {
        let page = names::revisions(conn, (name, after), PAGE)?;
        let Some(last) = page.last().filter(|_| page.iter().any(|row| row.name == name)) else { return Ok(()) };
        after = last.revision;
        let is_over = last.name != name;
        for row in page.into_iter().filter(|row| row.name == name) {
            named(conn, row, all)?;
        }
        if is_over {
            return Ok(());
        }
    }
}
