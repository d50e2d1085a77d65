//! The server's side of TLS: what a client has to pass before it is heard.

use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{HandshakeKind, ServerConfig, SupportedProtocolVersion, crypto};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// Who vouches for the server, as PEM. The certificates in `certificates/` are of `localhost` and 127.0.0.1, last a hundred years, and open nothing.
pub const AUTHORITY: &str = include_str!("../../certificates/authority.pem");

/// How clients come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Unencrypted.
    Plain,
    /// Only behind `AUTH TLS`, of version 1.2.
    Explicit,
    /// By TLS 1.2 from the first byte on.
    Implicit,
    /// As `Explicit`, but of version 1.3 alone.
    Newest,
}

/// A connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One for every server: it remembers the sessions, of which data connections must resume one.
#[derive(Clone)]
pub(super) struct Lock(TlsAcceptor);

impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lock")
    }
}

impl Lock {
    pub(super) fn of(door: Door) -> io::Result<Option<Self>> {
        let version: &SupportedProtocolVersion = match door {
            Door::Plain => return Ok(None),
            Door::Explicit | Door::Implicit => &rustls::version::TLS12,
            Door::Newest => &rustls::version::TLS13,
        };
        let certificate = CertificateDer::from_pem_slice(include_bytes!("../../certificates/server.pem"));
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../certificates/server.key"));
        let builder = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
        let config = builder.with_protocol_versions(&[version]).map_err(io::Error::other)?.with_no_client_auth();
        let chain = vec![certificate.map_err(io::Error::other)?];
        let config = config.with_single_cert(chain, key.map_err(io::Error::other)?).map_err(io::Error::other)?;
        Ok(Some(Self(TlsAcceptor::from(Arc::new(config)))))
    }

    /// A control connection.
    pub(super) async fn open(&self, stream: Box<dyn Stream>) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(self.0.accept(stream).await?))
    }

    /// A data connection: its session must be one that is known, as vsftpd and proftpd demand it.
    pub(super) async fn resumed(&self, stream: TcpStream) -> io::Result<Box<dyn Stream>> {
        let secure = self.0.accept(stream).await?;
        match secure.get_ref().1.handshake_kind() {
            Some(HandshakeKind::Resumed) => Ok(Box::new(secure)),
            kind => Err(io::Error::other(format!("a data connection by a new session: {kind:?}"))),
        }
    }
}
