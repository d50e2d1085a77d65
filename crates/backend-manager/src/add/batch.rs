//! A batch of named contents on all targets: the life of their replicas from intent to evidence.

use backend_core::{Condition, Content, Effect, Error, Evidence, Key, Metadata, Next, Progress, Result, Status};
use backend_layers::Side;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use ipld::Cid;
use ipld::profile::Profile;
use rusqlite::Connection;

use super::Existing;
use super::intent::{self, Todo};
use super::place::{Job, Parts};
use crate::catalog::events::{self, Event, Verb};
use crate::catalog::replicas::{self, Moved, ReplicaAt, Sidecar, Stored};
use crate::catalog::{Catalog, ContentNumber, transfers};
use crate::fault;
use crate::fleet::Member;
use crate::manager::Manager;
use crate::views::{ContentKind, ReplicaReceipt, ReplicaState};

/// Uploads of one batch that are under way at a time; the layers below allow fewer where a service wants fewer.
const UPLOADS: usize = 256;

/// Content that is to be stored.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) content: Content,
    pub(crate) kind: ContentKind,
    pub(crate) profile: Profile,
    /// Where the user wants it; else where its CID says.
    pub(crate) key: Option<Key>,
    /// A folder with its files in it, as one content: what a store of CIDs is sent.
    pub(crate) whole: Option<Content>,
    /// What becomes of other content under that key.
    pub(crate) existing: Existing,
    /// What the user calls it: a hint for services that keep names.
    pub(crate) name: Option<String>,
    /// Something lies there that the catalog does not know, and it may be this: it is looked at before anything is sent.
    pub(crate) look: bool,
}

impl Item {
    /// As the catalog's rows say it.
    pub(crate) fn place(&self) -> &str {
        self.key.as_ref().map_or("", Key::as_str)
    }
}

/// What a store answered.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) meta: Metadata,
    /// The handle of the sidecar, if one was written.
    pub(crate) sidecar: Option<Option<String>>,
    /// Whether nothing was sent, because it was there.
    pub(crate) is_found: bool,
}

impl Placed {
    pub(crate) fn found(meta: Metadata) -> Self {
        Self { meta, sidecar: None, is_found: true }
    }
}

/// What goes where.
type Pair<'a> = (&'a Item, ContentNumber, &'a Member);

/// Receipts, item by item, member by member.
pub(crate) struct Batch {
    pub(crate) numbers: Vec<ContentNumber>,
    pub(crate) receipts: Vec<Vec<ReplicaReceipt>>,
}

impl Manager {
    /// Stores `items` on `members`, pinned for `owner`.
    ///
    /// # Errors
    /// What the catalog answers. What a member answers is in its receipt.
    pub(crate) async fn store(
        &self,
        items: &[Item],
        members: &[Member],
        owner: &str,
        progress: &Progress,
    ) -> Result<Batch> {
        let numbers = intent::enter(self.catalog(), items, owner).await?;
        let pairs: Vec<Pair<'_>> = items
            .iter()
            .zip(&numbers)
            .flat_map(|(item, number)| members.iter().map(move |member| (item, *number, member)))
            .collect();
        let mut receipts = self.send_all(&pairs, progress, None).await?.into_iter();
        let receipts = items.iter().map(|_| receipts.by_ref().take(members.len()).collect()).collect();
        Ok(Batch { numbers, receipts })
    }

    /// Makes a copy of what the catalog knows, on one backend; `verb` tells it among the events.
    ///
    /// # Errors
    /// What the catalog answers. What the backend answers is in the receipt.
    pub(crate) async fn send(
        &self,
        item: &Item,
        number: ContentNumber,
        member: &Member,
        (verb, progress): (Verb, &Progress),
    ) -> Result<ReplicaReceipt> {
        let mut receipts = self.send_all(&[(item, number, member)], progress, Some(verb)).await?;
        receipts.pop().ok_or_else(|| Error::new(backend_core::ErrorKind::Internal, "an upload came to nothing"))
    }

    async fn send_all(
        &self,
        pairs: &[Pair<'_>],
        progress: &Progress,
        verb: Option<Verb>,
    ) -> Result<Vec<ReplicaReceipt>> {
        let todos = intent::intend(self.catalog(), self.process(), pairs).await?;
        let leases = Leases::of(self.catalog(), &todos);
        // Boxed one by one: of a closure in a stream it could not be shown that they are `Send`.
        let work: Vec<BoxFuture<'_, Outcome>> = todos
            .into_iter()
            .zip(pairs)
            .map(|(todo, (item, _, member))| self.carry_out(todo, item, member, progress).boxed())
            .collect();
        let outcomes: Vec<Outcome> = stream::iter(work).buffered(UPLOADS).collect().await;
        fault::point("before-evidence");
        let told = pairs.iter().map(|(item, _, member)| (*item.content.cid(), member.name.clone())).collect();
        let receipts = self.record(outcomes, told, verb).await?;
        leases.over();
        fault::point("after-evidence");
        Ok(receipts)
    }

    async fn carry_out(&self, todo: Todo, item: &Item, member: &Member, progress: &Progress) -> Outcome {
        match todo {
            Todo::No(err) => Outcome::Refused(err),
            Todo::There(row) => Outcome::There(row.state, row.evidence),
            Todo::Upload { at, look_first, mend, overwrites } => {
                // What was learnt since the targets were chosen counts: of many that go to a backend that has failed, the rest are spared the wait.
                if let Err(err) = self.fleet().admit(member, Side::Writes) {
                    return Outcome::Tried(at, overwrites, Err(err.with_effect(Effect::None)));
                }
                let condition = match item.existing {
                    Existing::Keep if item.key.is_some() => Condition::IfAbsent,
                    _ => Condition::Always,
                };
                let (place, parts, catalog) = (at.clone(), Parts::Both, self.catalog());
                let job = Job { member, item, at: place, look_first, mend, parts, condition, catalog, progress };
                Outcome::Tried(at, overwrites, Box::pin(job.run()).await.map(Box::new))
            }
        }
    }

    /// One transaction for the evidence of all.
    async fn record(
        &self,
        outcomes: Vec<Outcome>,
        pairs: Vec<(Cid, String)>,
        verb: Option<Verb>,
    ) -> Result<Vec<ReplicaReceipt>> {
        let work = move |conn: &Connection| {
            let all = outcomes.into_iter().zip(pairs).map(|(outcome, (cid, name))| {
                let sent = matches!(outcome, Outcome::Tried(..));
                let receipt = receipt(conn, outcome, name)?;
                match verb.filter(|_| sent && receipt.state == Some(ReplicaState::Present)) {
                    Some(verb) => tell(conn, verb, cid, &receipt).map(|()| receipt),
                    None => Ok(receipt),
                }
            });
            all.collect::<Result<Vec<_>>>()
        };
        self.catalog().write(work).await
    }
}

/// The rows of uploads that are under way. Dropped before their outcome is recorded, they are left to whoever looks next: nobody waits for an upload
/// whose future is gone.
pub(crate) struct Leases {
    catalog: Catalog,
    held: Vec<ReplicaAt>,
}

impl Leases {
    fn of(catalog: &Catalog, todos: &[Todo]) -> Self {
        let held = todos.iter().filter_map(|todo| match todo {
            Todo::Upload { at, .. } => Some(at.clone()),
            _ => None,
        });
        Self { catalog: catalog.clone(), held: held.collect() }
    }

    /// Of one upload.
    pub(crate) fn one(catalog: &Catalog, at: &ReplicaAt) -> Self {
        Self { catalog: catalog.clone(), held: vec![at.clone()] }
    }

    /// Its outcome is on record.
    pub(crate) fn over(mut self) {
        self.held.clear();
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return;
        }
        let release = move |conn: &Connection| {
            held.iter().try_for_each(|at| replicas::unknown(conn, at, "given up", crate::manager::now()).map(drop))
        };
        if let Err(err) = self.catalog.post(release) {
            tracing::warn!(error = %err, "begun uploads could not be given up");
        }
    }
}

fn tell(conn: &Connection, verb: Verb, cid: Cid, receipt: &ReplicaReceipt) -> Result<()> {
    let body = serde_json::json!({ "state": "present", "evidence": receipt.evidence.map(|it| it.as_str()) });
    let backend = Some(receipt.backend.clone());
    let event = Event { at: crate::manager::now(), verb, cid: Some(cid), backend, body: body.to_string() };
    events::append(conn, &event).map(drop)
}

enum Outcome {
    Refused(Error),
    There(ReplicaState, Evidence),
    Tried(ReplicaAt, Vec<ContentNumber>, Result<Box<Placed>>),
}

fn receipt(conn: &Connection, outcome: Outcome, backend: String) -> Result<ReplicaReceipt> {
    let none = ReplicaReceipt::refused(backend, None);
    Ok(match outcome {
        Outcome::Refused(err) => ReplicaReceipt { error: Some(err), ..none },
        Outcome::There(state, evidence) => {
            ReplicaReceipt { state: Some(state), evidence: Some(evidence), existed: true, ..none }
        }
        Outcome::Tried(at, _, Ok(placed)) => {
            let state = keep(conn, &at, &placed)?;
            let existed = placed.is_found || placed.meta.existed == Some(true);
            ReplicaReceipt { state, evidence: Some(placed.meta.evidence.min(Evidence::Attested)), existed, ..none }
        }
        Outcome::Tried(at, overwrites, Err(err)) => {
            let state = give_up(conn, &at, &err)?;
            if state == Some(ReplicaState::Planned) {
                replicas::not_overwritten(conn, &at.replica, &overwrites, crate::manager::now())?;
            }
            ReplicaReceipt { state, error: Some(err), ..none }
        }
    })
}

/// Uploading → present, or accepted where the service is not done.
pub(crate) fn keep(conn: &Connection, at: &ReplicaAt, placed: &Placed) -> Result<Option<ReplicaState>> {
    let (meta, now) = (&placed.meta, crate::manager::now());
    if matches!(meta.status, Status::Queued | Status::Working) {
        let due = match meta.next {
            Next::Look(wait) | Next::Resume(wait) => wait,
            _ => std::time::Duration::from_secs(30),
        };
        let accepted = replicas::Accepted {
            handle: meta.at.handle.as_deref(),
            existed: meta.existed,
            due_at: now.plus(due),
            deadline_at: None,
            note: meta.note.as_deref(),
        };
        let moved = replicas::accepted(conn, at, &accepted, now)?;
        return Ok(matches!(moved, Moved::Won(_)).then_some(ReplicaState::Accepted));
    }
    let stored = Stored {
        handle: meta.at.handle.as_deref(),
        version: meta.at.version.as_deref(),
        etag: meta.etag.as_deref(),
        existed: meta.existed,
        ..Stored::new(meta.evidence.min(Evidence::Attested))
    };
    transfers::remove(conn, &at.replica)?;
    match replicas::stored(conn, at, &stored, now)? {
        Moved::Lost => Ok(None),
        Moved::Won(epoch) => {
            if let Some(handle) = &placed.sidecar {
                let at = ReplicaAt { replica: at.replica.clone(), epoch };
                let _ = replicas::sidecar(conn, &at, Sidecar::Present, handle.as_deref(), now)?;
            }
            Ok(Some(ReplicaState::Present))
        }
    }
}

/// Without effect: planned, for whoever tries later. Unknown: it stays uploading, by nobody, until somebody looks.
pub(crate) fn give_up(conn: &Connection, at: &ReplicaAt, err: &Error) -> Result<Option<ReplicaState>> {
    let now = crate::manager::now();
    let (moved, state) = match err.effect() {
        Effect::Unknown => (replicas::unknown(conn, at, err.message(), now)?, ReplicaState::Uploading),
        _ => (replicas::postpone(conn, at, err.message(), now)?, ReplicaState::Planned),
    };
    Ok(matches!(moved, Moved::Won(_)).then_some(state))
}
