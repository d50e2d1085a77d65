//! Whom to ask: hedging, rests, and what is remembered of failures.

use std::time::Duration;

use backend_core::{ErrorKind, Power, RetryAdvice};
use backend_http::trustless::Transport;
use backend_testkit::TestClock;
use backend_testkit::kubo::{Blocks, Gateway, GatewayLie};
use ipld::{Block, Cid};

use super::bed::{client, client_of, drive};

async fn three() -> ([Gateway; 3], Cid) {
    let blocks = Blocks::new();
    let block = Block::raw("hello");
    blocks.extend([block.clone()]);
    let start = async || Gateway::start_on(blocks.clone()).await.unwrap();
    ([start().await, start().await, start().await], block.cid)
}

fn asked(gateways: &[Gateway; 3]) -> [usize; 3] {
    [0, 1, 2].map(|n| gateways[n].asked().len())
}

#[tokio::test]
async fn a_quick_gateway_is_asked_alone() {
    let (gateways, cid) = three().await;
    let clock = TestClock::new();
    let client = client(&gateways.each_ref(), Transport::Car, &clock);
    for _ in 0..3 {
        client.block(&cid).await.unwrap();
    }
    assert_eq!((asked(&gateways), clock.sleepers()), ([3, 0, 0], 0));
}

#[tokio::test]
async fn beside_a_slow_gateway_one_more_is_asked_and_no_third() {
    let (gateways, cid) = three().await;
    let clock = TestClock::new();
    let client = client(&gateways.each_ref(), Transport::Car, &clock);
    gateways[0].lie(GatewayLie::Stalls);
    assert_eq!(drive(&clock, client.block(&cid)).await.unwrap(), "hello");
    assert_eq!(asked(&gateways), [1, 1, 0]);
    // It is not asked first again, until it has been forgotten that it was slow.
    client.block(&cid).await.unwrap();
    assert_eq!(asked(&gateways), [0, 1, 0]);
    gateways[1].lie(GatewayLie::Stalls);
    gateways[2].lie(GatewayLie::Stalls);
    let mut waiting = Box::pin(client.block(&cid));
    for _ in 0..1000 {
        tokio::task::yield_now().await;
        assert!(futures::poll!(&mut waiting).is_pending());
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(asked(&gateways), [0, 1, 1]);
    drop(waiting);
}

#[tokio::test]
async fn nobody_is_asked_twice_for_one_block() {
    let (gateways, cid) = three().await;
    let clock = TestClock::new();
    let client = client(&gateways.each_ref(), Transport::Car, &clock);
    gateways.iter().for_each(|it| it.lie(GatewayLie::Status(500, "", "no")));
    assert_eq!(client.block(&cid).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(asked(&gateways), [1, 1, 1]);
}

#[tokio::test]
async fn whoever_wants_to_be_left_alone_is_left_alone() {
    let (gateways, cid) = three().await;
    let clock = TestClock::new();
    let client = client(&gateways.each_ref(), Transport::Car, &clock);
    gateways[0].lie(GatewayLie::Status(429, "Retry-After: 60\r\n", "slow down"));
    for _ in 0..3 {
        client.block(&cid).await.unwrap();
    }
    assert_eq!(asked(&gateways), [1, 3, 0]);
    for gateway in &gateways[1..] {
        gateway.lie(GatewayLie::Status(503, "Retry-After: 30\r\n", "later"));
    }
    client.block(&cid).await.unwrap_err();
    asked(&gateways);
    let err = client.block(&cid).await.unwrap_err();
    let wanted = (ErrorKind::RateLimited, RetryAdvice::After(Duration::from_secs(30)));
    assert_eq!(((err.kind(), err.advice()), asked(&gateways)), (wanted, [0, 0, 0]));
    gateways.iter().for_each(|it| it.lie(None));
    clock.advance(Duration::from_secs(60));
    client.block(&cid).await.unwrap();
}

#[tokio::test]
async fn a_liar_is_asked_last_until_others_fail() {
    let (gateways, cid) = three().await;
    let clock = TestClock::new();
    let client = client(&gateways.each_ref(), Transport::Car, &clock);
    gateways[0].lie(GatewayLie::WrongBlock);
    client.block(&cid).await.unwrap();
    asked(&gateways);
    gateways[1].lie(GatewayLie::Status(500, "", "no"));
    client.block(&cid).await.unwrap();
    assert_eq!(asked(&gateways), [0, 1, 1]);
    gateways[0].lie(None);
    gateways[2].lie(GatewayLie::Status(500, "", "no"));
    client.block(&cid).await.unwrap();
    assert_eq!(asked(&gateways), [1, 1, 1]);
}

#[tokio::test]
async fn a_pulse_tells_gateways_from_other_servers() {
    let (gateways, _) = three().await;
    let clock = TestClock::new();
    gateways[1].lie(GatewayLie::Html);
    let urls = vec![gateways[0].url(), gateways[1].url(), "http://127.0.0.1:1".to_owned()];
    let pulse = client_of(&urls, Transport::Car, &clock).pulse().await;
    let powers: Vec<Power> = pulse.iter().map(|it| it.power).collect();
    let wanted = [Power::Works, Power::Fails(ErrorKind::InvalidConfig), Power::Fails(ErrorKind::Unavailable)];
    assert_eq!(powers, wanted);
    assert!(pulse[0].note.is_none() && pulse[1].note.as_ref().is_some_and(|it| it.contains("no trustless gateway")));
}
