//! What becomes of uploads in parts that must not be completed, or of which the service forgets something.

use backend_core::{AddOptions, Condition, ErrorKind, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Canary, Client, NO_CRC, is_no, refused};
use crate::client::parts::{Part, Parts};
use crate::client::put::When;
use crate::client::{Kept, Token};
use crate::failure::Failure;
use crate::provider::Checksum;

impl Client {
    /// Over the canary, which is there.
    pub(super) async fn refuses_to_complete(
        &self,
        canary: &Canary,
        condition: Condition,
        crc: Option<String>,
    ) -> Result<bool> {
        let refusal = match &crc {
            Some(_) => [ErrorKind::Integrity, ErrorKind::InvalidInput],
            None => [ErrorKind::Precondition; 2],
        };
        let upload = match self.create(&canary.key, &Kept::default()).await {
            Err(err) if is_no(err.kind()) => return Ok(false),
            answer => answer?,
        };
        let token = Token::new(self, &canary.key, &canary.content, &upload, canary.content.len())?;
        let answer = self.completed(canary, &token, &condition, crc).await;
        if answer.is_err() {
            self.abort(&token).await?;
        }
        refused(answer.map_err(Into::into), &refusal)
    }

    async fn completed(
        &self,
        canary: &Canary,
        token: &Token,
        condition: &Condition,
        crc: Option<String>,
    ) -> Result<Option<String>, Failure> {
        let (content, opts) = (&canary.content, AddOptions::default());
        let part = self.part(token, content, &opts, 1, 0..content.len()).await?;
        let mut parts = Parts::new(content.len(), content.len());
        parts.arrive(1, part);
        self.finish(token, &parts, &When::of(condition)?, crc).await
    }

    pub(super) async fn refuses_other_parts(&self, canary: &Canary) -> Result<bool> {
        match self.rules.checksum {
            Checksum::WhenRequired => Ok(false),
            Checksum::WhenSupported => {
                let crc = BASE64.encode(NO_CRC);
                self.refuses_to_complete(canary, Condition::Always, Some(crc)).await
            }
        }
    }

    /// Whether the parts that have arrived are told without their etags, and an upload can be completed without them.
    pub(super) async fn completes_bare_parts(&self, canary: &Canary) -> Result<bool> {
        let (content, opts) = (&canary.content, AddOptions::default());
        let upload = match self.create(&canary.key, &Kept::default()).await {
            Err(err) if is_no(err.kind()) => return Ok(false),
            answer => answer?,
        };
        let token = Token::new(self, &canary.key, content, &upload, content.len())?;
        let sent = self.part(&token, content, &opts, 1, 0..content.len()).await;
        let told = self.arrived(&token).await;
        let mut parts = Parts::new(content.len(), content.len());
        parts.arrive(1, Part { etag: String::new(), crc: None });
        let is_bare = sent.is_ok() && told.is_ok_and(|told| told.is_some_and(|told| told.bytes() == 0));
        if is_bare && self.finish(&token, &parts, &When::default(), None).await.is_ok() {
            return Ok(true);
        }
        self.abort(&token).await?;
        Ok(false)
    }

    /// Whether an upload that is not known any more is called forbidden.
    pub(super) async fn denies_unknown_uploads(&self, canary: &Canary) -> Result<bool> {
        let upload = match self.create(&canary.key, &Kept::default()).await {
            Err(err) if is_no(err.kind()) => return Ok(false),
            answer => answer?,
        };
        let token = Token::new(self, &canary.key, &canary.content, &upload, 1)?;
        self.abort(&token).await?;
        match self.abort(&token).await {
            Err(err) if err.kind() == ErrorKind::Denied => Ok(true),
            answer => answer.map(|()| false),
        }
    }
}
