//! Bodies that are sent: announced, whole, ticked; sources that fail or lie; servers that answer early.

use backend_core::{ByteStream, Effect, Error, ErrorKind, Progress, Result};
use backend_http::{Body, Client, Method, Request, Response};
use bytes::Bytes;
use futures::{StreamExt, stream};

use super::peer::{Act, Peer, answer, client, say};

fn frames(parts: &[&'static str]) -> ByteStream {
    stream::iter(parts.iter().map(|it| Ok(Bytes::from_static(it.as_bytes()))).collect::<Vec<_>>()).boxed()
}

fn put(peer: &Peer, body: Body) -> Request {
    Request { body, ..Request::new(Method::PUT, peer.url("/").parse().unwrap()) }
}

#[tokio::test]
async fn a_body_is_announced_sent_whole_and_ticked() {
    for body in [
        Body::Bytes(Bytes::from_static(b"hello")),
        Body::stream(frames(&["he", "", "llo"]), Some(5)),
        Body::content(&backend_testkit::small("hello"), 0..5),
    ] {
        let peer = Peer::start(|_| [vec![Act::Read(5)], answer("200 OK", "", "")].concat()).await;
        let progress = Progress::new();
        let request = Request { progress: progress.clone(), ..put(&peer, body) };
        assert!(!client().send(request).await.unwrap().is_early());
        assert_eq!((peer.body(), progress.bytes()), (b"hello".to_vec(), 5));
        assert!(peer.heads()[0].contains("content-length: 5\r\n"), "{:?}", peer.heads());
    }
}

#[tokio::test]
async fn a_part_of_content_is_that_part() {
    let peer = Peer::start(|_| [vec![Act::Read(3)], answer("200 OK", "", "")].concat()).await;
    client().send(put(&peer, Body::content(&backend_testkit::small("hello"), 1..4))).await.unwrap();
    assert_eq!(peer.body(), b"ell");
}

#[tokio::test]
async fn a_body_of_unknown_length_comes_in_chunks() {
    let wire = "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    let peer = Peer::start(|_| [vec![Act::Read(20)], answer("200 OK", "", "")].concat()).await;
    client().send(put(&peer, Body::stream(frames(&["he", "llo"]), None))).await.unwrap();
    assert_eq!(String::from_utf8(peer.body()).unwrap(), wire);
}

async fn send(body: Body) -> (Result<Response>, Peer) {
    let peer = Peer::start(|_| vec![Act::Read(5), say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]).await;
    (client().send(put(&peer, body)).await, peer)
}

#[tokio::test]
async fn a_source_of_another_length_never_looks_complete() {
    for parts in [&["hell"][..], &["hello", "!"], &["hello!"], &["he", "llo", "", "!"], &[]] {
        let (got, peer) = send(Body::stream(frames(parts), Some(5))).await;
        let err = got.unwrap_err();
        assert_eq!((err.kind(), err.effect()), (ErrorKind::SourceChanged, Effect::Unknown), "{parts:?}");
        assert!(peer.body().len() < 5, "{parts:?}");
    }
    let (got, peer) = send(Body::stream(frames(&["x"]), Some(0))).await;
    assert_eq!(got.unwrap_err().kind(), ErrorKind::SourceChanged);
    assert!(peer.heads().is_empty());
}

#[tokio::test]
async fn a_sources_own_error_is_what_is_answered() {
    let broken = stream::iter([Ok(Bytes::from_static(b"he")), Err(Error::new(ErrorKind::Denied, "the disk"))]).boxed();
    let (got, _) = send(Body::stream(broken, Some(5))).await;
    let err = got.unwrap_err();
    assert_eq!((err.kind(), err.message(), err.effect()), (ErrorKind::Denied, "the disk", Effect::Unknown));
}

/// A source of 64 MiB: more than any buffer on the way holds.
fn large() -> Body {
    let frame = Bytes::from(vec![7; 1 << 20]);
    Body::stream(stream::iter((0..64).map(move |_| Ok(frame.clone()))).boxed(), Some(64 << 20))
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_body_is_heard() {
    for last in [Act::Hold, Act::Close] {
        let script = vec![Act::Read(1000), say("HTTP/1.1 413 x\r\nContent-Length: 4\r\n\r\nfull"), last];
        let peer = Peer::start(move |_| script.clone()).await;
        let response = client().send(put(&peer, large())).await.unwrap();
        assert!(response.is_early());
        let err = response.successful().await.unwrap_err();
        assert_eq!((err.kind(), err.effect()), (ErrorKind::TooLarge, Effect::None), "{err:?}");
    }
}

#[tokio::test]
async fn a_source_that_fails_behind_an_early_answer_is_not_forgotten() {
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let tail = async move {
        let _ = told.await;
        Err(Error::new(ErrorKind::SourceChanged, "it changed"))
    };
    let body = frames(&["he"]).chain(stream::once(tail)).boxed();
    let peer = Peer::start(|_| {
        vec![Act::Read(2), say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"), Act::Read(9)]
    })
    .await;
    let response = client().send(put(&peer, Body::stream(body, Some(5)))).await.unwrap();
    assert!(response.is_early());
    let mut answer = response.body();
    assert_eq!(answer.next().await.unwrap().unwrap(), "x");
    tell.send(()).unwrap();
    assert_eq!(answer.next().await.unwrap().unwrap_err().kind(), ErrorKind::SourceChanged);
}

#[tokio::test]
async fn a_dropped_request_is_left_alone() {
    let peer = Peer::start(|_| vec![Act::Hold]).await;
    let client: Client = client();
    let mut sending = Box::pin(client.send(put(&peer, large())));
    assert!(futures::poll!(&mut sending).is_pending());
    drop(sending);
    let other = Peer::start(|_| answer("200 OK", "", "x")).await;
    assert_eq!(client.send(other.get("/")).await.unwrap().bytes(1).await.unwrap(), "x");
}
