//! Whether the service puts a part together of what it has.

use backend_core::{Condition, Result};

use super::{Canary, Client, is_no};
use crate::client::parts::Parts;
use crate::client::put::When;
use crate::client::{Kept, Token};

impl Client {
    /// The canary is copied over itself as the only part of an upload. Whoever does not know the request takes it for an empty part.
    pub(super) async fn copies_parts(&self, canary: &Canary) -> Result<bool> {
        let Some(etag) = self.canary(canary, Condition::Always).await? else { return Ok(false) };
        let upload = match self.create(&canary.key, &Kept::default()).await {
            Err(err) if is_no(err.kind()) => return Ok(false),
            answer => answer?,
        };
        let len = canary.content.len();
        let token = Token::new(self, &canary.key, &canary.content, &upload, len)?;
        let copied = self.copy_part(&token, (&canary.key, &etag), 1, None).await;
        let told = self.arrived(&token).await;
        let is_copied = told.is_ok_and(|told| told.is_some_and(|told| told.bytes() == len));
        let Some(part) = copied.ok().filter(|_| is_copied) else {
            self.abort(&token).await?;
            return Ok(false);
        };
        let mut parts = Parts::new(len, len);
        parts.arrive(1, part);
        if self.finish(&token, &parts, &When::default(), None).await.is_err() {
            self.abort(&token).await?;
            self.canary(canary, Condition::Always).await?;
            return Ok(false);
        }
        let head = self.head(&canary.key, None).await?;
        Ok(head.content_length().and_then(|len| u64::try_from(len).ok()) == Some(len))
    }
}
