//! Bars with rate and ETA, on a terminal only.

use std::future::Future;
use std::time::Duration;

use backend_core::Progress;
use backend_manager::Activity;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::output::Output;

/// How often a bar is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// Runs `work` while two bars show how much of `activity` was hashed and stored.
pub(crate) async fn watch<T>(output: &Output, activity: &Activity, work: impl Future<Output = T>) -> T {
    if !output.shows_progress() {
        return work.await;
    }
    let bars = MultiProgress::new();
    let (named, stored) = (bars.add(bar("hashed")), bars.add(bar("stored")));
    let draw = || {
        let total = activity.total();
        for (bar, progress) in [(&named, &activity.named), (&stored, &activity.stored)] {
            bar.set_length(total);
            bar.set_position(progress.bytes());
        }
    };
    let result = ticking(work, draw).await;
    named.finish_and_clear();
    stored.finish_and_clear();
    result
}

/// Runs `work` while one bar shows how much of `total` was written.
pub(crate) async fn watch_one<T>(
    output: &Output,
    progress: &Progress,
    total: Option<u64>,
    work: impl Future<Output = T>,
) -> T {
    if !output.shows_progress() {
        return work.await;
    }
    let bar = bar("read");
    let result = ticking(work, || {
        bar.set_length(total.unwrap_or(progress.bytes()));
        bar.set_position(progress.bytes());
    });
    let result = result.await;
    bar.finish_and_clear();
    result
}

async fn ticking<T>(work: impl Future<Output = T>, mut draw: impl FnMut()) -> T {
    let mut ticks = tokio::time::interval(EVERY);
    tokio::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => return result,
            _ = ticks.tick() => draw(),
        }
    }
}

fn bar(what: &'static str) -> ProgressBar {
    let template = "{msg:7} {bar:30} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  ETA {eta}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_message(what)
}
