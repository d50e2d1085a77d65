//! Points at which a test may kill this process, to see what a crash leaves behind. Without the feature `fault-points` this is nothing at all.

/// Dies as by `kill -9` when the test asked for this point: `IPFS_KIT_FAULT=<name>`, or `<name>:<n>` for the n-th time it is passed.
#[cfg(feature = "fault-points")]
pub(crate) fn point(name: &str) {
    use std::sync::atomic::{AtomicU64, Ordering};

    static PASSED: AtomicU64 = AtomicU64::new(0);
    let Ok(wanted) = std::env::var("IPFS_KIT_FAULT") else { return };
    let (point, nth) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    if point == name && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == nth.parse().unwrap_or(1) {
        let me = rustix::process::getpid();
        // The signal cannot be caught: nothing of this process runs any more, not even a destructor.
        let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
    }
}

/// Nothing: this build has no fault points.
#[cfg(not(feature = "fault-points"))]
pub(crate) const fn point(_: &str) {}
