//! An SSH server with SFTP in this process, for tests: a folder on the disk, and faults. Never in a shipped path.
//!
//! SSH is `russh`; SFTP version 3 is read and written here, by the draft and by what OpenSSH's server was seen to answer. It runs on threads of its own:
//! a test's paused clock does not stop it.

mod fault;
mod files;
mod packet;
mod server;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use russh::keys::{Algorithm, HashAlg, PrivateKey};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

pub use fault::{Fault, Faults};

use crate::fixture::CANARY;

/// What kind of server it is.
#[derive(Debug, Clone)]
pub struct Options {
    /// OpenSSH's extensions are offered and understood.
    pub extensions: bool,
    /// It says what names are, in attributes.
    pub modes: bool,
    /// How many sessions it allows on a connection.
    pub sessions: usize,
    /// The most bytes that a read is answered with.
    pub most_read: usize,
    /// It takes no password, and asks for it instead.
    pub questions: bool,
    /// A public key that it takes, as OpenSSH writes it.
    pub key: Option<String>,
}

impl Default for Options {
    /// As OpenSSH is.
    fn default() -> Self {
        Self { extensions: true, modes: true, sessions: 10, most_read: 255 * 1024, questions: false, key: None }
    }
}

impl Options {
    /// A server of the draft alone: no extensions, one session on a connection, short reads, no modes.
    pub fn plain() -> Self {
        Self { extensions: false, modes: false, sessions: 1, most_read: 20_000, ..Self::default() }
    }
}

/// A running server. It stops when it is dropped.
pub struct FakeSftp {
    port: u16,
    folder: TempDir,
    fingerprint: String,
    host_key: String,
    shared: Arc<server::Shared>,
    runtime: Option<Runtime>,
}

impl fmt::Debug for FakeSftp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeSftp").field("port", &self.port).finish_non_exhaustive()
    }
}

impl FakeSftp {
    /// The user that it knows.
    pub const USER: &'static str = "suite";

    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port, no folder or no thread is to be had.
    pub fn start(opts: Options) -> io::Result<Arc<Self>> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("store"))?;
        let key =
            PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).map_err(io::Error::other)?;
        let fingerprint = key.public_key().fingerprint(HashAlg::Sha256).to_string();
        let host_key = key.public_key().to_openssh().map_err(io::Error::other)?;
        let shared = Arc::new(server::Shared::new(opts, folder.path().to_path_buf()));
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let inside = runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        drop(inside);
        runtime.spawn(server::accept(listener, key, shared.clone()));
        Ok(Arc::new(Self { port, folder, fingerprint, host_key, shared, runtime: Some(runtime) }))
    }

    /// `connection:` that reaches it, by its fingerprint.
    pub fn connection(&self) -> Value {
        json!({ "host": "127.0.0.1", "port": self.port, "path": "/store", "host_keys": [self.fingerprint] })
    }

    /// `credentials:` that it takes.
    pub fn credentials(&self) -> Value {
        json!({ "username": Self::USER, "password": Self::password() })
    }

    /// The password that it takes: it holds the suite's canary.
    pub fn password() -> String {
        format!("{CANARY}-password")
    }

    /// The port that is listened to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host key, as OpenSSH writes it.
    pub fn host_key(&self) -> &str {
        &self.host_key
    }

    /// The fingerprint of the host key.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Where the store lies on the disk.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// What goes wrong from now on.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// How often `fsync@openssh.com` was asked for so far.
    pub fn syncs(&self) -> usize {
        self.shared.syncs.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections()
    }

    /// Ends every connection, as a crash of the server would.
    pub fn cut(&self) {
        self.shared.cut();
    }
}

impl Drop for FakeSftp {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
