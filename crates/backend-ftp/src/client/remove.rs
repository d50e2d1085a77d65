//! Removing.

use backend_core::{Locator, Removal, Result};

use super::control::Seen;
use super::{Store, absent};

impl Store {
    /// 550 is said of what is not there, of folders, and of what may not be removed: so it is looked at first.
    pub(crate) async fn remove(&self, at: &Locator) -> Result<Removal> {
        let path = self.names.path_of(at)?;
        let mut lease = self.pool.lease().await?;
        let control = lease.control();
        let answer = match control.look(&path).await? {
            Seen::Folder | Seen::Absent => match absent(control).await {
                err if err.kind() == backend_core::ErrorKind::NotFound => Ok(Removal::Absent),
                err => Err(err),
            },
            Seen::File { .. } => {
                let reply = control.ask_of("DELE", &path).await.map_err(crate::error::unsure)?;
                match reply.is_good() {
                    true => {
                        control.sweep_parents(&path).await?;
                        Ok(Removal::Erased)
                    }
                    // Somebody else was faster.
                    false if control.look(&path).await? == Seen::Absent => Ok(Removal::Absent),
                    false => Err(reply.error("remove")),
                }
            }
        };
        lease.done();
        answer
    }
}
