//! The S3 server of the testkit: what its users rely on, asked by plain requests. What clients expect of S3 is judged by `certify/s3`.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod client;
mod faults;
mod kinds;
mod store;
