//! A part of a test in a process of its own: what it costs is its alone.

use std::io;
use std::process::{Command, Stdio};

/// Where the part finds what it is to do.
const WORD: &str = "IPFS_KIT_TEST_APART";
/// What the part says to the test that began it.
const SAYS: &str = "apart: ";

/// What this process is to do, if it is such a part.
pub fn word() -> Option<String> {
    std::env::var(WORD).ok()
}

/// What the part has to say.
pub fn say(text: &str) {
    use io::Write as _;
    // Whoever does not listen is gone.
    let _ = writeln!(io::stdout(), "\n{SAYS}{text}");
}

/// Runs the test `name` of this program once more, alone, where [`word`] answers `word`; answers what it says.
///
/// # Errors
/// If it fails, or says nothing.
pub fn run(name: &str, word: &str) -> io::Result<String> {
    let mut part = Command::new(std::env::current_exe()?);
    part.args(["--exact", name, "--nocapture"]).env(WORD, word).stdin(Stdio::null());
    let output = part.output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = text.lines().find_map(|line| line.strip_prefix(SAYS)).map(str::to_owned);
    let failed = || io::Error::other(format!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    said.filter(|_| output.status.success()).ok_or_else(failed)
}

/// The most memory that this process ever had, in bytes (proc(5), VmHWM).
///
/// # Errors
/// If the system does not tell.
pub fn peak() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib << 10).ok_or_else(|| io::Error::other("the system does not tell how much memory a process had"))
}
