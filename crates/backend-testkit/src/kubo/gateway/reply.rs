//! An answer on its way out, and what goes wrong on the wire.

use std::io::Result;

use bytes::Bytes;
use ipld::address;

use super::super::wire::{Head, Wire};
use super::GatewayLie;
use super::asked::Asked;

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) media: String,
    /// Further header lines, each with its end.
    pub(super) headers: String,
    pub(super) body: Body,
}

pub(super) enum Body {
    Bytes(Bytes),
    /// Fewer bytes than are announced; the connection ends behind them.
    Short(Bytes, u64),
    /// These, and then the others for ever.
    Endless(Bytes, Bytes),
}

impl Reply {
    pub(super) fn text(status: u16, text: &str) -> Self {
        let body = Body::Bytes(Bytes::copy_from_slice(text.as_bytes()));
        Self { status, media: "text/plain; charset=utf-8".to_owned(), headers: String::new(), body }
    }

    /// With the headers that name what was asked for.
    pub(super) fn of(mut self, asked: &Asked) -> Self {
        self.headers.push_str(&format!("Ipfs-Uri: {}\r\n", asked.uri()));
        if self.status < 300 {
            self.headers.push_str(&format!("X-Ipfs-Roots: {}\r\n", address::text(&asked.root)));
        }
        self
    }

    /// Whether the connection may be used again.
    pub(super) async fn write(self, wire: &mut Wire, head: &Head, lie: Option<&GatewayLie>) -> Result<bool> {
        let line = format!("HTTP/1.1 {} Status\r\nContent-Type: {}\r\n{}", self.status, self.media, self.headers);
        match self.body {
            Body::Bytes(bytes) if head.method == "HEAD" || self.status == 304 => {
                let len = if self.status == 304 { 0 } else { bytes.len() };
                wire.send(format!("{line}Content-Length: {len}\r\n\r\n").as_bytes()).await.map(|()| true)
            }
            Body::Bytes(bytes) => whole(wire, &line, &bytes, lie).await,
            Body::Short(bytes, size) => {
                wire.send(format!("{line}Content-Length: {size}\r\n\r\n").as_bytes()).await?;
                wire.send(&bytes).await.map(|()| false)
            }
            Body::Endless(bytes, again) => {
                wire.send(format!("{line}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).await?;
                wire.chunk(&bytes).await?;
                loop {
                    wire.chunk(&again).await?;
                }
            }
        }
    }
}

async fn whole(wire: &mut Wire, line: &str, bytes: &[u8], lie: Option<&GatewayLie>) -> Result<bool> {
    let half = bytes.len() / 2;
    match lie {
        Some(GatewayLie::Trailer(text)) => {
            wire.send(format!("{line}Trailer: X-Stream-Error\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes())
                .await?;
            wire.chunk(bytes).await?;
            wire.end(Some(text)).await.map(|()| true)
        }
        Some(GatewayLie::Cut) => {
            wire.send(format!("{line}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).await?;
            wire.chunk(&bytes[..half]).await.map(|()| false)
        }
        Some(GatewayLie::Silent) => {
            wire.send(format!("{line}Content-Length: {}\r\n\r\n", bytes.len()).as_bytes()).await?;
            wire.send(&bytes[..half]).await?;
            wire.stall().await.map(|()| false)
        }
        _ => {
            wire.send(format!("{line}Content-Length: {}\r\n\r\n", bytes.len()).as_bytes()).await?;
            wire.send(bytes).await.map(|()| true)
        }
    }
}
