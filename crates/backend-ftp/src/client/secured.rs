//! A connection by TLS on which nothing that was written is left lying.
//!
//! The library writes a command and waits for the answer, without a flush. tokio lets a task do only so much before it has to wait for its next turn; where
//! that ends in the middle of a command, TLS keeps what it could not write, and says that it is written. The command was then sent by nobody, and both
//! sides waited for the other for ever (seen with pyftpdlib and with vsftpd, once in some thousand transfers). So whoever reads writes first.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use rustls::pki_types::ServerName;
use suppaftp::tokio::{AsyncTlsConnector, ImplAsyncFtpStream, TokioTlsStream};
use suppaftp::tokio_rustls::TlsConnector;
use suppaftp::tokio_rustls::client::TlsStream;
use suppaftp::{FtpError, FtpResult};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The library's conversation over this kind of connection.
pub(crate) type FtpStream = ImplAsyncFtpStream<Secured>;

/// A connection by TLS.
#[derive(Debug)]
pub(crate) struct Secured {
    stream: TlsStream<TcpStream>,
    /// Something was written that may not be on its way.
    is_due: bool,
}

/// Makes them.
pub(crate) struct Connector(pub(super) TlsConnector);

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

#[async_trait]
impl AsyncTlsConnector for Connector {
    type Stream = Secured;

    async fn connect(&self, domain: &str, stream: TcpStream) -> FtpResult<Secured> {
        let failed = |why: String| FtpError::SecureError(why);
        let name = ServerName::try_from(domain.to_owned()).map_err(|err| failed(err.to_string()))?;
        let stream = self.0.connect(name, stream).await.map_err(|err| failed(err.to_string()))?;
        Ok(Secured { stream, is_due: false })
    }
}

impl TokioTlsStream for Secured {
    type InnerStream = TlsStream<TcpStream>;

    fn tcp_stream(self) -> FtpResult<TcpStream> {
        Ok(self.stream.into_inner().0)
    }

    fn get_ref(&self) -> &TcpStream {
        self.stream.get_ref().0
    }

    fn mut_ref(&mut self) -> &mut TlsStream<TcpStream> {
        &mut self.stream
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_due
            && let Poll::Ready(flushed) = self.as_mut().poll_flush(cx)
        {
            flushed?;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.is_due = true;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.is_due = !matches!(flushed, Poll::Ready(Ok(())));
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
