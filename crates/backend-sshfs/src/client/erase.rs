//! Removing content, and the folders above it that are empty then.

use backend_core::{Locator, Removal, Result};
use backend_folders::Target;

use super::Store;
use super::look::{Seen, look};
use super::name;
use super::pool::Use;
use super::session::Session;
use super::wire::{Field, kind};
use crate::error::{Code, failed, unsure};

impl Store {
    pub(crate) async fn remove(&self, at: &Locator) -> Result<Removal> {
        let target = name::target(at)?;
        let mut lease = self.pool.lend(Use::Short).await?;
        let Seen::Content(_) = look(&mut lease, &self.root, &target).await? else { return Ok(Removal::Absent) };
        lease.is_decisive = true;
        let removed = self.removed(&mut lease, &target).await;
        lease.is_decisive = false;
        removed
    }

    async fn removed(&self, session: &mut Session, target: &Target) -> Result<Removal> {
        let path = self.root.path(target.as_str());
        match session.status(kind::REMOVE, &[Field::Text(&path)]).await.map_err(unsure)? {
            Code::OK => {}
            // Somebody else was faster.
            Code::NO_SUCH_FILE => return Ok(Removal::Absent),
            code => return Err(failed("remove the file", code)),
        }
        let parent = target.parent();
        let ends = parent.match_indices('/').map(|(at, _)| at).chain([parent.len()]).filter(|it| 0 < *it);
        // The deepest first, in one flight: what is not empty stays, and with it what is above.
        for end in ends.collect::<Vec<_>>().into_iter().rev() {
            session.ask(kind::RMDIR, &[Field::Text(&self.root.path(parent.get(..end).unwrap_or(parent)))]);
        }
        // The content is gone, whatever becomes of the folders.
        let _ = session.drain().await;
        Ok(Removal::Erased)
    }
}
