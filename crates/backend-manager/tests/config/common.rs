//! A home in a temporary folder, and an environment of its own.

use std::path::PathBuf;
use std::sync::Arc;

use backend_core::{Clock, ErrorKind};
use backend_layers::SystemClock;
use backend_manager::config::{BackendConfig, ConfigStore, Format, Home, Variables, parse};
use tempfile::TempDir;

pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) store: ConfigStore,
}

pub(crate) fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// A home that holds these files, under this environment.
pub(crate) fn home(files: &[(&str, &str)], environment: &[(&str, &str)]) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    home.prepare().unwrap();
    for (name, text) in files {
        std::fs::write(home.backends().join(name), text).unwrap();
    }
    Fixture { store: ConfigStore::with_variables(&home, variables(environment)), folder }
}

impl Fixture {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.store.home().backends().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// A message, with the temporary folder left out.
    pub(crate) fn plain(&self, message: &str) -> String {
        message.replace(&format!("{}/", self.store.home().backends().display()), "")
    }
}

/// `ok`, or the message; a failure to read a text is always `InvalidConfig`.
pub(crate) fn parsed(format: Format, text: &str) -> String {
    match parse("a", text, format) {
        Ok(_) => "ok".to_owned(),
        Err(err) => {
            assert_eq!(err.kind(), ErrorKind::InvalidConfig);
            err.message().to_owned()
        }
    }
}

/// Everything by which a configuration can be seen.
pub(crate) fn seen(config: &BackendConfig) -> String {
    format!("{config:?} {config:#?} {}", serde_json::to_string_pretty(config).unwrap())
}
