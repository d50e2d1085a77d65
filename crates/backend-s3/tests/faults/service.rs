//! What a service answers, or does not.

use backend_core::{
    ByteRange, Effect, ErrorKind, GetOptions, ListOptions, Power, RemoveOptions, RetryAdvice, StatOptions,
};
use backend_testkit::s3::{Checksums, FakeS3, Fault, Misplaced, Operation, Options, Versions, When};
use backend_testkit::{CANARY, random, small};
use futures::TryStreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::common::*;

#[tokio::test]
async fn a_probe_believes_what_it_sees() {
    let cases = [
        (
            Options::default(),
            "aws",
            vec!["put_if_absent", "complete_if_match", "delete_if_match", "tags", "sha256", "put_crc64", "crc64"],
            vec!["versions"],
        ),
        (Options { versions: Versions::On, ..Options::default() }, "minio", vec!["versions", "sha256"], vec!["crc64"]),
        (
            Options { conditional_put: false, conditional_delete: false, tags: false, ..Options::default() },
            "aws",
            vec!["sha256"],
            vec!["put_if_absent", "put_if_match", "complete_if_absent", "delete_if_match", "tags"],
        ),
        (Options { checksums: Checksums::Ignored, ..Options::default() }, "aws", vec!["put_if_absent"], vec!["crc64"]),
    ];
    for (opts, provider, yes, no) in cases {
        let server = FakeS3::start(opts).await.unwrap();
        let how = json!({ "provider": provider, "path_style": true });
        let facts = open(&server, how.clone(), Value::Null).probe().await.unwrap();
        assert!(yes.iter().all(|name| facts[name] == json!(true)), "{provider}: {facts}");
        assert!(no.iter().all(|name| facts[name] == json!(false)), "{provider}: {facts}");
        let odd = ["paths", "backslash", "folder_fails", "unescaped", "short_suffix", "bare_parts", "uploads_denied"];
        assert!(odd.iter().all(|name| facts[name] == json!(false)) && facts["batch"] == json!(true), "{facts}");
        assert!(facts["max_key"].is_null() && facts["max_segment"].is_null(), "{facts}");
        assert!(server.keys().is_empty() && server.uploads() == 0, "something is left: {:?}", server.keys());
        let offers = open(&server, how, facts.clone()).info().offers;
        assert_eq!(
            offers.if_absent,
            facts["put_if_absent"] == json!(true) && facts["complete_if_absent"] == json!(true)
        );
        assert_eq!(offers.versions, facts["versions"] == json!(true));
    }
}

#[tokio::test]
async fn who_may_not_write_learns_nothing() {
    let (server, store) = started(Options::default()).await;
    server.fault(When::always(Operation::PutObject), Fault::forbidden());
    assert_eq!(kind(store.probe().await).0, ErrorKind::Denied);
}

#[tokio::test]
async fn another_region_is_followed_once() {
    for misplaced in [Misplaced::Malformed, Misplaced::Redirect] {
        let opts = Options { region: "eu-west-3".to_owned(), misplaced: Some(misplaced), ..Options::default() };
        let (server, store) = started(opts).await;
        let content = random("region", 300_000);
        add(&store, "a", &content).await.unwrap();
        assert_eq!(server.count(Operation::PutObject), 2, "{misplaced:?}");
        read(&store, "a", &GetOptions::default()).await.unwrap();
        assert_eq!(server.requests().len(), 3, "the right region is remembered");
        assert!(server.object("a").is_some());
    }
}

/// Takes down what it is sent, and never answers.
async fn stranger() -> (String, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/bucket/a", listener.local_addr().unwrap());
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap();
        heard
    });
    (address, heard)
}

#[tokio::test]
async fn another_host_is_never_followed() {
    for status in [301, 302, 307, 308] {
        let (server, store) = started(Options::default()).await;
        let (location, heard) = stranger().await;
        server.fault(When::always(Operation::Any), Fault::Redirect { status, location });
        let what = small("secret");
        let elsewhere = (ErrorKind::InvalidConfig, Effect::None);
        assert_eq!(kind(add(&store, "a", &what).await), elsewhere, "{status}");
        assert_eq!(kind(store.stat(&at("a"), &StatOptions::default()).await), elsewhere, "{status}");
        assert_eq!(kind(read(&store, "a", &GetOptions::default()).await), elsewhere, "{status}");
        assert!(!heard.is_finished(), "somebody came with {status}");
        heard.abort();
    }
}

#[tokio::test]
async fn clocks_that_differ_are_named() {
    let (_server, store) = started(Options { clock_ahead_s: 7200, ..Options::default() }).await;
    let err = add(&store, "a", &small("a")).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Unauthenticated);
    assert!(err.message().contains("behind") && err.message().contains("7"), "{err}");
}

#[tokio::test]
async fn errors_mean_what_they_say() {
    let cases = [
        (Fault::slow_down(7), ErrorKind::RateLimited, Effect::None),
        (Fault::answer(500, "InternalError"), ErrorKind::Unavailable, Effect::Unknown),
        (Fault::conflict(), ErrorKind::Unavailable, Effect::None),
        (Fault::forbidden(), ErrorKind::Denied, Effect::None),
        (Fault::answer(404, "NoSuchBucket"), ErrorKind::InvalidConfig, Effect::None),
        (Fault::answer(403, "SignatureDoesNotMatch"), ErrorKind::Unauthenticated, Effect::None),
        (Fault::answer(400, "BadDigest"), ErrorKind::Integrity, Effect::None),
        (Fault::answer(400, "EntityTooLarge"), ErrorKind::TooLarge, Effect::None),
        (Fault::Html(502), ErrorKind::Unavailable, Effect::Unknown),
        (Fault::ResetAfter, ErrorKind::Unavailable, Effect::Unknown),
    ];
    for (fault, wanted, effect) in cases {
        let (server, store) = started(Options::default()).await;
        server.fault(When::always(Operation::PutObject), fault.clone());
        let err = add(&store, "a", &random("errors", 300_000)).await.unwrap_err();
        assert_eq!((err.kind(), err.effect()), (wanted, effect), "{fault:?}: {err:?}");
        assert_eq!(server.count(Operation::PutObject), 1, "{fault:?} was tried again");
        if wanted == ErrorKind::RateLimited {
            assert_eq!(err.advice(), RetryAdvice::After(std::time::Duration::from_secs(7)));
        }
        assert!(!err.message().contains('<'), "{err}");
    }
}

#[tokio::test]
async fn a_broken_upload_has_certainly_not_happened() {
    let (server, store) = started(Options::default()).await;
    server.fault(When::always(Operation::PutObject), Fault::ResetUploadAt(100_000));
    let answer = add(&store, "a", &random("cut", 6 * MIB)).await;
    assert_eq!(kind(answer).0, ErrorKind::Unavailable);
    assert!(server.object("a").is_none());
    server.down().await;
    assert_eq!(kind(add(&store, "a", &small("a")).await), (ErrorKind::Unavailable, Effect::None));
    let health = store.health().await;
    assert_eq!(health.reads, Power::Fails(ErrorKind::Unavailable));
}

#[tokio::test]
async fn bodies_that_lie_are_found_out() {
    let cases = [
        (Fault::CutBodyAt(1000), None, ErrorKind::Unavailable),
        (Fault::ShortBody(1000), Some(ByteRange::Bounded(0, 2000)), ErrorKind::Integrity),
        (Fault::LongBody(5), Some(ByteRange::Bounded(0, 2000)), ErrorKind::Integrity),
        (Fault::WholeFor206, Some(ByteRange::Bounded(5, 2000)), ErrorKind::Integrity),
        (Fault::ShiftRange(1), Some(ByteRange::Bounded(5, 2000)), ErrorKind::Integrity),
    ];
    let (server, store) = started(Options::default()).await;
    add(&store, "a", &random("body", 300_000)).await.unwrap();
    for (fault, range, wanted) in cases {
        server.heal();
        server.fault(When::always(Operation::GetObject), fault.clone());
        let answer = read(&store, "a", &GetOptions { range, ..GetOptions::default() }).await.map(|bytes| bytes.len());
        assert_eq!(kind(answer).0, wanted, "{fault:?}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_not_read_for_ever() {
    let (server, store) = started(Options::default()).await;
    server.fault(When::always(Operation::ListObjectsV2), Fault::EndlessBody);
    let answer = store.list(&ListOptions::default()).try_next().await;
    assert_eq!(kind(answer).0, ErrorKind::Unavailable);
}

#[tokio::test]
async fn absent_and_forbidden_are_told_apart() {
    let (_server, store) = started(Options { absent_is_forbidden: true, ..Options::default() }).await;
    assert_eq!(kind(store.stat(&at("a"), &StatOptions::default()).await).0, ErrorKind::Denied);
    assert_eq!(kind(read(&store, "a", &GetOptions::default()).await).0, ErrorKind::Denied);
}

#[tokio::test]
async fn a_missing_bucket_is_no_missing_content() {
    let server = FakeS3::start(Options::default()).await.unwrap();
    let store = open(&server, json!({ "bucket": "nowhere" }), Value::Null);
    assert_eq!(kind(store.stat(&at("a"), &StatOptions::default()).await).0, ErrorKind::InvalidConfig);
    assert_eq!(kind(read(&store, "a", &GetOptions::default()).await).0, ErrorKind::InvalidConfig);
    assert_eq!(kind(store.remove(&at("a"), &RemoveOptions::default()).await).0, ErrorKind::InvalidConfig);
    assert_eq!(kind(add(&store, "a", &small("a")).await).0, ErrorKind::InvalidConfig);
    assert_eq!(store.health().await.reads, Power::Fails(ErrorKind::InvalidConfig));
}

/// Plain HTTP without any header of ours.
async fn fetch(url: &str) -> (u16, Vec<u8>) {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let head = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
    (status, answer[head + 4..].to_vec())
}

#[tokio::test]
async fn a_link_needs_no_credentials() {
    let (_server, store) = started(Options::default()).await;
    add(&store, "größe +%/a b", &small("linked")).await.unwrap();
    let meta = store.stat(&at("größe +%/a b"), &StatOptions { link: true, ..StatOptions::default() }).await.unwrap();
    let link = meta.link.unwrap();
    assert!(link.until.is_some() && !link.url.reveal().contains(CANARY));
    assert_eq!(fetch(link.url.reveal()).await, (200, b"linked".to_vec()));
    let bare = link.url.reveal().split('?').next().unwrap();
    assert_ne!(fetch(bare).await.0, 200);
}
