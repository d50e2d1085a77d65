//! Sending: from the source to a file without a name, all at once, or a piece at a time where there is but one connection.

use std::sync::Arc;

use backend_core::{ByteStream, Content, Progress, Result};
use bytes::Bytes;
use futures::{StreamExt, TryFutureExt, future, stream};
use tokio::io::AsyncWriteExt;

use super::control::Control;
use super::data::Wish;
use super::pool::{Lease, Pool};
use crate::error::{changed, failed};

/// What is held in memory, and sent while the one connection is held.
const PIECE: usize = 4 << 20;

/// A source on its way: what was read of it is counted.
pub(crate) struct Source {
    frames: ByteStream,
    at: u64,
    len: u64,
}

impl Source {
    /// Opens `content` at `from`.
    pub(crate) async fn open(content: &Content, from: u64) -> Result<Self> {
        let frames = content.open(from..content.len()).await?;
        Ok(Self { frames, at: from, len: content.len() })
    }

    /// The next frame, `None` behind the last.
    ///
    /// # Errors
    /// The source's own; `SourceChanged` when it has more or fewer bytes than its content.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let Some(frame) = self.frames.next().await.transpose()? else {
            return if self.at == self.len { Ok(None) } else { Err(changed()) };
        };
        self.at += frame.len() as u64;
        if self.len < self.at {
            return Err(changed());
        }
        Ok(Some(frame))
    }

    /// Frames of a piece, and whether it is the last one.
    async fn piece(&mut self) -> Result<(Vec<Bytes>, bool)> {
        let (mut frames, mut held) = (Vec::new(), 0);
        while held < PIECE {
            match self.next().await? {
                Some(frame) => {
                    held += frame.len();
                    frames.push(frame);
                }
                None => return Ok((frames, true)),
            }
        }
        Ok((frames, false))
    }
}

/// Sends all of `source` to `temp` through the connection that is held.
pub(crate) async fn stream_all(lease: &mut Lease, temp: &str, source: &mut Source, progress: &Progress) -> Result<()> {
    let from = source.at;
    lease.control().store(temp, from, source, progress).await
}

/// Sends `source` in pieces. The connection is held only while one is sent, so that it may come from the same server.
pub(crate) async fn in_pieces(pool: &Arc<Pool>, temp: &str, source: &mut Source, progress: &Progress) -> Result<()> {
    loop {
        let from = source.at;
        let (frames, is_last) = source.piece().await?;
        let len = frames.iter().map(|frame| frame.len() as u64).sum::<u64>();
        let frames = stream::iter(frames.into_iter().map(Ok)).boxed();
        let mut piece = Source { frames, at: from, len: from + len };
        if len != 0 || from == 0 {
            let mut lease = pool.lease().await?;
            lease.control().store(temp, from, &mut piece, progress).await?;
            lease.done();
        }
        if is_last {
            return Ok(());
        }
    }
}

impl Control {
    /// One `STOR`, from `from` on. When the source fails, what it has given stays on the server, and the connection stays of use.
    async fn store(&mut self, temp: &str, from: u64, source: &mut Source, progress: &Progress) -> Result<()> {
        let mut transfer = match self.transfer(Wish::Store(temp, from)).await? {
            Ok(transfer) => transfer,
            // The folder is made by the first upload that misses it.
            Err(refusal) if matches!(refusal.code, 550 | 553) => {
                self.make_temps().await?;
                self.transfer(Wish::Store(temp, from)).await?.map_err(|reply| reply.error("store"))?
            }
            Err(refusal) => return Err(refusal.error("store")),
        };
        let mut next = source.next().await;
        while let Ok(Some(frame)) = next {
            // The next one is read while this one is taken, so that neither waits for the other.
            let sent = transfer.write_all(&frame).inspect_ok(|()| progress.moved(frame.len() as u64));
            let (sent, ahead) = future::join(sent, source.next()).await;
            if let Err(err) = sent {
                return Err(self.reason("store", err).await);
            }
            next = ahead;
        }
        let failure = next.err();
        // Only the answer says that it is stored: 426 and 451 come behind the last byte too.
        let answer = transfer.finish().await.map_err(|err| failed("store", err));
        progress.alive();
        match failure {
            Some(err) => Err(err),
            None => answer,
        }
    }
}
