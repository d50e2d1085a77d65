//! Pins by hand: what is to be kept, for whom, under which policy, until when.

use std::time::SystemTime;

use backend_core::{Error, ErrorKind, Result};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use ipld::{Cid, address};
use rusqlite::Connection;

use super::matching::Traits;
use super::policies::Policies;
use crate::catalog::contents;
use crate::catalog::events::{self, Event, Verb};
use crate::catalog::pins::{self, Pin, PinRow};
use crate::catalog::{ContentNumber, Timestamp, names};
use crate::manager::{Manager, OWNER, now};

const PAGE: usize = 500;
/// Names of one content that are looked at for a policy.
const NAMES: usize = 16;

/// How content is to be kept.
#[derive(Debug, Clone, Default)]
pub struct PinWish {
    /// Under which policy; `None`: under the one that fits.
    pub policy: Option<String>,
    /// Until when; `None`: as the policy says.
    pub until: Option<SystemTime>,
}

/// A pin.
#[derive(Debug, Clone)]
pub struct PinView {
    /// Of what.
    pub cid: Cid,
    /// For whom.
    pub owner: String,
    /// Under which policy.
    pub policy: String,
    /// Since when.
    pub since: SystemTime,
    /// Until when.
    pub until: Option<SystemTime>,
}

impl Manager {
    /// Wants `cid` kept, from now on under this policy; an earlier wish of the same user is replaced.
    ///
    /// # Errors
    /// `NotFound` for content that the catalog does not know, or a policy that there is not; `InvalidInput` for a time that has passed.
    pub async fn pin(&self, cid: &Cid, wish: &PinWish) -> Result<PinView> {
        let policies = self.in_force().await?;
        let wanted = address::to_v1(cid);
        let found = self.catalog().read(move |conn| known(conn, &wanted)).await?;
        let Some((number, traits)) = found else {
            let text = format!("{} is no content of this catalog: add it first", address::text(cid));
            return Err(Error::new(ErrorKind::NotFound, text));
        };
        let policy = match &wish.policy {
            Some(name) => policies.named(name)?,
            None => policies.fitting(&traits)?,
        };
        let now = now();
        let until = wish.until.map(Timestamp::from).or_else(|| expiry(policy, now));
        if until.is_some_and(|until| until <= now) {
            return Err(Error::new(ErrorKind::InvalidInput, "that time has passed"));
        }
        let pin = Pin { content: number, owner: OWNER.to_owned(), policy: policy.number, expires_at: until };
        let body = serde_json::json!({ "policy": policy.name }).to_string();
        let event = Event { at: now, verb: Verb::Pinned, cid: Some(wanted), backend: None, body };
        let put = move |conn: &Connection| {
            pins::put(conn, &pin, now)?;
            events::append(conn, &event).map(drop)
        };
        self.catalog().write(put).await?;
        let (owner, until) = (OWNER.to_owned(), until.map(SystemTime::from));
        Ok(PinView { cid: wanted, owner, policy: policy.name.clone(), since: now.into(), until })
    }

    /// Takes the wish to keep `cid` back; whether there was one. Copies go when the planner comes by.
    ///
    /// # Errors
    /// `NotFound` for content that the catalog does not know.
    pub async fn unpin(&self, cid: &Cid) -> Result<bool> {
        let wanted = address::to_v1(cid);
        self.catalog()
            .write(move |conn| {
                let Some(row) = contents::find(conn, &wanted)? else {
                    let text = format!("{} is no content of this catalog", address::text(&wanted));
                    return Err(Error::new(ErrorKind::NotFound, text));
                };
                let gone = pins::remove(conn, row.number, OWNER)?;
                if gone {
                    let body = "{}".to_owned();
                    let event = Event { at: now(), verb: Verb::Unpinned, cid: Some(wanted), backend: None, body };
                    events::append(conn, &event)?;
                }
                Ok(gone)
            })
            .await
    }

    /// Every pin, or those of `cid`; those of processes that are adding something are not told.
    pub fn pins(&self, cid: Option<&Cid>) -> BoxStream<'static, Result<PinView>> {
        let (manager, wanted) = (self.clone(), cid.map(address::to_v1));
        let begin = async move {
            let policies = manager.in_force().await?;
            let catalog = manager.catalog().clone();
            let of = match wanted {
                None => None,
                Some(cid) => Some(catalog.read(move |conn| contents::find(conn, &cid)).await?.map(|it| it.number)),
            };
            let pages = stream::try_unfold((catalog, None), move |(catalog, after): (_, Option<PinRow>)| async move {
                let page = catalog.read(move |conn| page(conn, of, after.as_ref())).await?;
                let next = page.last().map(|(row, _)| row.clone());
                Ok::<_, Error>(next.map(|next| (page, (catalog, Some(next)))))
            });
            let rows = pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten();
            Ok::<_, Error>(rows.try_filter_map(move |(row, cid)| {
                let view = cid.filter(|_| !row.pin.owner.starts_with("adding:")).map(|cid| view(&policies, row, cid));
                async move { Ok(view) }
            }))
        };
        stream::once(begin).try_flatten().boxed()
    }
}

/// When content that is added now under `policy` is not wanted any more.
pub(crate) fn expiry(policy: &super::policies::PolicyView, now: Timestamp) -> Option<Timestamp> {
    let period = policy.file.expire_after?;
    Some(now.plus(std::time::Duration::from_secs(period.seconds())))
}

fn known(conn: &Connection, cid: &Cid) -> Result<Option<(ContentNumber, Traits)>> {
    let Some(row) = contents::find(conn, cid)? else { return Ok(None) };
    let name = names::of(conn, row.number, "", NAMES)?.into_iter().next();
    let labels = name.as_ref().map(|it| it.labels.clone()).unwrap_or_default();
    Ok(Some((row.number, Traits { name: name.map(|it| it.name), size: row.content.size, labels })))
}

fn page(
    conn: &Connection,
    of: Option<Option<ContentNumber>>,
    after: Option<&PinRow>,
) -> Result<Vec<(PinRow, Option<Cid>)>> {
    let rows = match of {
        None => pins::page(conn, after.map(|it| (it.pin.content, it.pin.owner.as_str())), PAGE)?,
        Some(None) => Vec::new(),
        Some(Some(content)) => pins::of(conn, content, after.map_or("", |it| it.pin.owner.as_str()), PAGE)?,
    };
    let cid = |row: &PinRow| Ok(contents::get(conn, row.pin.content)?.map(|it| it.content.cid));
    rows.into_iter().map(|row| cid(&row).map(|cid| (row, cid))).collect()
}

fn view(policies: &Policies, row: PinRow, cid: Cid) -> PinView {
    let policy = policies.views().iter().find(|it| it.number == row.pin.policy);
    PinView {
        cid,
        owner: row.pin.owner,
        policy: policy.map_or_else(String::new, |it| it.name.clone()),
        since: row.created_at.into(),
        until: row.pin.expires_at.map(SystemTime::from),
    }
}
