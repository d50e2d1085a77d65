//! `new-backend`: a new leaf is a copy of `backend-memory` under another name, green from its first minute.
//!
//! The template is a real crate that is tested every day, so it cannot rot. Outside of the new folder four lines change: the variant of the enum,
//! the workspace's dependency, the manager's feature, and `linked.rs`; all but the first are written by `gen`.

mod name;
mod rename;
mod variant;

use std::fs;
use std::path::{Path, PathBuf};

pub use name::Name;

use crate::failure::{Failure, Result};
use crate::generate;
use crate::tree::Tree;

const TEMPLATE: &str = "crates/backend-memory";
const ENUM: &str = "crates/backend-core/src/storage_type.rs";
/// More files than a leaf ever has: a link that leads in a circle is no leaf.
const MOST_FILES: usize = 500;

/// Makes the leaf `name`, and answers the files that were written or changed, from the root.
///
/// # Errors
/// If there is one of that name, or a file is not as expected: found before anything is written. If the disk refuses.
pub fn new_backend(tree: &Tree, name: &Name) -> Result<Vec<String>> {
    let folder = format!("crates/{}", name.package());
    if tree.path(&folder).exists() {
        return Err(Failure::new(format!("{folder} is there already")));
    }
    let enumeration = tree.read(ENUM)?;
    let (enumeration, variant) = variant::with(&enumeration, name)?;
    let mut copies = Vec::new();
    for file in files_below(&tree.path(TEMPLATE))? {
        let below = file.strip_prefix(tree.path(TEMPLATE)).map_err(|err| Failure::at(&file, "place", err))?;
        let text = fs::read_to_string(&file).map_err(|err| Failure::at(&file, "read", err))?;
        copies.push((format!("{folder}/{}", below.display()), rename::renamed(&text, name, &variant)));
    }
    let mut written = Vec::new();
    for (to, text) in copies.iter().chain([&(ENUM.to_owned(), enumeration)]) {
        if tree.read(to).ok().as_ref() != Some(text) {
            tree.write(to, text)?;
            written.push(to.clone());
        }
    }
    written.extend(generate::write(tree, &generate::from_files(tree)?)?);
    Ok(written)
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|err| Failure::at(&folder, "list", err))?;
        for entry in entries {
            let path = entry.map_err(|err| Failure::at(&folder, "list", err))?.path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
        if folders.len() + files.len() > MOST_FILES {
            return Err(Failure::new(format!("{} holds too many files to be a leaf", folder.display())));
        }
    }
    files.sort();
    Ok(files)
}
