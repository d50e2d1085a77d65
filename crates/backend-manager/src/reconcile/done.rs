//! What is to be done, and what was: in words that a program can count on.

use std::fmt;

use backend_core::{Error, Evidence, Result};
use ipld::Cid;
use planner::{Step, Why};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::places::Places;
use super::state::Case;
use crate::catalog::events::{self, Event, Verb};
use crate::manager::{Manager, now};
use crate::views::ReplicaState;

/// A kind of act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// A copy is made where none is.
    Copy,
    /// What is missing or wrong of a copy is replaced.
    Repair,
    /// A copy is read back.
    Verify,
    /// The service is asked to keep a copy longer.
    Renew,
    /// A copy is removed.
    Remove,
    /// A row without bytes goes.
    Forget,
    /// A service is asked what became of a copy that it had taken on, or has hidden.
    Settle,
    /// Something has to happen first.
    Wait,
    /// It cannot be, as things stand.
    Unsatisfiable,
}

impl Deed {
    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Deed::Copy => "copy",
            Deed::Repair => "repair",
            Deed::Verify => "verify",
            Deed::Renew => "renew",
            Deed::Remove => "remove",
            Deed::Forget => "forget",
            Deed::Settle => "settle",
            Deed::Wait => "wait",
            Deed::Unsatisfiable => "unsatisfiable",
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedStep {
    /// What.
    pub deed: Deed,
    /// Where.
    pub backend: Option<String>,
    /// Why it is waited for, or cannot be.
    pub why: Option<String>,
}

impl PlannedStep {
    pub(crate) fn of(step: &Step, case: &Case, places: &Places) -> Self {
        let place = |copy: usize| case.copies.get(copy).map(|it| it.place);
        let (deed, at, why): (_, Option<usize>, Option<Why>) = match *step {
            Step::Copy { to, .. } => (Deed::Copy, Some(to), None),
            Step::Repair { copy, .. } => (Deed::Repair, place(copy), None),
            Step::Verify { copy } => (Deed::Verify, place(copy), None),
            Step::Renew { copy } => (Deed::Renew, place(copy), None),
            Step::Remove { copy } => (Deed::Remove, place(copy), None),
            Step::Forget { copy } => (Deed::Forget, place(copy), None),
            Step::Wait(why) => (Deed::Wait, why.place(), Some(why)),
            Step::Unsatisfiable(why) => (Deed::Unsatisfiable, why.place(), Some(why)),
        };
        Self { deed, backend: at.map(|at| places.name(at).to_owned()), why: why.map(|why| why.to_string()) }
    }

    pub(crate) fn being_added() -> Self {
        Self { deed: Deed::Wait, backend: None, why: Some("somebody is adding it at this moment".to_owned()) }
    }
}

/// One act, and what came of it.
#[derive(Debug, Clone)]
pub struct Done {
    /// For which content.
    pub cid: Cid,
    /// On which backend.
    pub backend: String,
    /// What.
    pub deed: Deed,
    /// Where the copy is in its life now; `None`: it has none any more, or nothing came of it.
    pub state: Option<ReplicaState>,
    /// How well it is known now.
    pub evidence: Option<Evidence>,
    /// Bytes that were sent.
    pub bytes: u64,
    /// The particulars: bad chunks, what became of removed bytes.
    pub note: Option<String>,
    /// Why nothing came of it.
    pub error: Option<Failed>,
}

/// Why nothing came of an act: the error's kind and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its kind, as in every report.
    pub kind: backend_core::ErrorKind,
    /// In words.
    pub message: String,
}

impl From<&Error> for Failed {
    fn from(err: &Error) -> Self {
        Self { kind: err.kind(), message: err.message().to_owned() }
    }
}

impl Done {
    pub(crate) fn new(cid: Cid, backend: &str, deed: Deed) -> Self {
        let backend = backend.to_owned();
        Self { cid, backend, deed, state: None, evidence: None, bytes: 0, note: None, error: None }
    }

    pub(crate) fn failed(self, err: &Error) -> Self {
        Self { error: Some(Failed::from(err)), ..self }
    }

    /// The event that tells it; `None` where the change of the row has told it already.
    fn verb(&self) -> Option<Verb> {
        match self.deed {
            _ if self.error.is_some() => Some(Verb::Failed),
            Deed::Renew => Some(Verb::Stored),
            Deed::Forget => Some(Verb::Abandoned),
            Deed::Settle => Some(Verb::Accepted),
            _ => None,
        }
    }

    fn body(&self) -> Value {
        json!({
            "deed": self.deed.as_str(),
            "state": self.state.map(ReplicaState::as_str),
            "evidence": self.evidence.map(|it| it.as_str()),
            "bytes": self.bytes,
            "note": self.note,
            "error": self.error.as_ref().map(|it| it.message.chars().take(1000).collect::<String>()),
        })
    }
}

impl Manager {
    /// Puts an act among the events that no change of a row has put there.
    pub(crate) async fn tell(&self, done: &Done) -> Result<()> {
        let Some(verb) = done.verb() else { return Ok(()) };
        self.tell_event(verb, Some(done.cid), Some(&done.backend), done.body()).await
    }

    pub(crate) async fn tell_event(
        &self,
        verb: Verb,
        cid: Option<Cid>,
        backend: Option<&str>,
        body: Value,
    ) -> Result<()> {
        let event = Event { at: now(), verb, cid, backend: backend.map(str::to_owned), body: body.to_string() };
        let append = move |conn: &Connection| events::append(conn, &event).map(drop);
        self.catalog().write(append).await
    }
}
