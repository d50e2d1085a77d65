//! The clock of the machine.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use backend_core::Clock;
use tokio::time::Instant;

/// The machine's clock. All of them agree: `monotonic` counts from one fixed point of the process.
///
/// [`Clock::sleep`] is polled within a tokio runtime that has its timer enabled, as tokio's own `sleep` is. In a test with tokio's paused clock, time
/// jumps to the next sleeper.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// Of the machine, not of a runtime: in tests each runtime has a clock of its own that runs ahead.
static START: LazyLock<Instant> = LazyLock::new(|| Instant::from_std(std::time::Instant::now()));

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        let start = *START;
        Instant::now().saturating_duration_since(start)
    }

    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}
