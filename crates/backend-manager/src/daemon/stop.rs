//! A wish to come to an end, shared by everybody who works.

use std::sync::Arc;

use tokio::sync::watch;

/// Cheap to clone; clones share the wish. Whoever works in steps looks at it between two of them.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// Nobody has asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everybody to come to an end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether somebody has asked.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when somebody has asked.
    pub async fn stopped(&self) {
        let mut seen = self.0.subscribe();
        // The sender lives as long as `self`: there is always an answer.
        let _ = seen.wait_for(|asked| *asked).await;
    }
}
