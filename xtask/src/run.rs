//! Running other programs, and what they cost.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::failure::{Failure, Result};

/// The most of another program's complaint that is repeated.
const MOST_SAID: usize = 2000;

/// The cargo that runs this task, or the one on the path.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs to the end, and answers what it printed.
///
/// # Errors
/// If it cannot be started, or fails: with what it said.
pub fn answer(command: &mut Command) -> Result<String> {
    let answer = command.stdin(Stdio::null()).output().map_err(|err| unstarted(command, err))?;
    match answer.status.success() {
        true => Ok(String::from_utf8_lossy(&answer.stdout).into_owned()),
        false => Err(failed(command, &answer.stderr)),
    }
}

/// Runs to the end, and shows what it says only if it fails.
///
/// # Errors
/// As [`answer`].
pub fn quietly(command: &mut Command) -> Result<()> {
    answer(command).map(drop)
}

/// Runs to the end, and lets it talk.
///
/// # Errors
/// If it cannot be started, or fails.
pub fn aloud(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().map_err(|err| unstarted(command, err))?;
    match status.success() {
        true => Ok(()),
        false => Err(failed(command, b"see above")),
    }
}

/// Runs to the end, lets it talk, and tells `listen` every line, of both outputs in the order in which they came.
///
/// # Errors
/// If it cannot be started, or fails.
pub fn heard(mut command: Command, mut listen: impl FnMut(&str)) -> Result<()> {
    let (from, to) = io::pipe().map_err(|err| unstarted(&command, err))?;
    let also = to.try_clone().map_err(|err| unstarted(&command, err))?;
    let child = command.stdin(Stdio::null()).stdout(to).stderr(also).spawn();
    let mut child = child.map_err(|err| unstarted(&command, err))?;
    // Its ends of the pipe are ours, too: with them the pipe would have no end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (mut lines, mut line) = (BufReader::new(from), Vec::new());
    while lines.read_until(b'\n', &mut line).is_ok_and(|len| 0 < len) {
        // Whoever does not listen to us any more has no wish that the tests end.
        let _ = io::stdout().write_all(&line);
        listen(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    match child.wait().is_ok_and(|status| status.success()) {
        true => Ok(()),
        false => Err(failed(&command, b"see above")),
    }
}

fn unstarted(command: &Command, err: std::io::Error) -> Failure {
    Failure::new(format!("cannot run {}: {err}", command.get_program().to_string_lossy()))
}

fn failed(command: &Command, said: &[u8]) -> Failure {
    let words = command.get_args().take(6).map(|it| it.to_string_lossy().into_owned());
    let words: Vec<String> = words.collect();
    let said = String::from_utf8_lossy(said);
    let from = said.char_indices().rev().nth(MOST_SAID).map_or(0, |(at, _)| at);
    let program = command.get_program().to_string_lossy();
    Failure::new(format!("{program} {} failed: {}", words.join(" "), said[from..].trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard_in_its_order() {
        let shell = |script: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", script]);
            shell
        };
        let mut lines = Vec::new();
        heard(shell("echo one; echo two >&2; printf three"), |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines, ["one", "two", "three"]);
        assert!(heard(shell("echo four; exit 1"), |line| lines.push(line.to_owned())).is_err());
        assert_eq!(lines.last().unwrap(), "four");
    }
}
