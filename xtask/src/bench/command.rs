//! What running a program costs: wall time, CPU time of it and its children, and the most memory it held.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::shown;
use crate::failure::{Failure, Result};
use crate::run;

/// GNU time: the kernel's account of a finished child, which the standard library does not give.
const TIME: &str = "/usr/bin/time";

/// The cost of one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) wall: Duration,
    pub(super) cpu: Duration,
    pub(super) rss_kib: u64,
}

impl Cost {
    pub(super) fn rss_mib(self) -> f64 {
        self.rss_kib as f64 / 1024.0
    }

    /// The cheaper of the two, in each respect.
    fn best(self, other: Self) -> Self {
        Self {
            wall: self.wall.min(other.wall),
            cpu: self.cpu.min(other.cpu),
            // Of memory the worst counts.
            rss_kib: self.rss_kib.max(other.rss_kib),
        }
    }

    pub(super) fn text(self) -> String {
        format!("{}, {} CPU, {:.0} MiB", shown(self.wall), shown(self.cpu), self.rss_mib())
    }
}

/// Runs `command` once and answers what it printed and what it cost. `note` is a file to keep the account in.
pub(super) fn once(command: &Command, note: &Path) -> Result<(String, Cost)> {
    let mut timed = Command::new(TIME);
    timed.args(["-o".as_ref(), note.as_os_str(), "-f".as_ref(), "%U %S %M".as_ref(), command.get_program()]);
    timed.args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => timed.env(name, value),
            None => timed.env_remove(name),
        };
    }
    let begin = Instant::now();
    let said = run::answer(&mut timed)?;
    let wall = begin.elapsed();
    let account = fs::read_to_string(note).map_err(|err| Failure::at(note, "read", err))?;
    let (cpu, rss_kib) = read(&account).ok_or_else(|| Failure::new(format!("{TIME} says {account:?}")))?;
    Ok((said, Cost { wall, cpu, rss_kib }))
}

fn read(account: &str) -> Option<(Duration, u64)> {
    let mut words = account.lines().last()?.split(' ');
    let mut seconds = || words.next()?.parse::<f64>().ok();
    let cpu = seconds()? + seconds()?;
    Some((Duration::try_from_secs_f64(cpu).ok()?, words.next()?.parse().ok()?))
}

/// Runs `ours` and `peer` in turns, three times, and answers the best of each.
pub(super) fn in_turns<A, B>(
    mut ours: impl FnMut() -> Result<A>,
    mut peer: impl FnMut() -> Result<B>,
    best_ours: fn(A, A) -> A,
    best_peer: fn(B, B) -> B,
) -> Result<(A, B)> {
    let (mut one, mut other) = (ours()?, peer()?);
    for _ in 0..2 {
        (one, other) = (best_ours(one, ours()?), best_peer(other, peer()?));
    }
    Ok((one, other))
}

/// For [`in_turns`].
pub(super) fn cheaper(one: Cost, other: Cost) -> Cost {
    one.best(other)
}

/// The median of many runs of a short program, started from here.
pub(super) fn median(runs: usize, mut command: impl FnMut() -> Command) -> Result<Duration> {
    let mut all = Vec::with_capacity(runs);
    for _ in 0..runs {
        let mut command = command();
        let begin = Instant::now();
        run::quietly(&mut command)?;
        all.push(begin.elapsed());
    }
    all.sort_unstable();
    all.get(runs / 2).copied().ok_or_else(|| Failure::new("the median of nothing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_and_nonsense_is_not() {
        assert_eq!(read("0.50 0.25 2048\n"), Some((Duration::from_millis(750), 2048)));
        assert_eq!(read("Command exited with non-zero status 1\n0.00 0.00 1024\n"), Some((Duration::ZERO, 1024)));
        assert_eq!(read("what?"), None);
        assert_eq!(read("-1 0 3"), None);
    }
}
