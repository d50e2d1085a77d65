//! Running other programs, and what they cost.

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
