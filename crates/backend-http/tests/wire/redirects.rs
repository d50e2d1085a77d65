//! Redirects: who is followed, how far, and what is left at home.

use backend_core::ErrorKind;
use backend_http::{Body, Method, Redirects, Request};
use bytes::Bytes;
use futures::StreamExt;

use super::peer::{Act, Peer, answer, client};

/// A peer whose every path but `/end` leads to `to`, with this status.
async fn pointing(status: u16, to: String) -> Peer {
    Peer::start(move |head| match head.contains(" /end") {
        true => answer("200 OK", "", "end"),
        false => read_body(head, answer(&format!("{status} x"), &format!("Location: {to}\r\n"), "")),
    })
    .await
}

fn read_body(head: &str, mut acts: Vec<Act>) -> Vec<Act> {
    let line = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    if let Some(len) = line {
        acts.insert(0, Act::Read(len.parse().unwrap()));
    }
    acts
}

#[tokio::test]
async fn reads_are_followed_and_papers_stay_with_their_origin() {
    for status in [301, 302, 303, 307, 308] {
        let same = pointing(status, "/end".to_owned()).await;
        let got = client().send(same.with_token(same.get("/a"))).await.unwrap();
        assert_eq!(got.bytes(9).await.unwrap(), "end", "{status}");
        assert!(same.heads()[1].contains("authorization: bearer canary"), "{status}");

        let other = Peer::start(|_| answer("200 OK", "", "other")).await;
        let one = pointing(status, other.url("/x#frag").replace("127.0.0.1", "user:pw@127.0.0.1")).await;
        let mut request = one.with_token(one.get("/a"));
        request.headers.insert("cookie", "canary".parse().unwrap());
        request.headers.insert("range", "bytes=0-1".parse().unwrap());
        let got = client().send(request).await.unwrap();
        assert_eq!(got.bytes(9).await.unwrap(), "other");
        let head = &other.heads()[0];
        assert!(!head.contains("canary") && !head.contains("authorization") && !head.contains("referer"), "{head}");
        assert!(head.contains("range: bytes=0-1") && head.starts_with("get /x http"), "{head}");
    }
}

#[tokio::test]
async fn papers_do_not_come_back_by_a_detour() {
    let home = Peer::start(|head| match head.contains(" /end") {
        true => answer("200 OK", "", "end"),
        false => {
            answer("302 x", &format!("Location: {}\r\n", head.lines().next().unwrap().split(' ').nth(1).unwrap()), "")
        }
    })
    .await;
    let away = pointing(302, home.url("/end")).await;
    let start = pointing(302, away.url("/")).await;
    client().send(start.with_token(start.get("/"))).await.unwrap();
    assert!(home.heads().iter().chain(&away.heads()).all(|head| !head.contains("canary")));
}

#[tokio::test]
async fn a_loop_ends() {
    let peer = pointing(302, "/again".to_owned()).await;
    let err = client().send(peer.get("/")).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Internal);
    assert_eq!(peer.heads().len(), 6);
}

#[tokio::test]
async fn nobody_is_followed_out_of_http() {
    for to in ["file:///etc/passwd", "ftp://127.0.0.1/", "//", "http://example.com/"] {
        let peer = pointing(302, to.to_owned()).await;
        assert!(client().send(peer.get("/")).await.is_err(), "{to}");
        assert_eq!(peer.heads().len(), 1, "{to}");
    }
}

fn writing(peer: &Peer, body: Body) -> Request {
    Request { body, ..Request::new(Method::PUT, peer.url("/a").parse().unwrap()) }
}

#[tokio::test]
async fn writes_are_followed_only_with_a_body_that_can_be_sent_again() {
    let bytes = || Body::Bytes(Bytes::from_static(b"hello"));
    let once = || Body::stream(futures::stream::iter([Ok(Bytes::from_static(b"hello"))]).boxed(), Some(5));
    for (status, body, followed) in
        [(307, bytes(), true), (308, bytes(), true), (302, bytes(), false), (303, bytes(), false), (307, once(), false)]
    {
        let other = Peer::start(|head| read_body(head, answer("200 OK", "", "stored"))).await;
        let one = pointing(status, other.url("/x")).await;
        let got = client().send(one.with_token(writing(&one, body))).await.unwrap();
        assert_eq!(got.status.as_u16(), if followed { 200 } else { status });
        assert_eq!(one.body(), b"hello");
        match followed {
            true => {
                assert_eq!(other.body(), b"hello");
                assert!(other.heads()[0].starts_with("put /x") && !other.heads()[0].contains("authorization"));
            }
            false => assert!(other.heads().is_empty()),
        }
    }
}

#[tokio::test]
async fn whoever_wants_none_gets_the_answer() {
    let peer = pointing(302, "/end".to_owned()).await;
    let request = Request { redirects: Redirects::Never, ..peer.get("/") };
    assert_eq!(client().send(request).await.unwrap().status.as_u16(), 302);
}
