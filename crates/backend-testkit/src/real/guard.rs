//! What stops a server and clears its folder when its owner is gone, however the owner went.

use std::io;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::Unready;

/// Waits for the end of its input, which the kernel closes when the owner dies; then kills the group whose number lies in `pid`, and removes the folder.
const WATCH: &str = r#"cat >/dev/null
[ ! -s "$1/pid" ] || kill -s KILL -- "-$(cat "$1/pid")" 2>/dev/null
rm -rf -- "$1" || rm -rf -- "$1""#;

/// A small process beside the server, in a group of its own, so that no signal to the test reaches it.
#[derive(Debug)]
pub(super) struct Guard {
    child: Child,
    input: Option<ChildStdin>,
}

impl Guard {
    pub(super) fn of(folder: &Path) -> Result<Self, Unready> {
        use std::os::unix::process::CommandExt;
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "guard"]).arg(folder).process_group(0);
        watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = watch.spawn();
        let mut child = child.map_err(|err: io::Error| Unready::new(format!("cannot start a guard: {err}")))?;
        let input = child.stdin.take();
        Ok(Self { child, input })
    }

    /// Lets it do its work, and waits for it.
    pub(super) fn end(&mut self) {
        drop(self.input.take());
        // It has no other answer than to be gone.
        let _ = self.child.wait();
    }
}

/// Kills every process of the group.
pub(super) fn kill_group(group: u32) {
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -s KILL -- \"-$1\"", "kill", &group.to_string()]);
    // A group that is gone already is what was wanted.
    let _ = kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}
