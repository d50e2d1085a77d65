//! The named backends, opened behind their layers when first used, and recognised before they are believed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backend_core::{Addressing, Backend, Clock, Error, ErrorKind, Facts, Grade, Power, Result, Traits};
use backend_layers::{Gates, Meter, Observed, Operational, Stacks};
use tokio::sync::OnceCell;

use crate::catalog::backends::{self, BackendState, NewBackend};
use crate::catalog::{BackendNumber, Catalog};
use crate::config::{BackendConfig, ConfigStore};
use crate::health::Watch;
use crate::learnt::{self, Learnt};
use crate::marker;
use crate::memory::CatalogState;

/// A probe of a store's identity is believed for so long.
const RECOGNISED_FOR: Duration = Duration::from_secs(60);

/// What is expected of a service that nobody has described.
const UNKNOWN: Traits = Traits { latency: Grade::Medium, durability: Grade::Medium, cost: Grade::Medium };

/// A backend that is open.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) backend: Arc<dyn Backend>,
    /// The same, for whoever has another copy to turn to: nothing is repeated.
    pub(crate) hasty: Arc<dyn Backend>,
    pub(crate) number: BackendNumber,
    pub(crate) meter: Arc<Meter>,
    /// How it is.
    pub(crate) watch: Arc<Watch>,
    /// What a probe has told, if one was ever asked.
    pub(crate) learnt: Option<Learnt>,
    /// Whether this process has asked.
    pub(crate) asked: Arc<OnceCell<()>>,
    /// What is to be expected of it, by its type and its user.
    pub(crate) traits: Traits,
    /// Whether it was opened from a configuration, so that it can be opened anew.
    pub(crate) is_configured: bool,
    config: Arc<BackendConfig>,
    recognised: Arc<Mutex<Option<Duration>>>,
}

impl Member {
    pub(crate) fn addressing(&self) -> Addressing {
        self.backend.info().addressing
    }

    /// As it was resolved when this was opened.
    pub(crate) fn config(&self) -> &BackendConfig {
        &self.config
    }

    /// Whether this process has seen that it is the store that the catalog knows.
    pub(crate) fn is_met(&self) -> bool {
        self.recognised.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(crate) fn observed(&self) -> Observed {
        self.meter.observed()
    }

    /// Makes sure that this is the store that the catalog knows. A store that was never seen gets a marker, and is entered.
    ///
    /// # Errors
    /// `InvalidConfig` when the store is another one, or shows no marker where it had one: an empty mount point, a wrong bucket.
    pub(crate) async fn recognise(&self, catalog: &Catalog, clock: &dyn Clock) -> Result<()> {
        let now = clock.monotonic();
        let last = *self.recognised.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| now.saturating_sub(at) < RECOGNISED_FOR) {
            return Ok(());
        }
        self.recognise_now(catalog).await?;
        *self.recognised.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(())
    }

    /// As [`Member::recognise`], without believing an earlier look: before a negative answer is taken for the truth.
    pub(crate) async fn recognise_now(&self, catalog: &Catalog) -> Result<()> {
        let name = self.name.clone();
        let row = catalog.read(move |conn| backends::find(conn, &name)).await?;
        let known = row.and_then(|row| row.backend.store_id);
        let seen = marker::identity(&*self.backend, known.as_deref()).await?;
        match (known, seen) {
            (Some(known), Some(seen)) if known != seen => Err(Error::new(
                ErrorKind::InvalidConfig,
                format!("{} is not the store it was: its identity is {seen}, the catalog knows {known}", self.name),
            )),
            (None, Some(seen)) => {
                let mut entry = entry(&self.config, &*self.backend);
                entry.store_id = Some(seen);
                catalog.write(move |conn| backends::upsert(conn, &entry)).await.map(drop)
            }
            _ => Ok(()),
        }
    }
}

/// All backends of a manager.
#[derive(Debug)]
pub(crate) struct Fleet {
    store: ConfigStore,
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    gates: Gates,
    open: Mutex<HashMap<String, Member>>,
}

impl Fleet {
    pub(crate) fn new(store: ConfigStore, catalog: Catalog, clock: Arc<dyn Clock>) -> Self {
        Self { store, catalog, clock, gates: Gates::default(), open: Mutex::default() }
    }

    pub(crate) fn store(&self) -> &ConfigStore {
        &self.store
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// A backend by name, opened now if it was not. No network is touched.
    ///
    /// # Errors
    /// `InvalidConfig` when it is not configured, disabled, or configured wrongly.
    pub(crate) async fn member(&self, name: &str) -> Result<Member> {
        if let Some(member) = self.opened(name) {
            if member.watch.is_stale() {
                member.watch.exchange(&member.meter).await?;
            }
            return Ok(member);
        }
        let config = self.store.load(name)?;
        if !config.enabled {
            return Err(Error::new(ErrorKind::Disabled, format!("the backend {name} is switched off")));
        }
        let learnt = learnt::known(&self.catalog, &config).await?;
        let member = self.open(config, learnt).await?;
        Ok(self.lock().entry(name.to_owned()).or_insert(member).clone())
    }

    fn opened(&self, name: &str) -> Option<Member> {
        self.lock().get(name).cloned()
    }

    /// Those that are open now, by name.
    pub(crate) fn members(&self) -> Vec<Member> {
        let mut members: Vec<Member> = self.lock().values().cloned().collect();
        members.sort_by(|one, other| one.name.cmp(&other.name));
        members
    }

    /// Puts an opened backend among the others, without a configuration file and without link magic.
    pub(crate) async fn register(&self, name: &str, leaf: Arc<dyn Backend>) -> Result<()> {
        let config = BackendConfig::registered(name, leaf.info().kind.as_str());
        let member = self.wrap(config, leaf, &Operational::default(), None).await?;
        match self.lock().insert(name.to_owned(), member) {
            None => Ok(()),
            Some(_) => Err(Error::new(ErrorKind::AlreadyExists, format!("there is a backend {name} already"))),
        }
    }

    /// The names of all enabled backends, registered ones included, sorted. A broken file is left out: it shows in `backend list`.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let files = self.store.list()?;
        let enabled =
            files.into_iter().filter(|it| it.loaded.as_ref().is_ok_and(|it| it.config.enabled)).map(|it| it.name);
        let mut names: Vec<String> = enabled.chain(self.lock().keys().cloned()).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Opens a backend that is open already again, with what was learnt since; users of the old one are not disturbed.
    pub(crate) async fn reopen(&self, old: &Member, learnt: Learnt) -> Result<()> {
        let before = old.learnt.as_ref().map_or(&Facts::Null, |it| &it.facts);
        let member = match *before == learnt.facts {
            true => Member { learnt: Some(learnt), ..old.clone() },
            false => {
                let config = BackendConfig::clone(&old.config);
                let (leaf, how) = self.leaf(&config, &learnt.facts)?;
                let new = self.wrap(config, leaf, &how, Some(old)).await?;
                let (asked, recognised) = (old.asked.clone(), old.recognised.clone());
                Member { learnt: Some(learnt), is_configured: true, asked, recognised, ..new }
            }
        };
        self.lock().insert(old.name.clone(), member);
        Ok(())
    }

    async fn open(&self, config: BackendConfig, learnt: Option<Learnt>) -> Result<Member> {
        let (leaf, how) = self.leaf(&config, learnt.as_ref().map_or(&Facts::Null, |it| &it.facts))?;
        let member = self.wrap(config, leaf, &how, None).await?;
        Ok(Member { learnt, is_configured: true, ..member })
    }

    fn leaf(&self, config: &BackendConfig, facts: &Facts) -> Result<(Arc<dyn Backend>, Operational)> {
        let descriptor = backend_core::find(&config.kind)?;
        let operational = config.operational()?;
        let mut settings = config.settings(self.clock.clone());
        settings.state = Some(Arc::new(CatalogState::new(self.catalog.clone(), &config.name)));
        settings.learnt = facts.clone();
        settings.connect_timeout = operational.connect();
        Ok(((descriptor.open)(settings)?, operational))
    }

    async fn wrap(
        &self,
        config: BackendConfig,
        leaf: Arc<dyn Backend>,
        how: &Operational,
        old: Option<&Member>,
    ) -> Result<Member> {
        let (watch, meter) = match old {
            Some(old) => (old.watch.clone(), old.meter.clone()),
            None => {
                let limit = config.policies.traffic_quota_monthly();
                let watch = Watch::new(&config.name, self.catalog.clone(), self.clock.clone(), limit);
                let watch = Arc::new(watch);
                (watch.clone(), Arc::new(Meter::telling(watch)))
            }
        };
        let Stacks { patient: backend, hasty } =
            backend_layers::stacks(leaf, how, &self.gates, self.clock.clone(), meter.clone());
        let expected = backend_core::find(backend.info().kind.as_str()).map_or(UNKNOWN, |it| it.traits);
        let entry = entry(&config, &*backend);
        let number = self.catalog.write(move |conn| backends::upsert(conn, &entry)).await?;
        watch.is(number);
        watch.exchange(&meter).await?;
        Ok(Member {
            name: config.name.clone(),
            backend,
            hasty,
            number,
            meter,
            watch,
            learnt: None,
            asked: Arc::default(),
            traits: config.traits.over(expected),
            is_configured: false,
            config: Arc::new(config),
            recognised: Arc::default(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Member>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was counted and not yet written is written; the catalog waits for it when it is closed.
impl Drop for Fleet {
    fn drop(&mut self) {
        for member in self.members() {
            member.watch.farewell(&member.meter);
        }
    }
}

fn entry(config: &BackendConfig, backend: &dyn Backend) -> NewBackend {
    NewBackend {
        name: config.name.clone(),
        kind: backend.info().kind.as_str().to_owned(),
        store_id: None,
        domain: config.domain.clone().unwrap_or_else(|| config.name.clone()),
        state: BackendState::Active,
        quota: config.quota_bytes(),
    }
}

/// Whether a power can be counted on, as far as anybody knows.
pub(crate) fn may_work(power: Power) -> bool {
    matches!(power, Power::Works | Power::Unknown)
}
