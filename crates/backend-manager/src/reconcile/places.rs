//! The backends as the planner sees them.

use std::collections::HashMap;
use std::time::Duration;

use backend_core::{Error, Exposure, Grade, Reads, Result, Role, Traits};
use futures::FutureExt;
use futures::future::BoxFuture;
use planner::{Place, Serving, Terms};

use crate::catalog::backends::{self, BackendRow};
use crate::catalog::{BackendNumber, PAGE_MAX, meta};
use crate::fleet::Member;
use crate::manager::{Manager, now};

/// What is expected of a service that nobody has described.
const UNKNOWN: Traits = Traits { latency: Grade::Medium, durability: Grade::Medium, cost: Grade::Medium };
const DAY_S: u64 = 24 * 60 * 60;

/// The backends, in the order in which equally good ones are taken: those of this machine first, then by name. Those come last that the catalog knows and
/// nobody configures any more.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) places: Vec<Place>,
    pub(crate) members: Vec<Option<Member>>,
    /// How many copies content must have that has one here.
    pub(crate) min_replicas: Vec<Option<u32>>,
    numbers: HashMap<BackendNumber, usize>,
}

impl Places {
    pub(crate) fn position(&self, backend: BackendNumber) -> Option<usize> {
        self.numbers.get(&backend).copied()
    }

    pub(crate) fn name(&self, place: usize) -> &str {
        self.places.get(place).map_or("", |it| it.name.as_str())
    }

    pub(crate) fn number(&self, place: usize) -> Option<BackendNumber> {
        self.numbers.iter().find(|(_, at)| **at == place).map(|(number, _)| *number)
    }

    fn push(&mut self, number: BackendNumber, place: Place, member: Option<Member>) {
        self.numbers.insert(number, self.places.len());
        self.min_replicas.push(member.as_ref().and_then(|it| it.config().policies.min_replicas));
        self.places.push(place);
        self.members.push(member);
    }
}

impl Manager {
    /// On which terms plans are made now.
    pub(crate) async fn terms(&self) -> Result<Terms> {
        let is_armed = self.catalog().read(meta::armed).await?;
        Ok(Terms { is_armed, ..Terms::at(seconds(now())) })
    }

    /// The backends as far as is known; none is asked.
    pub(crate) async fn places(&self) -> Result<Places> {
        self.all_places(&HashMap::new()).await
    }

    /// As [`Manager::places`], after every store has shown that it is the one that the catalog knows: one that does not is down, however well it answers.
    pub(crate) async fn recognised_places(&self) -> Result<Places> {
        let asked: Vec<BoxFuture<'_, Option<(String, Error)>>> =
            self.fleet().names()?.into_iter().map(|name| self.ask_who(name).boxed()).collect();
        let strangers = futures::future::join_all(asked).await.into_iter().flatten().collect();
        self.all_places(&strangers).await
    }

    /// Why a store is not the one that the catalog knows, or cannot say so.
    async fn ask_who(&self, name: String) -> Option<(String, Error)> {
        let found = match self.fleet().member(&name).await {
            Ok(member) => member.recognise(self.catalog(), &**self.fleet().clock()).await,
            Err(err) => Err(err),
        };
        found.err().map(|err| (name, err))
    }

    async fn all_places(&self, strangers: &HashMap<String, Error>) -> Result<Places> {
        let mut members = Vec::new();
        let mut broken = HashMap::new();
        for name in self.fleet().names()? {
            match self.fleet().member(&name).await {
                Ok(member) => members.push(member),
                Err(err) => drop(broken.insert(name, err)),
            }
        }
        members.sort_by_key(|it| it.backend.info().kind != backend_core::StorageType::Local);
        let rows = self.catalog().read(all_backends).await?;
        let mut places = Places::default();
        for member in members {
            let Some(row) = rows.iter().find(|row| row.number == member.number) else { continue };
            let (mut reads, mut writes) = self.fleet().serving(&member);
            // One whose month is used up cannot show its marker; it is closed, not down.
            let is_closed = reads == Serving::Closed;
            if let Some(err) = strangers.get(&member.name).filter(|_| !is_closed) {
                let since = self.fleet().stranger(&member, err);
                (reads, writes) = (Serving::Down(since), Serving::Down(since));
            }
            let place = Place { reads, writes, ..place(&member, row) };
            places.push(row.number, place, Some(member));
        }
        for row in &rows {
            if places.position(row.number).is_none() {
                // Switched off, or forgotten: its copies do not count. A file that cannot be read is no such wish.
                let since = if broken.contains_key(&row.backend.name) { seconds(now()) } else { 0 };
                places.push(row.number, absent(row, since), None);
            }
        }
        Ok(places)
    }
}

fn all_backends(conn: &rusqlite::Connection) -> Result<Vec<BackendRow>> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = backends::page(conn, &after, PAGE_MAX)?;
        let Some(last) = page.last() else { return Ok(all) };
        after.clone_from(&last.backend.name);
        all.extend(page);
    }
}

fn place(member: &Member, row: &BackendRow) -> Place {
    let (info, config) = (member.backend.info(), member.config());
    let policies = &config.policies;
    // Nothing goes by itself because of its age unless the user has said that it may.
    let retention = policies.retention_days.filter(|_| policies.auto_cleanup == Some(true));
    Place {
        name: member.name.clone(),
        kind: info.kind.as_str().to_owned(),
        tier: config.tier.map(|it| it.as_str().to_owned()),
        domain: row.backend.domain.clone(),
        keeps: info.role == Role::Store && member.cache().is_none(),
        proves: info.reads == Reads::Own && info.offers.get,
        is_private: info.exposure == Exposure::Private,
        offers: info.offers,
        traits: member.traits,
        min_size: info.limits.min_size,
        max_size: info.limits.max_size,
        retention_s: retention.map(|days| u64::from(days) * DAY_S),
        free: row.backend.quota.map(|quota| quota.saturating_sub(row.used)),
        reads: Serving::Up,
        writes: Serving::Up,
    }
}

/// A backend that is not open: nothing is known of it but what the catalog says.
fn absent(row: &BackendRow, since: u64) -> Place {
    Place {
        name: row.backend.name.clone(),
        kind: row.backend.kind.clone(),
        tier: None,
        domain: row.backend.domain.clone(),
        keeps: true,
        proves: false,
        is_private: true,
        offers: backend_core::Capabilities::default(),
        traits: UNKNOWN,
        min_size: 0,
        max_size: None,
        retention_s: None,
        free: Some(0),
        reads: Serving::Down(since),
        writes: Serving::Down(since),
    }
}

pub(crate) fn seconds(at: crate::catalog::Timestamp) -> u64 {
    u64::try_from(at.millis() / 1000).unwrap_or(0)
}

pub(crate) fn moment(seconds: u64) -> crate::catalog::Timestamp {
    crate::catalog::Timestamp::from(std::time::UNIX_EPOCH + Duration::from_secs(seconds.min(1 << 40)))
}
