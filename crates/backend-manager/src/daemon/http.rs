//! The endpoint that metrics are read from: two paths, one request a connection, everything bounded.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use backend_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::board::Board;
use super::metrics;
use super::stop::Stop;
use crate::manager::Manager;

/// The longest head of a request.
const HEAD_MAX: usize = 8 << 10;
/// Connections at a time; more wait in the kernel.
const AT_ONCE: usize = 16;
/// How long a request, or taking its answer, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long is waited after a connection could not be accepted: no descriptors are left, and asking at once would only burn time.
const PAUSE: Duration = Duration::from_millis(100);

/// A place where requests come in.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    /// Where it is, with the port that the system has chosen if that was asked.
    pub at: SocketAddr,
}

impl Listener {
    /// # Errors
    /// `InvalidConfig` when the place is taken or is not ours.
    pub async fn bind(at: SocketAddr) -> Result<Self> {
        let cannot = |err| Error::new(ErrorKind::InvalidConfig, format!("cannot listen on {at}")).with_source(err);
        let listener = TcpListener::bind(at).await.map_err(cannot)?;
        let at = listener.local_addr().map_err(cannot)?;
        Ok(Self { listener, at })
    }
}

/// Answers `/metrics` and `/healthz` until `stop`.
pub async fn serve(listener: Listener, manager: Manager, board: Arc<Board>, stop: Stop) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.listener.accept() => accepted,
            () = stop.stopped() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let (manager, board, stop) = (manager.clone(), board.clone(), stop.clone());
                tokio::spawn(async move {
                    let _place = place;
                    // Whoever asks slowly, or goes away, is left alone.
                    let _ = tokio::time::timeout(PATIENCE * 2, answer(stream, &manager, &board, &stop)).await;
                });
            }
            Err(err) => {
                tracing::warn!(error = %err, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream, manager: &Manager, board: &Board, stop: &Stop) -> std::io::Result<()> {
    let (status, body) = match tokio::time::timeout(PATIENCE, head(&mut stream)).await {
        Err(_) => ("408 Request Timeout", "too slow\n".to_owned()),
        Ok(head) => match path(&head?) {
            Err(status) => (status, format!("{status}\n")),
            Ok("/healthz") if stop.is_stopped() => ("503 Service Unavailable", "stopping\n".to_owned()),
            Ok("/healthz") => ("200 OK", "ok\n".to_owned()),
            Ok("/metrics") => match metrics::page(manager, board).await {
                Ok(page) => ("200 OK", page),
                Err(err) => ("500 Internal Server Error", format!("{}\n", err.message())),
            },
            Ok(_) => ("404 Not Found", "there are /metrics and /healthz\n".to_owned()),
        },
    };
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// The head of a request; cut off where it is too long, which [`path`] sees.
async fn head(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(1024);
    let mut part = [0; 1024];
    while head.len() <= HEAD_MAX && !ends(&head) {
        match stream.read(&mut part).await? {
            0 => break,
            n => head.extend_from_slice(part.get(..n).unwrap_or_default()),
        }
    }
    Ok(head)
}

fn ends(head: &[u8]) -> bool {
    head.windows(4).any(|it| it == b"\r\n\r\n")
}

/// The path of a GET, without what may follow a question mark.
fn path(head: &[u8]) -> std::result::Result<&str, &'static str> {
    if !ends(head) {
        let is_long = HEAD_MAX < head.len();
        return Err(if is_long { "431 Request Header Fields Too Large" } else { "400 Bad Request" });
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = std::str::from_utf8(line).map_err(|_| "400 Bad Request")?.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("GET"), Some(path), Some("HTTP/1.1" | "HTTP/1.0"), None) => Ok(path.split('?').next().unwrap_or(path)),
        (Some(_), Some(_), Some("HTTP/1.1" | "HTTP/1.0"), None) => Err("405 Method Not Allowed"),
        _ => Err("400 Bad Request"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_get_has_a_path() {
        let check = |head: &[u8], wanted| assert_eq!(path(head), wanted, "{}", String::from_utf8_lossy(head));
        check(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Ok("/metrics"));
        check(b"GET /metrics?a=b HTTP/1.0\r\n\r\n", Ok("/metrics"));
        check(b"POST /metrics HTTP/1.1\r\n\r\n", Err("405 Method Not Allowed"));
        for head in [&b""[..], b"GET /metrics HTTP/1.1\r\n", b"GET / x HTTP/1.1\r\n\r\n", b"\xff / HTTP/1.1\r\n\r\n"] {
            check(head, Err("400 Bad Request"));
        }
        check(&[b'a'; HEAD_MAX + 1], Err("431 Request Header Fields Too Large"));
    }
}
