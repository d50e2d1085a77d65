//! The fake Kubo against what a real one was recorded to say: `captured.jsonl`, of Kubo 0.43.1, in the order in which it was asked.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::collections::BTreeMap;

use backend_testkit::kubo::{Blocks, Kubo};
use bytes::Bytes;
use ipld::Block;
use ipld::car::{Decoder, Item};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One request and its answer. Bodies are text or, where they are not, pairs of hex digits.
#[derive(Debug, Deserialize)]
struct Exchange {
    name: String,
    method: String,
    target: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    request: String,
    /// Who must be shown; a guarded node is another one.
    #[serde(default)]
    guarded: Option<String>,
    status: u16,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    media: String,
    /// Parts of the text that are another node's: its peer id, the size of its repository.
    #[serde(default)]
    loose: bool,
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

async fn ask(url: &str, it: &Exchange) -> (u16, String, String) {
    let address = url.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let body = unhex(&it.request);
    let mut head =
        format!("{} {} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n", it.method, it.target, body.len());
    it.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    socket.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    socket.write_all(&body).await.unwrap();
    // Nothing more is asked, so the node closes when it has answered.
    socket.shutdown().await.unwrap();
    let mut whole = Vec::new();
    socket.read_to_end(&mut whole).await.unwrap();
    let at = whole.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&whole[..at]).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let media = head.lines().find_map(|line| line.strip_prefix("Content-Type: ")).unwrap_or_default().to_owned();
    let body = &whole[at + 4..];
    let body = if head.contains("chunked") { unchunked(body) } else { body.to_vec() };
    (status, media, String::from_utf8_lossy(&body).into_owned())
}

/// The chunks, and what a trailer says behind them.
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let at = rest.windows(2).position(|it| it == b"\r\n").unwrap();
        let len = usize::from_str_radix(&String::from_utf8_lossy(&rest[..at]), 16).unwrap();
        rest = &rest[at + 2..];
        if len == 0 {
            all.extend_from_slice(rest.trim_ascii_end());
            return all;
        }
        all.extend_from_slice(&rest[..len]);
        rest = &rest[len + 2..];
    }
}

/// JSON by its values, whatever their order; everything else to the letter.
fn same(found: &str, wanted: &str) -> bool {
    let values = |text: &str| -> Option<Vec<serde_json::Value>> {
        let lines = text.lines().filter(|line| !line.is_empty());
        let mut all: Vec<serde_json::Value> =
            lines.map(|line| serde_json::from_str(line).ok()).collect::<Option<_>>()?;
        all.sort_by_key(ToString::to_string);
        Some(all)
    };
    found == wanted || values(wanted).is_some_and(|wanted| values(found) == Some(wanted))
}

/// What the recorded node had before: a folder of two blocks, which it exported as this CAR, the first of them pinned, and a greeting.
fn as_it_was(kubo: &Kubo) {
    let mut decoder = Decoder::default();
    decoder.feed(Bytes::from_static(include_bytes!("captured.car")));
    while let Some(item) = decoder.next().unwrap() {
        if let Item::Block(block) = item {
            kubo.blocks().extend([block]);
        }
    }
    kubo.blocks().extend([Block::raw("hello world")]);
    kubo.pin(&Block::raw("block one").cid.to_string(), "");
}

#[tokio::test]
async fn the_fake_says_what_kubo_was_recorded_to_say() {
    let text = include_str!("captured.jsonl");
    let exchanges: Vec<Exchange> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let open = Kubo::start().await.unwrap();
    as_it_was(&open);
    let mut failed = Vec::new();
    for it in &exchanges {
        let guarded = match &it.guarded {
            Some(secret) => Some(Kubo::start_on(Blocks::new(), Some(secret)).await.unwrap()),
            None => None,
        };
        let (status, media, answer) = ask(&guarded.as_ref().unwrap_or(&open).api_url(), it).await;
        let media_is = it.media.is_empty() || media == it.media;
        if status != it.status || !media_is || !(it.loose || same(&answer, &it.answer)) {
            failed.push(format!(
                "{}: {status} {media}\n    {answer:?}\n  not {} {}\n    {:?}",
                it.name, it.status, it.media, it.answer
            ));
        }
    }
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), exchanges.len(), failed.join("\n"));
}
