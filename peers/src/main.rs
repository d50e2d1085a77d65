//! Ours beside what else could have been used, on one server in one run: `peers s3 [--on SERVER] [CASE…]` and `peers sync PROGRAM [--on SERVER] [CASE…]` print a line of
//! JSON for each comparison.
//!
//! Every case of every client runs in a process of its own, which tells what it cost: wall time, CPU time and the most memory.

mod case;
mod clients;
mod compare;
mod cost;
mod sync;

use std::env;
use std::process::ExitCode;

/// Whatever went wrong: a bench only has to say it.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match &words[..] {
        ["s3", "--on", server, cases @ ..] => compare::s3(server, cases),
        ["s3", cases @ ..] => compare::s3("s3s-fs", cases),
        ["sync", ours, "--on", server, cases @ ..] => sync::sync(ours.as_ref(), server, cases),
        ["sync", ours, cases @ ..] => sync::sync(ours.as_ref(), "seaweedfs", cases),
        ["case", client, case, endpoint, bucket, file] => case::run(client, case, endpoint, bucket, file.as_ref()),
        _ => Err("peers s3 [--on s3s-fs|rclone|moto|seaweedfs] [CASE…]; peers sync PROGRAM [--on SERVER] [small|large|standing]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("peers: {err}");
            ExitCode::FAILURE
        }
    }
}
