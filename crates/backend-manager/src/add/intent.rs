//! Intent first: content, outboard, pin, reserved quota and replica row are in the catalog before the first byte leaves.

use std::time::Duration;

use backend_core::{Dag, Digest, DigestKind, Error, ErrorKind, Mend, Node, Result, StatOptions};
use futures::StreamExt;
use rusqlite::Connection;

use super::place::locator;
use super::{Existing, Item};
use crate::catalog::aliases;
use crate::catalog::blocks;
use crate::catalog::contents::{self, NewContent};
use crate::catalog::pins::{self, Pin};
use crate::catalog::policies;
use crate::catalog::process::Process;
use crate::catalog::replicas::{
    self, Epoch, Intended, Intent, Moved, ReplicaAt, ReplicaId, ReplicaRow, ReplicaState, Seen,
};
use crate::catalog::{Catalog, ContentNumber};
use crate::erase::{self, Named};
use crate::fault;
use crate::fleet::Member;

/// How long to wait for another process that uploads the same content. It is alive, so this bounds only a stuck one.
const PATIENCE: Duration = Duration::from_secs(600);
/// Nodes are entered in transactions of about this many bytes.
const PAGE_BYTES: usize = 4 << 20;

/// What to do for one replica.
#[derive(Debug)]
pub(super) enum Todo {
    /// Send it; the row is ours at this place. The copies of these contents are overwritten by it.
    Upload { at: ReplicaAt, look_first: bool, mend: Option<Mend>, overwrites: Vec<ContentNumber> },
    /// The catalog has it; the store was asked and has it too.
    There(Box<ReplicaRow>),
    /// It cannot be.
    No(Error),
}

/// Enters content and pins it for `owner`: one transaction for all items, and one for each few MiB of nodes.
pub(super) async fn enter(catalog: &Catalog, items: &[Item], owner: &str) -> Result<Vec<ContentNumber>> {
    let new: Vec<(NewContent, Vec<Digest>)> = items.iter().map(describe).collect();
    let owner = owner.to_owned();
    let numbers = catalog
        .write(move |conn| {
            let now = crate::manager::now();
            let policy = policy(conn)?;
            let enter = |(content, digests): &(NewContent, Vec<Digest>)| {
                let number = contents::upsert(conn, content, now)?;
                let pin = Pin { content: number, owner: owner.clone(), policy, expires_at: None };
                pins::put(conn, &pin, now)?;
                digests.iter().try_for_each(|digest| aliases::put(conn, number, digest)).map(|()| number)
            };
            new.iter().map(enter).collect::<Result<Vec<_>>>()
        })
        .await?;
    for (item, number) in items.iter().zip(&numbers).filter(|(item, _)| !item.content.dag().is_empty()) {
        outboard(catalog, item.content.dag(), *number).await?;
    }
    fault::point("after-enter");
    Ok(numbers)
}

/// The digest that the name tells needs no row.
fn describe(item: &Item) -> (NewContent, Vec<Digest>) {
    let (cid, size) = (*item.content.cid(), Some(item.content.len()));
    let told = item.content.dag().is_empty() && cid.codec() == ipld::address::RAW;
    let digests = item.content.digests().iter().filter(|it| !(told && it.kind == DigestKind::Sha256));
    (NewContent { cid, size, kind: item.kind, profile: item.profile.id }, digests.cloned().collect())
}

fn policy(conn: &Connection) -> Result<crate::catalog::PolicyNumber> {
    let row = policies::find(conn, policies::DEFAULT)?;
    row.map(|row| row.number).ok_or_else(|| Error::new(ErrorKind::Internal, "the catalog has no default policy"))
}

/// The inner nodes of `content`, page by page; those that are there already are not written again. The page with the root comes last: where the root is, all
/// of them are.
///
/// # Errors
/// What the catalog answers, and what reading the nodes does.
pub(crate) async fn outboard(catalog: &Catalog, dag: &Dag, content: ContentNumber) -> Result<()> {
    let known = catalog.read(move |conn| blocks::total(conn, content)).await?;
    if known == (dag.count(), dag.bytes()) {
        return Ok(());
    }
    let (mut nodes, mut page, mut bytes, mut first, mut top) = (dag.walk(), Vec::new(), 0, 0u32, None);
    loop {
        let node = nodes.next().await.transpose()?;
        let ended = node.is_none();
        if let Some((cid, data)) = node {
            bytes += data.len();
            page.push((cid, data));
        }
        if PAGE_BYTES <= bytes || (ended && !page.is_empty()) {
            let full = std::mem::take(&mut page);
            let count = u32::try_from(full.len()).unwrap_or(u32::MAX);
            match first {
                0 => top = Some(full),
                _ => put_nodes(catalog, content, first, full).await?,
            }
            (first, bytes) = (first.saturating_add(count), 0);
        }
        if ended {
            return match top {
                Some(top) => put_nodes(catalog, content, 0, top).await,
                None => Ok(()),
            };
        }
    }
}

async fn put_nodes(catalog: &Catalog, content: ContentNumber, first: u32, page: Vec<Node>) -> Result<()> {
    let put =
        move |conn: &Connection| blocks::put(conn, content, first, page.iter().map(|(cid, data)| (cid, &data[..])));
    catalog.write(put).await
}

/// What is to be done for each pair of item and member, in the order of `wanted`.
pub(super) async fn intend(
    catalog: &Catalog,
    process: &Process,
    wanted: &[(&Item, ContentNumber, &Member)],
) -> Result<Vec<Todo>> {
    let intents: Vec<_> = wanted.iter().map(|it| (intent(it, process, Seen::Nothing), it.0.existing)).collect();
    let asked = catalog
        .write(move |conn| intents.iter().map(|(it, existing)| ask(conn, it, *existing)).collect::<Result<Vec<_>>>());
    let answers = asked.await?;
    fault::point("after-intent");
    let mut todos = Vec::with_capacity(answers.len());
    for (answer, it) in answers.into_iter().zip(wanted) {
        todos.push(match answer {
            Some(answer) => settle(catalog, process, it, answer).await,
            None => Todo::No(taken(it)),
        });
    }
    Ok(todos)
}

/// `None`: other content lies under the user's key, and is to stay. What the catalog does not know of, the store's own condition finds.
fn ask(conn: &Connection, intent: &Intent, existing: Existing) -> Result<Option<Intended>> {
    match existing == Existing::Keep && replicas::holder(conn, &intent.replica)?.is_some() {
        true => Ok(None),
        false => replicas::intend(conn, intent).map(Some),
    }
}

fn taken((item, _, member): &(&Item, ContentNumber, &Member)) -> Error {
    let text = format!("other content lies under {} on {}", item.place(), member.name);
    Error::new(ErrorKind::AlreadyExists, text)
}

fn intent((item, content, member): &(&Item, ContentNumber, &Member), process: &Process, seen: Seen) -> Intent {
    let dag = item.content.dag();
    let sidecar = dag.bytes() + dag.count() * 40;
    let bytes = item.content.len() * u64::from(item.kind != crate::views::ContentKind::Directory) + sidecar;
    let replica = ReplicaId { content: *content, backend: member.number, key: item.place().to_owned() };
    Intent { replica, bytes, process: process.clone(), seen, now: crate::manager::now() }
}

/// From the catalog's answer to something to do: waits for others, looks at what is in doubt, asks again.
async fn settle(
    catalog: &Catalog,
    process: &Process,
    wanted: &(&Item, ContentNumber, &Member),
    mut answer: Intended,
) -> Todo {
    let begun = std::time::Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        match step(catalog, process, wanted, answer).await {
            Ok(Some(todo)) => return todo,
            Ok(None) if PATIENCE < begun.elapsed() => {
                return Todo::No(Error::new(
                    ErrorKind::Unavailable,
                    "another process has been busy with it for too long",
                ));
            }
            Ok(None) => {}
            Err(err) => return Todo::No(err),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
        let again = intent(wanted, process, Seen::Nothing);
        let existing = wanted.0.existing;
        match catalog.write(move |conn| ask(conn, &again, existing)).await {
            Ok(Some(next)) => answer = next,
            Ok(None) => return Todo::No(taken(wanted)),
            Err(err) => return Todo::No(err),
        }
    }
}

/// `None`: ask again.
async fn step(
    catalog: &Catalog,
    process: &Process,
    (item, content, member): &(&Item, ContentNumber, &Member),
    answer: Intended,
) -> Result<Option<Todo>> {
    match answer {
        Intended::Upload { epoch, before, overwrites } => {
            // A repair that was cut off: what is there has the right length, and was wrong when it was last read.
            let is_wrong = before.as_ref().is_some_and(|row| row.is_wrong());
            let is_begun = before.is_some_and(|row| row.state == ReplicaState::Uploading);
            let look_first = !is_wrong && (item.look || is_begun);
            let mend = is_wrong.then(Mend::all);
            let replica = ReplicaId { content: *content, backend: member.number, key: item.place().to_owned() };
            Ok(Some(Todo::Upload { at: ReplicaAt { replica, epoch }, look_first, mend, overwrites }))
        }
        Intended::Look(row) if row.replica.content != *content => {
            let text = format!("{} has not settled what lies under {}", member.name, item.place());
            Ok(Some(Todo::No(Error::new(ErrorKind::Unavailable, text))))
        }
        Intended::Present(row) | Intended::Look(row) => look(catalog, item, member, row).await,
        Intended::Busy { .. } => Ok(None),
        Intended::Removing => {
            // Whoever began it may be dead: then it is finished here, and the name is free.
            let named = Named { cid: *item.content.cid(), kind: item.kind };
            let replica = ReplicaId { content: *content, backend: member.number, key: item.place().to_owned() };
            erase::finish(catalog, process, member, &named, &replica).await?;
            Ok(None)
        }
        Intended::QuotaExceeded { quota, used } => {
            let text = format!("{} may hold {quota} bytes and has {used}", member.name);
            Ok(Some(Todo::No(Error::new(ErrorKind::QuotaExceeded, text))))
        }
    }
}

/// The catalog has a row; is it true? What is gone becomes missing (after a second look, at a store that is recognised), and is then uploaded.
async fn look(catalog: &Catalog, item: &Item, member: &Member, row: Box<ReplicaRow>) -> Result<Option<Todo>> {
    let at = match locator(member, item)? {
        Some(at) => at.with_handle(row.handle.clone()),
        None => backend_core::Locator::new(*item.content.cid()).with_handle(row.handle.clone()),
    };
    let there = match member.backend.stat(&at, &StatOptions::default()).await {
        Ok(meta) => {
            let whole = meta.size.is_none_or(|size| size == item.content.len());
            // Anybody may write under a user's key: there, what has another etag is not what was stored.
            let same = item.key.is_none() || meta.etag.is_none() || row.etag.is_none() || meta.etag == row.etag;
            item.kind == crate::views::ContentKind::Directory || (whole && same)
        }
        Err(err) if err.kind() == ErrorKind::NotFound => false,
        Err(err) => return Err(err),
    };
    if there && row.state == ReplicaState::Present {
        return Ok(Some(Todo::There(row)));
    }
    if there && row.state == ReplicaState::Accepted {
        return Ok(Some(Todo::There(row)));
    }
    member.recognise_now(catalog).await?;
    let replica = row.replica.clone();
    let (state, epoch) = (row.state, row.epoch);
    catalog.write(move |conn| condemn(conn, &replica, (state, epoch), there)).await?;
    Ok(None)
}

/// Present → suspect → missing (or corrupt, when something of the wrong length is there), so that it is uploaded again.
fn condemn(
    conn: &Connection,
    replica: &ReplicaId,
    (state, mut epoch): (ReplicaState, Epoch),
    there: bool,
) -> Result<()> {
    let now = crate::manager::now();
    let at = |epoch| ReplicaAt { replica: replica.clone(), epoch };
    if state == ReplicaState::Present {
        match replicas::suspect(conn, &at(epoch), &[], "not found when it was added again", now)? {
            Moved::Won(next) => epoch = next,
            Moved::Lost => return Ok(()),
        }
    }
    let _ = match there {
        true => replicas::corrupt(conn, &at(epoch), &[], now)?,
        false => replicas::missing(conn, &at(epoch), "not found when it was added again", now)?,
    };
    Ok(())
}
