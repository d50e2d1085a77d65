//! What a part of this process has cost, from the kernel's own account (proc(5)).

use std::fs;
use std::time::{Duration, Instant};

use crate::Result;

/// Since when.
#[derive(Debug)]
pub(crate) struct Meter {
    begun: Instant,
    cpu: Duration,
}

/// What it came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    /// The most memory of the whole process so far.
    pub(crate) rss_kib: u64,
}

impl Meter {
    pub(crate) fn start() -> Result<Self> {
        Ok(Self { begun: Instant::now(), cpu: cpu()? })
    }

    pub(crate) fn stop(self) -> Result<Cost> {
        Ok(Cost { wall: self.begun.elapsed(), cpu: cpu()?.saturating_sub(self.cpu), rss_kib: peak()? })
    }
}

impl Cost {
    /// Of time the least counts, of memory the most.
    pub(crate) fn best(self, other: Self) -> Self {
        Self { wall: self.wall.min(other.wall), cpu: self.cpu.min(other.cpu), rss_kib: self.rss_kib.max(other.rss_kib) }
    }
}

/// User and system time of all threads: fields 14 and 15.
fn cpu() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(')').ok_or("stat has no name")?;
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|it| it.parse::<u64>().ok()).sum();
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

fn peak() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:")).ok_or("status has no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
