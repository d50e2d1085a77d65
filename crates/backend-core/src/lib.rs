//! The contract that every storage backend keeps, and the words it is written in.
//!
//! * [`Backend`] is the contract: ten verbs. [`Content`] is what goes in, [`Fetched`] what comes out, [`Metadata`] and [`Evidence`] what is known.
//! * [`Error`] says what went wrong, whether to try again ([`RetryAdvice`]), and whether it may have happened all the same ([`Effect`]).
//! * [`Descriptor`] is the plugin: a leaf submits one through `inventory`, and [`descriptors`] finds all that are linked.
//!
//! This crate has no runtime, no network, no environment and no policy. `docs/CONTRACT.md` numbers every MUST.
#![warn(missing_docs)]

mod asks;
mod backend;
mod batcher;
mod capability;
mod content;
mod dag;
mod descriptor;
mod digest;
mod error;
mod id;
mod mend;
mod progress;
mod range;
mod reply;
mod report;
mod request;
mod secret;
mod settings;
mod storage_type;

pub use asks::Asks;
pub use backend::Backend;
pub use batcher::Batcher;
pub use capability::{Capabilities, Exposure, Info, Limits, Rate, RateClass, Reads, Role, Settle};
pub use content::{ByteStream, Content, Open, Shape};
pub use dag::{Dag, Node, Nodes};
pub use descriptor::{Descriptor, Grade, Traits, descriptors, find, nearest};
pub use digest::{Digest, DigestKind};
pub use error::{BoxError, Effect, Error, ErrorFamily, ErrorKind, Result, RetryAdvice};
pub use id::{Addressing, ContentId, Key, Locator, MAX_KEY, OWN_PREFIX};
pub use inventory;
pub use mend::{Mend, Run};
pub use progress::Progress;
pub use range::ByteRange;
pub use reply::{Entry, Evidence, Fetched, Health, Link, Metadata, Next, Power, Removal, Scope, Status, Usage};
pub use report::{Report, ReportedError, timestamp};
pub use request::{
    AddOptions, Checkpoint, Condition, Form, GetOptions, ListOptions, Pin, RemoveOptions, ResumeToken, StatOptions,
    Write,
};
pub use secret::Secret;
pub use settings::{Clock, Facts, Settings, StateStore};
pub use storage_type::StorageType;
