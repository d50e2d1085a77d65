//! Content of more chunks than one request covers comes back whole, and in pieces across the border of two requests.

#![expect(clippy::unwrap_used, reason = "a step of a journey that cannot be taken, fails it")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// The reader asks for 64 chunks of 1 MiB at a time.
const WINDOW: usize = 64 << 20;

fn run(home: &Path, words: &[&str]) -> Vec<u8> {
    let answer = Command::new(journeys::program()).args(words).env("IPFS_KIT_HOME", home).output().unwrap();
    assert!(answer.status.success(), "{words:?}: {}", String::from_utf8_lossy(&answer.stderr));
    answer.stdout
}

#[test]
fn a_file_of_two_windows_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let (home, path, out) = (folder.path().join("home"), folder.path().join("large"), folder.path().join("out"));
    xtask::data::write(&path, WINDOW as u64 + (1 << 20) + 3, 9).unwrap();
    run(&home, &["add", path.to_str().unwrap()]);
    run(&home, &["get", "large", "-o", out.to_str().unwrap()]);
    let (wanted, got) = (fs::read(&path).unwrap(), fs::read(&out).unwrap());
    assert!(wanted == got, "{} bytes came back of {}, or other bytes", got.len(), wanted.len());
    let range = format!("{}-{}", WINDOW - 10, WINDOW + 9);
    assert_eq!(run(&home, &["cat", "large", "--range", &range]), &wanted[WINDOW - 10..WINDOW + 10]);
}
