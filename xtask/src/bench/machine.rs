//! On what was measured.

use std::fs;
use std::thread;

/// One line: processor, cores, memory, kernel.
pub(super) fn description() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let processor = value("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = value("/proc/meminfo", "MemTotal").unwrap_or_else(|| "unknown".to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown").to_owned();
    format!("{processor}, {cores} cores, {memory} of memory, Linux {}, load {load} at the end", kernel.trim())
}

fn value(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|it| it.starts_with(key))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}
