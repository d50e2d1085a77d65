//! The configurations of a home, one file a backend: read, listed, made, changed, removed.
//!
//! Every change takes a lock against other processes, is checked before it is written, and replaces the file whole (mode 0600, synced) or not at all. A
//! rewritten file has lost its comments; one that was a symbolic link is a file of its own afterwards.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use backend_core::{Capabilities, Error, ErrorKind, Result, nearest};
use backend_layers::SystemClock;
use serde_json::Value;

use super::change::Change;
use super::document::Document;
use super::envelope::{BackendConfig, check_name};
use super::file;
use super::home::{Home, make_folder};
use super::load::{self, Loaded, variable_part};
use super::lock::Lock;
use super::parse::Format;
use super::validate::validate;
use super::variables::{OVERRIDE_PREFIX, Variables};

/// How many backends a home may have.
const MAX_FILES: usize = 10_000;

/// The configurations in `<home>/backends/`. All calls block on the file system.
#[derive(Debug, Clone)]
pub struct ConfigStore {
    home: Home,
    variables: Variables,
}

/// One file of the store, good or bad.
#[derive(Debug)]
pub struct Listed {
    /// The name, as the file's name says it.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// What it says, resolved, or why it cannot be used.
    pub loaded: Result<Loaded>,
}

impl ConfigStore {
    /// The store of `home`, with this process's environment.
    pub fn new(home: &Home) -> Self {
        Self::with_variables(home, Variables::of_process())
    }

    /// The store of `home`, with another environment.
    pub fn with_variables(home: &Home, variables: Variables) -> Self {
        Self { home: home.clone(), variables }
    }

    /// The home.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Every configuration, sorted by name. One that is bad does not hide the others. A home that does not exist has none.
    ///
    /// # Errors
    /// The folder cannot be read, or holds more than 10 000 files.
    pub fn list(&self) -> Result<Vec<Listed>> {
        let files = self.files()?;
        let mut listed = Vec::with_capacity(files.len());
        for (n, (name, file)) in files.iter().enumerate() {
            let twin = [n.checked_sub(1), n.checked_add(1)].into_iter().flatten().filter_map(|it| files.get(it));
            let loaded = match twin.into_iter().find(|it| it.0 == *name) {
                Some((_, other)) => Err(two_files(file, other)),
                None => self.load_file(name, file),
            };
            listed.push(Listed { name: name.clone(), file: file.clone(), loaded });
        }
        Ok(listed)
    }

    /// The configuration called `name`, resolved: ready to be opened, secrets and all.
    ///
    /// # Errors
    /// `NotFound` if there is none, `InvalidConfig` if it is wrong or something that it refers to is missing.
    pub fn load(&self, name: &str) -> Result<BackendConfig> {
        self.inspect(name).map(|loaded| loaded.config)
    }

    /// As [`ConfigStore::load`], with the file it comes from and what the user should be told about it.
    ///
    /// # Errors
    /// As [`ConfigStore::load`].
    pub fn inspect(&self, name: &str) -> Result<Loaded> {
        self.load_file(name, &self.find(name)?)
    }

    /// The configuration called `name`, as it is written: variables and references stand in it. This is what is shown.
    ///
    /// # Errors
    /// `NotFound` if there is none, `InvalidConfig` if it is wrong.
    pub fn raw(&self, name: &str) -> Result<BackendConfig> {
        let (document, _) = Document::read(&self.find(name)?)?;
        named(document.as_written(name)?, name, &document)
    }

    /// Writes a new configuration as YAML and answers the file.
    ///
    /// # Errors
    /// `AlreadyExists` if the name is taken, or differs from a taken one in `-` and `_` only (the environment's overrides could not tell them apart);
    /// `InvalidConfig` if the configuration is wrong.
    pub fn create(&self, config: &BackendConfig) -> Result<PathBuf> {
        let text = checked_text(config, Format::Yaml)?;
        let folder = self.prepared()?;
        let _lock = Lock::of(&folder)?;
        let part = variable_part(&config.name);
        if let Some((taken, file)) = self.files()?.iter().find(|(name, _)| variable_part(name) == part) {
            let what = format!("backend {taken} is there already, in {}", file::shown(file));
            return Err(Error::new(ErrorKind::AlreadyExists, what));
        }
        let path = folder.join(format!("{}.yaml", config.name));
        file::create(&path, &text)?;
        Ok(path)
    }

    /// Changes keys of a configuration and answers it as it is written now. Comments in the file are lost.
    ///
    /// # Errors
    /// `NotFound` if there is none; `InvalidInput` for a path that leads nowhere or a new `name`; `InvalidConfig` if the result would be wrong: the file is
    /// then as it was.
    pub fn update(&self, name: &str, changes: &[Change]) -> Result<BackendConfig> {
        self.update_if(name, changes, |_| Ok(()))
    }

    /// As [`ConfigStore::update`], if `check` likes the result, such as [`ConfigStore::opens`].
    ///
    /// # Errors
    /// As [`ConfigStore::update`]; what `check` answers: the file is then as it was.
    pub fn update_if<F>(&self, name: &str, changes: &[Change], check: F) -> Result<BackendConfig>
    where
        F: FnOnce(&BackendConfig) -> Result<()>,
    {
        let _lock = Lock::of(&self.prepared()?)?;
        let path = self.find(name)?;
        let (document, _) = Document::read(&path)?;
        named(document.as_written(name)?, name, &document)?;
        let mut value = document.value.clone();
        for change in changes {
            change.apply(&mut value)?;
        }
        // Read back under another name than the file's: the lines of the old text are not those of the new tree.
        let changed = in_memory(name, document.format(), &value)?;
        let config = changed.as_written(name)?;
        if config.name != name {
            return Err(Error::new(ErrorKind::InvalidInput, "a backend keeps its name: make a new one"));
        }
        let text = checked_text(&config, document.format())?;
        check(&config)?;
        file::replace(&path, &text)?;
        Ok(config)
    }

    /// Whether the backend that `config` describes takes it. One whose variables are not set yet cannot be judged, and passes.
    ///
    /// # Errors
    /// `InvalidConfig` that names the key, and never shows a value.
    pub fn opens(&self, config: &BackendConfig) -> Result<()> {
        let text = checked_text(config, Format::Yaml)?;
        let document = Document::from_text(format!("backend {}", shown_name(config)), Format::Yaml, text)?;
        match load::resolve(&document, &config.name, PathBuf::new(), &self.variables) {
            Ok(loaded) => validate(&loaded.config, Arc::new(SystemClock)).map(drop),
            Err(_) => Ok(()),
        }
    }

    /// What the backend that `config`, resolved, describes offers. No network is touched; what only a probe could show is not in it.
    ///
    /// # Errors
    /// `InvalidConfig` when it does not open.
    pub fn offers(&self, config: &BackendConfig) -> Result<Capabilities> {
        super::validate::offers(config, Arc::new(SystemClock))
    }

    /// Removes the configuration. What the backend keeps stays where it is.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub fn remove(&self, name: &str) -> Result<()> {
        let _lock = Lock::of(&self.prepared()?)?;
        file::remove(&self.find(name)?)
    }

    /// Environment variables that look like overrides and belong to no backend of this store.
    ///
    /// # Errors
    /// As [`ConfigStore::list`].
    pub fn stray_overrides(&self) -> Result<Vec<String>> {
        let files = self.files()?;
        let prefixes: Vec<String> =
            files.iter().map(|(name, _)| format!("{OVERRIDE_PREFIX}{}__", variable_part(name))).collect();
        let all = self.variables.beginning_with(OVERRIDE_PREFIX).map(|(name, _)| name.to_owned());
        Ok(all.filter(|name| !prefixes.iter().any(|prefix| name.starts_with(prefix))).collect())
    }

    /// The folder of the files, made if it is missing.
    pub(super) fn prepared(&self) -> Result<PathBuf> {
        let folder = self.home.backends();
        make_folder(&folder)?;
        Ok(folder)
    }

    fn load_file(&self, name: &str, path: &Path) -> Result<Loaded> {
        check_name(name).map_err(|err| file::invalid(path, format!("is not named as a backend: {}", err.message())))?;
        let (document, mode) = Document::read(path)?;
        let mut loaded = load::resolve(&document, name, path.to_owned(), &self.variables)?;
        loaded.config = named(loaded.config, name, &document)?;
        if mode & 0o077 != 0 && !loaded.config.credentials.is_empty() {
            let what = format!("file {} can be read by others than its owner; chmod 600 it", file::shown(path));
            loaded.warnings.push(what);
        }
        Ok(loaded)
    }

    /// The one file of that name.
    fn find(&self, name: &str) -> Result<PathBuf> {
        check_name(name)?;
        let files = self.files()?;
        let mut found = files.iter().filter(|(it, _)| it == name);
        match (found.next(), found.next()) {
            (Some((_, file)), None) => Ok(file.clone()),
            (Some((_, file)), Some((_, other))) => Err(two_files(file, other)),
            (None, _) => {
                let near = nearest(name, files.iter().map(|(name, _)| name.as_str()));
                let hint = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
                Err(Error::new(ErrorKind::NotFound, format!("no backend is called {name}{hint}")))
            }
        }
    }

    /// Names and files, sorted. Hidden files are none of ours.
    pub(super) fn files(&self) -> Result<Vec<(String, PathBuf)>> {
        let mut files = Vec::new();
        for path in file::entries(&self.home.backends(), MAX_FILES)? {
            let stem = path.file_stem().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
            if Format::of(&path).is_some() && !stem.starts_with('.') && !path.is_dir() {
                files.push((stem, path));
            }
        }
        files.sort();
        Ok(files)
    }
}

/// The text of a file that says `config`, once it is known that it can be read back.
pub(super) fn checked_text(config: &BackendConfig, format: Format) -> Result<String> {
    let text = match format {
        Format::Yaml => format.render(&config.written())?,
        Format::Toml => format.render(&without_nulls(config).written())?,
    };
    let document = Document::from_text(format!("backend {}", shown_name(config)), format, text.clone())?;
    document.as_written(&config.name)?;
    Ok(text)
}

fn shown_name(config: &BackendConfig) -> &str {
    check_name(&config.name).map_or("(a name that is none)", |()| &config.name)
}

/// TOML cannot say null, which means the same as leaving the key out.
fn without_nulls(config: &BackendConfig) -> BackendConfig {
    let mut config = config.clone();
    for section in [&mut config.connection, &mut config.credentials, &mut config.operational] {
        section.retain(|_, value| !value.is_null());
        section.values_mut().for_each(drop_nulls);
    }
    config
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn in_memory(name: &str, format: Format, value: &Value) -> Result<Document> {
    let mut value = value.clone();
    if format == Format::Toml {
        drop_nulls(&mut value);
    }
    Document::from_text(format!("backend {name}"), format, format.render(&value)?)
}

fn named(config: BackendConfig, name: &str, document: &Document) -> Result<BackendConfig> {
    if config.name == name {
        return Ok(config);
    }
    let path = super::key_path::KeyPath::of(&["name"]);
    Err(document.error(&path, format!("must be {name}, as the file is called")))
}

fn two_files(file: &Path, other: &Path) -> Error {
    let what = format!("{} and {} name the same backend", file::shown(file), file::shown(other));
    Error::new(ErrorKind::InvalidConfig, what)
}
