//! A report: what was checked, what was wrong, what was done, and what remains, each with its evidence.

use std::collections::BTreeMap;
use std::time::SystemTime;

use backend_core::Result;
use ipld::Cid;
use serde_json::Value;

use super::done::PlannedStep;
use super::{Braked, Listener, Mode, Reconcile};
use crate::catalog::events::{self, EventRow, Verb};
use crate::catalog::{PAGE_MAX, Timestamp};
use crate::manager::{Manager, now};

/// Acts of which a report tells the particulars; the others are counted.
const TOLD: usize = 100_000;

/// What happened since a moment, and what remains.
#[derive(Debug, Clone)]
pub struct Report {
    /// From when on.
    pub since: SystemTime,
    /// Until when.
    pub until: SystemTime,
    /// Copies that were read back, and their bytes.
    pub checked: (u64, u64),
    /// How often what happened, by kind.
    pub counts: BTreeMap<&'static str, u64>,
    /// What was wrong and what was done, in order; at most the last 100,000.
    pub told: Vec<Told>,
    /// Contents by how they stand.
    pub standing: BTreeMap<&'static str, u64>,
    /// What remains to be done, or cannot be; at most 10,000.
    pub remaining: Vec<Remaining>,
    /// Why nothing would be done about it.
    pub brakes: Vec<Braked>,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Told {
    /// When.
    pub at: SystemTime,
    /// What.
    pub what: &'static str,
    /// Of which content.
    pub cid: Option<Cid>,
    /// On which backend.
    pub backend: Option<String>,
    /// The particulars.
    pub body: Value,
}

/// A content that is not as it should be.
#[derive(Debug, Clone)]
pub struct Remaining {
    /// Which.
    pub cid: Cid,
    /// What is to be done, or cannot be.
    pub steps: Vec<PlannedStep>,
}

impl Manager {
    /// What happened since `since`, and what remains to be done now.
    ///
    /// # Errors
    /// What the catalog answers.
    pub async fn report(&self, since: SystemTime) -> Result<Report> {
        let from = Timestamp::from(since);
        let mut after = self.catalog().read(move |conn| events::before(conn, from)).await?;
        let (mut checked, mut counts, mut told) = ((0, 0), BTreeMap::new(), std::collections::VecDeque::new());
        loop {
            let page = self.catalog().read(move |conn| events::page(conn, after, PAGE_MAX)).await?;
            let Some(last) = page.last() else { break };
            after = last.number;
            for row in page {
                let it = told_of(row);
                if it.what == "verified" && it.cid.is_none() {
                    checked.0 += it.body.get("checked").and_then(Value::as_u64).unwrap_or(0);
                    checked.1 += it.body.get("bytes").and_then(Value::as_u64).unwrap_or(0);
                }
                *counts.entry(it.what).or_default() += 1;
                told.push_back(it);
                if TOLD < told.len() {
                    told.pop_front();
                }
            }
        }
        let quiet: Listener = std::sync::Arc::new(|_| {});
        let rehearsal = self.reconcile(&Reconcile { mode: Mode::Rehearse, ..Reconcile::default() }, &quiet).await?;
        let remaining = rehearsal.planned.into_iter().map(|(cid, steps)| Remaining { cid, steps }).collect();
        Ok(Report {
            since,
            until: now().into(),
            checked,
            counts,
            told: told.into(),
            standing: rehearsal.standing,
            remaining,
            brakes: rehearsal.brakes,
        })
    }
}

fn told_of(row: EventRow) -> Told {
    let event = row.event;
    Told {
        at: event.at.into(),
        what: word(event.verb),
        cid: event.cid,
        backend: event.backend,
        body: serde_json::from_str(&event.body).unwrap_or(Value::Null),
    }
}

fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::Added => "added",
        Verb::Intended => "intended",
        Verb::Stored => "stored",
        Verb::Accepted => "settled",
        Verb::Abandoned => "forgotten",
        Verb::Verified => "verified",
        Verb::Suspected => "suspected",
        Verb::Missing => "missing",
        Verb::Corrupt => "corrupt",
        Verb::Repaired => "repaired",
        Verb::Removing => "removing",
        Verb::Removed => "removed",
        Verb::Pinned => "pinned",
        Verb::Unpinned => "unpinned",
        Verb::Named => "named",
        Verb::Unnamed => "unnamed",
        Verb::Configured => "configured",
        Verb::Refused => "refused",
        Verb::Failed => "failed",
    }
}
