//! Which files of a folder ipfs_kit_py wrote, in the order in which they win a name.

use std::path::{Path, PathBuf};

use backend_core::{Error, ErrorKind, Result};

use crate::config::file;

const MAX_FILES: usize = 10_000;

/// What a file or folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One backend.
    One,
    /// Perhaps one backend, called as the file: `config/` holds other things too.
    Perhaps,
    /// Many backends by name: `backends.yaml`, and the examples.
    Many,
    /// The configuration of everything, with backends in it.
    Whole,
    /// `storage_backends.json`, whose secrets are in `credentials.json` beside it.
    Storage,
    /// The policy of one backend.
    Policy,
    /// Nothing for us, and why.
    Nothing(&'static str),
}

const RECORDS: &str = "records of what ipfs_kit_py believed to be stored: no evidence, nothing to bring in";

/// Places directly in the home.
const PLACES: &[(&str, Shape)] = &[
    ("backends.yaml", Shape::Many),
    ("config.yaml", Shape::Whole),
    ("config.json", Shape::Whole),
    ("storage_backends.json", Shape::Storage),
    ("routing_config.json", Shape::Nothing("measurements of a router that none of its versions could load")),
    ("pin_metadata", Shape::Nothing(RECORDS)),
    ("enhanced_pin_index", Shape::Nothing(RECORDS)),
    ("bucket_index", Shape::Nothing(RECORDS)),
    ("bucket_configs", Shape::Nothing("buckets of ipfs_kit_py have no counterpart")),
    ("buckets", Shape::Nothing("buckets of ipfs_kit_py have no counterpart")),
];

/// Folders of files.
const FOLDERS: &[(&str, Shape)] = &[
    ("backends", Shape::One),
    ("backend_configs", Shape::One),
    ("config", Shape::Perhaps),
    ("policies", Shape::Policy),
];

/// Everything of interest at `from`: a home of ipfs_kit_py, one of its folders of files, or a single file.
pub(super) fn scan(from: &Path) -> Result<Vec<(PathBuf, Shape)>> {
    if from.is_file() {
        return Ok(vec![(from.to_owned(), Shape::Many)]);
    }
    if !from.is_dir() {
        return Err(Error::new(ErrorKind::InvalidInput, format!("{} is no folder and no file", file::shown(from))));
    }
    let mut found = Vec::new();
    for (folder, shape) in FOLDERS {
        found.extend(within(&from.join(folder), *shape)?);
    }
    let places = PLACES.iter().map(|(place, shape)| (from.join(place), *shape));
    found.extend(places.filter(|(path, _)| path.exists()));
    if found.is_empty() {
        found = within(from, Shape::One)?;
    }
    Ok(found)
}

fn within(folder: &Path, shape: Shape) -> Result<Vec<(PathBuf, Shape)>> {
    let mut found = Vec::new();
    for path in file::entries(folder, MAX_FILES)? {
        let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        let hidden = path.file_name().is_some_and(|it| it.to_string_lossy().starts_with('.'));
        let shape = match (shape, ending) {
            _ if hidden => continue,
            (Shape::One, _) if path.is_dir() => Shape::Nothing(RECORDS),
            (Shape::Policy, "json") => Shape::Policy,
            (Shape::One | Shape::Perhaps, "yaml" | "yml" | "toml" | "json") => shape,
            _ => continue,
        };
        found.push((path, shape));
    }
    Ok(found)
}
