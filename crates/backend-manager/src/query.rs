//! What is there: names, directories, single contents.

use std::time::SystemTime;

use backend_core::{Error, ErrorKind, Evidence, Result};
use futures::stream::{self, BoxStream, StreamExt};
use ipld::listing::{Listing, Step};
use ipld::resolve::Target;
use ipld::{Cid, address};
use rusqlite::Connection;

use crate::catalog::contents;
use crate::catalog::names::{self, NameRow};
use crate::catalog::pins;
use crate::catalog::replicas::{self, ReplicaRow, ReplicaState};
use crate::catalog::survey::{self, Surveyed};
use crate::manager::Manager;
use crate::trouble;
use crate::views::{DirectoryEntry, Known, Listed, ReplicaView, Safety};

/// Names of one page.
const PAGE: usize = 500;

impl Manager {
    /// Every name, in order, that begins with `prefix`.
    pub fn names(&self, prefix: &str) -> BoxStream<'static, Result<Listed>> {
        let (catalog, prefix) = (self.catalog().clone(), prefix.to_owned());
        let pages = stream::try_unfold((catalog, prefix, String::new()), |(catalog, prefix, after)| async move {
            let (wanted, from) = (prefix.clone(), after.clone());
            let page: Vec<Listed> = catalog
                .read(move |conn| {
                    let rows = names::page(conn, &wanted, &from, PAGE)?;
                    rows.into_iter().map(|row| listed(conn, row)).collect::<Result<_>>()
                })
                .await?;
            let next = page.last().map(|it| it.name.clone());
            Ok::<_, Error>(next.map(|next| (page, (catalog, prefix, next))))
        });
        use futures::TryStreamExt;
        pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten().boxed()
    }

    /// What `name` stands for at present; `None` when it is no name.
    ///
    /// # Errors
    /// What the catalog answers.
    pub async fn named(&self, name: &str) -> Result<Option<Listed>> {
        let name = name.to_owned();
        let find = move |conn: &Connection| names::resolve(conn, &name)?.map(|row| listed(conn, row)).transpose();
        self.catalog().read(find).await
    }

    /// The entries of a directory, in the order in which its blocks hold them.
    pub fn entries(&self, directory: Cid) -> BoxStream<'static, Result<DirectoryEntry>> {
        let manager = self.clone();
        let begin = async move {
            let stored = manager.holding(&directory).await?;
            let listing = Listing::new(directory);
            Ok::<_, Error>(stream::try_unfold((listing, stored.dag), |(mut listing, dag)| async move {
                loop {
                    match listing.next().map_err(trouble::ipld)? {
                        Step::Done => return Ok(None),
                        Step::Need(cid) => listing.feed(&cid, &dag.node(&cid).await?).map_err(trouble::ipld)?,
                        Step::Entry(it) => {
                            let entry = DirectoryEntry { name: it.name.to_vec(), cid: it.cid, tsize: it.tsize };
                            return Ok(Some((entry, (listing, dag))));
                        }
                    }
                }
            }))
        };
        use futures::TryStreamExt;
        stream::once(begin).try_flatten().boxed()
    }

    /// What a block is.
    ///
    /// # Errors
    /// `NotFound` when nothing is known of it.
    pub async fn look_at(&self, cid: &Cid) -> Result<Target> {
        self.resolve(&address::text(cid)).await
    }

    /// Everything known of the content `cid`.
    ///
    /// # Errors
    /// `NotFound` when the catalog does not know it.
    pub async fn stat(&self, cid: &Cid) -> Result<Known> {
        let wanted = address::to_v1(cid);
        let found = self.catalog().read(move |conn| known(conn, &wanted)).await?;
        let (mut known, surveyed) = found.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("{} is no content of this catalog", address::text(cid)))
        })?;
        known.safety = self.safety(surveyed).await?;
        Ok(known)
    }
}

fn listed(conn: &Connection, row: NameRow) -> Result<Listed> {
    let content = contents::get(conn, row.content)?;
    let content = content.ok_or_else(|| Error::new(ErrorKind::Internal, "a name without content"))?.content;
    let present = replicas::of(conn, row.content)?.iter().filter(|it| it.state == ReplicaState::Present).count();
    Ok(Listed {
        name: row.name,
        cid: content.cid,
        size: content.size,
        kind: content.kind,
        replicas: present,
        at: SystemTime::from(row.at),
    })
}

fn known(conn: &Connection, cid: &Cid) -> Result<Option<(Known, Surveyed)>> {
    let Some(row) = contents::find(conn, cid)? else { return Ok(None) };
    let names = names::of(conn, row.number, "", PAGE)?.into_iter().map(|row| row.name).collect();
    let pins = pins::of(conn, row.number, "", PAGE)?.into_iter().map(|row| row.pin.owner).collect::<Vec<_>>();
    let lost = || Error::new(ErrorKind::Internal, "the catalog lost a content");
    let surveyed = survey::one(conn, row.number)?.ok_or_else(lost)?;
    let replicas = replicas::of(conn, row.number)?.into_iter().map(view).collect();
    let known = Known {
        cid: row.content.cid,
        size: row.content.size,
        kind: row.content.kind,
        profile: ipld::profile::by_id(row.content.profile).map(|it| it.name),
        since: SystemTime::from(row.created_at),
        names,
        pins,
        replicas,
        safety: Safety::Short,
    };
    Ok(Some((known, surveyed)))
}

pub(crate) fn view(row: ReplicaRow) -> ReplicaView {
    ReplicaView {
        backend: row.backend_name,
        domain: row.domain,
        key: Some(row.replica.key).filter(|key| !key.is_empty()),
        state: row.state,
        evidence: believable(row.state, row.evidence),
        checked_at: (0 < row.checked_at.millis()).then(|| SystemTime::from(row.checked_at)),
        owned: row.owned,
        bad_chunks: row.bad_chunks,
        note: row.note,
    }
}

/// What was once proved of a copy that is gone or broken is no evidence any more.
pub(crate) fn believable(state: ReplicaState, evidence: Evidence) -> Evidence {
    match state {
        ReplicaState::Present | ReplicaState::Suspect | ReplicaState::Accepted => evidence,
        _ => Evidence::Claimed,
    }
}
