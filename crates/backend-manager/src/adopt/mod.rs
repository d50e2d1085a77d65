//! Taking on what lies on stores and no row speaks of: after a lost catalog, all that was ours, with its names and pins; and what others have put there.
//!
//! Nothing is believed that was not read: rows are `Claimed`. Whatever is there already stays, so that it may be cut off and begun again at any time.

mod called;
mod copies;
mod desired;
mod own;
mod pinned;
mod trees;
mod under;

use backend_core::{Addressing, Error, Result, Role};

use crate::fleet::Member;
use crate::manager::Manager;
use crate::reconcile::Mode;
use crate::state::{Segments, is_keeper};

pub use desired::AdoptedState;
pub(crate) use desired::parsed;
pub(crate) use own::plain;
pub use under::{AdoptUnder, AdoptedUnder};

/// Troubles that are told one by one; the others are counted.
const TOLD: usize = 100;

/// What to take on.
#[derive(Debug, Clone)]
pub struct Adopt {
    /// From these backends; empty: from all.
    pub backends: Vec<String>,
    /// Of which catalog the names and pins are, where several have left theirs.
    pub catalog: Option<String>,
    /// Whether anything is done.
    pub mode: Mode,
}

/// What was taken on.
#[derive(Debug, Default)]
pub struct Adopted {
    /// Store by store.
    pub stores: Vec<AdoptedStore>,
    /// The desired state, if some store had one.
    pub state: Option<AdoptedState>,
    /// Why the desired state could not be had.
    pub error: Option<Error>,
}

/// What one store had.
#[derive(Debug, Default)]
pub struct AdoptedStore {
    /// Which.
    pub backend: String,
    /// Copies that have a row now and had none.
    pub copies: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Copies of which there was a row.
    pub known: u64,
    /// Objects under our prefix that are called like nothing of ours.
    pub strange: u64,
    /// What could not be taken on, and why.
    pub troubles: Troubles,
    /// Why the store was not looked at to its end.
    pub error: Option<Error>,
}

/// What went wrong with single things: the first hundred in words, and how many there were.
#[derive(Debug, Default, Clone)]
pub struct Troubles {
    /// In words.
    pub told: Vec<String>,
    /// All of them.
    pub count: u64,
}

impl Troubles {
    pub(crate) fn note(&mut self, what: String) {
        self.count += 1;
        if self.told.len() < TOLD {
            self.told.push(what);
        }
    }
}

impl Adopted {
    /// Whether something could not be taken on.
    pub fn is_partial(&self) -> bool {
        let state = self.state.as_ref().is_some_and(|it| it.troubles.count != 0);
        let stores = self.stores.iter().any(|it| it.error.is_some() || it.troubles.count != 0);
        state || stores || self.error.is_some()
    }
}

impl Manager {
    /// Enters everything that lies on these stores where this program puts it, and the names, pins and policies that they keep. Once there is a new row of
    /// something of ours the catalog removes nothing, until a person says that it may.
    ///
    /// # Errors
    /// `InvalidConfig` for a name that is not configured; what the catalog answers. What a store answers is told store by store.
    pub async fn adopt(&self, opts: &Adopt) -> Result<Adopted> {
        let mut members = Vec::new();
        let mut all = Adopted::default();
        for name in self.adoptable(&opts.backends)? {
            match self.met(&name).await {
                // What a cache has is no copy, and no wish is told there.
                Ok(member) if opts.backends.is_empty() && member.cache().is_some() => {}
                Ok(member) => {
                    member.keeps_copies()?;
                    members.push(member);
                }
                Err(error) if opts.backends.is_empty() => {
                    all.stores.push(AdoptedStore { backend: name, error: Some(error), ..AdoptedStore::default() });
                }
                Err(error) => return Err(error),
            }
        }
        // Stores that tell what content is come before those that only know it by name.
        members.sort_by_key(|it| it.addressing() != Addressing::Key);
        let mut segments = Segments::default();
        for member in &members {
            let mut store = AdoptedStore { backend: member.name.clone(), ..AdoptedStore::default() };
            store.error = Box::pin(self.adopt_store(member, opts.mode, &mut store)).await.err();
            if is_keeper(member)
                && let Err(err) = segments.look(member).await
            {
                store.error.get_or_insert(err);
            }
            all.stores.push(store);
        }
        if opts.mode == Mode::Act {
            self.link_folders().await?;
        }
        match Box::pin(self.adopt_state(&segments, &members, opts)).await {
            Ok(state) => all.state = state,
            Err(error) => all.error = Some(error),
        }
        Ok(all)
    }

    /// Those that are named, or all that keep something.
    fn adoptable(&self, named: &[String]) -> Result<Vec<String>> {
        match named {
            [] => self.fleet().names(),
            named => {
                let mut names = named.to_vec();
                names.sort();
                names.dedup();
                Ok(names)
            }
        }
    }

    async fn met(&self, name: &str) -> Result<Member> {
        let member = self.fleet().member(name).await?;
        member.recognise(self.catalog(), &**self.fleet().clock()).await?;
        Ok(member)
    }

    async fn adopt_store(&self, member: &Member, mode: Mode, store: &mut AdoptedStore) -> Result<()> {
        let info = member.backend.info();
        match info.addressing {
            // It serves what others keep.
            _ if info.role != Role::Store => Ok(()),
            _ if !info.offers.list => Err(Error::unsupported("list", &member.name)),
            Addressing::Key => self.adopt_own(member, mode, store).await,
            Addressing::Cid => self.adopt_pinned(member, mode, store).await,
            _ => Err(Error::unsupported("adoption", &member.name)),
        }
    }
}
