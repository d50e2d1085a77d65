//! Uploads that break off, lose their answer or their race, and what is believed of those that do not.

use std::collections::BTreeSet;
use std::sync::Arc;

use backend_core::{
    AddOptions, Condition, Content, Effect, ErrorKind, Evidence, Facts, ListOptions, Removal, RemoveOptions,
    StatOptions, Write,
};
use backend_testkit::s3::{FakeS3, Fault, Operation, Options, Request, When};
use backend_testkit::{Keeper, random, small};
use bytes::Bytes;
use futures::TryStreamExt;
use serde_json::{Value, json};

use crate::common::*;

fn in_parts(keeper: &Arc<Keeper>, name: &str, condition: Condition) -> AddOptions {
    let write = Write { checkpoint: Some(keeper.clone() as _), resume: keeper.newest(), ..Write::default() };
    AddOptions { id: Some(at(name).id), condition, write, ..AddOptions::default() }
}

/// The numbers of the parts of which the server says this.
fn parts(requests: &[Request], is_so: impl Fn(Option<u16>) -> bool) -> BTreeSet<String> {
    let sent = requests.iter().filter(|it| it.operation == Operation::UploadPart && is_so(it.status));
    sent.filter_map(|it| it.query("partNumber")).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_resumed_upload_sends_only_what_was_in_flight() {
    for provider in ["aws", "other"] {
        let server = FakeS3::start(Options::default()).await.unwrap();
        let how = json!({ "provider": provider, "path_style": true, "part_size": 5 * MIB });
        let (content, keeper) = (random("resumed", 58 * MIB + 7), Keeper::new());
        server.fault(When::after(Operation::UploadPart, 9), Fault::ResetBefore);
        let first = open(&server, how.clone(), Value::Null);
        let answer = first.add(&content, &in_parts(&keeper, "big", Condition::Always)).await;
        assert_eq!(kind(answer).0, ErrorKind::Unavailable);
        assert!(server.object("big").is_none() && server.uploads() == 1);
        let arrived = parts(&server.requests(), |status| status == Some(200));
        server.heal();
        server.forget();
        let second = open(&server, how, Value::Null);
        let meta = second.add(&content, &in_parts(&keeper, "big", Condition::Always)).await.unwrap();
        // By number: what the first was sending when it gave up may be seen by the server only now.
        let resent = parts(&server.requests(), |_| true);
        assert!(
            !arrived.is_empty() && arrived.is_disjoint(&resent),
            "{arrived:?} had arrived, {resent:?} were sent again"
        );
        assert_eq!(server.count(Operation::CreateMultipartUpload), 0);
        assert_eq!((meta.size, server.uploads()), (Some(content.len()), 0));
        let stored = server.object("big").unwrap();
        let all: Vec<Bytes> = content.open_all().await.unwrap().try_collect().await.unwrap();
        assert!(stored == all.concat(), "other bytes");
    }
}

#[tokio::test]
async fn an_error_within_200_is_an_error() {
    for code in ["InternalError", "SlowDown", "PreconditionFailed"] {
        let server = FakeS3::start(Options::default()).await.unwrap();
        let store = open(&server, json!({ "part_size": 5 * MIB }), Value::Null);
        server.fault(When::always(Operation::CompleteMultipartUpload), Fault::ErrorIn200(code.to_owned()));
        let answer = add(&store, "a", &random("200", 6 * MIB)).await;
        assert!(answer.is_err(), "{code}");
        assert!(server.object("a").is_none());
        assert_eq!(server.uploads(), 0, "nobody has a token: it is given up");
    }
}

#[tokio::test]
async fn a_lost_answer_to_complete_is_unknown() {
    let server = FakeS3::start(Options::default()).await.unwrap();
    let store = open(&server, json!({ "part_size": 5 * MIB }), Value::Null);
    server.fault(When::next(Operation::CompleteMultipartUpload), Fault::ResetAfter);
    let keeper = Keeper::new();
    let content = random("lost", 6 * MIB);
    let answer = store.add(&content, &in_parts(&keeper, "a", Condition::Always)).await;
    assert_eq!(kind(answer), (ErrorKind::Unavailable, Effect::Unknown));
    assert_eq!(store.stat(&at("a"), &StatOptions::default()).await.unwrap().size, Some(content.len()));
    store.add(&content, &in_parts(&keeper, "a", Condition::Always)).await.unwrap();
}

#[tokio::test]
async fn a_lost_race_at_the_end_begins_anew() {
    let server = FakeS3::start(Options::default()).await.unwrap();
    let how = json!({ "part_size": 5 * MIB });
    let facts = open(&server, how.clone(), Value::Null).probe().await.unwrap();
    let store = open(&server, how, facts);
    server.fault(When::next(Operation::CompleteMultipartUpload), Fault::conflict());
    let (content, keeper) = (random("race", 6 * MIB), Keeper::new());
    let answer = store.add(&content, &in_parts(&keeper, "a", Condition::IfAbsent)).await;
    assert_eq!(kind(answer), (ErrorKind::Unavailable, Effect::None));
    assert_eq!(server.uploads(), 0);
    let meta = store.add(&content, &in_parts(&keeper, "a", Condition::IfAbsent)).await.unwrap();
    assert_eq!(meta.existed, Some(false));
}

#[tokio::test]
async fn evidence_is_what_the_service_compared() {
    let server = FakeS3::start(Options::default()).await.unwrap();
    let content = random("compared", 2 * MIB);
    for provider in ["aws", "other"] {
        let how = json!({ "provider": provider, "path_style": true });
        let facts = open(&server, how.clone(), Value::Null).probe().await.unwrap();
        let evidence = async |facts: Facts, content: &Content| {
            add(&open(&server, how.clone(), facts), "a", content).await.unwrap().evidence
        };
        assert_eq!(evidence(Value::Null, &content).await, Evidence::Acknowledged, "{provider}");
        assert_eq!(evidence(facts.clone(), &content).await, Evidence::Attested, "{provider}");
        let blind = content.clone().with_digests(Vec::new());
        assert_eq!(evidence(facts, &blind).await, Evidence::Acknowledged, "{provider}");
    }
}

#[tokio::test]
async fn foreign_keys_do_not_break_a_listing() {
    let (_server, store) = started(Options { max_keys: 2, ..Options::default() }).await;
    for name in ["a", "a+b", "a b", "a%2Fb", "ä/ö", "z"] {
        add(&store, name, &small(name)).await.unwrap();
    }
    let n = store.list(&ListOptions::default()).try_collect::<Vec<_>>().await.unwrap().len();
    assert_eq!(n, 6);
    let removal = store.remove(&at("a+b"), &RemoveOptions::default()).await.unwrap();
    assert_eq!(removal, Removal::Erased);
}
