//! Faults do what their names say, when they were told to, and nothing else.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use backend_testkit::s3::{FakeS3, Fault, Operation, Options, When};

use crate::client::{Answer, Ask, ask};

async fn server() -> Arc<FakeS3> {
    let server = FakeS3::start(Options::default()).await.unwrap();
    let body: Vec<u8> = (0..100).collect();
    let put = Ask { body: &body, ..ask("PUT", "/bucket/k") }.of(&server).await.unwrap();
    assert_eq!(put.status, 200);
    server.forget();
    server
}

async fn get(server: &Arc<FakeS3>) -> std::io::Result<Answer> {
    ask("GET", "/bucket/k").of(server).await
}

/// The answer to a read of the object under this fault, which holds once.
async fn read(fault: Fault) -> std::io::Result<Answer> {
    let server = server().await;
    server.fault(When::next(Operation::GetObject), fault);
    let answer = get(&server).await;
    let after = get(&server).await.unwrap();
    assert!(after.whole && after.body == (0..100).collect::<Vec<u8>>());
    answer
}

#[tokio::test]
async fn rules_count() {
    let server = server().await;
    server.fault(When::nth(Operation::GetObject, 2), Fault::forbidden());
    server.fault(When::always(Operation::HeadObject).key("other"), Fault::forbidden());
    server.fault(When::after(Operation::GetObject, 2).times(1), Fault::slow_down(7));
    let mut told = Vec::new();
    for _ in 0..5 {
        told.push(get(&server).await.unwrap().status);
    }
    assert_eq!(told, [200, 403, 200, 503, 200]);
    assert_eq!(ask("HEAD", "/bucket/k").of(&server).await.unwrap().status, 200);
    assert_eq!(ask("HEAD", "/bucket/other").of(&server).await.unwrap().status, 403);
    server.heal();
    assert_eq!(ask("HEAD", "/bucket/other").of(&server).await.unwrap().status, 404);
    assert_eq!((server.count(Operation::GetObject), server.count(Operation::Any)), (5, 8));
}

#[tokio::test]
async fn answers_instead() {
    let slow = read(Fault::slow_down(7)).await.unwrap();
    assert_eq!((slow.told(), slow.header("retry-after")), ((503, "SlowDown".to_owned()), Some("7")));
    assert_eq!(read(Fault::conflict()).await.unwrap().told(), (409, "ConditionalRequestConflict".to_owned()));
    assert_eq!(read(Fault::skewed()).await.unwrap().told(), (403, "RequestTimeTooSkewed".to_owned()));
    let page = read(Fault::Html(502)).await.unwrap();
    assert_eq!((page.status, page.header("content-type")), (502, Some("text/html")));
    let away = read(Fault::Redirect { status: 307, location: "http://elsewhere/".to_owned() }).await.unwrap();
    assert_eq!((away.status, away.header("location")), (307, Some("http://elsewhere/")));
    assert_eq!(
        read(Fault::ErrorIn200("InternalError".to_owned())).await.unwrap().told(),
        (200, "InternalError".to_owned())
    );
}

#[tokio::test]
async fn bodies_are_spoiled() {
    let cut = read(Fault::CutBodyAt(10)).await.unwrap();
    assert_eq!((cut.status, cut.whole, cut.body), (200, false, (0..10).collect()));
    let flipped = read(Fault::FlipByteAt(10)).await.unwrap();
    assert!(
        flipped.whole
            && flipped.body.iter().enumerate().all(|(at, byte)| usize::from(*byte) == if at == 10 { 11 } else { at })
    );
    let short = read(Fault::ShortBody(10)).await.unwrap();
    assert_eq!((short.whole, short.header("content-length"), short.body.len()), (true, Some("10"), 10));
    let long = read(Fault::LongBody(10)).await.unwrap();
    assert_eq!((long.whole, long.header("content-length"), long.body.len()), (true, Some("110"), 110));
}

#[tokio::test]
async fn ranges_are_spoiled() {
    let server = server().await;
    let part =
        || async { Ask { headers: &[("range", "bytes=10-19")], ..ask("GET", "/bucket/k") }.of(&server).await.unwrap() };
    assert_eq!(part().await.body, (10..20).collect::<Vec<u8>>());
    server.fault(When::next(Operation::GetObject), Fault::WholeFor206);
    let whole = part().await;
    assert_eq!((whole.status, whole.body.len(), whole.header("content-range")), (200, 100, None));
    server.fault(When::next(Operation::GetObject), Fault::ShiftRange(5));
    let moved = part().await;
    assert_eq!((moved.status, moved.header("content-range")), (206, Some("bytes 15-24/100")));
    assert_eq!(moved.body, (15..25).collect::<Vec<u8>>());
}

#[tokio::test]
async fn connections_are_reset_before_in_and_after() {
    let server = server().await;
    let put = |key: &'static str, body: Vec<u8>| {
        let server = server.clone();
        async move {
            Ask { body: &body, ..ask("PUT", &format!("/bucket/{key}")) }.of(&server).await.map(|answer| answer.status)
        }
    };
    server.fault(When::next(Operation::PutObject), Fault::ResetBefore);
    let err = put("before", vec![1; 10]).await.unwrap_err();
    assert!(matches!(err.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{err:?}");
    server.fault(When::next(Operation::PutObject), Fault::ResetUploadAt(1 << 20));
    let err = put("within", vec![1; 32 << 20]).await.unwrap_err();
    assert!(matches!(err.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{err:?}");
    let received = server.bytes_received();
    assert!((1 << 20..3 << 20).contains(&received), "{received}");
    server.fault(When::next(Operation::PutObject), Fault::ResetAfter);
    let err = put("after", vec![1; 10]).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::ConnectionReset);
    assert_eq!(server.keys(), ["after", "k"]);
    assert_eq!(server.requests().iter().map(|request| request.status).collect::<Vec<_>>(), [None, None, None]);
}

#[tokio::test]
async fn what_hangs_says_nothing() {
    let server = server().await;
    for (fault, kept) in [(Fault::Hang, false), (Fault::HangAfter, true)] {
        server.fault(When::next(Operation::PutObject), fault);
        let writer = tokio::spawn({
            let server = server.clone();
            async move { Ask { body: b"x", ..ask("PUT", "/bucket/hung") }.of(&server).await.map(|answer| answer.status) }
        });
        // Bounded: whether it was done is seen within a second, or not at all.
        let seen = async {
            while server.count(Operation::PutObject) == 0 || server.object("hung").is_some() != kept {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(10), seen).await.is_ok());
        assert!(!writer.is_finished());
        server.down().await;
        assert!(writer.await.unwrap().is_err());
        server.up().await.unwrap();
        server.forget();
    }
}

#[tokio::test]
async fn endless_is_endless() {
    let server = server().await;
    server.fault(When::always(Operation::GetObject), Fault::EndlessBody);
    let reader = tokio::spawn({
        let server = server.clone();
        async move { get(&server).await.unwrap() }
    });
    let begun = async {
        while server.count(Operation::GetObject) == 0 {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), begun).await.is_ok());
    tokio::task::yield_now().await;
    server.down().await;
    match reader.await {
        Ok(answer) => assert!(!answer.whole),
        // Killed before the head went out.
        Err(err) => assert!(err.is_panic()),
    }
}

#[tokio::test]
async fn killed_and_started_again_it_knows_what_it_knew() {
    let server = server().await;
    server.down().await;
    assert_eq!(get(&server).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    server.up().await.unwrap();
    assert_eq!(get(&server).await.unwrap().body.len(), 100);
}
