//! The configuration store: what it reads, refuses, shows, writes and brings in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

// What a plan says depends on what is linked: these always are, whatever the features.
use backend_ftp as _;
use backend_ipfs as _;
use backend_memory as _;
use backend_object_store as _;
use backend_s3 as _;
use backend_sshfs as _;

mod common;
mod files;
mod import;
mod import_apply;
mod import_files;
mod layers;
mod rclone;
mod resolving;
mod schema;
mod secrets;
mod store;
