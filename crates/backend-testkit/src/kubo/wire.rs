//! HTTP/1.1 as Kubo writes it: answers in chunks with a trailer behind them, connections that are cut where a test wants it.

use std::io::{Error, ErrorKind, Result};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Serves each connection by `serve`; all of them end with the handle.
pub(super) fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F + Send + 'static) -> AbortHandle
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            connections.spawn(serve(socket));
            while connections.try_join_next().is_some() {}
        }
    });
    task.abort_handle()
}

/// The most bytes of a request's head, and of a line of a chunked body.
const MAX_HEAD: usize = 64 * 1024;

/// The head of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) path: String,
    /// Decoded, in order.
    pub(super) query: Vec<(String, String)>,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
}

impl Head {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.option(name).is_some_and(|value| value == "true" || value.is_empty())
    }

    pub(super) fn args(&self) -> impl Iterator<Item = &str> {
        self.query.iter().filter(|(name, _)| name == "arg").map(|(_, value)| value.as_str())
    }
}

/// How many bytes of a body are still to come.
#[derive(Debug, Clone, Copy)]
enum Left {
    Bytes(u64),
    /// Within a chunk, or before one if nothing is left of it.
    Chunk(u64),
    Nothing,
}

/// One connection: requests in, answers out.
#[derive(Debug)]
pub(super) struct Wire {
    socket: TcpStream,
    buffer: BytesMut,
    left: Left,
}

impl Wire {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket, buffer: BytesMut::new(), left: Left::Nothing }
    }

    /// The head of the next request; `None` when the peer has gone. What was left of the last body is read first.
    pub(super) async fn head(&mut self) -> Result<Option<Head>> {
        while self.body().await?.is_some() {}
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|it| it == b"\r\n\r\n") {
                break at;
            }
            if MAX_HEAD < self.buffer.len() {
                return Err(Error::new(ErrorKind::InvalidData, "the head is too large"));
            }
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.buffer.advance(end + 4);
        let head = parse(&text).ok_or_else(|| Error::new(ErrorKind::InvalidData, "no request"))?;
        let chunked = head.header("transfer-encoding").is_some_and(|it| it.eq_ignore_ascii_case("chunked"));
        let len = head.header("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
        self.left = if chunked { Left::Chunk(0) } else { Left::Bytes(len) };
        Ok(Some(head))
    }

    /// The next bytes of the body, or `None` at its end.
    pub(super) async fn body(&mut self) -> Result<Option<Bytes>> {
        loop {
            match self.left {
                Left::Nothing | Left::Bytes(0) => return Ok(None),
                Left::Bytes(len) => return self.some(len, Left::Bytes).await.map(Some),
                Left::Chunk(0) => {
                    let line = self.line().await?;
                    let len = u64::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16);
                    match len.map_err(|_| Error::new(ErrorKind::InvalidData, "no length of a chunk"))? {
                        0 => {
                            while !self.line().await?.is_empty() {}
                            self.left = Left::Nothing;
                        }
                        len => self.left = Left::Chunk(len),
                    }
                }
                Left::Chunk(len) => {
                    let bytes = self.some(len, Left::Chunk).await?;
                    if let Left::Chunk(0) = self.left {
                        self.line().await?;
                    }
                    return Ok(Some(bytes));
                }
            }
        }
    }

    async fn some(&mut self, most: u64, left: fn(u64) -> Left) -> Result<Bytes> {
        if self.buffer.is_empty() {
            self.fill().await?;
        }
        let len = (self.buffer.len() as u64).min(most);
        self.left = left(most - len);
        Ok(self.buffer.split_to(len as usize).freeze())
    }

    async fn line(&mut self) -> Result<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|it| it == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..at]).into_owned();
                self.buffer.advance(at + 2);
                return Ok(line);
            }
            if MAX_HEAD < self.buffer.len() {
                return Err(Error::new(ErrorKind::InvalidData, "the line is too long"));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        match self.socket.read_buf(&mut self.buffer).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// These very bytes.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.socket.write_all(bytes).await
    }

    /// A whole answer of known length.
    pub(super) async fn whole(&mut self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<()> {
        let mut text = status_line(status, headers);
        text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        self.socket.write_all(text.as_bytes()).await?;
        self.socket.write_all(body).await
    }

    /// The head of an answer in chunks.
    pub(super) async fn begin(&mut self, status: u16, headers: &[(&str, &str)]) -> Result<()> {
        let mut text = status_line(status, headers);
        text.push_str("Trailer: X-Stream-Error\r\nTransfer-Encoding: chunked\r\n\r\n");
        self.socket.write_all(text.as_bytes()).await
    }

    pub(super) async fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.socket.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
        self.socket.write_all(bytes).await?;
        self.socket.write_all(b"\r\n").await
    }

    /// The end of an answer in chunks, with what went wrong.
    pub(super) async fn end(&mut self, failure: Option<&str>) -> Result<()> {
        let trailer = failure.map(|text| format!("X-Stream-Error: {text}\r\n")).unwrap_or_default();
        self.socket.write_all(format!("0\r\n{trailer}\r\n").as_bytes()).await
    }

    /// Waits until the peer has gone: an answer that never comes.
    pub(super) async fn stall(&mut self) -> Result<()> {
        while self.socket.read_buf(&mut self.buffer).await? != 0 {
            self.buffer.clear();
        }
        Err(ErrorKind::ConnectionAborted.into())
    }
}

fn status_line(status: u16, headers: &[(&str, &str)]) -> String {
    let mut text = format!("HTTP/1.1 {status} Status\r\nServer: kubo/0.43.1\r\n");
    headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
    text
}

fn parse(text: &str) -> Option<Head> {
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let query =
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(name, value)| (decode(name), decode(value)));
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned())).collect();
    Some(Head { method, path: decode(path), query: query.collect(), headers })
}

fn decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).map(|digit| digit as u8);
        match byte {
            b'+' => out.push(b' '),
            b'%' => match (digit(bytes.next()), digit(bytes.next())) {
                (Some(high), Some(low)) => out.push(high * 16 + low),
                _ => out.push(b'%'),
            },
            byte => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
