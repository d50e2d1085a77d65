//! Which older backups stay. Dropping one takes away its index, its pins and its manifest, and nothing else: what only it held goes with the next plan.

use std::collections::BTreeSet;

use backend_core::{Error, Result};
use rusqlite::Connection;

use super::index::{self, Index};
use super::{Backup, OWNER};
use crate::catalog::{contents, pins};
use crate::fault;
use crate::fleet::Member;
use crate::manager::{Manager, now};
use crate::reconcile::Mode;

/// Pins of one transaction.
const PAGE: usize = 500;
/// A backup that is not finished by then is given up.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// How many backups stay: the newest, and the newest of so many days, weeks and months that have one. Nothing said: all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// The newest.
    pub last: Option<u32>,
    /// Of days.
    pub daily: Option<u32>,
    /// Of weeks, counted from Monday.
    pub weekly: Option<u32>,
    /// Of months.
    pub monthly: Option<u32>,
}

/// In which period a moment is.
type Period = fn(i64) -> i64;

impl Retention {
    /// Which of these moments (milliseconds since 1970 UTC, in any order) stay.
    pub fn kept(&self, moments: &[i64]) -> BTreeSet<i64> {
        let rules: [(Option<u32>, Period); 4] = [
            (self.last, |at| at),
            (self.daily, day),
            (self.weekly, |at| (day(at) + 3).div_euclid(7)),
            (self.monthly, month),
        ];
        if rules.iter().all(|(n, _)| n.is_none()) {
            return moments.iter().copied().collect();
        }
        let newest: BTreeSet<i64> = moments.iter().copied().collect();
        let mut kept = BTreeSet::new();
        for (n, period) in rules {
            let mut periods: Vec<i64> = Vec::new();
            for at in newest.iter().rev() {
                if periods.len() == n.unwrap_or(0) as usize {
                    break;
                }
                if periods.last() != Some(&period(*at)) {
                    periods.push(period(*at));
                    kept.insert(*at);
                }
            }
        }
        // Whatever was asked for: the newest is never dropped.
        kept.extend(newest.last());
        kept
    }
}

fn day(at: i64) -> i64 {
    at.div_euclid(24 * 60 * 60 * 1000)
}

fn month(at: i64) -> i64 {
    // `2026-11-30T…`: the calendar is that of every other time that is shown.
    let text = backend_core::timestamp(super::moment(at));
    let number = |range: std::ops::Range<usize>| text.get(range).and_then(|it| it.parse::<i64>().ok()).unwrap_or(0);
    number(0..4) * 12 + number(5..7)
}

impl Manager {
    pub(super) async fn drop_older(&self, member: &Member, catalog: &str, opts: &Backup) -> Result<Vec<String>> {
        if opts.keep == Retention::default() {
            return Ok(Vec::new());
        }
        // Of other catalogs on this store it is not ours to say.
        let own: Vec<Index> = index::all(member).await?.into_iter().filter(|it| it.catalog == catalog).collect();
        let kept = opts.keep.kept(&own.iter().map(|it| it.at).collect::<Vec<_>>());
        let mut dropped = Vec::new();
        for it in own.iter().filter(|it| !kept.contains(&it.at)) {
            dropped.push(it.id.clone());
            if opts.mode == Mode::Act {
                self.drop_one(member, it).await?;
            }
        }
        Ok(dropped)
    }

    async fn drop_one(&self, member: &Member, index: &Index) -> Result<()> {
        index::remove(member, index).await?;
        fault::point("after-index-removed");
        self.unpin_all(format!("{OWNER}{}", index.id)).await?;
        let Some(view) = index.view(&member.name) else { return Ok(()) };
        let Some(row) = self.catalog().read(move |conn| contents::find(conn, &view.manifest)).await? else {
            return Ok(());
        };
        let number = row.number;
        if self.catalog().read(move |conn| pins::wanted(conn, number, now())).await? {
            return Ok(());
        }
        // What cannot go now, as while nothing may be removed, goes with the next plan.
        for copy in self.catalog().read(move |conn| crate::catalog::replicas::of(conn, number)).await? {
            if let Err(err) = self.remove_copy(&row, copy).await {
                tracing::warn!(backup = %index.id, error = %err, "the manifest of a dropped backup stays until the next plan");
            }
        }
        Ok(())
    }

    pub(super) async fn unpin_all(&self, owner: String) -> Result<()> {
        loop {
            let owner = owner.clone();
            let gone = self.catalog().write(move |conn| {
                let page = pins::owned(conn, &owner, PAGE)?;
                page.iter().try_for_each(|content| pins::remove(conn, *content, &owner).map(drop))?;
                Ok(page.len())
            });
            if gone.await? == 0 {
                return Ok(());
            }
        }
    }

    /// Pins of backups that were begun on this store and never got an index: whoever made them has died.
    pub(super) async fn drop_unfinished(&self, member: &Member, catalog: &str) -> Result<()> {
        let policy = format!("backup-{}", member.name);
        let owners = self.catalog().read(move |conn| owners(conn, &policy)).await?;
        if owners.is_empty() {
            return Ok(());
        }
        let finished: BTreeSet<String> =
            index::all(member).await?.into_iter().filter(|it| it.catalog == catalog).map(|it| it.id).collect();
        let old = index::new_id(now().minus(PATIENCE));
        for owner in owners {
            let id = owner.strip_prefix(OWNER).unwrap_or_default();
            if !finished.contains(id) && id < old.as_str() {
                self.unpin_all(owner).await?;
            }
        }
        Ok(())
    }
}

/// Backups that have pins under a policy.
fn owners(conn: &Connection, policy: &str) -> Result<Vec<String>> {
    let Some(policy) = crate::catalog::policies::find(conn, policy)? else { return Ok(Vec::new()) };
    let owners = pins::owners(conn, policy.number)?;
    Ok::<_, Error>(owners.into_iter().filter(|it| it.starts_with(OWNER)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60 * 60 * 1000;
    const DAY: i64 = 24 * HOUR;

    fn check(keep: Retention, moments: &[i64], wanted: &[i64]) {
        assert_eq!(keep.kept(moments).into_iter().collect::<Vec<_>>(), wanted, "{keep:?}");
    }

    #[test]
    fn the_newest_of_each_period_stays() {
        let of = |last, daily, weekly, monthly| Retention { last, daily, weekly, monthly };
        let hours: Vec<i64> = (0..5).map(|n| 100 * DAY + n * HOUR).collect();
        check(Retention::default(), &hours, &hours);
        check(of(Some(2), None, None, None), &hours, &hours[3..]);
        check(of(Some(0), None, None, None), &hours, &hours[4..]);
        check(of(None, Some(3), None, None), &hours, &hours[4..]);
        let days: Vec<i64> = (0..10).map(|n| 100 * DAY + n * DAY).collect();
        check(of(None, Some(3), None, None), &days, &days[7..]);
        // 1970-01-05 was a Monday; day 102 is one too.
        check(of(None, None, Some(2), None), &days, &[days[8], days[9]]);
        let months: Vec<i64> = [0, 30, 31, 58, 59].map(|day| day * DAY).to_vec();
        check(of(None, None, None, Some(2)), &months, &[58 * DAY, 59 * DAY]);
        check(of(Some(1), None, None, Some(3)), &months, &[30 * DAY, 58 * DAY, 59 * DAY]);
    }
}
