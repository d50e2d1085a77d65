//! The program `ipfs-kit`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ipfs_kit::main()
}
