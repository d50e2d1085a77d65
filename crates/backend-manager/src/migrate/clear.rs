//! The second half of a migration: what is proved on the target goes from the source, unless a plan would miss it there.

use std::collections::HashSet;

use backend_core::{Addressing, Error, ErrorKind, Evidence, Result};
use planner::{Standing, Step};
use rusqlite::Connection;

use super::{Migrated, Move, told};
use crate::catalog::ContentNumber;
use crate::catalog::contents::{ContentKind, ContentRow};
use crate::catalog::replicas::{self, License, ReplicaRow, Spare};
use crate::erase::Permit;
use crate::fault;
use crate::manager::{Manager, now};
use crate::reconcile::{Deed, Done, Listener, Reconcile, Round, consider, moment};

impl Manager {
    pub(super) async fn clear_all(
        &self,
        it: &Move,
        failed: &HashSet<ContentNumber>,
        all: &mut Migrated,
        listener: &Listener,
    ) -> Result<()> {
        let round = self.round(&Reconcile::default()).await?;
        let mut after = None;
        loop {
            let page = self.rows_on(it.from.number, after.clone()).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some((last.replica.key.clone(), last.replica.content));
            for row in page {
                let content = self.content_of_row(&row).await?;
                let done = Done::new(content.content.cid, &it.from.name, Deed::Remove);
                if failed.contains(&row.replica.content) {
                    continue;
                }
                if !row.owned {
                    all.left += 1;
                    continue;
                }
                match Box::pin(self.clear_row(it, &round, &content, row)).await {
                    Ok(()) => {
                        all.removed += 1;
                        told(&done, it.mode, listener);
                        fault::point("after-cleared");
                    }
                    Err(err) => {
                        all.kept.note(format!("{}: {}", done.cid, err.message()));
                        told(&done.failed(&err), it.mode, listener);
                    }
                }
            }
        }
    }

    /// Removes one copy from the source, if it is proved on the target and no plan would put it back.
    async fn clear_row(&self, it: &Move, round: &Round, content: &ContentRow, row: ReplicaRow) -> Result<()> {
        let (number, target) = (content.number, it.to.number);
        if row.is_readable() && !self.catalog().read(move |conn| is_proved(conn, number, target)).await? {
            return Err(Error::new(ErrorKind::Precondition, "it is not proved on the target"));
        }
        if content.content.kind == ContentKind::Directory && it.from.addressing() == Addressing::Cid {
            for child in self.members_of(number).await? {
                if !self.catalog().read(move |conn| is_proved(conn, child, target)).await? {
                    return Err(Error::new(ErrorKind::Precondition, "a file in it is not proved on the target"));
                }
            }
        }
        let license = self.may_go(it, round, number).await?;
        let found = self.catalog().write(move |conn| consider(conn, number)).await?;
        let wishes = found.map(|(_, surveyed)| surveyed.wishes);
        match self.remove_under(content, row, Permit { license, wishes }).await? {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::Precondition, "it is wanted there after all")),
        }
    }

    /// What the planner says of the content without its copies on the source.
    async fn may_go(&self, it: &Move, round: &Round, number: ContentNumber) -> Result<License> {
        let gone = || Error::new(ErrorKind::NotFound, "the content was removed meanwhile");
        let found = self.catalog().write(move |conn| consider(conn, number)).await?;
        let (_, mut surveyed) = found.ok_or_else(gone)?;
        surveyed.copies.retain(|copy| copy.backend != it.from.number);
        let adding = || Error::new(ErrorKind::Unavailable, "somebody is adding it at this moment");
        let case = round.cases(self).case(surveyed).ok_or_else(adding)?;
        let planned = round.planner().plan(&case.content());
        let is_held = case.wishes.iter().filter_map(|wish| round.compiled.get(wish.policy)).any(|it| it.legal_hold);
        if is_held {
            return Err(Error::new(ErrorKind::Precondition, "it is held: nothing of it is removed"));
        }
        let place = round.places.position(it.from.number);
        let comes_back = planned.steps.iter().any(|step| matches!(step, Step::Copy { to, .. } if Some(*to) == place));
        if comes_back {
            let text = format!(
                "a plan would put it back: its policies want a copy on {} or more copies than there are places",
                it.from.name
            );
            return Err(Error::new(ErrorKind::Precondition, text));
        }
        match planned.standing {
            Standing::Unwanted => Ok(License::Unwanted),
            Standing::Safe => Ok(spare(round)),
            _ => Err(Error::new(ErrorKind::Precondition, "its policies would not be met without it")),
        }
    }
}

/// That the target has it, read back lately.
fn spare(round: &Round) -> License {
    let terms = round.terms;
    License::Spare(Spare {
        others: 1,
        verified_since: moment(terms.now.saturating_sub(terms.fresh_s)),
        outlive: moment(terms.now.saturating_add(terms.ahead_s)),
    })
}

fn is_proved(conn: &Connection, content: ContentNumber, backend: crate::catalog::BackendNumber) -> Result<bool> {
    let rows = replicas::of(conn, content)?;
    let is_it =
        |row: &ReplicaRow| row.replica.backend == backend && row.evidence == Evidence::Verified && row.counts(now());
    Ok(rows.iter().any(is_it))
}
