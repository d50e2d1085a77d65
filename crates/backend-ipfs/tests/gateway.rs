//! What the gateway of a node may do to us; on a fake one that does it on order.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use std::sync::Arc;

use backend_core::{Backend, ErrorKind, GetOptions, Power};
use backend_testkit::kubo::{Blocks, Gateway, GatewayLie, Kubo};
use backend_testkit::{LEAF, random};
use common::{add, open, read};
use serde_json::{Value, json};

async fn start() -> (Kubo, Gateway, Arc<dyn Backend>) {
    let kubo = Kubo::start_on(Blocks::new(), Some("Bearer canary")).await.unwrap();
    let gateway = Gateway::start_on(kubo.blocks().clone()).await.unwrap();
    let connection = json!({ "api_url": kubo.api_url(), "gateway_url": gateway.url() });
    let node = open(connection, json!({ "token": "canary" }));
    (kubo, gateway, node)
}

#[tokio::test]
async fn what_holds_of_a_node_holds_with_its_gateway() {
    let (_kubo, _gateway, node) = start().await;
    common::every_case(&node).await;
}

#[tokio::test]
async fn blocks_are_read_raw_from_the_gateway_and_nowhere_else() {
    let (kubo, gateway, node) = start().await;
    let content = random("through the gateway", 3 * LEAF);
    add(&node, &content).await.unwrap();
    kubo.asked();
    gateway.asked();
    assert_eq!(read(&node, content.cid(), &GetOptions::default()).await.unwrap().len() as u64, 3 * LEAF);
    let asked = gateway.asked();
    assert_eq!(asked.len(), 4, "a root and three leaves: {asked:?}");
    assert!(asked.iter().all(|it| it.starts_with("GET /ipfs/baf") && it.ends_with("?format=raw")), "{asked:?}");
    assert!(kubo.asked().is_empty());
}

#[tokio::test]
async fn what_a_gateway_does_wrong_is_told_by_its_kind() {
    let (_kubo, gateway, node) = start().await;
    let content = random("lied about", 3 * LEAF);
    add(&node, &content).await.unwrap();
    let lies = [
        (GatewayLie::WrongBlock, ErrorKind::Integrity),
        (GatewayLie::HeaderOnly, ErrorKind::Integrity),
        (GatewayLie::Html, ErrorKind::InvalidConfig),
        (GatewayLie::Status(301, "Location: http://elsewhere.example/\r\n", ""), ErrorKind::InvalidConfig),
        (GatewayLie::Status(404, "", "not here"), ErrorKind::NotFound),
        (GatewayLie::Status(412, "", "not in local datastore"), ErrorKind::NotFound),
        (GatewayLie::Status(429, "", "slow down"), ErrorKind::RateLimited),
        (GatewayLie::Status(504, "", "no time"), ErrorKind::Timeout),
        (GatewayLie::Cut, ErrorKind::Unavailable),
        (GatewayLie::Trailer("failed to fetch all nodes"), ErrorKind::NotFound),
    ];
    for (lie, kind) in lies {
        gateway.lie(lie.clone());
        for opts in [GetOptions::block(), GetOptions::default()] {
            let err = read(&node, content.cid(), &opts).await.unwrap_err();
            assert_eq!(err.kind(), kind, "{lie:?}: {err:?}");
            assert!(!format!("{err:?}").contains("canary"));
        }
    }
    gateway.lie(GatewayLie::Endless);
    let err = read(&node, content.cid(), &GetOptions::block()).await.unwrap_err();
    assert!(matches!(err.kind(), ErrorKind::Internal | ErrorKind::Integrity), "{err:?}");
    gateway.lie(None);
    assert_eq!(read(&node, content.cid(), &GetOptions::default()).await.unwrap().len() as u64, 3 * LEAF);
}

#[tokio::test]
async fn a_node_without_its_gateway_is_ill() {
    let (kubo, gateway, node) = start().await;
    assert_eq!(node.health().await.reads, Power::Works);
    gateway.lie(GatewayLie::Html);
    let health = node.health().await;
    assert_eq!((health.reads, health.identity.as_deref()), (Power::Fails(ErrorKind::InvalidConfig), Some(kubo.peer())));
    let wrong = open(json!({ "api_url": gateway.url() }), Value::Null).health().await;
    assert!(matches!(wrong.reads, Power::Fails(_)), "{wrong:?}");
}
