//! Bars with rate and ETA, on a terminal only.

use std::future::Future;
use std::time::Duration;

use backend_core::Progress;
use backend_manager::Activity;
use backend_manager::transfer::Traffic;
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

/// What is being sent that is shown, a line each.
const LINES: usize = 4;

/// Runs `work` while one bar shows how much of `traffic` was sent, and a few more what is being sent.
pub(crate) async fn watch_traffic<T>(output: &Output, traffic: &Traffic, work: impl Future<Output = T>) -> T {
    if !output.shows_progress() {
        return work.await;
    }
    let bars = MultiProgress::new();
    let all = bars.add(bar("sent"));
    let lines: Vec<ProgressBar> = (0..LINES).map(|_| bars.add(line())).collect();
    let draw = || {
        all.set_length(traffic.wanted());
        all.set_position(traffic.sent.bytes());
        all.set_message(format!("{} looked at, sent", traffic.files()));
        let moving = traffic.moving();
        for (n, line) in lines.iter().enumerate() {
            let (what, size, sent) = match moving.get(n) {
                Some(it) => (crate::output::escape(&it.what), it.size, it.sent.bytes()),
                None => (String::new(), 0, 0),
            };
            line.set_length(size);
            line.set_position(sent.min(size));
            line.set_message(what);
        }
    };
    let result = ticking(work, draw).await;
    lines.iter().chain([&all]).for_each(ProgressBar::finish_and_clear);
    result
}

fn line() -> ProgressBar {
    let template = " * {wide_msg} {percent:>3}% of {binary_total_bytes}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
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
