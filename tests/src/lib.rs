//! What the journeys share; they live in `tests/`.

use std::path::{Path, PathBuf};

/// The program with its fault points: the example `program` of this package, which `cargo test -p journeys` builds. (A run with `--test NAME` builds that
/// test alone; there, use a filter by name instead: `cargo test -p journeys NAME`.)
///
/// # Panics
/// When it was not built: a journey without the program would show nothing.
pub fn program() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_default();
    // A test lies in `target/PROFILE/deps`, an example in `target/PROFILE/examples`.
    let profile = this.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let program = profile.join("examples/program");
    assert!(program.is_file(), "{} is missing: run `cargo build -p journeys --example program`", program.display());
    program
}
