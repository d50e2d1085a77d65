//! Going on with an upload that was broken off, and giving one up.

use backend_core::{Content, Result, ResumeToken};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};

use super::control::Control;
use super::data::{Transfer, Wish, frame};
use super::token::Upload;
use super::{Store, prefix};
use crate::error::broken;

impl Control {
    /// Takes over what lies at one of `places`, under the upload's own name, and proves it. The bytes that need not be sent again.
    ///
    /// Renaming is the claim: of two who found one token the second finds nothing, and begins anew.
    pub(crate) async fn take_over(&mut self, content: &Content, upload: &Upload, places: &[String]) -> Result<u64> {
        let mut is_claimed = false;
        for place in places {
            is_claimed = is_claimed || self.rename(place, &upload.temp).await?.is_ok();
        }
        if !is_claimed || !self.features.rest {
            return Ok(0);
        }
        let there = self.size(&upload.temp).await?.unwrap_or(0);
        if there == 0 || content.len() < there {
            self.delete(&upload.temp).await?;
            return Ok(0);
        }
        let Ok(transfer) = self.transfer(Wish::Fetch(&upload.temp, 0)).await? else {
            self.delete(&upload.temp).await?;
            return Ok(0);
        };
        let mut transfer = Some(transfer);
        let proved = prefix::proved(content, frames(&mut transfer)).await?;
        drop(transfer);
        self.settle().await?;
        Ok(proved)
    }

    /// Removes a file of ours that may not be there.
    pub(crate) async fn delete(&mut self, path: &str) -> Result<()> {
        self.ask_of("DELE", path).await.map(drop)
    }
}

/// All that comes, a frame at a time. Where reading fails is where the beginning ends that can be had.
fn frames(transfer: &mut Option<Transfer>) -> BoxStream<'_, Result<Bytes>> {
    stream::try_unfold(transfer, |transfer| async move {
        let Some(going) = transfer.as_mut() else { return Ok(None) };
        let bytes = frame(going, u64::MAX).await.map_err(|err| broken("read an unfinished upload", err))?;
        Ok((!bytes.is_empty()).then_some((bytes, transfer)))
    })
    .boxed()
}

impl Store {
    /// Removes what an upload has left. One that is finished, or was never ours, has left nothing.
    pub(crate) async fn discard(&self, token: &ResumeToken) -> Result<()> {
        let Some(upload) = Upload::read(token) else { return Ok(()) };
        let mut lease = self.pool.lease().await?;
        for temp in [Some(upload.temp), upload.from].into_iter().flatten() {
            lease.control().delete(&temp).await?;
        }
        lease.done();
        Ok(())
    }
}
