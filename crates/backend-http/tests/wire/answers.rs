//! Statuses, headers, refusals, `Retry-After`, and what is never printed.

use std::time::Duration;

use backend_core::{Effect, ErrorKind, RetryAdvice, Secret};
use backend_http::{Auth, Client, ClientOptions, Method, Plain, Request};

use super::peer::{Peer, answer, client, options};

#[tokio::test]
async fn a_request_says_who_we_are_and_wants_nothing_compressed() {
    let peer =
        Peer::start(|_| answer("200 OK", "ETag: \"x\"\r\nContent-Type: Text/Plain; charset=utf-8\r\n", "hello")).await;
    let client = client();
    let endpoint = peer.endpoint().with_auth(Auth::Basic { user: "me".into(), password: Secret::new("canary") });
    let request = endpoint.request(Method::GET, &["a b", "c"]).unwrap().query(&[("arg", "x/y")]);
    let response = client.send(request).await.unwrap();
    assert_eq!((response.status.as_u16(), response.etag()), (200, Some("\"x\"")));
    assert_eq!(response.media_type().as_deref(), Some("text/plain"));
    assert!(!response.is_early());
    assert_eq!(response.bytes(5).await.unwrap(), "hello");
    let head = &peer.heads()[0];
    assert!(head.starts_with("get /a%20b/c?arg=x%2fy http/1.1\r\n"), "{head}");
    assert!(head.contains("accept-encoding: identity\r\n") && head.contains("user-agent: ipfs-kit/"), "{head}");
    assert!(head.contains("authorization: basic bwu6y2fuyxj5\r\n") && !head.contains("referer"), "{head}");
}

#[tokio::test]
async fn credentials_are_for_one_origin_even_when_asked_directly() {
    let (one, other) =
        (Peer::start(|_| answer("200 OK", "", "")).await, Peer::start(|_| answer("200 OK", "", "")).await);
    client().send(one.with_token(other.get("/"))).await.unwrap();
    client().send(one.with_token(one.get("/"))).await.unwrap();
    assert!(!other.heads()[0].contains("authorization"));
    assert!(one.heads()[0].contains("authorization: bearer canary"));
}

async fn refuse(status: &'static str, headers: &'static str, method: Method) -> backend_core::Error {
    let peer = Peer::start(move |_| answer(status, headers, "no: Bearer canary\u{1b}[2J\n")).await;
    let request =
        Request { method: method.clone(), ..Request::new(method, peer.url("/x?token=canary").parse().unwrap()) };
    client().send(peer.with_token(request)).await.unwrap().successful().await.unwrap_err()
}

#[tokio::test]
async fn a_refusal_is_an_error_by_one_table_and_echoes_no_secret() {
    let cases = [
        ("401 No", "", Method::GET, ErrorKind::Unauthenticated, RetryAdvice::Never, Effect::None),
        ("404 No", "", Method::POST, ErrorKind::NotFound, RetryAdvice::Never, Effect::None),
        ("429 No", "Retry-After: 7\r\n", Method::PUT, ErrorKind::RateLimited, After(7), Effect::None),
        ("429 No", "", Method::GET, ErrorKind::RateLimited, RetryAdvice::Backoff, Effect::None),
        ("503 No", "Retry-After: 9999999\r\n", Method::PUT, ErrorKind::Unavailable, After(3600), Effect::Unknown),
        ("503 No", "Retry-After: soon\r\n", Method::GET, ErrorKind::Unavailable, RetryAdvice::Backoff, Effect::None),
        ("500 No", "", Method::DELETE, ErrorKind::Unavailable, RetryAdvice::Backoff, Effect::Unknown),
        ("302 No", "Location: /y\r\n", Method::POST, ErrorKind::InvalidConfig, RetryAdvice::Never, Effect::None),
    ];
    for (status, headers, method, kind, advice, effect) in cases {
        let err = refuse(status, headers, method.clone()).await;
        assert_eq!((err.kind(), err.advice(), err.effect()), (kind, advice, effect), "{method} {status}");
        assert!(!format!("{err:?} {err}").contains("canary") && !err.message().contains('\u{1b}'), "{err}");
        assert!(err.message().contains("no: Bearer ***") && err.message().contains(&status[..3]), "{err}");
    }
}

#[expect(non_snake_case, reason = "reads as the variant that it makes")]
fn After(secs: u64) -> RetryAdvice {
    RetryAdvice::After(Duration::from_secs(secs))
}

#[tokio::test]
async fn a_refusals_body_is_read_in_bounds() {
    let peer = Peer::start(|_| answer("500 No", "", &"x".repeat(1 << 20))).await;
    let refusal = client().send(peer.get("/")).await.unwrap().refusal().await;
    assert_eq!((refusal.body.len(), refusal.text().chars().count()), (64 << 10, 301));
}

#[tokio::test]
async fn words_that_a_leaf_takes_out_of_a_body_are_cleaned_too() {
    let peer = Peer::start(|_| answer("500 No", "", "{\"Message\":\"token canary\"}")).await;
    let refusal = client().send(peer.with_token(peer.get("/"))).await.unwrap().refusal().await;
    let err = refusal.error_saying(ErrorKind::NotFound, "token canary\n");
    assert_eq!((err.kind(), err.message().ends_with("with 500: token ***")), (ErrorKind::NotFound, true), "{err}");
    assert!(!format!("{refusal:?}").contains("canary"));
}

#[tokio::test]
async fn answers_in_memory_are_bounded() {
    for headers in ["", "Transfer-Encoding: chunked\r\n"] {
        let peer = Peer::start(move |_| match headers {
            "" => answer("200 OK", "", "[1,2]"),
            _ => vec![super::peer::say(format!("HTTP/1.1 200 OK\r\n{headers}\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"))],
        })
        .await;
        let ask = async || client().send(peer.get("/")).await.unwrap();
        assert_eq!(ask().await.json::<Vec<u8>>(5).await.unwrap(), [1, 2]);
        assert_eq!(ask().await.bytes(4).await.unwrap_err().kind(), ErrorKind::Internal);
        let err = ask().await.json::<String>(5).await.unwrap_err();
        assert!(err.message().contains("not the JSON expected"), "{err}");
    }
}

#[tokio::test]
async fn what_was_not_allowed_to_be_compressed_is_refused() {
    let peer = Peer::start(|_| answer("200 OK", "Content-Encoding: gzip\r\n", "x")).await;
    assert_eq!(client().send(peer.get("/")).await.unwrap_err().kind(), ErrorKind::Internal);
}

#[tokio::test]
async fn plain_http_goes_only_where_it_may() {
    let peer = Peer::start(|_| answer("200 OK", "", "")).await;
    let strict = Client::new(&ClientOptions { plain: Plain::Never, ..options() }).unwrap();
    assert_eq!(strict.send(peer.get("/")).await.unwrap_err().kind(), ErrorKind::InvalidConfig);
    assert!(peer.heads().is_empty());
}

#[tokio::test]
async fn a_socket_is_a_place_too() {
    let folder = std::env::temp_dir().join(format!("ipfs-kit-http-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let away = b"HTTP/1.1 302 x\r\nLocation: http://localhost:1/\r\nContent-Length: 0\r\n\r\n";
            let _ = stream.write_all(away).await;
        }
    });
    let client = Client::new(&ClientOptions { unix_socket: Some(path), ..options() }).unwrap();
    let request = || Request::new(Method::GET, "http://localhost/x".parse().unwrap());
    let request_only = Request { redirects: backend_http::Redirects::Never, ..request() };
    assert_eq!(client.send(request_only).await.unwrap().status.as_u16(), 302);
    let err = client.send(request()).await.unwrap_err();
    assert!(err.message().contains("away from the socket"), "{err}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_client_is_made_without_a_global_tls_provider_and_without_a_runtime() {
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
    assert!(Client::new(&options()).is_ok());
    let proxy = Some(Secret::new("\u{0}canary"));
    let err = Client::new(&ClientOptions { proxy, ..options() }).unwrap_err();
    assert!(err.kind() == ErrorKind::InvalidConfig && !format!("{err:?}").contains("canary"));
}

#[tokio::test]
async fn a_proxy_that_is_configured_is_used() {
    let peer = Peer::start(|_| answer("200 OK", "", "by proxy")).await;
    let proxy = Some(Secret::new(peer.url("")));
    let client = Client::new(&ClientOptions { proxy, plain: Plain::Always, ..options() }).unwrap();
    let request = Request::new(Method::GET, "http://content.invalid/x".parse().unwrap());
    assert_eq!(client.send(request).await.unwrap().bytes(99).await.unwrap(), "by proxy");
    assert!(peer.heads()[0].starts_with("get http://content.invalid/x http/1.1\r\n"));
}
