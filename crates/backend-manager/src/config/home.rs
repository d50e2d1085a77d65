//! Where everything of ours lives: `IPFS_KIT_HOME`, or `~/.ipfs_kit`.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use backend_core::{Error, ErrorKind, Result};

use super::file::io_error;
use super::variables::Variables;

/// The environment variable that says where the home is.
pub const PROGRAM_HOME: &str = "IPFS_KIT_HOME";

/// The home folder, as an absolute path. Nothing is read or made before [`Home::prepare`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// The home at `path`. A relative path is taken from the current folder.
    pub fn at(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        Self(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
    }

    /// The home that this process's environment names.
    ///
    /// # Errors
    /// `InvalidConfig` if neither `IPFS_KIT_HOME` nor `HOME` is set.
    pub fn resolve() -> Result<Self> {
        Self::from_variables(&Variables::of_process())
    }

    /// The home that `variables` name. An empty variable counts as not set.
    ///
    /// # Errors
    /// `InvalidConfig` if neither `IPFS_KIT_HOME` nor `HOME` is set.
    pub fn from_variables(variables: &Variables) -> Result<Self> {
        let named = |name| variables.get(name).filter(|value| !value.is_empty());
        if let Some(path) = named(PROGRAM_HOME) {
            return Ok(Self::at(expand(path, variables)));
        }
        match named("HOME") {
            Some(path) => Ok(Self::at(Path::new(path).join(".ipfs_kit"))),
            None => Err(Error::new(ErrorKind::InvalidConfig, "neither IPFS_KIT_HOME nor HOME is set")),
        }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// One file a backend.
    pub fn backends(&self) -> PathBuf {
        self.0.join("backends")
    }

    /// The catalog's database.
    pub fn catalog(&self) -> PathBuf {
        self.0.join("catalog.db")
    }

    /// What running processes hold locked.
    pub fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    /// Streams that can be read once, while they are named.
    pub fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }

    /// Named policies.
    pub fn policies(&self) -> PathBuf {
        self.0.join("policies")
    }

    /// The store that works without any configuration: a folder of this machine.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// Makes the folders that are missing, readable by their owner alone (0700). One that is there already keeps its mode.
    ///
    /// # Errors
    /// `InvalidConfig` if something else is in the place of a folder, `Denied`, `QuotaExceeded` for a full disk, else `Internal`.
    pub fn prepare(&self) -> Result<()> {
        for folder in [self.0.clone(), self.backends(), self.run(), self.spool(), self.policies(), self.store()] {
            make_folder(&folder)?;
        }
        Ok(())
    }
}

/// Makes a folder and what is missing above it, mode 0700.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|err| io_error("folder", folder, "cannot be made", err))
}

/// `~` and `~/…` as the home of the user; anything else as it is.
pub(super) fn expand(path: &str, variables: &Variables) -> String {
    let Some(rest) = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/')) else {
        return path.to_owned();
    };
    match variables.get("HOME").filter(|home| !home.is_empty()) {
        Some(home) => format!("{}{rest}", home.trim_end_matches('/')),
        None => path.to_owned(),
    }
}
