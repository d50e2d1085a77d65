//! Reading: from any byte on, left where the range ends.

use std::ops::Range;
use std::sync::Arc;

use backend_core::{ByteRange, ByteStream, Error, ErrorKind, Evidence, Fetched, GetOptions, Locator, Metadata, Result};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use tokio::sync::OwnedSemaphorePermit;

use super::control::{Control, Seen};
use super::data::{Transfer, Wish, frame};
use super::pool::{Lease, Pool};
use super::{Store, absent};
use crate::error::{Reply, broken, failed, lie};

/// What is read at once where there is but one connection.
const PIECE: u64 = 4 << 20;

/// A body under way.
struct Body {
    pool: Arc<Pool>,
    path: String,
    rest: Range<u64>,
    size: u64,
    open: Option<Open>,
    _turn: OwnedSemaphorePermit,
}

struct Open {
    lease: Lease,
    transfer: Transfer,
}

impl Store {
    pub(crate) async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        let path = self.names.path_of(at)?;
        let turn = self.pool.turn_to_read().await?;
        let mut lease = self.pool.lease().await?;
        let Seen::File { size, .. } = lease.control().look(&path).await? else {
            let err = absent(lease.control()).await;
            lease.done();
            return Err(err);
        };
        let range = match opts.range.unwrap_or(ByteRange::From(0)).within(size) {
            Ok(range) => range,
            Err(err) => {
                lease.done();
                return Err(err);
            }
        };
        let mut meta = Metadata::new(at.clone(), Evidence::Acknowledged);
        meta.size = Some(size);
        let mut body = Body { pool: self.pool.clone(), path, rest: range.clone(), size, open: None, _turn: turn };
        match self.pool.is_single() {
            true => lease.done(),
            false => body.begin(lease).await?,
        }
        let body: ByteStream = stream::try_unfold(body, Body::next).boxed();
        Ok(Fetched { meta, range, body })
    }
}

impl Body {
    async fn begin(&mut self, mut lease: Lease) -> Result<()> {
        if self.rest.is_empty() {
            lease.done();
            return Ok(());
        }
        let opened = lease.control().transfer(Wish::Fetch(&self.path, self.rest.start)).await?;
        match opened {
            Ok(transfer) => {
                self.open = Some(Open { lease, transfer });
                Ok(())
            }
            Err(refusal) => {
                let err = not_opened(lease.control(), &self.path, &refusal).await?;
                lease.done();
                Err(err)
            }
        }
    }

    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        if self.pool.is_single() {
            let piece = self.piece().await?;
            return Ok(Some((piece, self)));
        }
        let Some(mut open) = self.open.take() else { return Err(lie("a body has no connection")) };
        let bytes = self.read(&mut open, self.rest.end - self.rest.start).await?;
        match self.rest.is_empty() {
            true => self.close(open).await?,
            false => self.open = Some(open),
        }
        Ok(Some((bytes, self)))
    }

    /// One frame. An end before the range's end is an error, whatever the server then says.
    async fn read(&mut self, open: &mut Open, most: u64) -> Result<Bytes> {
        match frame(&mut open.transfer, most).await {
            Ok(bytes) if bytes.is_empty() => {
                let reason = open.lease.control().reason("read", std::io::ErrorKind::UnexpectedEof.into()).await;
                Err(match reason.kind() {
                    ErrorKind::Internal => {
                        lie(format!("the content ends {} bytes early", self.rest.end - self.rest.start))
                    }
                    _ => reason,
                })
            }
            Ok(bytes) => {
                self.rest.start += bytes.len() as u64;
                Ok(bytes)
            }
            Err(err) => Err(open.lease.control().reason("read", err).await),
        }
    }

    /// With the one connection: it is held for a piece, and given back before anybody looks at the bytes.
    async fn piece(&mut self) -> Result<Bytes> {
        let lease = self.pool.lease().await?;
        self.begin(lease).await?;
        let Some(mut open) = self.open.take() else { return Err(lie("a body has no connection")) };
        let end = self.rest.end.min(self.rest.start.saturating_add(PIECE));
        let mut piece = bytes::BytesMut::new();
        while self.rest.start < end {
            let bytes = self.read(&mut open, end - self.rest.start).await?;
            piece.extend_from_slice(&bytes);
        }
        self.close(open).await?;
        Ok(piece.freeze())
    }

    /// At the content's end the server has to say that it was all; before it, it may say what it likes.
    async fn close(&self, open: Open) -> Result<()> {
        let Open { mut lease, mut transfer } = open;
        if self.rest.start < self.size {
            drop(transfer);
            // Over TLS a session that was cut off cannot be resumed everywhere; and a server that is out of step is left.
            if !lease.control().is_secure && lease.control().settle().await.is_ok() {
                lease.done();
            }
            return Ok(());
        }
        match frame(&mut transfer, 1).await {
            Ok(more) if more.is_empty() => {}
            Ok(_) => return Err(lie("the server sends more bytes than it said")),
            // The last word of TLS is missing: all bytes are there, and the answer follows.
            Err(err) if err.kind() == std::io::ErrorKind::UnexpectedEof => {}
            Err(err) => return Err(broken("read", err)),
        }
        transfer.finish().await.map_err(|err| failed("read", err))?;
        lease.done();
        Ok(())
    }
}

/// The server showed the name, and does not open it: it is gone meanwhile, or it may not be read.
async fn not_opened(control: &mut Control, path: &str, refusal: &Reply) -> Result<Error> {
    if refusal.code != 550 {
        return Ok(refusal.error("read"));
    }
    Ok(match control.look(path).await? {
        Seen::File { .. } => refusal.error("read"),
        Seen::Folder | Seen::Absent => absent(control).await,
    })
}
