//! Keeps the newest resume token on its way to whoever keeps it for good, so that the next try goes on where the last one stopped.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use backend_core::{Checkpoint, Locator, Result, ResumeToken, Write};

/// Absent when the caller keeps no tokens: then a leaf must not begin what only a token could end.
pub(super) struct Relay {
    tap: Option<Arc<Tap>>,
    given: bool,
}

impl Relay {
    /// The relay, and `write` with it in between.
    pub(super) fn around(write: &Write) -> (Self, Write) {
        let tap = write.checkpoint.clone().map(|keeper| Arc::new(Tap { keeper, newest: Mutex::default() }));
        let checkpoint = tap.clone().map(|tap| tap as Arc<dyn Checkpoint>);
        let relay = Self { tap, given: write.resume.is_some() };
        (relay, Write { checkpoint, ..write.clone() })
    }

    /// Whether the next try would go on with something.
    pub(super) fn can_go_on(&self) -> bool {
        self.given || self.newest().is_some()
    }

    /// The next try begins with the newest token; without one, with the one that the first try was given.
    pub(super) fn go_on(&self, write: &mut Write) {
        if let Some(token) = self.newest() {
            write.resume = Some(token);
        }
    }

    fn newest(&self) -> Option<ResumeToken> {
        let tap = self.tap.as_ref()?;
        tap.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Tap {
    keeper: Arc<dyn Checkpoint>,
    newest: Mutex<Option<ResumeToken>>,
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").field("keeper", &self.keeper).finish_non_exhaustive()
    }
}

#[async_trait]
impl Checkpoint for Tap {
    /// Only what the keeper has kept is gone on with.
    async fn save(&self, token: &ResumeToken, at: Option<&Locator>, sent: u64) -> Result<()> {
        self.keeper.save(token, at, sent).await?;
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(())
    }
}
