//! An FTP server for tests: libunftp over a folder, behind a proxy that can break what passes.
//!
//! libunftp is somebody else's reading of RFC 959 and RFC 3659; only the faults are ours.

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

/// A running server.
#[derive(Debug)]
pub struct FtpServer {
    folder: TempDir,
    address: SocketAddr,
    proxy: Arc<Proxy>,
    tasks: Vec<JoinHandle<()>>,
}

impl FtpServer {
    /// Starts one on a free port of this machine. Everybody may log in.
    ///
    /// # Errors
    /// If there is no folder or no port for it.
    pub async fn start() -> io::Result<Self> {
        let folder = TempDir::new()?;
        let (inner, outer) = (TcpListener::bind(("127.0.0.1", 0)).await?, TcpListener::bind(("127.0.0.1", 0)).await?);
        let address = outer.local_addr()?;
        let proxy = Arc::new(Proxy::new(inner.local_addr()?));
        let path = folder.path().to_path_buf();
        let served = tokio::spawn(async move {
            while let Ok((stream, _)) = inner.accept().await {
                // Without it every answer waits 40 ms for the acknowledgement of the one before; no client depends on it.
                let _ = stream.set_nodelay(true);
                tokio::spawn(serve(path.clone(), stream));
            }
        });
        let forwarding = proxy.clone();
        let forwarded = tokio::spawn(async move {
            while let Ok((stream, _)) = outer.accept().await {
                tokio::spawn(forwarding.clone().forward(stream));
            }
        });
        Ok(Self { folder, address, proxy, tasks: vec![served, forwarded] })
    }

    /// Where clients reach it.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it serves: `/` of the protocol.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Arms a fault, once.
    pub fn arm(&self, fault: Fault) {
        self.proxy.arm(fault);
    }

    /// Lets all answers go that are held back, now and later.
    pub fn release(&self) {
        self.proxy.release();
    }

    /// Every command that has come so far, as it came, without passwords.
    pub fn commands(&self) -> Vec<String> {
        self.proxy.commands()
    }

    /// The most control connections that were open at a time.
    pub fn most_connections(&self) -> usize {
        self.proxy.most()
    }
}

impl Drop for FtpServer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
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
