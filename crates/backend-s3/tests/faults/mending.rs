//! What is good of an object is copied by the service, and only the rest is sent.

use std::ops::Range;
use std::sync::Arc;

use backend_core::{AddOptions, Backend, Content, ErrorKind, Evidence, Mend, Metadata, Result};
use backend_testkit::s3::{Copies, FakeS3, Fault, Operation, Options, When};
use backend_testkit::{Watch, damaged, random};
use bytes::Bytes;
use futures::TryStreamExt;
use serde_json::{Value, json};

use crate::common::*;

const LEN: u64 = 23 * MIB + 7;

/// A bucket that was probed, with a copy that is wrong there.
async fn with_damage(opts: Options, wrong: &Range<u64>) -> (Arc<FakeS3>, Arc<dyn Backend>, Content) {
    let server = FakeS3::start(opts).await.unwrap();
    let how = json!({ "provider": "aws", "path_style": true });
    let facts = open(&server, how.clone(), Value::Null).probe().await.unwrap();
    assert_eq!(facts["copies"], json!(true));
    let store = open(&server, how, facts);
    assert!(store.info().offers.mend);
    add(&store, "a b+c/ä", &damaged("mended", LEN, LEN, std::slice::from_ref(wrong))).await.unwrap();
    server.forget();
    (server, store, random("mended", LEN))
}

async fn mend(store: &Arc<dyn Backend>, content: &Content, wrong: Range<u64>) -> Result<Metadata> {
    let opts = AddOptions { id: Some(at("a b+c/ä").id), mend: Some(Mend::wrong([wrong])), ..AddOptions::default() };
    store.add(content, &opts).await
}

async fn whole(server: &FakeS3, content: &Content) {
    let all: Vec<Bytes> = content.open_all().await.unwrap().try_collect().await.unwrap();
    assert!(server.object("a b+c/ä").unwrap() == all.concat(), "other bytes");
    assert_eq!(server.uploads(), 0);
}

#[tokio::test]
async fn one_wrong_chunk_costs_one_part_and_no_evidence() {
    for (wrong, asked, copies) in [
        (12 * MIB..13 * MIB, 10 * MIB..15 * MIB, 4),
        (9 * MIB..11 * MIB, 5 * MIB..15 * MIB, 3),
        (LEN - 1..LEN, 20 * MIB..LEN, 4),
    ] {
        let (server, store, content) = with_damage(Options::default(), &wrong).await;
        let (lent, watch) = Watch::over(&content);
        let meta = mend(&store, &lent, wrong).await.unwrap();
        assert_eq!((meta.size, meta.evidence), (Some(LEN), Evidence::Attested));
        let mut ranges = watch.ranges();
        ranges.sort_by_key(|range| range.start);
        assert_eq!((ranges.first().unwrap().start, ranges.last().unwrap().end), (asked.start, asked.end));
        assert_eq!(ranges.iter().map(|it| it.end - it.start).sum::<u64>(), asked.end - asked.start);
        assert_eq!(server.count(Operation::UploadPartCopy), copies);
        whole(&server, &content).await;
    }
}

#[tokio::test]
async fn what_is_not_copied_is_sent() {
    let wrong = 12 * MIB..13 * MIB;
    let faults = [
        Some(Fault::answer(501, "NotImplemented")),
        Some(Fault::answer(412, "PreconditionFailed")),
        Some(Fault::forbidden()),
        // It is done, but not what was asked for.
        None,
    ];
    for fault in faults {
        let copies = if fault.is_some() { Copies::Range } else { Copies::Whole };
        let (server, store, content) = with_damage(Options { copies, ..Options::default() }, &wrong).await;
        if let Some(fault) = fault.clone() {
            server.fault(When::always(Operation::UploadPartCopy), fault);
        }
        let (lent, watch) = Watch::over(&content);
        mend(&store, &lent, wrong.clone()).await.unwrap();
        let asked: u64 = watch.ranges().iter().map(|it| it.end - it.start).sum();
        assert_eq!(asked, LEN, "{fault:?}");
        whole(&server, &content).await;
    }
}

#[tokio::test]
async fn a_repair_that_fails_leaves_the_object_and_no_parts() {
    let wrong = 12 * MIB..13 * MIB;
    let (server, store, content) = with_damage(Options::default(), &wrong).await;
    let before = server.object("a b+c/ä");
    server.fault(When::nth(Operation::UploadPartCopy, 2), Fault::ErrorIn200("InternalError".to_owned()));
    let answer = mend(&store, &content, wrong.clone()).await;
    assert_eq!(kind(answer).0, ErrorKind::Unavailable);
    assert!(server.object("a b+c/ä") == before && server.uploads() == 0);
    mend(&store, &content, wrong).await.unwrap();
    whole(&server, &content).await;
}

#[tokio::test]
async fn small_and_unprobed_objects_are_sent_in_one_request() {
    let server = FakeS3::start(Options::default()).await.unwrap();
    let plain = open(&server, Value::Null, Value::Null);
    assert!(!plain.info().offers.mend);
    let knowing = open(&server, Value::Null, json!({ "copies": true }));
    for (store, len) in [(&plain, 8 * MIB), (&knowing, 5 * MIB)] {
        add(store, "a b+c/ä", &damaged("small", len, len, &[MIB..2 * MIB])).await.unwrap();
        server.forget();
        let content = random("small", len);
        mend(store, &content, MIB..2 * MIB).await.unwrap();
        assert_eq!((server.count(Operation::PutObject), server.count(Operation::UploadPartCopy)), (1, 0), "{len}");
        whole(&server, &content).await;
    }
}

#[tokio::test]
async fn what_is_gone_is_sent() {
    let server = FakeS3::start(Options::default()).await.unwrap();
    let store = open(&server, Value::Null, json!({ "copies": true }));
    let content = random("gone", 8 * MIB);
    mend(&store, &content, MIB..2 * MIB).await.unwrap();
    whole(&server, &content).await;
}
