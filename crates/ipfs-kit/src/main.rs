//! The program `ipfs-kit`.
fn main() {}
