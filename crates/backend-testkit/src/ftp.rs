//! An FTP server for tests: libunftp over a folder, behind a proxy that can break what passes.
//!
//! libunftp is somebody else's reading of RFC 959 and RFC 3659; only the faults are ours.

mod door;
mod proxy;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libunftp::ServerBuilder;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use unftp_sbe_fs::Filesystem;

pub use door::{AUTHORITY, Door};
use proxy::Proxy;

/// What goes wrong. Each fault happens as often as it was armed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The server never sees this command; this line is answered.
    Refuse(&'static str, String),
    /// The control connection ends when this command comes.
    HangUp(&'static str),
    /// In the place of what the server says behind a transfer by this command.
    Final(&'static str, String),
    /// What the server says behind a transfer by this command is held back until [`FtpServer::release`].
    Hold(&'static str),
    /// Data connections end behind so many bytes, in the middle of whatever passes.
    CutData(u64),
    /// This is what comes over the next data connection, whatever the server sends.
    Data(Vec<u8>),
}

/// What stands between clients and a server, counts what they send, and breaks what it was told to break.
#[derive(Debug)]
pub struct FtpProxy {
    address: SocketAddr,
    proxy: Arc<Proxy>,
    task: JoinHandle<()>,
}

impl FtpProxy {
    /// Before the server on this port of this machine. Its clients must speak without TLS, and ask for `EPSV`.
    ///
    /// # Errors
    /// If there is no port for it.
    pub async fn before(port: u16) -> io::Result<Self> {
        Self::with(port, Door::Plain).await
    }

    async fn with(port: u16, door: Door) -> io::Result<Self> {
        let outer = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = outer.local_addr()?;
        let proxy = Arc::new(Proxy::new(SocketAddr::from(([127, 0, 0, 1], port)), door)?);
        let forwarding = proxy.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = outer.accept().await {
                tokio::spawn(forwarding.clone().forward(stream));
            }
        });
        Ok(Self { address, proxy, task })
    }

    /// Where clients reach it.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Bytes that clients have sent by data connections since the last time.
    pub fn take_sent(&self) -> u64 {
        self.proxy.take_sent()
    }
}

impl Drop for FtpProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A running server.
#[derive(Debug)]
pub struct FtpServer {
    folder: TempDir,
    front: FtpProxy,
    task: JoinHandle<()>,
}

impl FtpServer {
    /// Starts one on a free port of this machine. Everybody may log in.
    ///
    /// # Errors
    /// If there is no folder or no port for it.
    pub async fn start() -> io::Result<Self> {
        Self::behind(Door::Plain).await
    }

    /// Starts one that is entered by this door. Faults of what lies between them stay possible: it is the proxy that speaks TLS.
    ///
    /// # Errors
    /// As [`FtpServer::start`].
    pub async fn behind(door: Door) -> io::Result<Self> {
        let folder = TempDir::new()?;
        let inner = TcpListener::bind(("127.0.0.1", 0)).await?;
        let front = FtpProxy::with(inner.local_addr()?.port(), door).await?;
        let path = folder.path().to_path_buf();
        let task = tokio::spawn(served(inner, path));
        Ok(Self { folder, front, task })
    }

    /// Where clients reach it.
    pub fn port(&self) -> u16 {
        self.front.port()
    }

    /// What it serves: `/` of the protocol.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Arms a fault, once.
    pub fn arm(&self, fault: Fault) {
        self.front.proxy.arm(fault);
    }

    /// Lets all answers go that are held back, now and later.
    pub fn release(&self) {
        self.front.proxy.release();
    }

    /// Every command that has come so far, as it came, without passwords.
    pub fn commands(&self) -> Vec<String> {
        self.front.proxy.commands()
    }

    /// The most control connections that were open at a time.
    pub fn most_connections(&self) -> usize {
        self.front.proxy.most()
    }
}

impl Drop for FtpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn served(listener: TcpListener, folder: PathBuf) {
    while let Ok((stream, _)) = listener.accept().await {
        // Without it every answer waits 40 ms for the acknowledgement of the one before; no client depends on it.
        let _ = stream.set_nodelay(true);
        tokio::spawn(serve(folder.clone(), stream));
    }
}

async fn serve(folder: PathBuf, stream: tokio::net::TcpStream) {
    let files = Box::new(move || match Filesystem::new(folder.clone()) {
        Ok(files) => files,
        // The folder was there when the server started; the test that removed it meant this.
        Err(_) => std::process::abort(),
    });
    let Ok(server) = ServerBuilder::new(files).build() else { return };
    // How a connection ended is what its client sees.
    let _ = server.service(stream).await;
}
