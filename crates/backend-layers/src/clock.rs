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

/// An hour before it was first asked for, and of the machine, not of a runtime: in tests each runtime has a clock of its own, which began earlier than
/// this and stands still.
static START: LazyLock<Instant> = LazyLock::new(|| {
    let now = std::time::Instant::now();
    Instant::from_std(now.checked_sub(Duration::from_secs(3600)).unwrap_or(now))
});

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
