//! A backup as files and folders of this machine. Its names are somebody else's words: none of them leads out of the folder.

use std::path::{Path, PathBuf};

use backend_core::{Error, ErrorKind, Key, Result};
use serde_json::{Map, Value};

use super::restore::{Restored, page};
use crate::catalog::state::Merged;
use crate::export::ExportOptions;
use crate::manager::Manager;
use crate::state::Line;
use crate::trouble;

/// Where the configuration is written beside what is restored.
const CONFIGURATION: &str = "configuration.json";

impl Manager {
    /// Tells which backends are not configured here, and writes all configurations, with their secrets masked, to `folder`.
    pub(super) async fn configured(
        &self,
        mut merged: Merged,
        folder: Option<&Path>,
        restored: &mut Restored,
    ) -> Result<Merged> {
        let (mut after, mut all) = (String::new(), Map::new());
        let here: Vec<String> = self.config().list()?.into_iter().map(|it| it.name).collect();
        loop {
            let lines;
            (merged, lines) = page(merged, &mut after).await?;
            let Some(lines) = lines else { break };
            for line in lines {
                let Line::Config { name, document } = line else { continue };
                if !here.contains(&name) {
                    restored.configurations.push(name.clone());
                }
                all.insert(name, document);
            }
        }
        if let Some(folder) = folder.filter(|_| !all.is_empty()) {
            let text = serde_json::to_vec_pretty(&Value::Object(all))
                .map_err(|err| Error::new(ErrorKind::Internal, "no configuration").with_source(err))?;
            let path = folder.join(CONFIGURATION);
            std::fs::write(&path, text).map_err(|err| trouble::file("write", &path, err))?;
        }
        Ok(merged)
    }

    /// Each name is a file or a folder of that name.
    pub(super) async fn write_names(&self, mut merged: Merged, folder: &Path, restored: &mut Restored) -> Result<()> {
        let mut after = String::new();
        loop {
            let lines;
            (merged, lines) = page(merged, &mut after).await?;
            let Some(lines) = lines else { return Ok(()) };
            for line in lines {
                let Line::Name { name, cid, .. } = line else { continue };
                match Box::pin(self.write_name(folder, &name, &cid)).await {
                    Ok(bytes) => {
                        restored.written += 1;
                        restored.bytes += bytes;
                    }
                    Err(err) => {
                        let shown: String = name.chars().take(200).flat_map(char::escape_debug).collect();
                        restored.troubles.note(format!("{shown}: {}", err.message()));
                    }
                }
            }
        }
    }

    async fn write_name(&self, folder: &Path, name: &str, cid: &str) -> Result<u64> {
        let path = folder.join(relative(name)?);
        let target = self.look_at(&crate::adopt::parsed(cid)?).await?;
        if let Some(above) = path.parent() {
            no_links(folder, above)?;
            std::fs::create_dir_all(above).map_err(|err| trouble::file("make", above, err))?;
        }
        let exported = self.export(&target, &path, &ExportOptions::default()).await?;
        Ok(exported.bytes)
    }
}

/// A name as a path below a folder: what may be a key may be one.
fn relative(name: &str) -> Result<PathBuf> {
    let key = Key::parse(name)?;
    if key.as_str() == CONFIGURATION || key.as_str().contains('\\') {
        return Err(Error::new(ErrorKind::InvalidInput, "a file of that name cannot be written here"));
    }
    Ok(PathBuf::from(key.as_str()))
}

/// What was restored before may be a folder with links in it: nothing is written through one.
fn no_links(folder: &Path, below: &Path) -> Result<()> {
    let mut at = folder.to_owned();
    for part in below.strip_prefix(folder).unwrap_or(Path::new("")).components() {
        at.push(part);
        if std::fs::symlink_metadata(&at).is_ok_and(|it| it.is_symlink()) {
            return Err(Error::new(ErrorKind::InvalidInput, "its folder is a symbolic link"));
        }
    }
    Ok(())
}

/// A folder that is restored to is new, or empty.
pub(super) fn refuse_full(folder: &Path) -> Result<()> {
    match std::fs::read_dir(folder).map(Iterator::count) {
        Ok(0) => Ok(()),
        Ok(_) => Err(Error::new(ErrorKind::AlreadyExists, "the folder to restore to is not empty")),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(err) => Err(trouble::file("look into", folder, err)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for name in ["../x", "/etc/x", "a/../../x", "a//b", "", ".", "a/", "a\nb", "configuration.json", "a\\b"] {
            assert!(relative(name).is_err(), "{name:?}");
        }
        assert_eq!(relative("photos/2026/ä b").unwrap(), PathBuf::from("photos/2026/ä b"));
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/tmp", folder.path().join("out")).unwrap();
        assert!(no_links(folder.path(), &folder.path().join("out")).is_err());
        assert!(no_links(folder.path(), &folder.path().join("in/deep")).is_ok());
        assert_eq!(refuse_full(folder.path()).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert!(refuse_full(&folder.path().join("new")).is_ok());
    }
}
