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

/// Kills all that `root` has begun, and what those have: servers that fork for each client put those into groups of their own.
pub(super) fn kill_below(root: u32) {
    let mut killed = vec![root.to_string()];
    let mut next = 0;
    while let Some(parent) = killed.get(next).cloned() {
        next += 1;
        let entries = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
        let pids = entries.filter_map(|it| it.file_name().into_string().ok());
        killed.extend(pids.filter(|pid| parent_of(pid).as_deref() == Some(parent.as_str())));
    }
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -s KILL -- \"$@\"", "kill"]).args(&killed);
    // One that is gone already is what was wanted.
    let _ = kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// The second word behind the name, which stands in parentheses and may hold anything (proc(5)).
fn parent_of(pid: &str) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1).map(str::to_owned)
}
