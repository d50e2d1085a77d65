//! The configuration of named backends: where it lives, how it is read, checked, shown and changed.
//!
//! One file a backend, YAML or TOML, in `<home>/backends/`. A file is read in steps, each in its own module: bytes to a bounded tree ([`parse`],
//! duplicate keys refused), `${VAR}` replaced and secret references resolved, defaults < file < environment layered, and the result checked against
//! [`BackendConfig`]. An error names the file, the line where the parser gives it, and the key; it never shows a value, because a password may stand in the
//! wrong place.
//!
//! What ipfs_kit_py wrote is brought in by [`import`], and is never read on the load path.

mod bounded;
mod build;
mod caching;
mod change;
mod document;
mod envelope;
mod file;
mod fingerprint;
mod home;
pub mod import;
mod key_path;
mod layer;
mod load;
mod locate;
mod lock;
mod mask;
mod parse;
mod policies;
mod policy;
mod policy_store;
mod reference;
mod routing;
mod schema;
mod store;
mod substitute;
mod tiers;
mod toml;
mod validate;
mod variables;
mod yaml;

pub use build::build;
pub use caching::{Admission, CacheSettings, Duty};
pub use change::Change;
pub use envelope::{BackendConfig, Level, MAX_NAME, Tier, TraitOverrides, check_name};
pub use home::{Home, PROGRAM_HOME};
pub use load::Loaded;
pub use parse::{Format, MAX_FILE, parse};
pub use policies::{GIBIBYTE, Policies};
pub use policy::{Match, Period, PolicyFile, Size};
pub use policy_store::PolicyStore;
pub use routing::Routing;
pub use schema::{schema, schema_of};
pub use store::{ConfigStore, Listed};
pub use tiers::TierFile;
pub(crate) use validate::can_cache;
pub use validate::validate;
pub use variables::{OVERRIDE_PREFIX, Variables};
