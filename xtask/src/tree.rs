//! The working tree: where it is, which rooms it has, and reading and writing its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml_edit::DocumentMut;

use crate::failure::{Failure, Result};

/// The crates named `backend-…` that are not leaves.
pub const ROOMS: [&str; 6] =
    ["backend-core", "backend-folders", "backend-http", "backend-layers", "backend-manager", "backend-testkit"];

/// A checkout of this workspace.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
}

/// A backend's crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The name of its folder and package: `backend-ipfs-cluster`.
    pub package: String,
    /// The feature that links it: `ipfs_cluster`.
    pub feature: String,
    /// The types it registers, sorted; one, or the few of a family.
    pub kinds: Vec<String>,
}

impl Leaf {
    /// The crate's name in Rust source: `backend_ipfs_cluster`.
    pub fn module(&self) -> String {
        self.package.replace('-', "_")
    }

    /// Where the crate lies, from the root.
    pub fn folder(&self) -> String {
        format!("crates/{}", self.package)
    }
}

impl Tree {
    /// The checkout at `root`.
    ///
    /// # Errors
    /// If `root` is not the root of this workspace.
    pub fn at(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        match root.join("crates/backend-core/Cargo.toml").is_file() {
            true => Ok(Self { root }),
            false => Err(Failure::new(format!("{} is not a checkout of ipfs-kit", root.display()))),
        }
    }

    /// The checkout that this program was built from.
    ///
    /// # Errors
    /// If it has been moved away since.
    pub fn own() -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self::at(here.parent().unwrap_or(here))
    }

    /// The root folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the root.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The text of a file.
    ///
    /// # Errors
    /// If it is missing or is not text.
    pub fn read(&self, name: &str) -> Result<String> {
        let path = self.path(name);
        fs::read_to_string(&path).map_err(|err| Failure::at(&path, "read", err))
    }

    /// Writes a file, with the folders above it.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(|err| Failure::at(folder, "make", err))?;
        fs::write(&path, text).map_err(|err| Failure::at(&path, "write", err))
    }

    /// A TOML file, with its comments.
    ///
    /// # Errors
    /// If it is missing or is not TOML.
    pub fn toml(&self, name: &str) -> Result<DocumentMut> {
        self.read(name)?.parse().map_err(|err| Failure::at(&self.path(name), "parse", err))
    }

    /// The names of the crates in `crates/`, sorted.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn crates(&self) -> Result<Vec<String>> {
        let folder = self.path("crates");
        let entries = fs::read_dir(&folder).map_err(|err| Failure::at(&folder, "list", err))?;
        let named = entries.filter_map(|it| it.ok()).filter(|it| it.path().join("Cargo.toml").is_file());
        let mut names: Vec<String> = named.filter_map(|it| it.file_name().into_string().ok()).collect();
        names.sort();
        Ok(names)
    }

    /// Every backend's crate, sorted by package.
    ///
    /// # Errors
    /// If a crate's manifest cannot be read.
    pub fn leaves(&self) -> Result<Vec<Leaf>> {
        let names = self.crates()?.into_iter();
        let leaves = names.filter(|it| it.starts_with("backend-") && !ROOMS.contains(&it.as_str()));
        leaves.map(|package| self.leaf(package)).collect()
    }

    fn leaf(&self, package: String) -> Result<Leaf> {
        let feature = package.trim_start_matches("backend-").replace('-', "_");
        let manifest = self.toml(&format!("crates/{package}/Cargo.toml"))?;
        let listed = manifest.get("package").and_then(|it| it.get("metadata")).and_then(|it| it.get("kinds"));
        let mut kinds: Vec<String> = match listed.and_then(|it| it.as_array()) {
            Some(listed) => listed.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect(),
            None => vec![feature.clone()],
        };
        kinds.sort();
        Ok(Leaf { package, feature, kinds })
    }

    /// Every file that git tracks or would track, from the root, sorted; files that were deleted are left out.
    ///
    /// # Errors
    /// If git cannot be run here.
    pub fn files(&self) -> Result<Vec<String>> {
        let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let answer = Command::new("git").args(list).current_dir(&self.root).output();
        let answer = answer.map_err(|err| Failure::new(format!("cannot run git: {err}")))?;
        if !answer.status.success() {
            return Err(Failure::new(format!(
                "git ls-files failed: {}",
                String::from_utf8_lossy(&answer.stderr).trim()
            )));
        }
        let text = String::from_utf8_lossy(&answer.stdout);
        let mut names: Vec<String> =
            text.split('\0').filter(|it| !it.is_empty() && self.path(it).is_file()).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }
}
