//! Writes what a plan says, and overwrites nothing that is not kept.

use std::path::{Path, PathBuf};

use backend_core::{Error, ErrorKind, Result};

use super::{Imported, Outcome};
use crate::config::document::Document;
use crate::config::envelope::BackendConfig;
use crate::config::file;
use crate::config::load::variable_part;
use crate::config::lock::Lock;
use crate::config::parse::Format;
use crate::config::store::{ConfigStore, checked_text};

/// What the originals are kept as, after their whole name.
const KEPT: &str = "ipfs_kit_py";

/// What was done about one configuration of a plan.
#[derive(Debug)]
pub struct Applied {
    /// The backend.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
    /// What was done, or why nothing was.
    pub done: Result<Done>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The file is new.
    Written,
    /// The file is new and the source lay in its folder: that is kept under another name.
    Replaced {
        /// Where the source is kept.
        kept: PathBuf,
    },
    /// A file that says the same was there.
    Unchanged,
}

/// Writes the configurations of `plan` into the store. One that cannot be written does not stop the others.
///
/// # Errors
/// The store's folder cannot be made or locked.
pub fn apply(plan: &[Imported], store: &ConfigStore) -> Result<Vec<Applied>> {
    let folder = store.prepared()?;
    let _lock = Lock::of(&folder)?;
    let mut applied = Vec::new();
    for imported in plan {
        if let Outcome::Config(config) = &imported.outcome {
            let target = folder.join(format!("{}.yaml", config.name));
            let done = write(config, &imported.source, &target, store);
            applied.push(Applied { name: config.name.clone(), file: target, done });
        }
    }
    Ok(applied)
}

/// Whether `path` lies directly in `folder`, whatever the two are called.
pub(super) fn is_in_place(path: &Path, folder: &Path) -> bool {
    let canonical = |path: &Path| std::fs::canonicalize(path).ok();
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (canonical(parent), canonical(folder)) {
        (Some(parent), Some(folder)) => parent == folder,
        _ => false,
    }
}

fn write(config: &BackendConfig, source: &Path, target: &Path, store: &ConfigStore) -> Result<Done> {
    let folder = store.home().backends();
    let in_place = is_in_place(source, &folder);
    let is_source = |path: &Path| in_place && path.file_name() == source.file_name();
    let part = variable_part(&config.name);
    let files = store.files()?;
    let other = files.iter().find(|(name, path)| variable_part(name) == part && !is_source(path));
    if let Some((name, path)) = other {
        if *name == config.name && says_the_same(path, config) {
            return Ok(Done::Unchanged);
        }
        let what = format!("backend {name} is there already, in {}", file::shown(path));
        return Err(Error::new(ErrorKind::AlreadyExists, what));
    }
    let text = checked_text(config, Format::Yaml)?;
    if !in_place {
        file::create(target, &text)?;
        return Ok(Done::Written);
    }
    let kept = keep(source)?;
    if is_source(target) {
        file::replace(target, &text)?;
    } else {
        file::create(target, &text)?;
        file::remove(source)?;
    }
    Ok(Done::Replaced { kept })
}

/// Gives the source its second name. A crash after this leaves both names, and the next import finds the second one with the same content.
fn keep(source: &Path) -> Result<PathBuf> {
    let mut name = source.as_os_str().to_owned();
    name.push(".");
    name.push(KEPT);
    let kept = PathBuf::from(name);
    match file::keep_as(source, &kept) {
        Err(err) if err.kind() == ErrorKind::AlreadyExists => {
            let same = file::read_text(source)?.0 == file::read_text(&kept)?.0;
            if same { Ok(kept) } else { Err(err) }
        }
        other => other.map(|()| kept),
    }
}

fn says_the_same(path: &Path, config: &BackendConfig) -> bool {
    let there = Document::read(path).and_then(|(document, _)| document.as_written(&config.name));
    there.is_ok_and(|there| there == *config)
}
