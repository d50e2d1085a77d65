//! An add: look, write under a temporary name, and give it its own.

use backend_core::{Condition, Content, Error, ErrorKind, Evidence, Locator, Mend, Metadata, Result, Write};
use backend_folders::Target;
use bytes::Bytes;

use super::look::{Seen, describe, look};
use super::pool::{Lease, Use};
use super::send::Sending;
use super::session::Session;
use super::temp::{Temp, Token, open};
use super::verify::prefix;
use super::wire::{Attrs, Field, Reply, What, flag, kind};
use super::{Store, folders};
use crate::error::{Code, failed};

/// What an add is to do.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) at: Locator,
    pub(crate) target: Target,
    pub(crate) condition: Condition,
    pub(crate) write: Write,
    /// What is wrong with what stands there.
    pub(crate) mend: Option<Mend>,
}

impl Order {
    /// Whether what stands there allows this add, and whether it is known to have been there.
    fn check(&self, seen: &Seen, len: u64) -> Result<Option<bool>> {
        let refused = |kind: ErrorKind, why: &str| Err(Error::new(kind, why));
        match seen {
            Seen::Folder => refused(ErrorKind::AlreadyExists, "a folder stands there"),
            Seen::Other => refused(ErrorKind::InvalidInput, "what stands there is no file"),
            Seen::Blocked(why) => refused(ErrorKind::InvalidInput, why),
            Seen::Content(_) if self.condition == Condition::IfAbsent => {
                refused(ErrorKind::AlreadyExists, "something is there already")
            }
            Seen::Content(attrs) if attrs.size == Some(len) => Ok(self.target.is_hashed().then_some(true)),
            Seen::Content(_) | Seen::Absent => Ok(Some(false)),
        }
    }

    /// Tells the checkpoint where the copy is, and how much of it the server has.
    pub(crate) async fn save(&self, content: &Content, temp: &Temp, sent: u64) -> Result<()> {
        let Some(checkpoint) = &self.write.checkpoint else { return Ok(()) };
        let token = Token::new(&self.target, content, temp).encode()?;
        checkpoint.save(&token, Some(&self.at), sent).await
    }

    /// Whether what was sent is of use to a later add.
    fn keeps(&self, err: &Error) -> bool {
        let is_over = matches!(
            err.kind(),
            ErrorKind::AlreadyExists | ErrorKind::SourceChanged | ErrorKind::Integrity | ErrorKind::InvalidInput
        );
        self.write.checkpoint.is_some() && !is_over
    }
}

impl Store {
    pub(crate) async fn add(&self, content: &Content, order: Order) -> Result<Metadata> {
        let token = order.write.resume.as_ref().map(|it| Token::read(it, &order.target, content)).transpose()?;
        let mut lease = self.pool.lend(Use::Write).await?;
        let existed = order.check(&look(&mut lease, &self.root, &order.target).await?, content.len())?;
        self.sweep_once(&mut lease).await?;
        let temp = Temp::new()?;
        let from = match token {
            Some(token) => self.claim(&mut lease, &token.temp(), &temp, content).await?,
            None => None,
        };
        order.save(content, &temp, from.unwrap_or(0)).await?;
        let attrs = self.write(&mut lease, content, &order, &temp, from).await?;
        let mut meta = describe(order.at, &attrs, Evidence::Acknowledged);
        meta.existed = existed;
        Ok(meta)
    }

    /// Takes over what an earlier add has sent, under another name, so that no two ever write one file. Answers how much of it is right: what the
    /// server says is read again and held against the content's own hashes.
    async fn claim(&self, lease: &mut Lease, old: &Temp, new: &Temp, content: &Content) -> Result<Option<u64>> {
        let (old, new) = (self.root.path(&old.path()), self.root.path(&new.path()));
        if lease.status(kind::RENAME, &[Field::Text(&old), Field::Text(&new)]).await? != Code::OK {
            return Ok(None);
        }
        let handle = open(lease, &new, flag::READ).await?.map_err(|code| failed("read what was sent", code))?;
        let attrs = match lease.call(kind::FSTAT, &[Field::Text(&handle)]).await? {
            Reply::Attrs(attrs) => attrs,
            _ => Attrs::default(),
        };
        // Longer than the content: nobody of ours wrote that.
        let certain = match attrs.size.filter(|it| *it <= content.len() && attrs.what() != What::Other) {
            Some(size) => Some(prefix(lease, handle.clone(), content, size).await?),
            None => None,
        };
        lease.close(&handle).await?;
        if certain.is_none() {
            lease.status(kind::REMOVE, &[Field::Text(&new)]).await?;
        }
        Ok(certain)
    }

    /// Writes the copy and places it. When that fails the copy is removed, unless a later add may go on with it.
    async fn write(
        &self,
        lease: &mut Lease,
        content: &Content,
        order: &Order,
        temp: &Temp,
        from: Option<u64>,
    ) -> Result<Attrs> {
        let handle = self.opened(lease, temp, from.is_some()).await?;
        let from = from.unwrap_or(0);
        order.write.progress.moved(from);
        let sending = Sending { content, order, temp, root: &self.root, pool: &self.pool };
        let sent = sending.fill(lease, &handle, from).await;
        let is_open = sent.is_err();
        let placed = match sent {
            Ok(attrs) => self.place(lease, temp, order).await.map(|()| attrs),
            Err(err) => Err(err),
        };
        match placed {
            Ok(attrs) => Ok(attrs),
            Err(err) => {
                // What is left behind when this fails too is swept later; the error that counts is the first.
                let _ = self.give_up(lease, is_open.then_some(&handle), temp, order.keeps(&err)).await;
                Err(err)
            }
        }
    }

    async fn opened(&self, session: &mut Session, temp: &Temp, is_there: bool) -> Result<Bytes> {
        let path = self.root.path(&temp.path());
        let flags = match is_there {
            true => flag::WRITE,
            false => flag::WRITE | flag::CREATE | flag::EXCLUSIVE,
        };
        let opened = match open(session, &path, flags).await? {
            Err(Code::NO_SUCH_FILE) => {
                folders::make(session, &self.root, super::name::TEMPS).await?;
                open(session, &path, flags).await?
            }
            other => other,
        };
        match opened {
            Ok(handle) => Ok(handle),
            Err(code) => Err(folders::explain(session, &self.root, "write the copy", code).await),
        }
    }

    async fn give_up(&self, lease: &mut Lease, handle: Option<&Bytes>, temp: &Temp, keep: bool) -> Result<()> {
        if !lease.is_whole() {
            return Ok(());
        }
        lease.drain().await?;
        if let Some(handle) = handle {
            lease.close(handle).await?;
        }
        if !keep {
            lease.status(kind::REMOVE, &[Field::Text(&self.root.path(&temp.path()))]).await?;
        }
        Ok(())
    }
}
