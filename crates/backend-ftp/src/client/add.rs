//! Storing: sent under a name of its own, looked at, and renamed. It is there whole, or not at all.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use backend_core::{
    Checkpoint, Content, Digest, DigestKind, Error, ErrorKind, Evidence, Locator, Metadata, Progress, Result,
    ResumeToken,
};
use bytes::Bytes;

use super::Store;
use super::control::{Control, Seen};
use super::pool::{Lease, Pool, is_gone};
use super::send::{Source, in_pieces, stream_all};
use super::token::Upload;
use crate::error::lie;

/// How often a name is tried whose folders somebody removes at the same moment.
const MAX_ATTEMPTS: usize = 4;

/// The code of SHA-256 in a CID (multicodec table).
const SHA2_256: u64 = 0x12;

/// What to do with the content.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) at: Locator,
    pub(crate) resume: Option<ResumeToken>,
    pub(crate) checkpoint: Option<Arc<dyn Checkpoint>>,
    pub(crate) progress: Progress,
}

/// A file without a name yet. Dropped, it is remembered to be removed, unless its token lets somebody go on with it.
struct Temp {
    pool: Arc<Pool>,
    path: String,
    is_kept: bool,
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.is_kept {
            self.pool.give_up(std::mem::take(&mut self.path));
        }
    }
}

impl Store {
    pub(crate) async fn add(&self, content: &Content, order: Order) -> Result<Metadata> {
        let path = self.names.path_of(&order.at)?;
        let (upload, places) = Upload::begin(content, &path, order.resume.as_ref())?;
        let _turn = self.pool.turn_to_add().await?;
        self.prepare(&path).await?;
        let mut temp = Temp { pool: self.pool.clone(), path: upload.temp.clone(), is_kept: order.checkpoint.is_some() };
        if let Some(checkpoint) = &order.checkpoint {
            checkpoint.save(&upload.token()?, Some(&order.at), 0).await?;
        }
        let mut lease = self.pool.lease().await?;
        let proved = match places.is_empty() {
            true => 0,
            false => lease.control().take_over(content, &upload, &places).await?,
        };
        let sent = self.send(lease, content, (&upload.temp, proved), &order.progress).await;
        let mut lease = match sent {
            Ok(sent) => sent,
            Err(err) => return Err(self.clear(temp, err).await),
        };
        let digest = named(content);
        let evidence = match lease.control().check(content, &upload.temp, digest).await {
            Ok(evidence) => evidence,
            // Where a token tells of it, somebody may go on: what is right of it is found by reading it back.
            Err(err) => {
                lease.done();
                return Err(self.clear(temp, err).await);
            }
        };
        lease.control().publish(&upload.temp, &path).await?;
        temp.is_kept = true;
        lease.done();
        let mut meta = Metadata::new(order.at, evidence);
        meta.size = Some(content.len());
        if let (Evidence::Attested, Some(value)) = (evidence, digest) {
            let value = Bytes::copy_from_slice(&value);
            meta.digests.push(Digest { kind: DigestKind::Sha256, value });
        }
        Ok(meta)
    }

    /// All that can be refused is refused before the source is opened. What others left is removed by the way.
    async fn prepare(&self, path: &str) -> Result<()> {
        let mut lease = self.pool.lease().await?;
        for orphan in self.pool.given_up() {
            lease.control().delete(&orphan).await?;
        }
        if !self.pool.has_temps.load(Ordering::Relaxed) {
            lease.control().make_temps().await?;
            self.pool.has_temps.store(true, Ordering::Relaxed);
        }
        let checked = lease.control().check_free(path).await;
        lease.done();
        checked
    }

    /// Removes what nobody can go on with. When that fails too it is tried again by a later add.
    async fn clear(&self, mut temp: Temp, err: Error) -> Error {
        self.pool.has_temps.store(false, Ordering::Relaxed);
        if temp.is_kept || is_gone(&err) {
            return err;
        }
        if let Ok(mut lease) = self.pool.lease().await
            && lease.control().delete(&temp.path).await.is_ok()
        {
            temp.is_kept = true;
            lease.done();
        }
        err
    }

    /// From byte `proved` on. Answers a connection to go on with.
    async fn send(
        &self,
        mut lease: Lease,
        content: &Content,
        (temp, proved): (&str, u64),
        progress: &Progress,
    ) -> Result<Lease> {
        if proved == content.len() && proved != 0 {
            return Ok(lease);
        }
        if self.pool.is_single() {
            lease.done();
            let mut source = Source::open(content, proved).await?;
            in_pieces(&self.pool, temp, &mut source, progress).await?;
            return self.pool.lease().await;
        }
        let mut source = Source::open(content, proved).await?;
        stream_all(&mut lease, temp, &mut source, progress).await?;
        Ok(lease)
    }
}

/// The SHA-256 by which content is named: that of the whole, or the CID of the one block that it is. What is only hashed on the way would show that the
/// server has what the source gave, and not that this is the content.
fn named(content: &Content) -> Option<[u8; 32]> {
    if let Some(known) = content.digest(DigestKind::Sha256) {
        return known.as_ref().try_into().ok();
    }
    let cid = content.cid();
    let is_whole = cid.codec() == ipld::address::RAW && cid.hash().code() == SHA2_256;
    if is_whole { cid.hash().digest().try_into().ok() } else { None }
}

impl Control {
    /// Whether the server has what was sent: by its length, and by its digest where it computes one.
    async fn check(&mut self, content: &Content, temp: &str, digest: Option<[u8; 32]>) -> Result<Evidence> {
        match self.size(temp).await? {
            Some(size) if size == content.len() => {}
            Some(size) => return Err(lie(format!("{} bytes were sent, the server has {size}", content.len()))),
            None => return Err(lie("what was sent is not on the server")),
        }
        let Some(wanted) = digest else { return Ok(Evidence::Acknowledged) };
        match self.sha256(temp).await? {
            Some(found) if found == wanted => Ok(Evidence::Attested),
            Some(_) => Err(lie("the server has other bytes than were sent, by its own digest")),
            None => Ok(Evidence::Acknowledged),
        }
    }

    /// Gives the file its name. Where the server does not rename over a file, that one is removed first, and for a moment nothing is there.
    async fn publish(&mut self, temp: &str, path: &str) -> Result<()> {
        let mut last = None;
        for n_before in 0..MAX_ATTEMPTS {
            // The folder is there as a rule, and looking at it is dear: some servers read all of it before they enter it.
            if 0 < n_before {
                self.make_parents(path).await?;
            }
            let Err(refusal) = self.rename(temp, path).await? else { return Ok(()) };
            match self.look(path).await? {
                Seen::Folder => return Err(Error::new(ErrorKind::AlreadyExists, "a folder came to stand there")),
                Seen::File { .. } if self.size(temp).await?.is_some() => self.delete(path).await?,
                Seen::File { .. } | Seen::Absent => {}
            }
            last = Some(refusal.error("rename what was sent"));
        }
        Err(last.unwrap_or_else(|| lie("what was sent could not be renamed")))
    }
}
