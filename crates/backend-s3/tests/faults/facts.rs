//! What is done with what a probe has learnt.

use std::sync::Arc;

use backend_core::{
    AddOptions, Backend, ByteRange, Content, Digest, DigestKind, ErrorKind, Evidence, GetOptions, ListOptions, Removal,
    RemoveOptions, StatOptions,
};
use backend_testkit::s3::{FakeS3, Fault, Operation, Options, Versions, When};
use backend_testkit::{random, small};
use bytes::Bytes;
use futures::TryStreamExt;
use serde_json::{Value, json};

use crate::common::*;

async fn knowing(learnt: Value) -> (Arc<FakeS3>, Arc<dyn Backend>) {
    let server = FakeS3::start(Options::default()).await.unwrap();
    let store = open(&server, Value::Null, learnt);
    (server, store)
}

#[tokio::test]
async fn a_fault_over_a_folder_is_absence_and_over_content_a_fault() {
    let (server, store) = knowing(json!({ "folder_fails": true, "paths": true })).await;
    add(&store, "box/below", &small("below")).await.unwrap();
    for name in ["box", "box/below"] {
        server.fault(When::always(Operation::HeadObject).key(name), Fault::answer(500, "InternalError"));
        server.fault(When::always(Operation::GetObject).key(name), Fault::answer(500, "InternalError"));
    }
    for (name, wanted) in [("box", ErrorKind::NotFound), ("box/below", ErrorKind::Unavailable)] {
        assert_eq!(kind(store.stat(&at(name), &StatOptions::default()).await).0, wanted, "{name}");
        assert_eq!(kind(read(&store, name, &GetOptions::default()).await).0, wanted, "{name}");
    }
    assert_eq!(store.remove(&at("box"), &RemoveOptions::default()).await.unwrap(), Removal::Absent);
    assert_eq!(kind(add(&store, "box", &small("box")).await).0, ErrorKind::InvalidInput);
    assert_eq!(kind(add(&store, "box/below", &small("again")).await).0, ErrorKind::Unavailable);
    // Who was not seen to fail over folders is not believed to mean one.
    let ignorant = open(&server, Value::Null, Value::Null);
    assert_eq!(kind(ignorant.stat(&at("box"), &StatOptions::default()).await).0, ErrorKind::Unavailable);
    server.fault(When::always(Operation::ListObjectsV2), Fault::answer(500, "InternalError"));
    assert_eq!(kind(store.stat(&at("box"), &StatOptions::default()).await).0, ErrorKind::Unavailable);
}

#[tokio::test]
async fn where_names_are_paths_neighbours_are_refused_before_anything_is_sent() {
    let (server, store) = knowing(json!({ "paths": true })).await;
    for name in ["file", "folder/below/it", "folder/below/other"] {
        add(&store, name, &small(name)).await.unwrap();
    }
    let puts = server.count(Operation::PutObject);
    for name in ["file/below", "file/far/below", "folder", "folder/below"] {
        assert_eq!(kind(add(&store, name, &small(name)).await).0, ErrorKind::InvalidInput, "{name}");
    }
    assert_eq!(server.count(Operation::PutObject), puts);
    for name in ["file", "fil", "folder/below/it", "folder/below2", "folder/below/it2"] {
        add(&store, name, &small("again")).await.unwrap();
    }
    let (_server, plain) = knowing(Value::Null).await;
    for name in ["file", "file/below"] {
        add(&plain, name, &small(name)).await.unwrap();
    }
}

#[tokio::test]
async fn more_of_the_end_than_there_is_can_be_all() {
    let (server, store) = knowing(json!({ "short_suffix": true })).await;
    add(&store, "a", &small("0123456789")).await.unwrap();
    add(&store, "none", &small("")).await.unwrap();
    for (name, n, wanted) in [("a", 11, "0123456789"), ("a", 10, "0123456789"), ("a", 3, "789"), ("none", 5, "")] {
        server.forget();
        let found = read(&store, name, &GetOptions::range(ByteRange::Last(n))).await.unwrap();
        assert_eq!(found, wanted.as_bytes(), "the last {n} of {name}");
        let asked = server.requests().iter().any(|it| it.header("range").is_some());
        assert_eq!(asked, n == 3, "the last {n} of {name}");
    }
    let none = read(&store, "a", &GetOptions::range(ByteRange::Last(0))).await;
    assert_eq!(kind(none).0, ErrorKind::InvalidRange);
}

#[tokio::test]
async fn keys_are_as_long_as_the_service_takes_them() {
    let (server, store) = knowing(json!({ "max_key": 40, "max_segment": 10 })).await;
    assert_eq!(store.info().limits.max_key, 40);
    for (name, is_taken) in [
        ("k".repeat(10), true),
        ("k".repeat(11), false),
        (["k"; 20].join("/"), true),
        (["k"; 21].join("/"), false),
        (format!("a/{}/b", "k".repeat(11)), false),
    ] {
        let answer = add(&store, &name, &small("long")).await;
        assert_eq!(answer.as_ref().map(|_| ()).map_err(|err| err.kind()).is_ok(), is_taken, "{name}: {answer:?}");
    }
    assert_eq!(server.count(Operation::PutObject), 2);
    let under = open(&server, json!({ "prefix": "some/where" }), json!({ "max_key": 40 }));
    assert_eq!(under.info().limits.max_key, 29);
}

#[tokio::test]
async fn a_backslash_that_is_a_slash_is_learnt_and_refused() {
    let (server, store) = started(Options { backslash_is_slash: true, ..Options::default() }).await;
    let facts = store.probe().await.unwrap();
    assert_eq!(facts["backslash"], json!(true), "{facts}");
    let store = open(&server, Value::Null, facts);
    let puts = server.count(Operation::PutObject);
    assert_eq!(kind(add(&store, "back\\slash", &small("a")).await).0, ErrorKind::InvalidInput);
    assert_eq!(server.count(Operation::PutObject), puts);
    add(&store, "back/slash", &small("a")).await.unwrap();
}

#[tokio::test]
async fn keys_that_are_not_escaped_are_taken_as_they_are() {
    let (server, store) = knowing(json!({ "unescaped": true })).await;
    add(&store, "a%41+b", &small("a")).await.unwrap();
    let entries = store.list(&ListOptions::default()).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(entries.len(), 1);
    assert!(server.requests().iter().all(|it| it.query("encoding-type").is_none()));
}

#[tokio::test]
async fn all_versions_go_by_one_request_where_that_was_seen_to_work() {
    for (is_learnt, many, single) in [(true, 1, 0), (false, 0, 4)] {
        let server = FakeS3::start(Options { versions: Versions::On, ..Options::default() }).await.unwrap();
        let mut facts = open(&server, Value::Null, Value::Null).probe().await.unwrap();
        assert_eq!(facts["batch"], json!(true));
        facts["batch"] = json!(is_learnt);
        let store = open(&server, Value::Null, facts);
        for n in 0..4 {
            add(&store, "a", &small(n.to_string())).await.unwrap();
        }
        add(&store, "a2", &small("other")).await.unwrap();
        server.forget();
        let all = RemoveOptions { all_versions: true, ..RemoveOptions::default() };
        assert_eq!(store.remove(&at("a"), &all).await.unwrap(), Removal::Erased);
        assert_eq!(server.count(Operation::DeleteObjects), many);
        assert_eq!(server.count(Operation::DeleteObject), single);
        assert!(server.requests().iter().all(|it| {
            it.operation != Operation::DeleteObjects || it.header("content-md5").is_some_and(|md5| md5.len() == 24)
        }));
        let left = ListOptions { versions: true, ..ListOptions::default() };
        assert_eq!(store.list(&left).try_collect::<Vec<_>>().await.unwrap().len(), 1);
        assert_eq!(server.keys(), ["a2"]);
        server.fault(When::always(Operation::DeleteObjects), Fault::answer(500, "InternalError"));
        server.fault(When::always(Operation::DeleteObject), Fault::answer(500, "InternalError"));
        add(&store, "a2", &small("more")).await.unwrap();
        assert_eq!(kind(store.remove(&at("a2"), &all).await).0, ErrorKind::Unavailable);
    }
}

async fn summed(content: &Content, flip: u8) -> Content {
    let all: Vec<Bytes> = content.open_all().await.unwrap().try_collect().await.unwrap();
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, &all.concat());
    let mut value = crc.to_be_bytes().to_vec();
    value[0] ^= flip;
    content.clone().with_digests(vec![Digest { kind: DigestKind::Crc64Nvme, value: value.into() }])
}

#[tokio::test]
async fn a_crc_of_the_whole_is_asked_for_and_makes_parts_attested() {
    let server = FakeS3::start(Options::default()).await.unwrap();
    let how = json!({ "provider": "aws", "path_style": true, "part_size": 5 * MIB });
    let facts = open(&server, how.clone(), Value::Null).probe().await.unwrap();
    let store = open(&server, how.clone(), facts);
    assert_eq!(store.info().needs, [DigestKind::Crc64Nvme]);
    assert!(open(&server, how, Value::Null).info().needs.is_empty());
    for len in [2 * MIB, 11 * MIB] {
        let content = random("summed", len).with_digests(Vec::new());
        assert_eq!(add(&store, "a", &content).await.unwrap().evidence, Evidence::Acknowledged, "{len}");
        let meta = add(&store, "a", &summed(&content, 0).await).await.unwrap();
        assert_eq!((meta.evidence, meta.digests.len()), (Evidence::Attested, 1), "{len}");
        let before = server.object("a");
        let answer = add(&store, "a", &summed(&content, 1).await).await;
        assert_eq!(kind(answer).0, ErrorKind::Integrity, "{len}");
        assert!(server.object("a") == before && server.uploads() == 0, "{len}");
    }
    let opts = AddOptions { id: Some(at("b").id), ..AddOptions::default() };
    let odd = random("odd", 2 * MIB).with_digests(vec![Digest { kind: DigestKind::Crc64Nvme, value: Bytes::new() }]);
    assert_eq!(store.add(&odd, &opts).await.unwrap().evidence, Evidence::Acknowledged);
}
