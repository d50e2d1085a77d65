//! Where the files of named policies are, and how they are changed.

use std::path::PathBuf;

use backend_core::{Error, ErrorKind, Result};

use super::document::Document;
use super::envelope::check_name;
use super::file;
use super::home::{Home, make_folder};
use super::key_path::KeyPath;
use super::layer;
use super::lock::Lock;
use super::parse::Format;
use super::policy::PolicyFile;

/// Policies are few; a folder of more files is another folder.
const MAX_FILES: usize = 1000;

/// The named policies of a home: one file each, YAML or TOML.
#[derive(Debug, Clone)]
pub struct PolicyStore {
    home: Home,
}

impl PolicyStore {
    /// Those of `home`. Nothing is read yet.
    pub fn new(home: &Home) -> Self {
        Self { home: home.clone() }
    }

    /// All policies, by name.
    ///
    /// # Errors
    /// `InvalidConfig` for the first file that is wrong: a policy that cannot be read must not look like one that asks for nothing.
    pub fn all(&self) -> Result<Vec<(String, PolicyFile)>> {
        self.files()?.into_iter().map(|(name, path)| Ok((name, read(&path)?))).collect()
    }

    /// One policy; `None` when it has no file.
    ///
    /// # Errors
    /// `InvalidConfig` when the file is wrong.
    pub fn find(&self, name: &str) -> Result<Option<PolicyFile>> {
        let found = self.files()?.into_iter().find(|(it, _)| it == name);
        found.map(|(_, path)| read(&path)).transpose()
    }

    /// Writes a policy, in place of the one of that name. Comments in its file are lost.
    ///
    /// # Errors
    /// `InvalidInput` for a name that is none; `InvalidConfig` for a policy that is wrong: the file is then as it was.
    pub fn put(&self, name: &str, policy: &PolicyFile) -> Result<PathBuf> {
        check_name(name)?;
        policy.policy()?;
        let folder = self.home.policies();
        make_folder(&folder)?;
        let _lock = Lock::of(&folder)?;
        let path = self.files()?.into_iter().find(|(it, _)| it == name).map(|(_, path)| path);
        let path = path.unwrap_or_else(|| folder.join(format!("{name}.yaml")));
        let format = Format::of(&path).unwrap_or(Format::Yaml);
        file::replace(&path, &format.render(policy)?)?;
        Ok(path)
    }

    /// Removes a policy's file; whether there was one.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn remove(&self, name: &str) -> Result<bool> {
        let folder = self.home.policies();
        make_folder(&folder)?;
        let _lock = Lock::of(&folder)?;
        match self.files()?.into_iter().find(|(it, _)| it == name) {
            Some((_, path)) => file::remove(&path).map(|()| true),
            None => Ok(false),
        }
    }

    /// Names and files, sorted. What ipfs_kit_py keeps in this folder ends in `.json`, and is none of ours.
    fn files(&self) -> Result<Vec<(String, PathBuf)>> {
        let mut files: Vec<(String, PathBuf)> = Vec::new();
        for path in file::entries(&self.home.policies(), MAX_FILES)? {
            let stem = path.file_stem().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
            if Format::of(&path).is_none() || stem.starts_with('.') || path.is_dir() {
                continue;
            }
            check_name(&stem).map_err(|err| file::invalid(&path, err.message()))?;
            if let Some((_, other)) = files.iter().find(|(name, _)| *name == stem) {
                let text = format!("{} and {} name the same policy", file::shown(other), file::shown(&path));
                return Err(Error::new(ErrorKind::InvalidConfig, text));
            }
            files.push((stem, path));
        }
        files.sort();
        Ok(files)
    }
}

fn read(path: &std::path::Path) -> Result<PolicyFile> {
    let (document, _) = Document::read(path)?;
    let policy: PolicyFile = layer::typed(&document)?;
    policy.check().map_err(|(key, what)| document.error(&KeyPath::of(&[key]), what))?;
    Ok(policy)
}
