//! Mending one copy: what is wrong of it comes from whichever copies have it right, chunk by chunk; what is good stays where the store lets it.
//!
//! The row is taken as by an add: intent, bytes, evidence. What was sent is read back before the row says that it is there. A process that dies in between
//! leaves a row that is uploading and was corrupt: it is wrong until somebody mends it, whatever length it has.

mod damage;
mod source;

use backend_core::{Addressing, Condition, Error, ErrorKind, Evidence, Key, Reads, Result};
use backend_layers::Side;
use ipld::Cid;
use rusqlite::Connection;

use crate::add::{self, Existing, Item, Leases, Parts, Placed, Sending};
use crate::catalog::contents::ContentRow;
use crate::catalog::events::{self, Event, Verb};
use crate::catalog::replicas::{self, BadChunk, Intended, Intent, ReplicaAt, ReplicaRow, ReplicaState, Seen};
use crate::fault;
use crate::find::Stored;
use crate::fleet::Member;
use crate::layout;
use crate::manager::{Manager, now};
use crate::read::Replica;
use crate::verify::{Finding, enact, length};
use damage::{Beside, Damage, Extent};
use source::Source;

/// What a repair of one copy came to.
#[derive(Debug)]
pub struct Repaired {
    /// The content.
    pub cid: Cid,
    /// On which backend.
    pub backend: String,
    /// Where the copy was in its life.
    pub before: ReplicaState,
    /// Where it is now.
    pub state: ReplicaState,
    /// How well it is known now: what the store answered, and `Verified` only when all of it was read back since.
    pub evidence: Evidence,
    /// The chunks that were wrong; none when all of it was sent, or only the inner nodes beside it.
    pub chunks: Vec<BadChunk>,
    /// Bytes of content that were sent to the backend.
    pub bytes_sent: u64,
    /// Bytes of inner nodes that were sent, at the most.
    pub node_bytes_sent: u64,
    /// Verified bytes that other copies served for it, by backend.
    pub read_from: Vec<(String, u64)>,
    /// Bytes that were read back and hashed.
    pub bytes_read_back: u64,
    /// What is wrong with it all the same: it was sent, and reads back wrong.
    pub still_bad: Vec<BadChunk>,
    /// Why it could not be read back, if it could not. Then the row says what the store answered, and no more.
    pub unproved: Option<Error>,
}

impl Manager {
    /// Mends the copy that `row` is of: corrupt, missing, or left so by a repair that was cut off. All copies of the content serve, also those that are
    /// broken elsewhere; one call is one copy.
    ///
    /// # Errors
    /// `Integrity` when no copy has good bytes for what is wrong: the row is as it was, and nothing of the copy is worse. `Precondition` when the row has
    /// moved since it was read, is in no state to be mended, or somebody else wrote under the user's key since. `Unavailable` while another process is at it.
    /// What the backend answers.
    pub async fn repair(&self, content: &ContentRow, row: &ReplicaRow) -> Result<Repaired> {
        admit(row)?;
        let member = self.fleet().writable(&row.backend_name).await?;
        member.recognise(self.catalog(), &**self.fleet().clock()).await?;
        let stored = self.stored(*content).await?;
        let replica = self.replica(row.clone(), content).await?;
        let work = Repair { manager: self, content, row, member, stored, replica };
        work.run().await
    }
}

fn admit(row: &ReplicaRow) -> Result<()> {
    let is_gone = row.state == ReplicaState::Missing
        || (row.state == ReplicaState::Uploading && row.origin == ReplicaState::Missing);
    match row.is_wrong() || is_gone {
        true => Ok(()),
        false => {
            Err(Error::new(ErrorKind::Precondition, format!("a copy that is {} is not mended", row.state.as_str())))
        }
    }
}

/// One copy, and what it is mended with.
struct Repair<'a> {
    manager: &'a Manager,
    content: &'a ContentRow,
    row: &'a ReplicaRow,
    member: Member,
    stored: Stored,
    replica: Replica,
}

/// What was read back of what was sent.
struct Proof {
    finding: Finding,
    /// Nothing of the copy was left out.
    is_all: bool,
    unproved: Option<Error>,
}

impl Repair<'_> {
    async fn run(&self) -> Result<Repaired> {
        let damage = self.damage().await?;
        let source = self.manager.source(self.content, &self.stored, self.member.backend.info()).await?;
        self.manager.fleet().admit(&self.member, Side::Writes)?;
        let at = self.begin().await?;
        let lease = Leases::one(self.manager.catalog(), &at);
        fault::point("repair-begun");
        let sent = self.send(&source, &damage, &at).await;
        fault::point("repair-sent");
        let outcome = match sent {
            Ok(placed) => {
                let proof = self.proved(&damage, &placed).await;
                fault::point("repair-proved");
                let row = self.record(at, placed, &proof).await?;
                Ok(self.told(&damage, &source, row, proof))
            }
            Err(err) => self.give_up(at, &err).await.and(Err(err)),
        };
        lease.over();
        outcome
    }

    /// Takes the row, if it is still what it was when the damage was looked at.
    async fn begin(&self) -> Result<ReplicaAt> {
        let (row, process) = (self.row.clone(), self.manager.process().clone());
        let name = row.backend_name.clone();
        let bytes = row.reserved.saturating_sub(row.kept);
        let intended = self.manager.catalog().write(move |conn| {
            let id = row.replica.clone();
            let is_same = replicas::find(conn, &id)?.is_some_and(|it| it.epoch == row.epoch);
            if !is_same {
                return Err(Error::new(ErrorKind::Precondition, "the copy has moved on since it was looked at"));
            }
            if replicas::holder(conn, &id)?.is_some() {
                return Err(Error::new(ErrorKind::Precondition, "other content lies under this key now"));
            }
            replicas::intend(conn, &Intent { replica: id, bytes, process, seen: Seen::Nothing, now: now() })
        });
        match intended.await? {
            Intended::Upload { epoch, .. } => Ok(ReplicaAt { replica: self.row.replica.clone(), epoch }),
            Intended::Busy { .. } => Err(Error::new(ErrorKind::Unavailable, "another process is at it")),
            Intended::QuotaExceeded { quota, used } => {
                let text = format!("{name} may hold {quota} bytes and has {used}");
                Err(Error::new(ErrorKind::QuotaExceeded, text))
            }
            _ => Err(Error::new(ErrorKind::Precondition, "the copy has moved on since it was looked at")),
        }
    }

    /// Whether it lies in a folder that a store of CIDs holds as one: it has a row of its own, and no name.
    fn is_within(&self) -> bool {
        self.member.addressing() == Addressing::Cid && layout::folder_of(&self.row.replica.key).is_some()
    }

    async fn send(&self, source: &Source, damage: &Damage, at: &ReplicaAt) -> Result<Placed> {
        let parts = match (&damage.extent, damage.beside) {
            (Extent::Nothing(meta), Beside::Good) => return Ok(Placed::found((**meta).clone())),
            (Extent::Nothing(_), Beside::Wrong) => Parts::Sidecar(self.replica.at.clone()),
            (_, Beside::Good) => Parts::Content,
            (_, Beside::Wrong) => Parts::Both,
        };
        let key = match self.row.replica.key.is_empty() || self.is_within() {
            true => None,
            false => Some(Key::new(self.row.replica.key.clone())?),
        };
        let profile = ipld::profile::by_id(self.content.content.profile).unwrap_or(ipld::profile::UNIXFS_V1_2025);
        let item = Item {
            content: source.content.clone(),
            kind: self.content.content.kind,
            profile,
            key,
            whole: source.whole.clone(),
            existing: Existing::Replace,
            name: None,
            look: false,
        };
        let job = Sending {
            member: &self.member,
            item: &item,
            at: at.clone(),
            look_first: false,
            mend: damage.mend(),
            parts,
            condition: self.condition(damage),
            catalog: self.manager.catalog(),
            progress: &backend_core::Progress::new(),
        };
        job.run().await
    }

    /// Anybody may write under a user's key: what has come there since is not overwritten, as far as the store lets that be said.
    fn condition(&self, damage: &Damage) -> Condition {
        let offers = self.member.backend.info().offers;
        match &damage.etag {
            _ if self.row.replica.key.is_empty() || self.is_within() => Condition::Always,
            Some(etag) if offers.if_match => Condition::IfMatch(etag.clone()),
            None if offers.if_absent && damage.is_gone => Condition::IfAbsent,
            _ => Condition::Always,
        }
    }

    /// Reads back what was sent, and the length of the copy.
    async fn proved(&self, damage: &Damage, placed: &Placed) -> Proof {
        let is_all = !matches!(damage.extent, Extent::Chunks(_));
        let found = match damage.extent {
            Extent::Nothing(_) if damage.beside == Beside::Good => Ok(Finding::of(damage.read, Vec::new())),
            _ => self.read_back(damage, placed).await,
        };
        match found {
            Ok(finding) => Proof { finding, is_all, unproved: None },
            Err(err) => Proof { finding: Finding::Good(0), is_all: false, unproved: Some(err) },
        }
    }

    async fn read_back(&self, damage: &Damage, placed: &Placed) -> Result<Finding> {
        let sidecar_handle = placed.sidecar.clone().unwrap_or_else(|| self.row.sidecar_handle.clone());
        let handle = placed.meta.at.handle.clone().or_else(|| self.row.handle.clone());
        let row = ReplicaRow { handle, sidecar_handle, bad_chunks: Vec::new(), ..self.row.clone() };
        let replica = self.manager.replica(row, self.content).await?;
        let Extent::Chunks(chunks) = &damage.extent else {
            return self.manager.read_back(&self.stored, &replica).await;
        };
        let size = self.stored.content.size.unwrap_or(0);
        let (there, mut bytes, mut bad) = (length(&replica).await?, 0, Vec::new());
        for chunk in chunks.iter().filter(|chunk| chunk.offset < size) {
            let range = chunk.offset..size.min(chunk.offset + chunk.len);
            let (good, wrong) = self.manager.read_back_bytes(&self.stored, &replica, range, there).await?;
            bytes += good;
            bad.extend(wrong);
        }
        match there {
            Some(there) if size < there => bad.push(BadChunk { offset: size, len: there - size }),
            Some(there) if there < size => bad.push(BadChunk { offset: there, len: size - there }),
            _ => {}
        }
        match bad.is_empty() && !self.manager.has_sidecar(&self.stored, &replica).await? {
            true => Ok(Finding::Bad(bytes, bad)),
            false => Ok(Finding::of(bytes, bad)),
        }
    }

    /// One transaction: what the store answered, and what was read since.
    async fn record(&self, at: ReplicaAt, placed: Placed, proof: &Proof) -> Result<ReplicaRow> {
        let proves = proof.is_all && self.member.backend.info().reads == Reads::Own;
        let (finding, before) = (proof.finding.clone(), self.row.clone());
        let cid = self.content.content.cid;
        self.manager
            .catalog()
            .write(move |conn| {
                add::keep(conn, &at, &placed)?;
                if let Some(row) = replicas::find(conn, &at.replica)?.filter(|it| it.state == ReplicaState::Present) {
                    enact(conn, &row, &finding, proves)?;
                }
                let after = replicas::find(conn, &at.replica)?.unwrap_or(before);
                if after.state == ReplicaState::Present {
                    repaired(conn, cid, &after)?;
                }
                Ok(after)
            })
            .await
    }

    /// Without an effect the row is what it was before; else it stays uploading, by nobody, and wrong.
    async fn give_up(&self, at: ReplicaAt, err: &Error) -> Result<()> {
        let err = Error::new(err.kind(), err.message().to_owned()).with_effect(err.effect());
        self.manager.catalog().write(move |conn| add::give_up(conn, &at, &err).map(drop)).await
    }

    fn told(&self, damage: &Damage, source: &Source, row: ReplicaRow, proof: Proof) -> Repaired {
        let (bytes_read_back, still_bad) = match proof.finding {
            Finding::Good(bytes) => (bytes, Vec::new()),
            Finding::Bad(bytes, bad) => (bytes, bad),
            Finding::Missing => (0, Vec::new()),
        };
        let dag = source.content.dag();
        Repaired {
            cid: self.content.content.cid,
            backend: self.row.backend_name.clone(),
            before: if self.row.is_wrong() { ReplicaState::Corrupt } else { ReplicaState::Missing },
            state: row.state,
            evidence: crate::query::believable(row.state, row.evidence),
            chunks: match &damage.extent {
                Extent::Chunks(chunks) => chunks.clone(),
                _ => Vec::new(),
            },
            bytes_sent: source.lent(),
            node_bytes_sent: match damage.beside {
                Beside::Wrong if !dag.is_empty() => dag.bytes() + dag.count() * 40,
                _ => 0,
            },
            read_from: source.report.by_backend(),
            bytes_read_back,
            still_bad,
            unproved: proof.unproved,
        }
    }
}

fn repaired(conn: &Connection, cid: Cid, row: &ReplicaRow) -> Result<()> {
    let body = serde_json::json!({ "state": "present", "evidence": row.evidence.as_str() });
    let backend = Some(row.backend_name.clone());
    events::append(conn, &Event { at: now(), verb: Verb::Repaired, cid: Some(cid), backend, body: body.to_string() })
        .map(drop)
}
