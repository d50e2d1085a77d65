//! What proves a backend: the conformance suite, the content and the lying sources it works with, a clock that tests own, and a fault injector.
//!
//! A leaf's whole conformance test is a fixture and a line:
//!
//! ```text
//! async fn fixture() -> Fixture { Fixture::new().leaf(|| open(settings())).stack(|| stack(open(settings()), …)) }
//! backend_testkit::suite!(fixture);
//! ```
//!
//! Each case bears the number of a sentence of `docs/CONTRACT.md`. Cases are chosen by what a backend offers, and the other way round: what it does
//! not offer must be answered with `Unsupported`. There is no list of exceptions.
#![warn(missing_docs)]

pub mod apart;
mod check;
mod clock;
mod content;
mod faulty;
mod fixture;
#[cfg(feature = "fake-ftp")]
pub mod ftp;
mod keeper;
#[cfg(feature = "fake-kubo")]
pub mod kubo;
pub mod logs;
#[cfg(feature = "real")]
pub mod real;
mod relay;
#[cfg(feature = "fake-s3")]
pub mod s3;
#[cfg(feature = "fake-sftp")]
pub mod sftp;
mod subject;
mod suite;

pub use check::{Failure, Outcome, must_fail};
pub use clock::TestClock;
pub use content::{Defect, Gate, LEAF, Random, Watch, damaged, lying, random, small, tree};
pub use faulty::{Fault, Faulty, Verb};
pub use fixture::{CANARY, Fixture, Opener};
pub use keeper::Keeper;
pub use relay::Relay;
pub use subject::Subject;
pub use suite::{CASES, Case, names, run, run_on};
