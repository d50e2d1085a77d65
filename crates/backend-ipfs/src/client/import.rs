//! Bringing content to the node: one `dag/import`, and what its answer must say (Kubo RPC; kubo `core/commands/dag/import.go`).

use backend_core::{Content, Error, ErrorKind, Mend, Progress, Result};
use backend_http::{Body, HeaderValue, header};
use futures::TryStreamExt;
use ipld::{Cid, address};

use super::answers::{Line, Root, Stats};
use super::pins::name;
use super::rpc::{Does, Node, lines};
use crate::car::{Upload, Wanted};
use crate::error;

/// Content from here on is pinned by a command of its own, which tells how far it is: in bytes, some 60,000 blocks.
const LONG_WALK: u64 = 64 << 30;
/// The most roots that an answer may tell.
const MAX_ROOTS: usize = 16;

/// What an import pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pins {
    Root,
    Nothing,
}

impl Node {
    /// Sends all of `content` and pins it, by this name if one is given. Every block was hashed by the node when this is `Ok`.
    pub(crate) async fn import(&self, content: &Content, named: Option<&str>, progress: &Progress) -> Result<()> {
        let named = name(named);
        if named.is_none() && content.len() < LONG_WALK {
            return self.send_car(content, (&Wanted::default(), Pins::Root), progress).await;
        }
        // An import cannot give a name, a second pin would be set over the first, and while an import pins it says nothing.
        self.send_car(content, (&Wanted::default(), Pins::Nothing), progress).await?;
        let pinned = self.pin(content.cid(), named, progress).await;
        pinned.map_err(|err| match err.kind() {
            ErrorKind::NotFound => error::collected(err),
            _ => err,
        })
    }

    /// Sends what is wrong of `content`, whose pin is there already, with all inner nodes: blocks that were lost are there again.
    pub(crate) async fn mend(&self, content: &Content, mend: &Mend, progress: &Progress) -> Result<()> {
        self.send_car(content, (&Wanted::of(content, mend), Pins::Nothing), progress).await
    }

    async fn send_car(&self, content: &Content, (wanted, pins): (&Wanted, Pins), progress: &Progress) -> Result<()> {
        let Upload { len, content_type, body, receipt } = Upload::new(content, wanted, progress).await?;
        let query = [("pin-roots", if pins == Pins::Root { "true" } else { "false" }), ("stats", "true")];
        let mut request = self.request("dag/import", &query, Does::Change)?;
        let media = HeaderValue::from_str(&content_type);
        let media =
            media.map_err(|err| Error::new(ErrorKind::Internal, "the boundary is no header").with_source(err))?;
        request.headers.insert(header::CONTENT_TYPE, media);
        request.body = Body::stream(body, len);
        let mut lines = lines(self.send(request).await?);
        let (mut roots, mut stats) = (Vec::new(), None);
        while let Some(line) = lines.try_next().await? {
            let Line { root, stats: counted, .. } = line;
            stats = counted.or(stats);
            roots.extend(root.filter(|_| roots.len() < MAX_ROOTS));
        }
        took(stats, receipt.counted())?;
        if pins == Pins::Root { rooted(&roots, content.cid()) } else { Ok(()) }
    }
}

/// An import of nothing, too, is answered with 200.
fn took(stats: Option<Stats>, sent: (u64, u64)) -> Result<()> {
    let wrong = |words: String| Err(Error::new(ErrorKind::Integrity, words));
    match stats.map(|it| (it.block_count, it.block_bytes_count)) {
        Some(counted) if counted == sent => Ok(()),
        Some((blocks, bytes)) => wrong(format!(
            "the node took {blocks} blocks of {bytes} bytes together, but {} of {} were sent",
            sent.0, sent.1
        )),
        None => wrong("the node does not say what it took".to_owned()),
    }
}

/// That a root could not be pinned comes with status 200.
fn rooted(roots: &[Root], wanted: &Cid) -> Result<()> {
    let [root] = roots else {
        return Err(Error::new(ErrorKind::Integrity, format!("the node pinned {} roots, not one", roots.len())));
    };
    if !address::parse(&root.cid.cid).is_ok_and(|cid| address::same(&cid, wanted)) {
        return Err(Error::new(ErrorKind::Integrity, "the node pinned something else"));
    }
    match root.pin_error_msg.as_str() {
        "" => Ok(()),
        text => {
            let err = error::said(text);
            // Everything was sent, so what it misses was lost there.
            let kind = if err.kind() == ErrorKind::NotFound { ErrorKind::Integrity } else { err.kind() };
            Err(Error::new(kind, format!("it could not be pinned: {}", err.message())))
        }
    }
}
