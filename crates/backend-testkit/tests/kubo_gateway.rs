//! The fake's gateway against what Kubo 0.43.1 was recorded to answer (exchanges `gw-*`), and against a verifier of CARs.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]
#![allow(clippy::panic, reason = "a test fails by panic")]

use backend_testkit::kubo::{Blocks, Gateway, GatewayLie};
use bytes::Bytes;
use ipld::car::verify::Summary;
use ipld::car::{Decoder, Item, Scope, Verifier};
use ipld::import::{DirectoryBuilder, import};
use ipld::{Block, Cid, profile};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HELLO: &str = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
const ABSENT: &str = "bafkreidxlu2tvwxo3wa7jrqh5sqcw5lwb4selw2tzmgp5lheyunb7dqlsy";

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

async fn ask(gateway: &Gateway, method: &str, target: &str, headers: &str) -> Answer {
    let address = gateway.url().trim_start_matches("http://").to_owned();
    let mut socket = TcpStream::connect(&address).await.unwrap();
    let request = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut read = Vec::new();
    socket.read_to_end(&mut read).await.unwrap();
    let at = read.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
    let body = read.split_off(at);
    let head = String::from_utf8(read).unwrap();
    Answer { status: head[9..12].parse().unwrap(), head, body }
}

async fn gateway() -> (Gateway, Cid, Cid) {
    let blocks = Blocks::new();
    blocks.extend([Block::raw("hello world")]);
    let chunked = profile::Profile { chunk: 1024, ..profile::UNIXFS_V1_2025 };
    let bytes: Vec<u8> = (0..25_000u32).map(|n| (n / 7 % 251) as u8).collect();
    let (file, nodes) = import(&chunked, &Bytes::from(bytes.clone()));
    blocks.extend(nodes);
    blocks.extend(bytes.chunks(1024).map(|chunk| Block::raw(chunk.to_vec())));
    let mut folder = DirectoryBuilder::new(profile::UNIXFS_V1_2025);
    folder.add(b"big.bin", file).unwrap();
    let folder = folder.finish(&mut |block| blocks.extend([block])).unwrap();
    (Gateway::start_on(blocks).await.unwrap(), file.cid, folder.cid)
}

/// What is asked, with which headers, and what Kubo answers.
type Case = (String, &'static str, u16, String);

fn found(folder: &Cid) -> Vec<Case> {
    let raw = format!("/ipfs/{HELLO}?format=raw");
    let hello = || "hello world".to_owned();
    vec![
        (raw.clone(), "", 200, hello()),
        (format!("/ipfs/{HELLO}"), "Accept: application/vnd.ipld.raw\r\n", 200, hello()),
        (raw.clone(), "Accept: application/vnd.ipld.car\r\n", 200, hello()),
        (raw.clone(), "Range: bytes=6-10\r\n", 206, "world".to_owned()),
        (raw, "Range: bytes=20-30\r\n", 416, "invalid range: failed to overlap\n".to_owned()),
        (format!("/ipfs/{HELLO}"), "Range: bytes=0-1,5-6\r\n", 206, "he".to_owned()),
        (format!("/ipfs/{HELLO}?format=nonsense"), "", 200, hello()),
        ("/ipfs/bafkqaaa?format=raw".to_owned(), "", 200, String::new()),
        (format!("/ipfs/{folder}"), "", 301, format!("<a href=\"/ipfs/{folder}/\">Moved Permanently</a>.\n\n")),
    ]
}

fn absent(folder: &Cid) -> Vec<Case> {
    let words = format!(
        "block was not found locally (offline): ipld: could not find {ABSENT}: \
         retrieval: no providers found for the CID (phase: path resolution)"
    );
    let nolink = format!("no link named \"nofile\" under {folder}");
    let uncached = format!("\"/ipfs/{ABSENT}\" not in local datastore\n");
    vec![
        (format!("/ipfs/{ABSENT}?format=raw"), "", 404, format!("failed to resolve /ipfs/{ABSENT}: {words}\n")),
        (format!("/ipfs/{ABSENT}?format=car"), "Cache-Control: only-if-cached\r\n", 412, uncached),
        (
            format!("/ipfs/{folder}/nofile?format=raw"),
            "",
            404,
            format!("failed to resolve /ipfs/{folder}/nofile: {nolink}\n"),
        ),
        ("/api/v0/version".to_owned(), "", 404, "404 page not found\n".to_owned()),
    ]
}

fn refused(file: &Cid) -> Vec<Case> {
    let car = |query: &str| format!("/ipfs/{file}?format=car{query}");
    let bad = |why: &str| format!("unsupported application/vnd.ipld.car {why}\n");
    let bytes = |why: &str| format!("invalid application/vnd.ipld.car entity-bytes URL parameter: {why}\n");
    let reversed = bytes("cannot have an entity-bytes range where 'from' is after 'to'");
    let notacid = "invalid path \"/ipfs/notacid\": invalid cid: selected encoding not supported\n".to_owned();
    let two = "Accept: application/vnd.ipld.car; version=2\r\n";
    vec![
        ("/ipfs/notacid?format=raw".to_owned(), "", 400, notacid),
        (car("&dag-scope=bogus"), "", 400, bad("scope parameter")),
        (car("&car-order=bogus"), "", 400, bad("order parameter")),
        (car(""), two, 400, bad("version: only version=1 is supported")),
        (car("&dag-scope=entity&entity-bytes=99:10"), "", 400, reversed),
        (car("&dag-scope=entity&entity-bytes=bogus"), "", 400, bytes("range must have two numbers separated with ':'")),
    ]
}

#[tokio::test]
async fn the_words_are_kubos() {
    let (gateway, file, folder) = gateway().await;
    for (target, headers, status, body) in [found(&folder), absent(&folder), refused(&file)].concat() {
        let answer = ask(&gateway, "GET", &target, headers).await;
        assert_eq!((answer.status, String::from_utf8_lossy(&answer.body).into_owned()), (status, body), "{target}");
        let head = ask(&gateway, "HEAD", &target, headers).await;
        assert_eq!((head.status, head.body.len()), (status, 0), "{target}");
    }
    let answer = ask(&gateway, "POST", &format!("/ipfs/{HELLO}"), "").await;
    assert_eq!(answer.body, b"Method POST not allowed: read only access\n");
    let etag = format!("If-None-Match: \"{HELLO}.raw\"\r\n");
    assert_eq!(ask(&gateway, "GET", &format!("/ipfs/{HELLO}?format=raw"), &etag).await.status, 304);
}

/// The CAR, held against the scope by a verifier that knows nothing of the fake.
fn check(root: Cid, scope: Scope, path: &[&str], body: &[u8]) -> ipld::Result<Summary> {
    let path = path.iter().map(|it| (*it).to_owned()).collect();
    let settings = ipld::car::verify::Settings { order: ipld::car::verify::Order::Dfs, path, ..Default::default() };
    let (mut decoder, mut verifier) = (Decoder::default(), Verifier::with(root, scope, settings));
    decoder.feed(Bytes::copy_from_slice(body));
    while let Some(item) = decoder.next()? {
        if let Item::Block(block) = item {
            verifier.push(block)?;
        }
    }
    decoder.finish()?;
    verifier.finish()
}

#[tokio::test]
async fn cars_are_what_the_scope_says() {
    let (gateway, file, folder) = gateway().await;
    let hello: Cid = HELLO.parse().unwrap();
    let cases = [
        (hello, "", Scope::All, 1, &[][..]),
        (file, "", Scope::All, 26, &[]),
        (file, "&dag-scope=block", Scope::Block, 1, &[]),
        (file, "&dag-scope=entity", Scope::Entity(None), 26, &[]),
        (file, "&dag-scope=entity&entity-bytes=0:99", Scope::Entity(Some(0..100)), 2, &[]),
        (file, "&dag-scope=entity&entity-bytes=24000:*", Scope::Entity(Some(24_000..25_000)), 3, &[]),
        (file, "&dag-scope=entity&entity-bytes=-10:*", Scope::Entity(Some(24_990..25_000)), 2, &[]),
        (file, "&dag-scope=entity&entity-bytes=1020:1030", Scope::Entity(Some(1020..1031)), 3, &[]),
        (folder, "&dag-scope=entity", Scope::Entity(None), 1, &[]),
        (folder, "", Scope::All, 27, &[]),
        (folder, "&dag-scope=block", Scope::Block, 2, &["big.bin"]),
        (folder, "&dag-scope=entity", Scope::Entity(None), 27, &["big.bin"]),
    ];
    for (root, query, scope, blocks, path) in cases {
        let below = path.iter().map(|it| format!("/{it}")).collect::<String>();
        for dups in ["n", "y"] {
            let target = format!("/ipfs/{root}{below}?format=car&car-dups={dups}{query}");
            let answer = ask(&gateway, "GET", &target, "").await;
            let media = format!("Content-Type: application/vnd.ipld.car; version=1; order=dfs; dups={dups}\r\n");
            assert!(answer.status == 200 && answer.head.contains(&media), "{target}: {}", answer.head);
            let summary = check(root, scope.clone(), path, &answer.body).unwrap();
            assert_eq!(summary.blocks, blocks, "{target}");
        }
    }
}

#[tokio::test]
async fn what_is_missing_is_a_clean_200_with_words_at_its_end() {
    let (gateway, file, _) = gateway().await;
    let absent: Cid = ABSENT.parse().unwrap();
    let answer = ask(&gateway, "GET", &format!("/ipfs/{ABSENT}?format=car"), "").await;
    assert_eq!((answer.status, answer.body.len()), (200, 122));
    assert_eq!(
        check(absent, Scope::All, &[], &answer.body),
        Err(ipld::Error::Truncated("car (the gateway says so at its end)"))
    );
    let leaf = gateway.blocks().links(&file)[7];
    gateway.blocks().delete(&leaf);
    let answer = ask(&gateway, "GET", &format!("/ipfs/{file}?format=car"), "").await;
    assert!(answer.status == 200 && answer.body.ends_with(b"response is incomplete]"));
    let plain = ask(&gateway, "GET", &format!("/ipfs/{file}"), "").await;
    assert!(plain.head.contains("Content-Length: 25000\r\n") && plain.body.len() == 7 * 1024);
    let part = ask(&gateway, "GET", &format!("/ipfs/{file}"), "Range: bytes=7168-7170\r\n").await;
    assert_eq!(part.body, format!("failed to resolve /ipfs/{file}: failed to fetch all nodes\n").as_bytes());
}

#[tokio::test]
async fn every_lie_is_one() {
    let (gateway, file, _) = gateway().await;
    let lies = [
        GatewayLie::WrongBlock,
        GatewayLie::Truncated { says_so: true },
        GatewayLie::Truncated { says_so: false },
        GatewayLie::HeaderOnly,
        GatewayLie::Foreign,
        GatewayLie::Html,
    ];
    for lie in lies {
        gateway.lie(lie.clone());
        let answer = ask(&gateway, "GET", &format!("/ipfs/{file}?format=car&car-dups=y"), "").await;
        assert_eq!(answer.status, 200);
        assert!(check(file, Scope::All, &[], &answer.body).is_err(), "{lie:?}");
    }
    gateway.lie(None);
    let answer = ask(&gateway, "GET", &format!("/ipfs/{file}?format=car&car-dups=y"), "").await;
    assert!(check(file, Scope::All, &[], &answer.body).is_ok());
    gateway.lie(GatewayLie::Whole);
    let whole = ask(&gateway, "GET", &format!("/ipfs/{HELLO}"), "Range: bytes=0-1\r\n").await;
    assert_eq!((whole.status, whole.body.len()), (200, 11));
}
