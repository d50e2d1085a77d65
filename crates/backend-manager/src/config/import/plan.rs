//! Reads everything and decides what becomes of it. Writes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backend_core::{Clock, Error, ErrorKind, Result};
use serde_json::{Map, Value};

use super::policy::{self, Translated};
use super::record::Record;
use super::scan::{Shape, scan};
use super::{Imported, Outcome, names, text, translate};
use crate::config::document::Document;
use crate::config::file;
use crate::config::parse::Format;
use crate::config::store::ConfigStore;
use crate::config::validate::validate;

/// What an import of `from` would do: everything that was found there, and what becomes of it. `from` is a home of ipfs_kit_py (ours may be the same folder),
/// one of its folders of files, or a single file.
///
/// # Errors
/// `InvalidInput` if there is nothing at `from`; else what reading its folders answers. A single bad file is an outcome and no error.
pub fn plan(from: &Path, store: &ConfigStore, clock: &Arc<dyn Clock>) -> Result<Vec<Imported>> {
    let files = scan(from)?;
    let mut planner = Planner { store, clock, policies: BTreeMap::new(), taken: BTreeMap::new(), found: Vec::new() };
    for (path, _) in files.iter().filter(|(_, shape)| *shape == Shape::Policy) {
        planner.policy(path);
    }
    for (path, shape) in files.iter().filter(|(_, shape)| *shape != Shape::Policy) {
        planner.file(path, *shape);
    }
    Ok(planner.finish())
}

struct Planner<'p> {
    store: &'p ConfigStore,
    clock: &'p Arc<dyn Clock>,
    /// By name of the backend: where the policy stands, what it says, and whether a backend of that name was found.
    policies: BTreeMap<String, (PathBuf, Translated, bool)>,
    /// Names that are given, and to which file.
    taken: BTreeMap<String, PathBuf>,
    found: Vec<Imported>,
}

impl Planner<'_> {
    fn policy(&mut self, path: &Path) {
        let stem = stem(path);
        match text::read(path).and_then(|it| object(path, it)) {
            Ok(source) => {
                let said = source.get("backend_name").and_then(Value::as_str);
                let name = said.unwrap_or_else(|| stem.strip_suffix("_policy").unwrap_or(&stem)).to_owned();
                self.policies.insert(name, (path.to_owned(), policy::translate(&source), false));
            }
            Err(err) => self.push(path, None, Outcome::Failed(err), Vec::new()),
        }
    }

    fn file(&mut self, path: &Path, shape: Shape) {
        if let Shape::Nothing(why) = shape {
            return self.push(path, None, Outcome::Skipped { why: why.to_owned() }, Vec::new());
        }
        if matches!(shape, Shape::One | Shape::Many) && self.is_ours(path) {
            return;
        }
        match text::read(path).and_then(|it| object(path, it)) {
            Ok(source) => self.read(path, shape, &source),
            Err(err) => self.push(path, None, Outcome::Failed(err), Vec::new()),
        }
    }

    fn read(&mut self, path: &Path, shape: Shape, source: &Map<String, Value>) {
        let stem = stem(path);
        match shape {
            Shape::One => self.backend(path, &stem, source),
            Shape::Perhaps => self.perhaps(path, &stem, source),
            Shape::Many => self.many(path, &stem, source),
            Shape::Whole => self.whole(path, source),
            Shape::Storage => self.storage(path, source),
            Shape::Policy | Shape::Nothing(_) => {}
        }
    }

    /// A file in our own shape: in our own home it is ours already; from elsewhere it is taken as it is, if it opens.
    fn is_ours(&mut self, path: &Path) -> bool {
        let Some(config) = self.as_ours(path) else {
            return false;
        };
        let name = config.name.clone();
        let outcome = if self.in_place(path) {
            Outcome::Skipped { why: "it is ours already".to_owned() }
        } else if config.connection.is_empty() && config.credentials.is_empty() {
            return false;
        } else if validate(&config, self.clock.clone()).is_ok() {
            Outcome::Config(Box::new(config))
        } else {
            return false;
        };
        self.taken.insert(name.clone(), path.to_owned());
        self.push(path, Some(name), outcome, Vec::new());
        true
    }

    fn as_ours(&self, path: &Path) -> Option<crate::config::BackendConfig> {
        Format::of(path)?;
        let stem = stem(path);
        let (document, _) = Document::read(path).ok()?;
        let config = document.as_written(&stem).ok().filter(|it| it.name == stem)?;
        // A flat file without fields is in both shapes; only the sections tell.
        let sections = document.value.get("connection").or_else(|| document.value.get("credentials"));
        (sections.is_some() || self.in_place(path)).then_some(config)
    }

    fn in_place(&self, path: &Path) -> bool {
        super::apply::is_in_place(path, &self.store.home().backends())
    }

    fn perhaps(&mut self, path: &Path, stem: &str, source: &Map<String, Value>) {
        if stem == "synapse_config" {
            return self.typed(path, "synapse", "synapse", source);
        }
        let is_typed = source.contains_key("type") || super::kinds::of(stem, |key| source.contains_key(key)).is_some();
        if is_typed {
            return self.typed(path, stem, stem, source);
        }
        self.push(path, None, Outcome::Skipped { why: "it names no backend".to_owned() }, Vec::new());
    }

    /// Many backends by name, perhaps under `backends`; a single one if it names its type.
    fn many(&mut self, path: &Path, stem: &str, source: &Map<String, Value>) {
        if source.get("type").is_some_and(Value::is_string) {
            return self.backend(path, stem, source);
        }
        let inner = source.get("backends").and_then(Value::as_object).unwrap_or(source);
        let mut left = Vec::new();
        for (name, value) in inner {
            match value.as_object().filter(|it| it.contains_key("type")) {
                Some(fields) => self.typed(path, name, name, fields),
                None => left.push(name.clone()),
            }
        }
        self.rest(path, &left);
    }

    /// `config.yaml` and `config.json`: `ipfs`, `lotus` and `storage.backends`.
    fn whole(&mut self, path: &Path, source: &Map<String, Value>) {
        for name in ["ipfs", "lotus"] {
            if let Some(fields) = source.get(name).and_then(Value::as_object) {
                self.typed(path, name, name, fields);
            }
        }
        let backends = source.get("storage").and_then(|it| it.get("backends")).and_then(Value::as_object);
        for (name, value) in backends.into_iter().flatten() {
            if let Some(fields) = value.as_object() {
                self.typed(path, name, name, fields);
            }
        }
        let known = ["ipfs", "lotus", "storage"];
        let left: Vec<String> = source.keys().filter(|key| !known.contains(&key.as_str())).cloned().collect();
        self.rest(path, &left);
    }

    fn storage(&mut self, path: &Path, source: &Map<String, Value>) {
        let beside = path.with_file_name("credentials.json");
        let secrets =
            if beside.exists() { text::read(&beside).and_then(|it| object(&beside, it)) } else { Ok(Map::new()) };
        let secrets = secrets.unwrap_or_else(|err| {
            self.push(&beside, None, Outcome::Failed(err), Vec::new());
            Map::new()
        });
        let backends = source.get("backends").and_then(Value::as_object);
        for (name, value) in backends.into_iter().flatten() {
            let mut fields = value.as_object().cloned().unwrap_or_default();
            fields.extend(secrets.get(name).and_then(Value::as_object).cloned().unwrap_or_default());
            self.typed(path, name, name, &fields);
        }
        let known = |name: &String| backends.is_some_and(|it| it.contains_key(name));
        let left: Vec<String> = secrets.keys().filter(|name| !known(name)).cloned().collect();
        self.rest(&beside, &left);
    }

    fn rest(&mut self, path: &Path, left: &[String]) {
        if !left.is_empty() {
            let mut warnings = Vec::new();
            translate::not_taken(&mut warnings, left);
            let why = "these parts are no backends".to_owned();
            self.push(path, None, Outcome::Skipped { why }, warnings);
        }
    }

    /// A backend whose file does not say its type or its name.
    fn typed(&mut self, path: &Path, name: &str, kind: &str, source: &Map<String, Value>) {
        let mut source = source.clone();
        source.entry("type").or_insert_with(|| kind.into());
        self.backend(path, name, &source);
    }

    fn backend(&mut self, path: &Path, called: &str, source: &Map<String, Value>) {
        let mut record = Record::of(source);
        let given = record.name.get_or_insert_with(|| called.to_owned()).clone();
        let mut warnings = Vec::new();
        let Some(name) = names::of_ours(&given) else {
            let err =
                Error::new(ErrorKind::InvalidConfig, format!("{}: its name cannot be one of ours", file::shown(path)));
            return self.push(path, None, Outcome::Failed(err), warnings);
        };
        if name != given {
            warnings.push(format!("called {name} here"));
        }
        let policy = self.policies.get_mut(&given).map(|(file, policy, used)| {
            *used = true;
            (&*file, &*policy)
        });
        let policies = policy.map(|(_, policy)| policy.policies).unwrap_or_default();
        let mut outcome = translate::translate(&record, &name, policies, self.clock, &mut warnings);
        if let (Outcome::Config(_), Some((file, policy))) = (&outcome, policy) {
            not_enforced(&mut warnings, file, policy);
        }
        if matches!(outcome, Outcome::Config(_)) {
            match self.taken.get(&name) {
                Some(other) => outcome = Outcome::Skipped { why: format!("{} names it already", file::shown(other)) },
                None => drop(self.taken.insert(name.clone(), path.to_owned())),
            }
        }
        self.push(path, Some(name), outcome, warnings);
    }

    fn push(&mut self, source: &Path, name: Option<String>, outcome: Outcome, warnings: Vec<String>) {
        self.found.push(Imported { source: source.to_owned(), name, outcome, warnings });
    }

    fn finish(mut self) -> Vec<Imported> {
        for (name, (path, _, used)) in std::mem::take(&mut self.policies) {
            if !used {
                let why = "the policy of a backend that was not found".to_owned();
                self.push(&path, names::of_ours(&name), Outcome::Skipped { why }, Vec::new());
            }
        }
        self.found
    }
}

fn not_enforced(warnings: &mut Vec<String>, path: &Path, policy: &Translated) {
    if !policy.left.is_empty() {
        let file = path.file_name().map(|it| file::shown(Path::new(it))).unwrap_or_default();
        warnings.push(format!("{file}: not enforced here: {}", translate::joined(&policy.left)));
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default()
}

fn object(path: &Path, value: Value) -> Result<Map<String, Value>> {
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err(Error::new(ErrorKind::InvalidConfig, format!("{}: expected keys and values", file::shown(path)))),
    }
}
