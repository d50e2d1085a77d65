//! A client that signs a request and reads one answer, byte by byte: it hides nothing that a connection does.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use backend_testkit::s3::{FakeS3, Options};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take; what hangs longer hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended where it was said to end.
    pub(crate) whole: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    /// What an element of the body says.
    pub(crate) fn tag(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(value, _)| value.to_owned())
    }

    /// The status, and the code of an error.
    pub(crate) fn told(&self) -> (u16, String) {
        (self.status, self.tag("Code").unwrap_or_default())
    }
}

/// One request. `path` is `/bucket/key?query`, written as it is sent, the query sorted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
    pub(crate) region: &'a str,
}

pub(crate) fn ask<'a>(method: &'a str, path: &'a str) -> Ask<'a> {
    Ask { method, path, headers: &[], body: &[], region: "us-east-1" }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// HMAC-SHA256 (RFC 2104), for keys of at most a block.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |with: u8| (0..64).map(|at| key.get(at).copied().unwrap_or_default() ^ with).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

/// Now, as `20261127T120000Z` (the civil-from-days algorithm).
fn stamp() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

impl Ask<'_> {
    /// The head of the request, signed (SigV4).
    fn signed(&self, opts: &Options, port: u16) -> String {
        let (path, query) = self.path.split_once('?').unwrap_or((self.path, ""));
        let (time, host) = (stamp(), format!("127.0.0.1:{port}"));
        let day = time.get(..8).unwrap();
        let payload = hex(&Sha256::digest(self.body));
        let mut headers =
            vec![("host", host.as_str()), ("x-amz-content-sha256", payload.as_str()), ("x-amz-date", time.as_str())];
        headers.extend(self.headers.iter().copied());
        headers.sort_unstable();
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let canonical = format!("{}\n{path}\n{query}\n{lines}\n{names}\n{payload}", self.method);
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let mut key = format!("AWS4{}", opts.secret_key).into_bytes();
        for part in [day, self.region, "s3", "aws4_request"] {
            key = hmac(&key, part.as_bytes());
        }
        let signature = hex(&hmac(&key, text.as_bytes()));
        let id = &opts.access_key;
        let sent: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!(
            "{} {} HTTP/1.1\r\n{sent}authorization: AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            self.method,
            self.path,
            self.body.len()
        )
    }

    /// Sends it, and reads until the connection ends. An error is a connection that broke before an answer.
    pub(crate) async fn of(&self, server: &Arc<FakeS3>) -> io::Result<Answer> {
        let exchange = async {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port())).await?;
            stream.write_all(self.signed(server.options(), server.port()).as_bytes()).await?;
            stream.write_all(self.body).await?;
            let mut all = Vec::new();
            let end = stream.read_to_end(&mut all).await;
            answer(all, end)
        };
        tokio::time::timeout(PATIENCE, exchange).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

fn answer(all: Vec<u8>, end: io::Result<usize>) -> io::Result<Answer> {
    let Some(split) = all.windows(4).position(|it| it == b"\r\n\r\n") else {
        return Err(end.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()));
    };
    let (head, body) = all.split_at(split + 4);
    let head = String::from_utf8_lossy(head).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    let mut answer = Answer { status, head, body: body.to_vec(), whole: end.is_ok() };
    match answer.header("content-length").map(|text| text.parse::<usize>().unwrap()) {
        Some(len) => answer.whole &= len == answer.body.len(),
        None if answer.header("transfer-encoding").is_some() => answer.whole &= answer.body.ends_with(b"0\r\n\r\n"),
        None => {}
    }
    Ok(answer)
}
