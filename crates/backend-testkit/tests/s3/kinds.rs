//! The kinds of providers that the server can be.

use std::sync::Arc;

use backend_testkit::s3::{Checksums, FakeS3, Misplaced, Options, Trailers, Versions};

use crate::client::{Answer, Ask, ask};

async fn start(opts: Options) -> Arc<FakeS3> {
    FakeS3::start(opts).await.unwrap()
}

async fn put(server: &Arc<FakeS3>, headers: &[(&str, &str)]) -> Answer {
    Ask { headers, body: b"body", ..ask("PUT", "/bucket/k") }.of(server).await.unwrap()
}

#[tokio::test]
async fn conditions_are_ignored_with_200() {
    let server = start(Options { conditional_put: false, conditional_delete: false, ..Options::default() }).await;
    for _ in 0..2 {
        assert_eq!(put(&server, &[("if-none-match", "*")]).await.status, 200);
    }
    assert_eq!(
        Ask { headers: &[("if-match", "\"no\"")], ..ask("DELETE", "/bucket/k") }.of(&server).await.unwrap().status,
        204
    );
    assert_eq!(server.object("k"), None);
}

#[tokio::test]
async fn checksums_are_ignored() {
    let server = start(Options { checksums: Checksums::Ignored, ..Options::default() }).await;
    let answer = put(&server, &[("x-amz-checksum-crc32", "AAAAAA==")]).await;
    assert_eq!((answer.status, answer.header("x-amz-checksum-crc32")), (200, None));
    assert!(!answer.head.contains("x-amz-checksum"));
}

#[tokio::test]
async fn trailers_are_refused() {
    let server = start(Options { trailers: Trailers::Refused, ..Options::default() }).await;
    let answer = put(&server, &[("x-amz-trailer", "x-amz-checksum-crc32")]).await;
    assert_eq!(answer.status, 200, "a body without trailers");
    let shape = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
    // The client's own hash comes second, and the first counts here.
    let answer = Ask { headers: &[("x-amz-content-sha256", shape)], body: b"", ..ask("PUT", "/bucket/t") }
        .of(&server)
        .await
        .unwrap();
    assert_eq!(answer.status, 400);
    assert_eq!(server.object("t"), None);
}

#[tokio::test]
async fn another_region_is_told_the_right_one() {
    for (misplaced, told) in [
        (Misplaced::Malformed, (400, "AuthorizationHeaderMalformed".to_owned())),
        (Misplaced::Redirect, (301, "PermanentRedirect".to_owned())),
    ] {
        let opts = Options { region: "eu-west-1".to_owned(), misplaced: Some(misplaced), ..Options::default() };
        let server = start(opts).await;
        let answer = put(&server, &[]).await;
        assert_eq!((answer.told(), answer.header("x-amz-bucket-region")), (told, Some("eu-west-1")));
        assert_eq!(answer.tag("Region").as_deref(), Some("eu-west-1"));
        let right = Ask { region: "eu-west-1", body: b"body", ..ask("PUT", "/bucket/k") }.of(&server).await.unwrap();
        assert_eq!(right.status, 200);
    }
}

#[tokio::test]
async fn a_clock_that_is_off_refuses_and_tells_its_time() {
    for ahead in [-3600, 3600] {
        let server = start(Options { clock_ahead_s: ahead, ..Options::default() }).await;
        let answer = put(&server, &[]).await;
        assert_eq!(answer.told(), (403, "RequestTimeTooSkewed".to_owned()));
        assert!(answer.tag("ServerTime").is_some() && answer.header("date").is_some());
        assert_eq!(server.object("k"), None);
    }
    let server = start(Options { clock_ahead_s: 60, ..Options::default() }).await;
    assert_eq!(put(&server, &[]).await.status, 200);
}

#[tokio::test]
async fn a_session_needs_its_token() {
    let server = start(Options { session_token: Some("session".to_owned()), ..Options::default() }).await;
    assert_eq!(put(&server, &[]).await.told(), (403, "InvalidAccessKeyId".to_owned()));
    assert_eq!(put(&server, &[("x-amz-security-token", "old")]).await.told(), (400, "InvalidToken".to_owned()));
    assert_eq!(put(&server, &[("x-amz-security-token", "session")]).await.status, 200);
}

#[tokio::test]
async fn what_is_not_known_is_not_implemented() {
    let server = start(Options { tags: false, versions: Versions::Unknown, ..Options::default() }).await;
    let refused = (501, "NotImplemented".to_owned());
    assert_eq!(put(&server, &[("x-amz-tagging", "a=b")]).await.told(), refused);
    assert_eq!(put(&server, &[]).await.status, 200);
    for path in ["/bucket/k?tagging=", "/bucket?versioning=", "/bucket?versions="] {
        assert_eq!(ask("GET", path).of(&server).await.unwrap().told(), refused, "{path}");
    }
}

#[tokio::test]
async fn absent_may_be_forbidden() {
    let server = start(Options { absent_is_forbidden: true, ..Options::default() }).await;
    assert_eq!(ask("HEAD", "/bucket/none").of(&server).await.unwrap().status, 403);
    assert_eq!(ask("GET", "/bucket/none").of(&server).await.unwrap().told(), (403, "AccessDenied".to_owned()));
}

#[tokio::test]
async fn a_body_may_be_too_large() {
    let server = start(Options { max_body: 3, ..Options::default() }).await;
    assert_eq!(put(&server, &[]).await.told(), (400, "EntityTooLarge".to_owned()));
    assert_eq!(server.object("k"), None);
}
