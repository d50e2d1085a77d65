//! What is this leaf's own: reading from several gateways, settings, health, and where tokens go.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use backend_core::{
    Addressing, ByteRange, ErrorKind, Evidence, Exposure, GetOptions, Key, Locator, Power, Reads, Role, StatOptions,
};
use backend_testkit::kubo::{Blocks, Gateway, GatewayLie};
use backend_testkit::{CANARY, LEAF};
use common::{bytes, every_case, open, open_with, read, store};
use serde_json::{Value, json};

#[tokio::test]
async fn the_fake_serves_every_case() {
    let gateway = Gateway::start_on(Blocks::new()).await.unwrap();
    let blocks = gateway.blocks().clone();
    every_case(&gateway.url(), async |wanted| store(&blocks, wanted)).await;
}

#[tokio::test]
async fn a_file_of_several_chunks_comes_from_the_honest_one() {
    let blocks = Blocks::new();
    let wanted = bytes(3 * LEAF as usize + 7);
    let cid = store(&blocks, &wanted);
    let (liar, honest) = (Gateway::start_on(blocks.clone()).await.unwrap(), Gateway::start_on(blocks).await.unwrap());
    for lie in [GatewayLie::WrongBlock, GatewayLie::Truncated { says_so: false }, GatewayLie::Html, GatewayLie::Cut] {
        liar.lie(lie.clone());
        for transport in ["car", "blocks"] {
            let backend = open(json!({ "endpoints": [liar.url(), honest.url()], "transport": transport }));
            assert_eq!(read(&backend, &Locator::new(cid), &GetOptions::default()).await.unwrap(), wanted, "{lie:?}");
            assert!(!liar.asked().is_empty());
        }
    }
}

#[tokio::test]
async fn it_is_a_source_and_says_so() {
    let gateway = Gateway::start_on(Blocks::new()).await.unwrap();
    let one = open(json!({ "endpoints": [gateway.url()] }));
    let info = one.info();
    let wanted = (Role::Source, Reads::Network, Exposure::Public, Addressing::Cid);
    assert_eq!((info.role, info.reads, info.exposure, info.addressing), wanted);
    assert_eq!(info.gate.as_deref(), Some("127.0.0.1"));
    let two = open(json!({ "endpoints": [gateway.url(), format!("{}/x", gateway.url())] }));
    assert_eq!(two.info().gate, None);
    assert!(gateway.asked().is_empty(), "opening asks nothing");
    let wanted = store(gateway.blocks(), &bytes(10));
    let meta = one.stat(&Locator::new(wanted), &StatOptions::default()).await.unwrap();
    assert_eq!((meta.size, meta.evidence), (Some(10), Evidence::Acknowledged));
    let key = Locator::new(Key::new("a").unwrap());
    assert_eq!(one.stat(&key, &StatOptions::default()).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    let part = GetOptions { range: Some(ByteRange::From(0)), ..GetOptions::block() };
    assert_eq!(read(&one, &Locator::new(wanted), &part).await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn health_is_that_of_the_best_and_names_the_others() {
    let blocks = Blocks::new();
    let (one, other) = (Gateway::start_on(blocks.clone()).await.unwrap(), Gateway::start_on(blocks).await.unwrap());
    let backend = open(json!({ "endpoints": [one.url(), other.url()] }));
    let health = backend.health().await;
    assert_eq!((health.reads, health.writes, health.note), (Power::Works, Power::Off, None));
    one.lie(GatewayLie::Html);
    let health = backend.health().await;
    assert_eq!(health.reads, Power::Works);
    assert!(health.note.unwrap().contains("no trustless gateway"));
    other.lie(GatewayLie::Status(503, "", "later"));
    assert_eq!(backend.health().await.reads, Power::Fails(ErrorKind::InvalidConfig));
}

#[tokio::test]
async fn settings_are_checked_before_anything_is_asked() {
    let url = "https://a.example";
    let none = Value::Null;
    let cases = [
        (json!({}), none.clone(), "endpoints"),
        (json!({ "endpoints": [] }), none.clone(), "connection.endpoints: no gateway"),
        (json!({ "endpoints": [url, url] }), none.clone(), "named twice"),
        (json!({ "endpoints": vec![url; 33] }), none.clone(), "more than 32"),
        (json!({ "endpoints": ["http://a.example"] }), none.clone(), "connection.endpoints: unencrypted http"),
        (json!({ "endpoints": ["ftp://a.example"] }), none.clone(), "must begin with http"),
        (json!({ "endpoints": [format!("https://me:{CANARY}@a.example")] }), none.clone(), "credentials.tokens"),
        (json!({ "endpoints": [url] }), json!({ "tokens": { "https://b.example": CANARY } }), "credentials.tokens"),
        (json!({ "endpoints": [url], "ca_certificates": [CANARY] }), none.clone(), "connection.ca_certificates"),
        (json!({ "endpoints": [url], "transport": CANARY }), none.clone(), "connection.transport"),
    ];
    for (connection, credentials, wanted) in cases {
        let err = open_with(connection.clone(), credentials).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::InvalidConfig, "{connection}");
        assert!(err.message().contains(wanted) && !format!("{err:?}").contains(CANARY), "{err}");
    }
    assert!(open_with(json!({ "endpoints": ["http://a.example"], "allow_http": true }), none).is_ok());
}
