//! Pins: what the node keeps (Kubo RPC, `pin/*`; boxo, `pinner/dspinner`).
//!
//! A pin that is there is never set again: Kubo takes the old one off before it walks the content, so that a walk that fails or is left loses it.

use std::time::Duration;

use backend_core::{Clock, Error, ErrorKind, Progress, Result, Write};
use futures::future::{self, Either};
use futures::stream::{BoxStream, StreamExt};
use futures::{FutureExt, TryStreamExt};
use ipld::{Cid, address};

use super::answers::{Line, PinKeys};
use super::rpc::{Does, Node, lines};
use crate::car::other_version;
use crate::error;

/// The longest name of a pin, in bytes (Kubo, `MaxPinNameBytes`). A name is a hint: a longer one is left out.
const MAX_NAME: usize = 255;
/// How often as long as it may stand still, a pin may go on in one call.
const TURNS: u32 = 30;

/// How far a walk of the node has come.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub(crate) blocks: u64,
    pub(crate) bytes: u64,
    is_pinned: bool,
}

impl Walked {
    /// Whether it went on. While the node waits for its network the lines come all the same: only what grows is a sign of life.
    fn note(&mut self, line: &Line, text: &str, progress: &Progress) -> bool {
        let bytes = line.bytes.filter(|bytes| self.bytes < *bytes);
        let blocks = line.progress.filter(|blocks| self.blocks < *blocks);
        match (bytes, blocks) {
            (Some(bytes), _) => progress.moved(bytes - self.bytes),
            (None, Some(_)) => progress.alive(),
            (None, None) => {}
        }
        self.bytes = bytes.unwrap_or(self.bytes);
        self.blocks = blocks.unwrap_or(self.blocks);
        self.is_pinned |= line.pins.iter().flatten().any(|it| it == text);
        bytes.is_some() || blocks.is_some()
    }

    fn pinned(&self) -> Result<()> {
        match self.is_pinned {
            true => Ok(()),
            false => Err(error::strange("it does not say that it pinned")),
        }
    }
}

/// What came of a pin that was waited for.
#[derive(Debug)]
pub(crate) enum Pinning {
    /// It is pinned.
    Done,
    /// It still got on when its time was over.
    Fetching(Walked),
    /// It stood still: the node waits for its network.
    Waiting(Walked),
}

/// How much of a graph is there, in bytes of blocks.
#[derive(Debug)]
pub(crate) enum Counted {
    Whole(u64),
    /// At least so much, and what was said of the first block that is missing.
    Partial(u64, Error),
}

/// One recursive pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pinned {
    /// The content, in version 1.
    pub(crate) cid: Cid,
    /// The node's own text, where that is another one: a pin is of exactly one version of a CID.
    pub(crate) handle: Option<String>,
    /// Its name, if it has one.
    pub(crate) name: Option<String>,
}

impl Pinned {
    fn new(text: &str, name: &str) -> Result<Self> {
        let cid = address::parse(text).map_err(|_| error::strange("a pin is of no CID"))?;
        let handle = (address::text(&cid) != text).then(|| text.to_owned());
        Ok(Self { cid: address::to_v1(&cid), handle, name: (!name.is_empty()).then(|| name.to_owned()) })
    }
}

/// The texts under which `cid` may be pinned.
fn texts(cid: &Cid, handle: Option<&str>) -> Vec<String> {
    let given = handle.filter(|text| address::parse(text).is_ok_and(|it| address::same(&it, cid)));
    match given {
        Some(text) => vec![text.to_owned()],
        None => {
            let old = other_version(&address::to_v1(cid)).map(|old| old.to_string());
            [address::text(cid)].into_iter().chain(old).collect()
        }
    }
}

/// A name as it may be given to a pin.
pub(super) fn name(name: Option<&str>) -> Option<&str> {
    name.filter(|name| !name.is_empty() && name.len() <= MAX_NAME)
}

impl Node {
    /// The recursive pin of `cid`, under either version.
    pub(crate) async fn pinned(&self, cid: &Cid, handle: Option<&str>) -> Result<Option<Pinned>> {
        for text in texts(cid, handle) {
            let query = [("arg", text.as_str()), ("type", "recursive"), ("names", "true")];
            let keys = match self.one::<PinKeys>("pin/ls", &query).await {
                Ok(answer) => answer.keys.unwrap_or_default(),
                Err(err) if err.kind() == ErrorKind::NotFound => continue,
                Err(err) => return Err(err),
            };
            if let Some((found, key)) = keys.into_iter().next() {
                let pinned = Pinned::new(&found, &key.name)?;
                return match address::same(&pinned.cid, cid) {
                    true => Ok(Some(pinned)),
                    false => Err(error::strange("it tells another pin than it was asked for")),
                };
            }
        }
        Ok(None)
    }

    /// Whether another pin holds `cid`, as that of a folder holds its files.
    pub(crate) async fn is_held(&self, cid: &Cid) -> Result<bool> {
        let text = address::text(cid);
        match self.one::<PinKeys>("pin/ls", &[("arg", text.as_str()), ("type", "indirect")]).await {
            Ok(answer) => Ok(answer.keys.is_some_and(|keys| !keys.is_empty())),
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(false),
            Err(err) => Err(err),
        }
    }

    /// Pins `cid`, which is not pinned yet. The node fetches what it has not, for as long as this is waited for.
    pub(crate) async fn pin(&self, cid: &Cid, name: Option<&str>, progress: &Progress) -> Result<()> {
        let mut walk = self.begin_pin(cid, name).await?;
        let mut known = Walked::default();
        while let Some(line) = walk.try_next().await? {
            known.note(&line, &address::text(cid), progress);
        }
        known.pinned()
    }

    /// The same, as long as it gets on: not longer than `wait` without a sign of that, and not longer than [`TURNS`] times `wait` in all.
    pub(crate) async fn pin_for(
        &self,
        cid: &Cid,
        write: &Write,
        (clock, wait): (&dyn Clock, Duration),
    ) -> Result<Pinning> {
        let (begun, text) = (clock.monotonic(), address::text(cid));
        let mut known = Walked::default();
        let mut pause = clock.sleep(wait);
        let mut walk = match future::select(self.begin_pin(cid, write.name.as_deref()).boxed(), pause).await {
            Either::Left((walk, rest)) => {
                pause = rest;
                walk?
            }
            Either::Right(_) => return Ok(Pinning::Waiting(known)),
        };
        loop {
            match future::select(walk.try_next(), pause).await {
                Either::Left((line, rest)) => {
                    let Some(line) = line? else { return known.pinned().map(|()| Pinning::Done) };
                    let has_grown = known.note(&line, &text, &write.progress);
                    pause = if has_grown { clock.sleep(wait) } else { rest };
                }
                Either::Right(_) => return Ok(Pinning::Waiting(known)),
            }
            if wait * TURNS < clock.monotonic().saturating_sub(begun) && !known.is_pinned {
                return Ok(Pinning::Fetching(known));
            }
        }
    }

    async fn begin_pin(&self, cid: &Cid, name: Option<&str>) -> Result<BoxStream<'static, Result<Line>>> {
        let text = address::text(cid);
        let mut query = vec![("arg", text.as_str()), ("recursive", "true"), ("progress", "true")];
        query.extend(self::name(name).map(|name| ("name", name)));
        Ok(lines(self.send(self.request("pin/add", &query, Does::Change)?).await?))
    }

    /// Takes the pin off; whether there was one.
    pub(crate) async fn unpin(&self, cid: &Cid, handle: Option<&str>) -> Result<bool> {
        let mut was = false;
        for text in texts(cid, handle) {
            let query = [("arg", text.as_str()), ("recursive", "true")];
            match self.send(self.request("pin/rm", &query, Does::Change)?).await {
                Ok(response) => {
                    let mut lines = lines(response);
                    while lines.try_next().await?.is_some() {}
                    was = true;
                }
                Err(err) if err.kind() == ErrorKind::NotFound => {}
                Err(err) => return Err(err),
            }
        }
        Ok(was)
    }

    /// All recursive pins, as they come.
    pub(crate) async fn pins(&self) -> Result<BoxStream<'static, Result<Pinned>>> {
        let query = [("type", "recursive"), ("names", "true"), ("stream", "true")];
        let lines = lines(self.ask("pin/ls", &query).await?);
        let pins = lines.map(|line| {
            let line = line?;
            let cid = line.cid.ok_or_else(|| error::strange("a pin without a CID"))?;
            Pinned::new(&cid, line.name.as_deref().unwrap_or_default())
        });
        Ok(pins.boxed())
    }

    /// Holds that every block below `cid` is on the node itself.
    ///
    /// # Errors
    /// `NotFound` when one is not there.
    pub(crate) async fn complete(&self, cid: &Cid, progress: &Progress) -> Result<()> {
        match self.count(cid, progress).await? {
            Counted::Whole(_) => Ok(()),
            Counted::Partial(_, missing) => Err(missing),
        }
    }

    /// How much of what is below `cid` is on the node itself. It reads the blocks, one after the other up to the first that is missing, and does not
    /// hash them.
    pub(crate) async fn count(&self, cid: &Cid, progress: &Progress) -> Result<Counted> {
        let text = address::text(cid);
        let query = [("arg", text.as_str()), ("offline", "true"), ("progress", "true")];
        let mut told = None;
        let mut lines = match self.ask("dag/stat", &query).await {
            Ok(answer) => lines(answer),
            Err(err) if err.kind() == ErrorKind::NotFound => return Ok(Counted::Partial(0, err)),
            Err(err) => return Err(err),
        };
        loop {
            match lines.try_next().await {
                Ok(Some(line)) if told < line.total_size => {
                    progress.alive();
                    told = line.total_size;
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(err) if err.kind() == ErrorKind::NotFound => return Ok(Counted::Partial(told.unwrap_or(0), err)),
                Err(err) => return Err(err),
            }
        }
        told.map(Counted::Whole).ok_or_else(|| error::strange("it does not say how much there is"))
    }
}
