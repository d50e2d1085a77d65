//! The configuration store: what it reads, refuses, shows and writes.

mod common;
mod files;
mod layers;
mod resolving;
mod schema;
mod secrets;
mod store;
