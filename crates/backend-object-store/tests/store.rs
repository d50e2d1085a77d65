//! What the suite cannot see: buckets that are missing, servers that lie, large content under conditions, links, and secrets in addresses.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod fake;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use backend_core::{
    AddOptions, Backend, Condition, Entry, ErrorKind, Facts, GetOptions, Key, ListOptions, Locator, Power, Settings,
    StatOptions, Write,
};
use backend_layers::SystemClock;
use backend_object_store::Objects;
use backend_testkit::{CANARY, Keeper, random};
use bytes::Bytes;
use fake::Bucket;
use futures::TryStreamExt;
use serde_json::{Value, json};

const MIB: u64 = 1 << 20;
/// Of Azurite; published by Microsoft.
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

fn settings(connection: Value, credentials: Value) -> Settings {
    let mut settings = Settings::new("suite", connection, Arc::new(SystemClock));
    settings.credentials = credentials;
    settings.learnt = json!({ "if_absent": true, "if_match": true });
    settings
}

fn gcs(home: &str, bucket: &str) -> Arc<dyn Backend> {
    Objects::gcs(settings(json!({ "bucket": bucket, "base_url": home }), json!({ "bearer": fake::SECRET }))).unwrap()
}

fn azure(home: &str, container: &str) -> Arc<dyn Backend> {
    let connection = json!({ "account": "devstoreaccount1", "container": container, "endpoint": home });
    Objects::azure(settings(connection, json!({ "access_key": KEY }))).unwrap()
}

fn webdav(home: &str) -> Arc<dyn Backend> {
    let credentials = json!({ "username": "suite", "password": fake::SECRET });
    Objects::webdav(settings(json!({ "url": home }), credentials)).unwrap()
}

fn at(name: &str) -> Locator {
    Locator::new(Key::new(name).unwrap())
}

fn named(name: &str) -> AddOptions {
    AddOptions { id: Some(at(name).id), ..AddOptions::default() }
}

async fn read(backend: &Arc<dyn Backend>, name: &str) -> Vec<u8> {
    let fetched = backend.get(&at(name), &GetOptions::default()).await.unwrap();
    fetched.body.try_collect::<Vec<Bytes>>().await.unwrap().concat()
}

/// A server that answers everything in one way.
async fn always(answer: fn() -> Response<Body>) -> String {
    fake::serve(move |_| async move { answer() }).await
}

#[tokio::test]
async fn a_missing_bucket_is_no_missing_content() {
    let backends = [
        gcs(&fake::gcs(Arc::default()).await, "other"),
        azure(&fake::azure(Arc::default()).await, "other"),
        webdav(&format!("{}/other", fake::webdav().await)),
    ];
    for backend in backends {
        let kind = backend.info().kind;
        let stat = backend.stat(&at("x"), &StatOptions::default()).await.unwrap_err();
        assert_eq!(stat.kind(), ErrorKind::InvalidConfig, "{kind}: {stat:?}");
        let get = backend.get(&at("x"), &GetOptions::default()).await.unwrap_err();
        assert_eq!(get.kind(), ErrorKind::InvalidConfig, "{kind}: {get:?}");
        let remove = backend.remove(&at("x"), &Default::default()).await.unwrap_err();
        assert_eq!(remove.kind(), ErrorKind::InvalidConfig, "{kind}: {remove:?}");
        let list = backend.list(&ListOptions::default()).try_next().await.unwrap_err();
        assert_eq!(list.kind(), ErrorKind::InvalidConfig, "{kind}: {list:?}");
        let add = backend.add(&random("x", 5), &named("x")).await.unwrap_err();
        assert_eq!(add.kind(), ErrorKind::InvalidConfig, "{kind}: {add:?}");
        assert_eq!(backend.health().await.reads, Power::Fails(ErrorKind::InvalidConfig), "{kind}");
    }
}

#[tokio::test]
async fn large_content_is_written_under_conditions() {
    for backend in [gcs(&fake::gcs(Arc::default()).await, "suite"), azure(&fake::azure(Arc::default()).await, "suite")]
    {
        let (first, second) = (random("first", 20 * MIB + 1), random("second", 9 * MIB));
        let absent = AddOptions { condition: Condition::IfAbsent, ..named("large") };
        let etag = backend.add(&first, &absent).await.unwrap().etag.unwrap();
        let err = backend.add(&second, &absent).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::AlreadyExists, "{err:?}");
        assert_eq!(read(&backend, "large").await.len() as u64, first.len());
        let matching = AddOptions { condition: Condition::IfMatch(etag.clone()), ..named("large") };
        backend.add(&second, &matching).await.unwrap();
        let err = backend.add(&first, &matching).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Precondition, "{err:?}");
        assert_eq!(read(&backend, "large").await.len() as u64, second.len());
    }
}

#[tokio::test]
async fn labels_of_large_content_are_kept() {
    for backend in [gcs(&fake::gcs(Arc::default()).await, "suite"), azure(&fake::azure(Arc::default()).await, "suite")]
    {
        let labels: std::collections::BTreeMap<_, _> = [("owner".to_owned(), "a b".to_owned())].into();
        let write = Write { labels: labels.clone(), checkpoint: Some(Keeper::new()), ..Write::default() };
        let opts = AddOptions { write, content_type: Some("image/png".into()), ..named("large") };
        backend.add(&random("labelled", 9 * MIB), &opts).await.unwrap();
        let meta = backend.stat(&at("large"), &StatOptions::default()).await.unwrap();
        assert_eq!((meta.labels, meta.content_type.as_deref()), (labels, Some("image/png")));
    }
}

#[tokio::test]
async fn an_upload_without_a_checkpoint_leaves_no_parts() {
    let bucket = Arc::new(Bucket::default());
    let backend = gcs(&fake::gcs(bucket.clone()).await, "suite");
    let broken = backend_testkit::lying(
        &random("broken", 20 * MIB),
        backend_testkit::Defect::Fails(17 * MIB, ErrorKind::Denied),
    );
    assert_eq!(backend.add(&broken, &named("broken")).await.unwrap_err().kind(), ErrorKind::Denied);
    assert!(bucket.lock().uploads.is_empty() && bucket.lock().objects.is_empty());
}

#[tokio::test]
async fn refusals_are_typed_and_tell_no_secret() {
    let slow = || {
        let text = format!("<Error><Code>SlowDown</Code><Message>sig={CANARY}</Message></Error>");
        Response::builder().status(503).header("retry-after", "7").body(Body::from(text)).unwrap()
    };
    let away = || {
        let to = format!("https://elsewhere.example/?sig={CANARY}");
        Response::builder().status(302).header("location", to).body(Body::empty()).unwrap()
    };
    let broken = || Response::builder().status(500).body(Body::from(format!("<Code>{CANARY}</Code>"))).unwrap();
    let odd = || Response::builder().status(200).body(Body::from(format!("<no xml {CANARY}"))).unwrap();
    type Lie = fn() -> Response<Body>;
    let cases: [(Lie, ErrorKind); 4] = [
        (slow, ErrorKind::RateLimited),
        (away, ErrorKind::InvalidConfig),
        (broken, ErrorKind::Unavailable),
        (odd, ErrorKind::Internal),
    ];
    for (answer, kind) in cases {
        let home = always(answer).await;
        let sas = json!({ "sas_token": format!("sv=1&sig={CANARY}") });
        let connection = json!({ "account": "a", "container": "suite", "endpoint": home });
        for backend in [gcs(&home, "suite"), Objects::azure(settings(connection, sas)).unwrap(), webdav(&home)] {
            let list = backend.list(&ListOptions::default()).try_next().await.unwrap_err();
            assert_eq!(list.kind(), kind, "{list:?}");
            let said = [
                format!("{list:?}"),
                format!("{:?}", backend.add(&random("x", 5), &named("x")).await),
                format!("{:?}", backend.get(&at("x"), &GetOptions::default()).await),
                format!("{:?} {backend:?}", backend.health().await),
            ];
            assert!(said.iter().all(|it| !it.contains(CANARY)), "{said:?}");
        }
    }
}

#[tokio::test]
async fn a_lying_server_is_a_typed_error() {
    let overflow = || {
        let range = "bytes 0-18446744073709551615/18446744073709551615";
        let answer = Response::builder().status(206).header("content-range", range).header("etag", "\"e\"");
        answer.header("last-modified", "Fri, 27 Nov 2026 10:00:00 GMT").body(Body::from("x")).unwrap()
    };
    let backend = gcs(&always(overflow).await, "suite");
    let err = backend.get(&at("x"), &GetOptions::range(0..9)).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Internal, "{err:?}");
    let endless = || {
        let text = "<ListBucketResult><NextContinuationToken>a</NextContinuationToken></ListBucketResult>";
        Response::builder().body(Body::from(text)).unwrap()
    };
    let backend = gcs(&always(endless).await, "suite");
    let err = backend.list(&ListOptions::default()).try_collect::<Vec<Entry>>().await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Internal, "{err:?}");
    let outside = || {
        let text = "<multistatus xmlns=\"DAV:\"><response><href>/etc/passwd</href><propstat><prop><resourcetype/>\
                    <getcontentlength>1</getcontentlength></prop><status>HTTP/1.1 200 OK</status></propstat></response>\
                    </multistatus>";
        Response::builder().status(StatusCode::MULTI_STATUS).body(Body::from(text)).unwrap()
    };
    let backend = webdav(&format!("{}/dav", always(outside).await));
    let err = backend.stat(&at("x"), &StatOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Internal, "{err:?}");
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_not_offered_them() {
    let forgetful = fake::gcs(Arc::default()).await;
    let learnt: Facts = gcs(&forgetful, "suite").probe().await.unwrap();
    assert_eq!(learnt, json!({ "if_absent": true, "if_match": true }));
    let bucket = Arc::new(Bucket::default());
    bucket.lock().ignores_conditions = true;
    let learnt = gcs(&fake::gcs(bucket.clone()).await, "suite").probe().await.unwrap();
    assert_eq!(learnt, json!({ "if_absent": false, "if_match": false }));
    assert!(bucket.lock().objects.is_empty(), "the canary stays");
}

#[tokio::test]
async fn a_link_names_the_content_and_is_a_secret() {
    let backend = azure(&fake::azure(Arc::default()).await, "suite");
    backend.add(&random("linked", 5), &named("a b?#%/ö")).await.unwrap();
    let meta = backend.stat(&at("a b?#%/ö"), &StatOptions { link: true, ..StatOptions::default() }).await.unwrap();
    let link = meta.link.clone().unwrap();
    assert!(link.url.reveal().contains("/suite/a%20b%3F%23%25/%C3%B6?"), "{}", link.url.reveal());
    assert!(link.url.reveal().contains("sig=") && !format!("{meta:?}").contains("sig="));
}

#[tokio::test]
async fn a_folder_is_never_removed_or_replaced() {
    let backend = webdav(&fake::webdav().await);
    backend.add(&random("below", 5), &named("folder/below")).await.unwrap();
    let err = backend.add(&random("above", 5), &named("folder")).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::AlreadyExists, "{err:?}");
    let removal = backend.remove(&at("folder"), &Default::default()).await.unwrap();
    assert_eq!(removal, backend_core::Removal::Absent);
    assert_eq!(read(&backend, "folder/below").await.len(), 5);
}

#[test]
fn what_cannot_work_is_refused_by_its_key() {
    let check =
        |open: fn(Settings) -> backend_core::Result<Arc<dyn Backend>>, connection: Value, credentials: Value| {
            let err = open(settings(connection, credentials)).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::InvalidConfig, "{err:?}");
            assert!(!format!("{err:?}").contains(CANARY), "{err:?}");
            err.message().to_owned()
        };
    let bearer = || json!({ "bearer": CANARY });
    assert!(check(Objects::gcs, json!({}), bearer()).contains("bucket"));
    assert!(check(Objects::gcs, json!({ "bucket": "a/b" }), bearer()).contains("connection.bucket"));
    assert!(check(Objects::gcs, json!({ "bucket": "a" }), json!({})).contains("expected one of"));
    assert!(
        check(Objects::gcs, json!({ "bucket": "a", "base_url": "http://a.example" }), bearer()).contains("base_url")
    );
    assert!(
        check(Objects::gcs, json!({ "bucket": "a" }), json!({ "service_account_key": CANARY })).contains("credentials")
    );
    assert!(check(Objects::azure, json!({ "container": "a" }), bearer()).contains("connection.account"));
    let account = || json!({ "container": "a", "account": "b" });
    assert!(check(Objects::azure, account(), json!({ "access_key": CANARY })).contains("credentials"));
    assert!(check(Objects::azure, account(), json!({ "client_secret": CANARY })).contains("tenant_id"));
    assert!(check(Objects::azure, account(), json!({ "bearer": CANARY, "sas_token": CANARY })).contains("only one"));
    assert!(
        check(Objects::webdav, json!({ "url": "https://a/" }), json!({ "password": CANARY })).contains("credentials")
    );
    assert!(
        check(Objects::webdav, json!({ "url": format!("https://u:{CANARY}@a/") }), json!({}))
            .contains("connection.url")
    );
}
