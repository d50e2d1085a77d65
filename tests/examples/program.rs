//! The program with its fault points, for the journeys. An example, so that it is built with every `cargo test`, never ships, and leaves `cargo run`
//! the one program of this workspace.

use std::process::ExitCode;

fn main() -> ExitCode {
    ipfs_kit::main()
}
