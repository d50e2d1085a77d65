//! A copy that is wrong in parts: what is good in it is copied by the server (`copy-data`, OpenSSH's PROTOCOL, section 4.10, since 9.0), and the rest is sent.
//! Until the new file has the name, the old one has it.

use std::ops::Range;

use backend_core::{ErrorKind, Progress, Result, Run};
use bytes::Bytes;
use futures::future;
use tokio::sync::watch;

use super::add::Order;
use super::send::Sending;
use super::session::Session;
use super::temp::open;
use super::wire::{Attrs, Field, Reply, flag, kind};
use super::{folders, look};
use crate::error::Code;

/// Bytes that the server copies at a time, so that it is heard now and then.
const PIECE: u64 = 32 << 20;

/// What stands there, open for reading.
struct There {
    handle: Bytes,
    len: u64,
}

impl Sending<'_> {
    /// Fills the copy with everything from `from` on, and closes it: with what is good of what stands there, if that may be kept.
    /// After this the server has it, on its disk if it can promise that.
    pub(crate) async fn fill(&self, session: &mut Session, handle: &Bytes, from: u64) -> Result<Attrs> {
        let link = session.slot().filter(|_| self.is_synced(session)).map(|it| it.0.clone());
        let (tell, certain) = watch::channel(from);
        let filled = async {
            self.filled(session, handle, from, tell).await?;
            self.close(session, handle).await
        };
        match future::join(filled, self.follow(link, certain)).await {
            (Ok(_), Some(code)) => Err(folders::explain(session, self.root, "finish the copy", code).await),
            (filled, _) => filled,
        }
    }

    async fn filled(&self, session: &mut Session, handle: &Bytes, from: u64, tell: watch::Sender<u64>) -> Result<()> {
        let there = match from == 0 && keeps(self.order) && session.features.copy_data {
            true => self.there(session).await?,
            false => None,
        };
        let Some(there) = there else {
            return self.stretch(session, handle, from..self.content.len(), &tell).await;
        };
        let mended = self.mend(session, handle, &there, &tell).await;
        if session.is_whole() {
            session.drain().await?;
            session.close(&there.handle).await?;
        }
        mended
    }

    /// `None`: nothing can be kept.
    async fn there(&self, session: &mut Session) -> Result<Option<There>> {
        // Only what is seen to be a file: to open a pipe may hang the server.
        let seen = look::look(session, self.root, &self.order.target).await?;
        let len = match look::content(seen) {
            Ok(attrs) => attrs.size.filter(|len| 0 < *len),
            Err(err) if err.kind() == ErrorKind::NotFound => None,
            Err(err) => return Err(err),
        };
        let Some(len) = len else { return Ok(None) };
        let opened = open(session, &self.root.path(self.order.target.as_str()), flag::READ).await?;
        Ok(opened.ok().map(|handle| There { handle, len }))
    }

    async fn mend(
        &self,
        session: &mut Session,
        handle: &Bytes,
        there: &There,
        tell: &watch::Sender<u64>,
    ) -> Result<()> {
        let runs = self.order.mend.as_ref().map(|mend| mend.runs(self.content.len(), there.len)).unwrap_or_default();
        for (range, run) in runs {
            let sent_from = match run {
                Run::Kept => keep(session, (&there.handle, handle), range.clone(), &self.order.write.progress).await?,
                Run::Sent => range.start,
            };
            if sent_from < range.end {
                self.stretch(session, handle, sent_from..range.end, tell).await?;
            }
        }
        Ok(())
    }
}

fn keeps(order: &Order) -> bool {
    order.mend.as_ref().is_some_and(|mend| !mend.ranges().is_empty())
}

/// Answers how far the server has copied: where it refuses, the rest is sent.
async fn keep(
    session: &mut Session,
    (from, to): (&Bytes, &Bytes),
    range: Range<u64>,
    progress: &Progress,
) -> Result<u64> {
    let mut at = range.start;
    while at < range.end {
        let len = PIECE.min(range.end - at);
        let fields = [
            Field::Text(b"copy-data"),
            Field::Text(from),
            Field::Long(at),
            Field::Long(len),
            Field::Text(to),
            Field::Long(at),
        ];
        match session.call(kind::EXTENDED, &fields).await? {
            Reply::Status(Code::OK) => {}
            Reply::Status(_) => break,
            _ => return Err(session.unexpected()),
        }
        progress.moved(len);
        at += len;
    }
    Ok(at)
}
