//! Named backends, the catalog, and the one verified reader.
//!
//! [`Manager`] is the façade: [`Manager::add`], [`Manager::read`], [`Manager::export`], [`Manager::remove`], [`Manager::verify`], [`Manager::transfer`], and what is known
//! ([`Manager::names`], [`Manager::stat`], [`Manager::resolve`]). Configuration files are [`config`], what should be where is [`catalog`].
//!
//! Nothing here speaks a protocol, and nothing prints.
#![warn(missing_docs)]

mod add;
mod adopt;
mod backup;
mod cache;
mod car;
pub mod catalog;
pub mod config;
pub mod daemon;
mod desired;
mod erase;
mod export;
mod fault;
mod find;
mod fleet;
mod foreign;
mod get;
mod health;
mod layout;
mod learnt;
pub mod linked;
mod manager;
mod marker;
mod memory;
mod migrate;
mod naming;
mod probe;
mod query;
mod read;
mod reconcile;
mod remove;
mod repair;
mod route;
mod state;
mod stored;
mod suits;
pub mod transfer;
mod trouble;
mod verify;
mod views;

pub use add::{AddRequest, Existing, Input, Name, Place, name};
pub use adopt::{Adopt, AdoptUnder, Adopted, AdoptedState, AdoptedStore, AdoptedUnder, Troubles};
pub use backend_layers::{Lately, SystemClock};
pub use backup::{BackedUp, Backup, BackupView, Checked, Restore, RestoreInto, Restored, Retention};
pub use cache::CacheView;
pub use car::{Archive, ExportedCar};
pub use desired::{Explained, ExplainedPlace, Finding, PinView, PinWish, PolicyView};
pub use export::{ExportOptions, Exported};
pub use get::Reading;
pub use health::{Drift, HealthView, Level, PowerView, Probing, QuotaView, Standing, StateView};
pub use ipld::Cid;
pub use ipld::profile::{self, Profile};
pub use ipld::resolve::{Kind, Target};
pub use learnt::Learnt;
pub use manager::Manager;
pub use migrate::{Migrate, Migrated, Moving};
pub use planner::Limits as BrakeLimits;
pub use probe::Writes;
pub use read::{Hedged, ReadReport, Trouble};
pub use reconcile::{
    Braked, Deed, Done, Failed, Listener, Mode, PlannedStep, Reconcile, Reconciled, Release, Remaining, Report, Scrub,
    Scrubbed, Told, Upkeep, upkeep,
};
pub use repair::Repaired;
pub use route::{Candidate, Criteria, Criterion, Estimate, LeftOut, Routed, Sought};
pub use state::{Keepers, Untold};
pub use suits::{Judged, Purpose, Verdict, purposes};
pub use views::{
    Activity, BadChunk, ContentKind, DirectoryEntry, Known, Listed, Receipt, Removed, RemovedCopies, ReplicaReceipt,
    ReplicaState, ReplicaView, Safety, Tested, Verified,
};
