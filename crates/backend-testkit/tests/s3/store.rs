//! The storage: one winner of a race, checksums that are compared, versions, and what is seen behind the server's back.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use sha2::Sha256;

use backend_testkit::s3::{FakeS3, Operation, Options, Versions};

use crate::client::{Answer, Ask, ask};

async fn put(server: &Arc<FakeS3>, key: &str, body: &[u8], headers: &[(&str, &str)]) -> Answer {
    Ask { headers, body, ..ask("PUT", &format!("/bucket/{key}")) }.of(server).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_one_wins() {
    let server = FakeS3::start(Options::default()).await.unwrap();
    for turn in 0..10 {
        let key = format!("race-{turn}");
        let writers = (0..16_u8).map(|number| {
            let (server, key) = (server.clone(), key.clone());
            tokio::spawn(async move { put(&server, &key, &[number; 9000], &[("if-none-match", "*")]).await.told() })
        });
        let mut winners = Vec::new();
        for (number, writer) in futures::future::join_all(writers).await.into_iter().enumerate() {
            match writer.unwrap() {
                (200, _) => winners.push(number),
                told => assert_eq!(told, (412, "PreconditionFailed".to_owned())),
            }
        }
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(server.object(&key).unwrap(), vec![u8::try_from(winners[0]).unwrap(); 9000]);
    }
}

#[tokio::test]
async fn a_digest_that_is_wrong_stores_nothing() {
    let server = FakeS3::start(Options::default()).await.unwrap();
    let (right, wrong) = (STANDARD.encode(Sha256::digest(b"body")), STANDARD.encode(Sha256::digest(b"other")));
    let told = put(&server, "k", b"body", &[("x-amz-checksum-sha256", &wrong)]).await.told();
    assert_eq!(told, (400, "BadDigest".to_owned()));
    let told = put(&server, "k", b"body", &[("content-md5", &STANDARD.encode(Md5::digest(b"other")))]).await.told();
    assert_eq!(told, (400, "BadDigest".to_owned()));
    assert_eq!(server.object("k"), None);
    let answer = put(&server, "k", b"body", &[("x-amz-checksum-sha256", &right)]).await;
    assert_eq!((answer.status, answer.header("x-amz-checksum-sha256")), (200, Some(right.as_str())));
    assert_eq!(server.object("k").unwrap().as_ref(), b"body");
}

#[tokio::test]
async fn removal_is_conditional() {
    let server = FakeS3::start(Options::default()).await.unwrap();
    let etag = put(&server, "k", b"body", &[]).await.header("etag").unwrap().to_owned();
    let remove = |condition: String| {
        let server = server.clone();
        async move { Ask { headers: &[("if-match", &condition)], ..ask("DELETE", "/bucket/k") }.of(&server).await.unwrap() }
    };
    assert_eq!(remove("\"other\"".to_owned()).await.told(), (412, "PreconditionFailed".to_owned()));
    assert!(server.object("k").is_some());
    assert_eq!(remove(etag).await.status, 204);
    assert_eq!(server.object("k"), None);
}

#[tokio::test]
async fn what_is_hidden_is_405_by_its_version() {
    let server = FakeS3::start(Options { versions: Versions::On, ..Options::default() }).await.unwrap();
    let first = put(&server, "k", b"one", &[]).await.header("x-amz-version-id").unwrap().to_owned();
    let gone = ask("DELETE", "/bucket/k").of(&server).await.unwrap();
    let marker = gone.header("x-amz-version-id").unwrap();
    assert_eq!(gone.header("x-amz-delete-marker"), Some("true"));
    for method in ["HEAD", "GET"] {
        let hidden = ask(method, "/bucket/k").of(&server).await.unwrap();
        assert_eq!((hidden.status, hidden.header("x-amz-delete-marker")), (404, Some("true")));
        let path = format!("/bucket/k?versionId={marker}");
        let hidden = ask(method, &path).of(&server).await.unwrap();
        assert_eq!((hidden.status, hidden.header("x-amz-delete-marker")), (405, Some("true")));
    }
    let old = ask("GET", &format!("/bucket/k?versionId={first}")).of(&server).await.unwrap();
    assert_eq!((old.status, old.body.as_slice()), (200, b"one".as_slice()));
}

/// Begins an upload of this key, sends the parts, and answers its id and the body of Complete.
async fn begun(server: &Arc<FakeS3>, key: &str, parts: &[&[u8]]) -> (String, String) {
    let begun = ask("POST", &format!("/bucket/{key}?uploads=")).of(server).await.unwrap();
    let id = begun.tag("UploadId").unwrap();
    let mut listed = String::new();
    for (number, body) in (1..).zip(parts) {
        let path = format!("/bucket/{key}?partNumber={number}&uploadId={id}");
        let sent = Ask { body, ..ask("PUT", &path) }.of(server).await.unwrap();
        let etag = sent.header("etag").unwrap();
        listed += &format!("<Part><ETag>{etag}</ETag><PartNumber>{number}</PartNumber></Part>");
    }
    (id, format!("<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>"))
}

async fn complete(server: &Arc<FakeS3>, key: &str, id: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
    let path = format!("/bucket/{key}?uploadId={id}");
    Ask { headers, body: body.as_bytes(), ..ask("POST", &path) }.of(server).await.unwrap()
}

#[tokio::test]
async fn parts_become_one_in_memory_and_on_disk() {
    for on_disk in [false, true] {
        let server = FakeS3::start(Options { on_disk, min_part_size: 1 << 20, ..Options::default() }).await.unwrap();
        let parts: [Vec<u8>; 3] = [vec![1; 3 << 20], vec![2; 1 << 20], vec![3; 5]];
        let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let (id, list) = begun(&server, "k", &slices).await;
        assert_eq!((server.uploads(), server.object("k")), (1, None));
        let done = complete(&server, "k", &id, &list, &[]).await;
        let md5s: Vec<u8> = parts.iter().flat_map(Md5::digest).collect();
        let digest: String = Md5::digest(&md5s).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(done.tag("ETag").unwrap().replace("&quot;", "\""), format!("\"{digest}-3\""));
        assert_eq!((server.uploads(), server.object("k").unwrap()), (0, parts.concat().into()));
        let middle = Ask { headers: &[("range", "bytes=3145727-3145728")], ..ask("GET", "/bucket/k") }
            .of(&server)
            .await
            .unwrap();
        assert_eq!((middle.status, middle.body.as_slice()), (206, [1, 2].as_slice()));
    }
}

#[tokio::test]
async fn parts_are_judged_when_they_are_put_together() {
    let server = FakeS3::start(Options { min_part_size: 10, equal_parts: true, ..Options::default() }).await.unwrap();
    let (id, list) = begun(&server, "small", &[b"short", b"x"]).await;
    assert_eq!(complete(&server, "small", &id, &list, &[]).await.told(), (400, "EntityTooSmall".to_owned()));
    let (id, list) = begun(&server, "odd", &[b"0123456789", b"01234567890", b"x"]).await;
    assert_eq!(complete(&server, "odd", &id, &list, &[]).await.told(), (400, "InvalidPart".to_owned()));
    let (id, list) = begun(&server, "late", &[b"0123456789", b"x"]).await;
    put(&server, "late", b"first", &[]).await;
    let told = complete(&server, "late", &id, &list, &[("if-none-match", "*")]).await.told();
    assert_eq!(told, (412, "PreconditionFailed".to_owned()));
    assert_eq!(server.object("late").unwrap().as_ref(), b"first");
    server.expire_uploads();
    assert_eq!(complete(&server, "late", &id, &list, &[]).await.told(), (404, "NoSuchUpload".to_owned()));
}

#[tokio::test]
async fn large_objects_work() {
    let server = FakeS3::start(Options { on_disk: true, ..Options::default() }).await.unwrap();
    let body = vec![7; 64 << 20];
    assert_eq!(put(&server, "k", &body, &[]).await.status, 200);
    let got = ask("GET", "/bucket/k").of(&server).await.unwrap();
    assert!(got.whole && got.body == body);
    assert_eq!(server.bytes_received(), 64 << 20);
}

#[tokio::test]
async fn a_test_sees_and_spoils_what_is_stored() {
    let server = FakeS3::start(Options::default()).await.unwrap();
    put(&server, "a/b", b"body", &[("x-amz-meta-k", "v")]).await;
    assert_eq!(server.keys(), ["a/b"]);
    assert!(server.corrupt("a/b", 1) && !server.corrupt("a/b", 4) && !server.corrupt("none", 0));
    assert_eq!(server.object("a/b").unwrap().as_ref(), b"bndy");
    let requests = server.requests();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!((request.operation, request.key.as_str(), request.received), (Operation::PutObject, "a/b", 4));
    assert_eq!((request.status, request.header("X-Amz-Meta-K")), (Some(200), Some("v")));
    assert!(!format!("{requests:?}").contains(&server.options().secret_key));
    assert!(server.lose("a/b"));
    assert_eq!(ask("GET", "/bucket/a/b").of(&server).await.unwrap().told(), (404, "NoSuchKey".to_owned()));
    server.forget();
    assert_eq!((server.requests().len(), server.bytes_received()), (0, 0));
}
