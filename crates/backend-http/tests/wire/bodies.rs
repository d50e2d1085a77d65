//! Bodies: complete or an error, trailers, lines, parts.

use backend_core::{ByteRange, ErrorKind, Result};
use backend_http::{Framing, OnWhole, Response, range_header};
use bytes::Bytes;
use futures::TryStreamExt;

use super::peer::{Act, Peer, answer, client, say};

async fn ask(acts: Vec<Act>) -> Response {
    let peer = Peer::start(move |_| acts.clone()).await;
    client().send(peer.get("/")).await.unwrap()
}

async fn read(body: backend_core::ByteStream) -> Result<String> {
    let frames: Vec<Bytes> = body.try_collect().await?;
    Ok(String::from_utf8(frames.concat()).unwrap())
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

#[tokio::test]
async fn a_body_that_ends_early_is_an_error() {
    let cases = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello".to_owned(), None),
        (format!("{CHUNKED}5\r\nhello\r\n"), None),
        (format!("{CHUNKED}5\r\nhel"), None),
        ("HTTP/1.1 200 OK\r\n\r\nhello".to_owned(), None),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned(), Some("hello")),
        (format!("{CHUNKED}5\r\nhello\r\n0\r\n\r\n"), Some("hello")),
    ];
    for (text, wanted) in cases {
        let got = read(ask(vec![say(text.clone()), Act::Close]).await.body()).await;
        match wanted {
            Some(wanted) => assert_eq!(got.unwrap(), wanted, "{text}"),
            None => assert_eq!(got.unwrap_err().kind(), ErrorKind::Unavailable, "{text}"),
        }
    }
}

#[tokio::test]
async fn an_end_by_the_connection_is_taken_only_where_it_is_allowed() {
    let response = ask(vec![say("HTTP/1.1 200 OK\r\n\r\nhello"), Act::Close]).await;
    assert_eq!(response.framing(), Framing::Close);
    assert_eq!(read(response.until_close().body()).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_trailer_that_tells_of_an_error_is_one() {
    let text = format!("{CHUNKED}5\r\nhello\r\n0\r\nX-Stream-Error: block was not found\u{7}\r\nX-Other: y\r\n\r\n");
    let text = text.replace('\u{7}', "");
    let response = ask(vec![say(text.clone())]).await;
    let trailers = response.trailers();
    let err = read(response.body()).await.unwrap_err();
    assert!(err.message().contains("block was not found"), "{err}");
    assert_eq!(trailers.get("x-other"), Some("y"));
    let response = ask(vec![say(text)]).await;
    let trailers = response.trailers();
    assert_eq!(read(response.body_with(|_| Ok(()))).await.unwrap(), "hello");
    assert_eq!(trailers.get("x-stream-error"), Some("block was not found"));
}

#[tokio::test]
async fn lines_come_as_they_are_sent() {
    let text = format!("{CHUNKED}4\r\n{{\"a\"\r\n7\r\n:1}}\n{{\"a\r\n4\r\n\":2}}\r\n0\r\n\r\n");
    let values: Vec<serde_json::Value> = ask(vec![say(text)]).await.json_lines(99).try_collect().await.unwrap();
    assert_eq!(values, [serde_json::json!({"a": 1}), serde_json::json!({"a": 2})]);
    let endless = format!("{CHUNKED}{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    let got: Result<Vec<Bytes>> = ask(vec![say(endless), Act::Hold]).await.lines(1000).try_collect().await;
    assert!(got.unwrap_err().message().contains("more than 1000 bytes"));
}

async fn part(text: &'static str, asked: ByteRange, on_whole: OnWhole) -> Result<(std::ops::Range<u64>, String)> {
    let peer = Peer::start(move |_| vec![say(text), Act::Close]).await;
    let mut request = peer.get("/");
    request.headers.insert("range", range_header(asked).unwrap());
    let part = client().send(request).await?.part(asked, on_whole).await?;
    let range = part.range.clone();
    Ok((range, read(part.body).await?))
}

#[tokio::test]
async fn exactly_the_part_that_was_asked_for_or_an_error() {
    let asked = ByteRange::Bounded(2, 5);
    let good = "HTTP/1.1 206 x\r\nContent-Range: bytes 2-4/10\r\nContent-Length: 3\r\n\r\ncde";
    assert_eq!(part(good, asked, OnWhole::Fail).await.unwrap(), (2..5, "cde".to_owned()));
    let cases = [
        ("HTTP/1.1 206 x\r\nContent-Length: 3\r\n\r\ncde", ErrorKind::Internal),
        ("HTTP/1.1 206 x\r\nContent-Range: bytes 1-3/10\r\nContent-Length: 3\r\n\r\nbcd", ErrorKind::Internal),
        ("HTTP/1.1 206 x\r\nContent-Range: bytes 2-4/10\r\nContent-Length: 4\r\n\r\ncdef", ErrorKind::Internal),
        ("HTTP/1.1 206 x\r\nContent-Range: bytes 2-4/10\r\n\r\ncd", ErrorKind::Unavailable),
        ("HTTP/1.1 206 x\r\nContent-Range: bytes 2-4/10\r\n\r\ncdef", ErrorKind::Internal),
        ("HTTP/1.1 200 x\r\nContent-Length: 10\r\n\r\nabcdefghij", ErrorKind::Unsupported),
        ("HTTP/1.1 416 x\r\nContent-Range: bytes */2\r\nContent-Length: 0\r\n\r\n", ErrorKind::InvalidRange),
        ("HTTP/1.1 416 x\r\nContent-Length: 0\r\n\r\n", ErrorKind::InvalidRange),
        ("HTTP/1.1 204 x\r\n\r\n", ErrorKind::Internal),
        ("HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n", ErrorKind::NotFound),
    ];
    for (text, kind) in cases {
        assert_eq!(part(text, asked, OnWhole::Fail).await.unwrap_err().kind(), kind, "{text}");
    }
}

#[tokio::test]
async fn the_whole_for_a_part_can_be_read_over() {
    let whole = "HTTP/1.1 200 x\r\nContent-Length: 10\r\n\r\nabcdefghij";
    assert_eq!(part(whole, ByteRange::Bounded(2, 5), OnWhole::Skip).await.unwrap(), (2..5, "cde".to_owned()));
    assert_eq!(part(whole, ByteRange::Last(3), OnWhole::Skip).await.unwrap(), (7..10, "hij".to_owned()));
    let err = part(whole, ByteRange::From(10), OnWhole::Skip).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::InvalidRange);
    let cut = "HTTP/1.1 200 x\r\nContent-Length: 10\r\n\r\nabc";
    assert_eq!(part(cut, ByteRange::Bounded(2, 5), OnWhole::Skip).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let empty = "HTTP/1.1 416 x\r\nContent-Range: bytes */0\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(part(empty, ByteRange::From(0), OnWhole::Fail).await.unwrap(), (0..0, String::new()));
}

#[tokio::test]
async fn a_head_has_no_body_whatever_it_announces() {
    let peer = Peer::start(|_| vec![say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")]).await;
    let request = backend_http::Request { method: backend_http::Method::HEAD, ..peer.get("/") };
    let response = client().send(request).await.unwrap();
    assert_eq!(response.header("content-length"), Some("5"));
    assert_eq!(read(response.body()).await.unwrap(), "");
}

#[tokio::test]
async fn connections_are_used_again() {
    let peer = Peer::start(|_| answer("200 OK", "", "x")).await;
    let client = client();
    for _ in 0..3 {
        assert_eq!(client.send(peer.get("/")).await.unwrap().bytes(1).await.unwrap(), "x");
    }
    assert_eq!(peer.heads().len(), 3);
}
