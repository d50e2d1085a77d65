//! The desired state on the stores themselves: pins, policies and names as sorted JSON lines under `.ipfs-kit/state/CATALOG/`, so that a lost catalog can be
//! rebuilt from any store whose names we choose. What is told, and when, is said in decision 0018.

mod fetch;
mod gather;
mod line;

use std::time::Duration;

use backend_core::{
    AddOptions, Addressing, ContentId, Entry, Error, ErrorKind, Exposure, Key, ListOptions, Locator, RemoveOptions,
    Result, Role,
};
use backend_layers::Side;
use futures::{FutureExt, StreamExt, TryStreamExt};

use crate::add::spooled;
use crate::catalog::backends::{self, BackendRow};
use crate::catalog::state::{self, Due, Segment};
use crate::catalog::{PAGE_MAX, changes, meta};
use crate::fault;
use crate::fleet::Member;
use crate::layout;
use crate::manager::Manager;

pub(crate) use fetch::{Segments, fill, parsed_head};
pub(crate) use gather::{Told, What, lines};
pub(crate) use line::{ContentLine, Line, kind_of, written};

/// So long one store is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Which stores are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keepers {
    /// Those that this process has worked with already; if there are none, all. The others hear of it from the daemon, or from the next who works with them.
    Met,
    /// All.
    All,
}

/// A store that was not told.
#[derive(Debug)]
pub struct Untold {
    /// Which.
    pub backend: String,
    /// Why not.
    pub error: Error,
}

impl Manager {
    /// Tells stores whose names we choose what was changed of the desired state since they were last told. Where nothing was, no store is asked.
    ///
    /// # Errors
    /// What the catalog answers. What a store answers is told store by store: it hears of it the next time.
    pub async fn keep_state(&self, which: Keepers) -> Result<Vec<Untold>> {
        let mut behind = Vec::new();
        for row in self.catalog().read(behind_rows).await? {
            // Switched off, or not configured any more: nobody expects it to know.
            if let Ok(member) = self.fleet().member(&row.backend.name).await
                && is_keeper(&member)
            {
                behind.push(member);
            }
        }
        if behind.is_empty() {
            return Ok(Vec::new());
        }
        if which == Keepers::Met && behind.iter().any(Member::is_met) {
            behind.retain(Member::is_met);
        }
        let each = behind.into_iter().map(|member| {
            let manager = self.clone();
            async move {
                let told = tokio::time::timeout(PATIENCE, manager.tell_state(&member)).await;
                let late = || Error::new(ErrorKind::Timeout, "it did not take the state in time");
                let error = told.unwrap_or_else(|_| Err(late())).err()?;
                Some(Untold { backend: member.name, error })
            }
            .boxed()
        });
        let untold = futures::future::join_all(each).await.into_iter().flatten().collect();
        self.catalog().write(state::prune).await?;
        Ok(untold)
    }

    async fn tell_state(&self, member: &Member) -> Result<()> {
        self.fleet().admit(member, Side::Writes)?;
        member.recognise(self.catalog(), &**self.fleet().clock()).await?;
        let number = member.number;
        let (due, catalog) = self
            .catalog()
            .read(move |conn| Ok((state::due(conn, number)?, meta::get(conn, meta::CATALOG_ID)?.unwrap_or_default())))
            .await?;
        let Some(mut due) = due else { return Ok(()) };
        let what = What { catalog: catalog.clone(), segment: due.segment, told: Told::State };
        let (body, weight) = lines(self.catalog().clone(), what);
        let content = spooled(body, self.spool_folder(), member.backend.info().needs.clone()).await?;
        if due.segment.from == 0 {
            due.segment.weight = weight.load(std::sync::atomic::Ordering::Relaxed);
        }
        fault::point("before-state");
        let id = Some(ContentId::Key(layout::state(&catalog, &due.segment)?));
        member.backend.add(&content, &AddOptions { id, ..AddOptions::default() }).await?;
        fault::point("after-state");
        let entered = due.clone();
        self.catalog().write(move |conn| state::enter(conn, number, &entered)).await?;
        self.forget_segments(member, &catalog, &due).await
    }

    /// Segments whose changes another one tells go. What a killed process left behind goes with the next whole one.
    async fn forget_segments(&self, member: &Member, catalog: &str, due: &Due) -> Result<()> {
        if !member.backend.info().offers.remove {
            return Ok(());
        }
        let mut gone: Vec<Key> = Vec::new();
        for it in &due.absorbed {
            gone.push(layout::state(catalog, it)?);
        }
        if due.segment.from == 0 && member.backend.info().offers.list {
            let own = layout::state(catalog, &due.segment)?;
            let found = segments(member, Some(catalog)).await?;
            let older = found.into_iter().filter(|it| it.segment.to <= due.segment.to && it.key != own);
            gone.extend(older.map(|it| it.key));
        }
        gone.sort();
        gone.dedup();
        for key in gone {
            match member.backend.remove(&Locator::new(key), &RemoveOptions::default()).await {
                Err(err) if err.kind() != ErrorKind::NotFound => return Err(err),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Stores that have a name in the catalog and are behind, if anything was ever wished.
fn behind_rows(conn: &rusqlite::Connection) -> Result<Vec<BackendRow>> {
    let (mut found, mut after) = (Vec::new(), String::new());
    let is_silent = changes::span(conn)?.is_none();
    loop {
        let page = backends::page(conn, &after, PAGE_MAX)?;
        let Some(last) = page.last() else { return Ok(found) };
        after.clone_from(&last.backend.name);
        for row in page.into_iter().filter(|row| !is_silent && row.backend.store_id.is_some()) {
            if state::due(conn, row.number)?.is_some() {
                found.push(row);
            }
        }
    }
}

/// Whether a store keeps the state: names, which need not be anybody's business, go only where nobody without credentials can read them.
pub(crate) fn is_keeper(member: &Member) -> bool {
    let info = member.backend.info();
    let is_ours = info.role == Role::Store && info.addressing == Addressing::Key && member.cache().is_none();
    is_ours && info.offers.get && info.offers.add && info.exposure == Exposure::Private
}

/// A segment that lies on a store.
#[derive(Debug, Clone)]
pub(crate) struct Lying {
    pub(crate) catalog: String,
    pub(crate) segment: Segment,
    pub(crate) key: Key,
}

/// The most segments that are looked at on one store.
const SEGMENTS: usize = 20_000;

/// What lies there, of one catalog or of all. What is called otherwise is none of ours.
pub(crate) async fn segments(member: &Member, catalog: Option<&str>) -> Result<Vec<Lying>> {
    let opts = ListOptions::prefix(layout::state_folder(catalog));
    let mut listed = member.backend.list(&opts);
    let mut found = Vec::new();
    while let Some(entry) = listed.try_next().await? {
        let Entry::Content { meta, .. } = entry else { continue };
        let Some(key) = meta.at.id.key().cloned() else { continue };
        let Some((catalog, segment)) = layout::state_of(&key) else { continue };
        found.push(Lying { catalog, segment, key });
        if SEGMENTS < found.len() {
            let text = format!("{} has more than {SEGMENTS} segments of states", member.name);
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
    }
    Ok(found)
}

/// What a daemon does about it.
pub(crate) async fn chore(manager: Manager) -> Result<()> {
    match manager.keep_state(Keepers::All).await?.into_iter().next() {
        None => Ok(()),
        Some(it) => {
            let text = format!("{} was not told the newest state: {}", it.backend, it.error.message());
            Err(Error::new(it.error.kind(), text).with_source(it.error))
        }
    }
}

/// Keeps the stream type in one place.
pub(crate) type Bodies = futures::stream::BoxStream<'static, Result<bytes::Bytes>>;

pub(crate) fn bodies(stream: impl futures::Stream<Item = Result<bytes::Bytes>> + Send + 'static) -> Bodies {
    stream.boxed()
}
