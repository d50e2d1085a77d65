//! The moment in which a copy gets its name.

use backend_core::{Condition, Error, ErrorKind, Result};
use backend_folders::Target;

use super::add::Order;
use super::look::{Seen, look};
use super::session::Session;
use super::temp::Temp;
use super::wire::{Field, kind};
use super::{Store, folders};
use crate::error::{Code, unsure};

/// How often folders that vanish, or another writer that is faster, are met before it is given up.
const ROUNDS: usize = 16;

impl Store {
    /// # Errors
    /// With an unknown effect if the connection is lost before the answer; `AlreadyExists` by the condition.
    pub(crate) async fn place(&self, session: &mut Session, temp: &Temp, order: &Order) -> Result<()> {
        session.is_decisive = true;
        let placed = self.placed(session, temp, order).await;
        session.is_decisive = false;
        placed
    }

    async fn placed(&self, session: &mut Session, temp: &Temp, order: &Order) -> Result<()> {
        let (from, to) = (self.root.path(&temp.path()), self.root.path(order.target.as_str()));
        for _ in 0..ROUNDS {
            let code = self.named(session, &from, &to, order).await.map_err(unsure)?;
            match code {
                Code::OK => return Ok(()),
                Code::NO_SUCH_FILE => folders::make(session, &self.root, order.target.parent()).await?,
                code => match look(session, &self.root, &order.target).await? {
                    Seen::Content(_) if order.condition == Condition::IfAbsent => {
                        return Err(Error::new(ErrorKind::AlreadyExists, "something is there already"));
                    }
                    Seen::Content(_) if !session.features.posix_rename => {
                        self.replace(session, &from, &to, &order.target).await?;
                        return Ok(());
                    }
                    // Another writer puts it aside at this moment, to place its own.
                    Seen::Absent if !session.features.posix_rename && code == Code::FAILURE => {}
                    Seen::Folder => return Err(Error::new(ErrorKind::AlreadyExists, "a folder stands there")),
                    _ => return Err(folders::explain(session, &self.root, "give the copy its name", code).await),
                },
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "others are faster: the copy does not get its name"))
    }

    /// Draft-02's own rename does not replace (section 6.5); a link never does, and its first name is then taken away.
    async fn named(&self, session: &mut Session, from: &[u8], to: &[u8], order: &Order) -> Result<Code> {
        let names = [Field::Text(from), Field::Text(to)];
        match (&order.condition, session.features.posix_rename) {
            (Condition::IfAbsent, _) => {
                let linked = [&[Field::Text(b"hardlink@openssh.com")], &names[..]].concat();
                let code = session.status(kind::EXTENDED, &linked).await?;
                if code == Code::OK {
                    // The content has its name. A first name that stays behind is swept some day.
                    session.status(kind::REMOVE, &names[..1]).await?;
                }
                Ok(code)
            }
            (_, true) => {
                let renamed = [&[Field::Text(b"posix-rename@openssh.com")], &names[..]].concat();
                session.status(kind::EXTENDED, &renamed).await
            }
            (_, false) => session.status(kind::RENAME, &names).await,
        }
    }

    /// On a server that cannot replace: what is there is put aside, and back if the copy cannot be placed.
    async fn replace(&self, session: &mut Session, from: &[u8], to: &[u8], target: &Target) -> Result<()> {
        for _ in 0..ROUNDS {
            // A new name each time: a server that renames by a link may leave the one behind that lost a race.
            let aside = self.root.path(&Temp::new()?.path());
            let moved = session.status(kind::RENAME, &[Field::Text(to), Field::Text(&aside)]).await.map_err(unsure)?;
            let named = session.status(kind::RENAME, &[Field::Text(from), Field::Text(to)]).await.map_err(unsure)?;
            let is_aside = moved == Code::OK;
            if named == Code::OK {
                if is_aside {
                    session.status(kind::REMOVE, &[Field::Text(&aside)]).await.map_err(unsure)?;
                }
                return Ok(());
            }
            let there = look(session, &self.root, target).await?;
            if is_aside {
                // Another writer placed its own meanwhile: then what was put aside is older than that, and over. To put it back in its way would only keep
                // both of us from ending.
                let back = match there {
                    Seen::Absent => {
                        session.status(kind::RENAME, &[Field::Text(&aside), Field::Text(to)]).await.map_err(unsure)?
                    }
                    _ => Code::FAILURE,
                };
                if back != Code::OK {
                    session.status(kind::REMOVE, &[Field::Text(&aside)]).await.map_err(unsure)?;
                }
            }
            if matches!(there, Seen::Folder | Seen::Other | Seen::Blocked(_)) {
                break;
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "others are faster: the copy does not get its name"))
    }
}
