//! How conversations break, and whether what was asked may have happened.

use std::time::Duration;

use backend_core::{Effect, Error, ErrorKind, RetryAdvice};
use backend_http::{Client, ClientOptions, Method, Plain, Request};
use tokio::net::TcpListener;

use super::peer::{Act, Peer, client, options, say};

async fn ask(method: Method, acts: Vec<Act>) -> Error {
    let peer = Peer::start(move |_| acts.clone()).await;
    client().send(Request::new(method, peer.url("/?token=canary").parse().unwrap())).await.unwrap_err()
}

#[tokio::test]
async fn what_broke_off_behind_the_request_may_have_happened() {
    let cases = [
        (vec![Act::Close], ErrorKind::Unavailable),
        (vec![Act::Reset], ErrorKind::Unavailable),
        (vec![say("HTTP/1.1 20"), Act::Close], ErrorKind::Unavailable),
        (vec![say("SSH-2.0-OpenSSH\r\n\r\n"), Act::Close], ErrorKind::Internal),
        (vec![say("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), Act::Close], ErrorKind::Internal),
    ];
    for (acts, kind) in cases {
        for (method, effect) in [(Method::GET, Effect::None), (Method::POST, Effect::Unknown)] {
            let err = ask(method, acts.clone()).await;
            assert_eq!((err.kind(), err.effect()), (kind, effect), "{acts:?}: {err:?}");
            assert!(!format!("{err:?}").contains("canary"), "{err:?}");
        }
    }
}

#[tokio::test]
async fn what_never_left_did_not_happen() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let cases = [
        (format!("http://127.0.0.1:{closed}/"), "no connection"),
        ("http://nowhere.invalid/".to_owned(), "name cannot be resolved"),
    ];
    let client = Client::new(&ClientOptions { plain: Plain::Always, ..options() }).unwrap();
    for (url, words) in cases {
        let err = client.send(Request::new(Method::PUT, url.parse().unwrap())).await.unwrap_err();
        let wanted = (ErrorKind::Unavailable, Effect::None, RetryAdvice::Backoff);
        assert_eq!((err.kind(), err.effect(), err.advice()), wanted, "{err:?}");
        assert!(err.message().contains(words), "{err:?}");
    }
}

#[tokio::test]
async fn tls_that_is_none_is_not_tried_again() {
    let peer = Peer::start(|_| vec![]).await;
    // The peer waits for the end of a head; whatever it is sent as a greeting, it answers in plain text.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 plain text\r\n\r\n").await;
        }
    });
    let url = format!("https://127.0.0.1:{port}/").parse().unwrap();
    let err = client().send(Request::new(Method::PUT, url)).await.unwrap_err();
    let wanted = (ErrorKind::Unavailable, Effect::None, RetryAdvice::Never);
    assert_eq!((err.kind(), err.effect(), err.advice()), wanted, "{err:?}");
    assert!(err.message().contains("no trusted TLS"), "{err}");
    assert!(peer.heads().is_empty());
}

#[tokio::test]
async fn a_connection_that_takes_too_long_is_a_time_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // It is accepted by the system, and the greeting of TLS is never answered: that is part of connecting.
    let client = Client::new(&ClientOptions { connect_timeout: Duration::from_millis(50), ..options() }).unwrap();
    let url = format!("https://127.0.0.1:{port}/").parse().unwrap();
    let err = client.send(Request::new(Method::PUT, url)).await.unwrap_err();
    assert_eq!((err.kind(), err.effect()), (ErrorKind::Timeout, Effect::None), "{err:?}");
    drop(listener);
}

#[tokio::test]
async fn nothing_is_tried_twice() {
    for acts in [vec![Act::Close], vec![Act::Reset], vec![say("HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n")]] {
        let peer = Peer::start(move |_| acts.clone()).await;
        let _ = client().send(peer.get("/")).await;
        assert_eq!(peer.heads().len(), 1);
    }
}
