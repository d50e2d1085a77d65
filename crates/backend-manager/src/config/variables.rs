//! The environment, taken once and handed in: nothing below the program reads it twice, and tests bring their own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What an override of a backend's configuration begins with: `IPFS_KIT_BACKENDS__<NAME>__CONNECTION__PATH`.
pub const OVERRIDE_PREFIX: &str = "IPFS_KIT_BACKENDS__";

/// Environment variables. Values may be secrets: `Debug` prints how many there are.
#[derive(Clone, Default)]
pub struct Variables(Arc<BTreeMap<String, String>>);

impl Variables {
    /// Those of this process. One that is not UTF-8 is as good as not set.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value of one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Those whose name begins with `prefix`, sorted by name.
    pub(super) fn beginning_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let from = self.0.range(prefix.to_owned()..).map(|(name, value)| (name.as_str(), value.as_str()));
        from.take_while(move |(name, _)| name.starts_with(prefix))
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(Arc::new(pairs.into_iter().collect()))
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Variables({} of them)", self.0.len())
    }
}
