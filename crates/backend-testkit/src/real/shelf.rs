//! Where provisioned programs lie, and where a server gets its folder.

use std::env;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;

use super::Unready;

/// The same table by which `cargo xtask services` builds.
const TABLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../xtask/services/table.txt"));

/// The program of a service.
pub(super) fn program(service: &str) -> Result<PathBuf, Unready> {
    let row = TABLE.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = row.into_iter().find(|row| row.first() == Some(&service));
    let row = row.ok_or_else(|| Unready::new(format!("no service is called {service}")))?;
    let (Some(version), Some(program)) = (row.get(1), row.get(3)) else {
        return Err(Unready::new(format!("the table's line of {service} is too short")));
    };
    let path = shelf()?.join(format!("{service}-{version}")).join(program);
    match path.exists() {
        true => Ok(path),
        false => Err(Unready::new(format!("{} is missing: run `cargo xtask services {service}`", path.display()))),
    }
}

fn shelf() -> Result<PathBuf, Unready> {
    match env::var_os("IPFS_KIT_SERVICES").filter(|it| !it.is_empty()) {
        Some(shelf) => Ok(PathBuf::from(shelf)),
        None => Ok(root()?.join("target/services")),
    }
}

fn root() -> Result<PathBuf, Unready> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    root.canonicalize().map_err(|err| Unready::at(&root, "find", err))
}

/// A new folder on the disk of the checkout: the system's own may be small, or memory.
pub(super) fn folder(service: &str) -> Result<PathBuf, Unready> {
    let name = format!("{service}-{}-{:016x}", std::process::id(), RandomState::new().hash_one(0));
    let folder = root()?.join("target/scratch").join(name);
    fs::create_dir_all(&folder).map_err(|err| Unready::at(&folder, "make", err))?;
    Ok(folder)
}
