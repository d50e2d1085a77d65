//! Pins: what the node keeps (Kubo RPC, `pin/*`; boxo, `pinner/dspinner`).
//!
//! A pin that is there is never set again: Kubo takes the old one off before it walks the content, so that a walk that fails or is left loses it.

use backend_core::{Progress, Result};
use futures::TryStreamExt;
use futures::stream::{BoxStream, StreamExt};
use ipld::{Cid, address};

use super::answers::PinKeys;
use super::rpc::{Does, Node, lines};
use crate::car::other_version;
use crate::error;

/// The longest name of a pin, in bytes (Kubo, `MaxPinNameBytes`). A name is a hint: a longer one is left out.
const MAX_NAME: usize = 255;

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
                Err(err) if err.kind() == backend_core::ErrorKind::NotFound => continue,
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

    /// Pins `cid`, which is not pinned yet. The node fetches what it has not, for as long as this is waited for.
    pub(crate) async fn pin(&self, cid: &Cid, name: Option<&str>, progress: &Progress) -> Result<()> {
        let text = address::text(cid);
        let mut query = vec![("arg", text.as_str()), ("recursive", "true"), ("progress", "true")];
        query.extend(self::name(name).map(|name| ("name", name)));
        let mut lines = lines(self.send(self.request("pin/add", &query, Does::Change)?).await?);
        let (mut seen, mut moved, mut done) = (0, 0, false);
        while let Some(line) = lines.try_next().await? {
            // While the node waits for its network the lines come all the same: only what grows is a sign of life.
            if let Some(bytes) = line.bytes.filter(|bytes| moved < *bytes) {
                progress.moved(bytes - moved);
                moved = bytes;
            } else if let Some(blocks) = line.progress.filter(|blocks| seen < *blocks) {
                progress.alive();
                seen = blocks;
            }
            done |= line.pins.is_some_and(|pins| pins.contains(&text));
        }
        if done { Ok(()) } else { Err(error::strange("it does not say that it pinned")) }
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
                Err(err) if err.kind() == backend_core::ErrorKind::NotFound => {}
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

    /// Holds that every block below `cid` is on the node itself. It reads them all, and does not hash them.
    ///
    /// # Errors
    /// `NotFound` for the first block that is not there.
    pub(crate) async fn complete(&self, cid: &Cid, progress: &Progress) -> Result<()> {
        let text = address::text(cid);
        let query = [("arg", text.as_str()), ("offline", "true"), ("progress", "true")];
        let mut lines = lines(self.ask("dag/stat", &query).await?);
        let mut told = None;
        while let Some(line) = lines.try_next().await? {
            if told < line.total_size {
                progress.alive();
                told = line.total_size;
            }
        }
        told.map(|_| ()).ok_or_else(|| error::strange("it does not say how much there is"))
    }
}
