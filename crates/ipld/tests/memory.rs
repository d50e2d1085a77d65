//! A directory of a million names is built in under 120 MiB. Alone in its file: the process's peak is what is measured.
#![cfg(target_os = "linux")]

use ipld::{
    import::{DirectoryBuilder, leaf},
    profile::UNIXFS_V1_2025,
};

/// The most memory this process has had resident, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(u64::MAX)
}

#[test]
fn a_million_names() {
    let entry = leaf(&UNIXFS_V1_2025, b"x");
    let mut builder = DirectoryBuilder::new(UNIXFS_V1_2025);
    for index in 0..1_000_000 {
        builder.add(format!("file-{index:07}").as_bytes(), entry).unwrap();
    }
    let mut nodes = 0;
    let root = builder.finish(&mut |_| nodes += 1).unwrap();
    assert_eq!(root.size, 1_000_000);
    assert!((80_000..110_000).contains(&nodes), "{nodes} shards");
    assert!(peak() < 120 << 10, "{} KiB at most", peak());
    println!("{nodes} shards, {} KiB at most", peak());
}
