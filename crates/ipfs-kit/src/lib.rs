//! The program `ipfs-kit`: words in, words out. What it does is done by `backend-manager`.
//!
//! A distribution with other plugins is three lines: `use their_backend as _; fn main() -> ExitCode { ipfs_kit::main() }`.

mod args;
mod commands;
mod exit;
mod interrupt;
mod output;
mod progress;
mod stdin;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use args::Args;
use exit::Exit;
use output::Output;

/// Runs the program with this process's arguments and answers its exit code.
pub fn main() -> ExitCode {
    run(std::env::args_os()).into()
}

fn run(words: impl IntoIterator<Item = OsString>) -> Exit {
    let args = match Args::try_parse_from(words) {
        Ok(args) => args,
        Err(err) => {
            // Help and version are answers, and a closed pipe is nobody's fault.
            let _ = err.print();
            return if err.use_stderr() { Exit::Usage } else { Exit::Ok };
        }
    };
    let output = Output::new(args.json, args.quiet);
    // A daemon tells what changes; a command that answers by itself tells only what is wrong.
    let otherwise = matches!(args.command, args::Command::Run { .. }).then_some("warn,backend_manager=info");
    output::start_log(args.log.as_deref().or(otherwise), args.json);
    match commands::run(args, &output) {
        Ok(exit) => exit,
        Err(failure) => output.failure(&failure),
    }
}
