//! The folders above a name: looked at before the source is opened, made right before the name appears.

use backend_core::{Error, ErrorKind, Result};
use backend_folders::parent;

use super::control::{Control, Seen};
use super::name::TEMPS;

impl Control {
    /// Whether content may appear under `path`: neither is it a folder, nor is a file where a folder above it would be.
    ///
    /// # Errors
    /// `InvalidInput` if it may not.
    pub(crate) async fn check_free(&mut self, path: &str) -> Result<()> {
        if self.look(path).await? == Seen::Folder {
            return Err(Error::new(ErrorKind::InvalidInput, "a folder stands there"));
        }
        let mut above = parent(path);
        while !above.is_empty() {
            match self.look(above).await? {
                Seen::Folder => return Ok(()),
                Seen::File { .. } => {
                    return Err(Error::new(ErrorKind::InvalidInput, "a file stands where a folder would be"));
                }
                Seen::Absent => above = parent(above),
            }
        }
        Ok(())
    }

    /// Makes the folders above `path`, from the lowest that is there on. 521 and 550 are said of what is there already.
    ///
    /// # Errors
    /// What the server says, when the last one is not there in the end.
    pub(crate) async fn make_parents(&mut self, path: &str) -> Result<()> {
        let folder = parent(path);
        if folder.is_empty() || self.ask_of("CWD", folder).await?.is_good() {
            return Ok(());
        }
        let ends = folder.match_indices('/').map(|(at, _)| at).chain([folder.len()]);
        let mut last = None;
        for end in ends {
            last = Some(self.ask_of("MKD", &folder[..end]).await?);
        }
        match (self.ask_of("CWD", folder).await?.is_good(), last) {
            (false, Some(reply)) => Err(reply.error("make a folder")),
            _ => Ok(()),
        }
    }

    /// The folder of unfinished uploads.
    pub(crate) async fn make_temps(&mut self) -> Result<()> {
        self.make_parents(&format!("{TEMPS}/x")).await
    }

    /// Removes folders above `path` that have become empty. One that is not is refused by the server: there it ends.
    pub(crate) async fn sweep_parents(&mut self, path: &str) -> Result<()> {
        let mut folder = parent(path);
        while !folder.is_empty() && self.ask_of("RMD", folder).await?.is_good() {
            folder = parent(folder);
        }
        Ok(())
    }
}
