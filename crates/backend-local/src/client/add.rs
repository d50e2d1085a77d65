//! An add up to the point where the copy is complete and only lacks its name.

use std::sync::Arc;

use backend_core::{Condition, Content, Error, ErrorKind, Evidence, Locator, Mend, Metadata, Progress, Result};
use backend_folders::Target;
use bytes::Bytes;
use futures::future;
use futures::stream::{StreamExt, TryStreamExt};

use super::about::{About, attach};
use super::cancel::{Cancel, cancel};
use super::commit::{Placing, Task};
use super::copy::{BLOCK, Copying, changed};
use super::look::{Seen, etag, look, size};
use super::name::MARKER;
use super::root::Opened;
use super::temp::Temp;
use super::{Files, Store, blocking, describe};
use crate::error::failed;

/// Content up to so many bytes is gathered first and written in one step.
const SMALL: u64 = 64 << 10;
/// Content from so many bytes on is synced by itself before it queues for its name, so that small content never waits for large content.
const LARGE: u64 = 1 << 20;

/// What an add is to do.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) target: Target,
    pub(crate) condition: Condition,
    pub(crate) about: About,
    pub(crate) progress: Progress,
    /// What is wrong with what stands there.
    pub(crate) mend: Option<Mend>,
}

/// A copy that has begun.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) opened: Arc<Opened>,
    pub(super) temp: Temp,
    /// Whether something stands there that is to be replaced.
    replaces: bool,
    /// Whether the content was there before; `None`: the name was, with the same length, and that does not tell.
    existed: Option<bool>,
}

impl Store {
    /// Stores `content`: whole or absent.
    pub(crate) async fn add(&self, content: &Content, at: Locator, order: Order) -> Result<Metadata> {
        let (cancel, guard) = cancel();
        let placing = match content.path() {
            Some(_) => self.copy_file(content, &order, &cancel).await?,
            None if order.keeps() => self.mend(content, &order, &cancel).await?,
            None if content.len() <= SMALL => self.write_at_once(content, &order, &cancel).await?,
            None => self.write_as_it_comes(content, &order, &cancel).await?,
        };
        let (existed, opened) = (placing.existed, placing.opened.clone());
        let placed = self.commit(|answer| Task::Place(placing, answer)).await?;
        drop(guard);
        if order.target.as_str() == MARKER {
            let files = self.files.clone();
            blocking(move || {
                files.root.note_marker(&opened);
                Ok(())
            })
            .await?;
        }
        let mut meta = describe(at, &placed, Evidence::Acknowledged, order.about);
        meta.existed = existed;
        Ok(meta)
    }

    async fn copy_file(&self, content: &Content, order: &Order, cancel: &Cancel) -> Result<Placing> {
        let (files, content, order, cancel) = (self.files.clone(), content.clone(), order.clone(), cancel.clone());
        blocking(move || {
            let begun = begin(&files, &content, &order)?;
            if let Some(path) = content.path() {
                copying(&files, &begun.temp, &content, &order, &cancel).whole(path, &content)?;
            }
            finish(&files, begun, &content, order, cancel)
        })
        .await
    }

    async fn write_at_once(&self, content: &Content, order: &Order, cancel: &Cancel) -> Result<Placing> {
        let begun = self.begin(content, order).await?;
        let mut body = content.open_all().await?;
        let (mut frames, mut n_bytes) = (Vec::new(), 0);
        while let Some(frame) = body.try_next().await? {
            n_bytes += frame.len() as u64;
            if content.len() < n_bytes {
                return Err(changed("delivers more bytes than it was said to have"));
            }
            if !frame.is_empty() {
                frames.push(frame);
            }
        }
        let (files, content, order, cancel) = (self.files.clone(), content.clone(), order.clone(), cancel.clone());
        self.step(move || {
            copying(&files, &begun.temp, &content, &order, &cancel).write(&frames, 0)?;
            finish(&files, begun, &content, order, cancel)
        })
        .await
    }

    /// In a step of its own: what is refused is refused before the source is opened.
    pub(super) async fn begin(&self, content: &Content, order: &Order) -> Result<Begun> {
        let (files, content, order) = (self.files.clone(), content.clone(), order.clone());
        self.step(move || begin(&files, &content, &order)).await
    }

    /// While one batch of frames is written the next one is gathered.
    async fn write_as_it_comes(&self, content: &Content, order: &Order, cancel: &Cancel) -> Result<Placing> {
        let begun = self.begin(content, order).await?;
        let mut body = content.open_all().await?.fuse();
        let mut at = 0;
        let mut frames = gather(&mut body).await?;
        while !frames.is_empty() {
            let (files, file) = (self.files.clone(), begun.temp.share());
            let (len, cancel, progress) = (content.len(), cancel.clone(), order.progress.clone());
            let write = blocking(move || {
                let copying = Copying { file: &file, len, cancel: &cancel, progress: &progress, syncs: &files.syncs };
                if at == 0 {
                    copying.reserve()?;
                }
                copying.write(&frames, at)
            });
            (at, frames) = future::try_join(write, gather(&mut body)).await?;
        }
        let (files, content, order, cancel) = (self.files.clone(), content.clone(), order.clone(), cancel.clone());
        blocking(move || finish(&files, begun, &content, order, cancel)).await
    }
}

/// Frames of at least a block together, or all that are left.
pub(super) async fn gather(body: &mut (impl StreamExt<Item = Result<Bytes>> + Unpin)) -> Result<Vec<Bytes>> {
    let (mut frames, mut n_bytes) = (Vec::new(), 0);
    while n_bytes < BLOCK {
        match body.next().await.transpose()? {
            Some(frame) if frame.is_empty() => {}
            Some(frame) => {
                n_bytes += frame.len();
                frames.push(frame);
            }
            None => break,
        }
    }
    Ok(frames)
}

fn copying<'a>(
    files: &'a Files,
    temp: &'a Temp,
    content: &Content,
    order: &'a Order,
    cancel: &'a Cancel,
) -> Copying<'a> {
    Copying { file: temp.file(), len: content.len(), cancel, progress: &order.progress, syncs: &files.syncs }
}

/// Refuses what cannot succeed before the first byte is written.
fn begin(files: &Files, content: &Content, order: &Order) -> Result<Begun> {
    let opened = files.root.open()?;
    files.sweep_once(&opened)?;
    let seen = files.judge(&opened, look(&opened, &order.target))?;
    order.check(&seen)?;
    let (replaces, existed) = match &seen {
        Seen::Content(seen) if size(seen) == content.len() => (true, order.target.is_hashed().then_some(true)),
        Seen::Content(_) => (true, Some(false)),
        _ => (false, Some(false)),
    };
    let temp = files.judge(&opened, Temp::new(&opened, files.file_mode))?;
    Ok(Begun { opened, temp, replaces, existed })
}

impl Order {
    /// Whether something of what stands there may stay.
    fn keeps(&self) -> bool {
        self.mend.as_ref().is_some_and(|mend| !mend.ranges().is_empty())
    }

    /// Whether what stands there allows this add.
    ///
    /// # Errors
    /// `AlreadyExists`, `Precondition`, or `InvalidInput` for a name that cannot be.
    pub(crate) fn check(&self, seen: &Seen) -> Result<()> {
        let refuse = |kind, why: &str| Err(Error::new(kind, why));
        match (seen, &self.condition) {
            (Seen::Twin, _) => refuse(ErrorKind::AlreadyExists, "a name that differs in case only stands there"),
            (Seen::Folder, _) => refuse(ErrorKind::InvalidInput, "a folder stands there"),
            (Seen::Foreign(why), _) => refuse(ErrorKind::InvalidInput, why),
            (Seen::Content(_), Condition::IfAbsent) => refuse(ErrorKind::AlreadyExists, "the name is taken"),
            (Seen::Content(now), Condition::IfMatch(wanted)) if etag(now) != *wanted => {
                refuse(ErrorKind::Precondition, "the file is not the one that was named")
            }
            (Seen::Nothing, Condition::IfMatch(_)) => refuse(ErrorKind::Precondition, "there is no such file"),
            _ => Ok(()),
        }
    }
}

/// The copy is written; what is left is its name.
pub(super) fn finish(files: &Files, begun: Begun, content: &Content, order: Order, cancel: Cancel) -> Result<Placing> {
    let Begun { opened, temp, existed, replaces } = begun;
    if size(&temp.stat()?) != content.len() {
        return Err(changed("ended early"));
    }
    let beside = attach(&order.about, files.labels, &temp)?;
    temp.stamp()?;
    let is_synced = LARGE <= content.len();
    if is_synced {
        cancel.check()?;
        files.syncs.file(temp.file()).map_err(|errno| failed("write the copy to the disk", errno))?;
    }
    Ok(Placing { opened, temp, order, cancel, beside, replaces, existed, is_synced })
}
