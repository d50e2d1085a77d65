//! Services that keep names as paths of files, as a probe has seen: a name below a stored name, or above one, is refused before its content is opened.

use std::sync::PoisonError;

use backend_core::{Error, ErrorKind, Result};

use super::Client;
use super::list::{Ask, Line, Mark};
use super::object::HEAD;
use crate::error::refused;
use crate::failure::Failure;

/// What stands under a name of a file system.
enum Place {
    Object,
    /// There are names below it.
    Folder,
    Nothing,
}

impl Client {
    /// Refuses a name that a service of paths cannot keep beside what is there. It is a look: who stores at the same moment is not seen.
    ///
    /// # Errors
    /// `InvalidInput` for such a name; what the service answers.
    pub(crate) async fn room(&self, key: &str) -> Result<()> {
        if !self.learnt.paths {
            return Ok(());
        }
        match self.stands(key).await? {
            // What is above it are folders.
            Place::Object => return Ok(()),
            Place::Folder => return Err(refused("other names lie below this one, and here names are paths of files")),
            Place::Nothing => {}
        }
        let Some((parent, _)) = key.rsplit_once('/') else { return Ok(()) };
        if self.folder.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(parent) {
            return Ok(());
        }
        for (end, _) in key.rmatch_indices('/') {
            let Some(above) = key.get(..end) else { continue };
            match self.stands_above(above).await? {
                Place::Object => {
                    return Err(refused("it lies below a name that is stored, and here names are paths of files"));
                }
                Place::Folder if above == parent => {
                    *self.folder.lock().unwrap_or_else(PoisonError::into_inner) = Some(parent.to_owned());
                    return Ok(());
                }
                Place::Folder => return Ok(()),
                Place::Nothing => {}
            }
        }
        Ok(())
    }

    async fn stands(&self, key: &str) -> Result<Place> {
        let failed = match self.asked(key, None).await {
            Ok(_) => return Ok(Place::Object),
            Err(failed) => failed,
        };
        let is_absent = failed.is(ErrorKind::NotFound);
        match self.learnt.folder_fails {
            true if is_absent => Ok(Place::Nothing),
            true if is_fault(&failed) && self.first(key).await?.is_none_or(|first| first != key) => Ok(Place::Folder),
            false if is_absent => self.is_folder(key).await,
            _ => Err(failed.into()),
        }
    }

    /// Likewise, where a fault that is none yet will be one soon: no listing is spent on it.
    async fn stands_above(&self, key: &str) -> Result<Place> {
        match self.asked(key, None).await {
            Ok(_) => Ok(Place::Object),
            Err(failed) if self.learnt.folder_fails && is_fault(&failed) => Ok(Place::Folder),
            Err(failed) if failed.is(ErrorKind::NotFound) && self.learnt.folder_fails => Ok(Place::Nothing),
            Err(failed) if failed.is(ErrorKind::NotFound) => self.is_folder(key).await,
            Err(failed) => Err(failed.into()),
        }
    }

    async fn is_folder(&self, key: &str) -> Result<Place> {
        match self.first(&format!("{key}/")).await? {
            Some(_) => Ok(Place::Folder),
            None => Ok(Place::Nothing),
        }
    }

    /// What a failed look at a name means. A fault of a service that has shown to fail over folders is one only if the name is listed.
    pub(super) async fn judged(&self, key: &str, failed: Failure) -> Error {
        if !(self.learnt.folder_fails && is_fault(&failed)) {
            return failed.into();
        }
        match self.first(key).await {
            Ok(first) if first.as_deref() != Some(key) => {
                Error::new(ErrorKind::NotFound, format!("{}: nothing is stored under this name", HEAD.what))
            }
            // The first failure is the one to tell.
            _ => failed.into(),
        }
    }

    /// The first full key that begins with `prefix`: `prefix` itself, if it is there.
    async fn first(&self, prefix: &str) -> Result<Option<String>> {
        let ask = Ask { prefix: prefix.to_owned(), shallow: false, versions: false, most: Some(1) };
        let page = self.page(&ask, &Mark::default()).await?;
        Ok(page.lines.first().map(Line::key).map(str::to_owned))
    }
}

/// The service says that it failed, and not that it is busy.
pub(super) fn is_fault(failed: &Failure) -> bool {
    failed.is(ErrorKind::Unavailable) && failed.status.is_some_and(|status| 500 <= status)
}
