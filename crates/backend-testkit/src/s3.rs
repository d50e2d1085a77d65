//! An S3 server in this process, for tests: storage and faults of ours, protocol and signatures by `s3s`. Never in a shipped path.
//!
//! It answers as AWS does (S3 API, REST), and can be told to be a provider that does not: conditions that are ignored with 200, checksums that are
//! not looked at, trailers that are refused. Whole requests are evaluated under one lock, so that of many conditional writers exactly one wins. It
//! runs on threads of its own: a test's paused clock does not stop it.

mod answer;
mod attributes;
mod blob;
mod bucket;
mod condition;
mod copy;
mod delete;
mod fault;
mod get;
mod list;
mod log;
mod operation;
mod options;
mod parts;
mod put;
mod receive;
mod refusal;
mod server;
mod service;
mod state;
mod sums;
mod tags;
mod uploads;
mod versions;
mod wire;

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

pub use fault::{Fault, When};
pub use log::Request;
pub use operation::Operation;
pub use options::{Checksums, Copies, Misplaced, Options, Trailers, Versions};

use server::Server;
use state::Shared;

/// A running server. It stops when it is dropped.
pub struct FakeS3 {
    shared: Arc<Shared>,
    server: Server,
}

impl fmt::Debug for FakeS3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeS3").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

impl FakeS3 {
    /// Starts a server with one bucket, on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port or no thread is to be had.
    pub async fn start(opts: Options) -> io::Result<Arc<Self>> {
        let shared = Arc::new(Shared::new(opts)?);
        let server = Server::start(shared.clone()).await?;
        Ok(Arc::new(Self { shared, server }))
    }

    /// `http://127.0.0.1:port`, for path-style requests.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// The port that is listened to.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// What it was started with.
    pub fn options(&self) -> &Options {
        &self.shared.service.opts
    }

    /// Does `fault` to the requests that `when` names. Rules are looked at in the order in which they were given; the first that holds is followed.
    pub fn fault(&self, when: When, fault: Fault) {
        self.shared.script.add(when, fault);
    }

    /// No more faults.
    pub fn heal(&self) {
        self.shared.script.clear();
    }

    /// Every request since the start, or since [`FakeS3::forget`], in the order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log.all()
    }

    /// How many requests of this kind there were.
    pub fn count(&self, operation: Operation) -> usize {
        self.requests().iter().filter(|request| operation.covers(request.operation)).count()
    }

    /// Empties the log and the counter of bytes.
    pub fn forget(&self) {
        self.shared.log.clear();
    }

    /// How many bytes of bodies were received, chunk signatures and refused bodies included.
    pub fn bytes_received(&self) -> u64 {
        self.shared.log.received()
    }

    /// The bytes under a key of the bucket, if something is visible there.
    pub fn object(&self, key: &str) -> Option<Bytes> {
        self.shared.service.peek(key)
    }

    /// The keys of the bucket that are visible, in order.
    pub fn keys(&self) -> Vec<String> {
        self.shared.service.keys()
    }

    /// Inverts one bit of the byte at `at`, without a trace in the metadata. False if there is no such byte.
    pub fn corrupt(&self, key: &str, at: u64) -> bool {
        self.shared.service.corrupt(key, at)
    }

    /// Takes a key away, as somebody else would, with all versions of it.
    pub fn lose(&self, key: &str) -> bool {
        self.shared.service.lose(key)
    }

    /// Multipart uploads that were begun, and neither completed nor aborted.
    pub fn uploads(&self) -> usize {
        self.shared.service.uploads()
    }

    /// Forgets all uploads that were begun, as a lifecycle rule does.
    pub fn expire_uploads(&self) {
        self.shared.service.expire_uploads();
    }

    /// Kills the server: connections break, new ones are refused. What was stored stays.
    pub async fn down(&self) {
        self.server.down().await;
    }

    /// Starts it again, on the same port.
    ///
    /// # Errors
    /// When the port was taken meanwhile.
    pub async fn up(&self) -> io::Result<()> {
        self.server.up().await
    }
}
