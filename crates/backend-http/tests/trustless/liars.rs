//! Liars: alone they are found out, beside an honest gateway nobody notices them. Wrong bytes come from neither.

use std::sync::Arc;

use backend_core::ErrorKind;
use backend_http::trustless::Transport;
use backend_testkit::TestClock;
use backend_testkit::kubo::{Blocks, Gateway, GatewayLie};
use bytes::Bytes;
use ipld::Cid;

use super::bed::{FINE, bytes, client, client_of, drive, leaves, read, store};

const BOTH: [Transport; 2] = [Transport::Car, Transport::Blocks];

struct Pair {
    liar: Gateway,
    honest: Gateway,
    clock: Arc<TestClock>,
    cid: Cid,
    wanted: Bytes,
}

async fn pair() -> Pair {
    let blocks = Blocks::new();
    let wanted = bytes(5000);
    let cid = store(&blocks, &FINE, &wanted);
    let liar = Gateway::start_on(blocks.clone()).await.unwrap();
    let honest = Gateway::start_on(blocks).await.unwrap();
    Pair { liar, honest, clock: TestClock::new(), cid, wanted }
}

fn lies() -> Vec<GatewayLie> {
    vec![
        GatewayLie::Status(500, "", "no"),
        GatewayLie::Status(404, "", "page not found"),
        GatewayLie::Status(301, "Location: /elsewhere\r\n", ""),
        GatewayLie::Html,
        GatewayLie::WrongBlock,
        GatewayLie::Truncated { says_so: true },
        GatewayLie::Truncated { says_so: false },
        GatewayLie::HeaderOnly,
        GatewayLie::Foreign,
        GatewayLie::Endless,
        GatewayLie::Stalls,
        GatewayLie::Silent,
        GatewayLie::Cut,
        GatewayLie::Trailer("walk failed"),
    ]
}

#[tokio::test]
async fn beside_an_honest_gateway_nobody_notices_a_liar() {
    let Pair { liar, honest, clock, cid, wanted } = pair().await;
    for lie in lies() {
        for transport in BOTH {
            liar.lie(lie.clone());
            let client = client(&[&liar, &honest], transport, &clock);
            let got = drive(&clock, read(&client, &cid, None)).await;
            assert_eq!(got.unwrap(), wanted, "{lie:?} {transport:?}");
            assert!(!liar.asked().is_empty(), "the liar was asked");
        }
    }
}

/// It lies about the CAR and not about the root, so that it is met in mid-file.
#[tokio::test]
async fn a_liar_in_mid_file_is_left_where_it_lies() {
    let Pair { liar, honest, clock, cid, wanted } = pair().await;
    for lie in lies() {
        let client = client(&[&liar, &honest], Transport::Car, &clock);
        liar.lie(None);
        let found = client.file(&cid, None).await.unwrap();
        liar.lie(lie.clone());
        let frames: Vec<Bytes> = drive(&clock, futures::TryStreamExt::try_collect(found.body)).await.unwrap();
        assert_eq!(Bytes::from(frames.concat()), wanted, "{lie:?}");
    }
}

#[tokio::test]
async fn alone_a_liar_is_found_out() {
    let Pair { liar, clock, cid, wanted, .. } = pair().await;
    let cases = [
        (GatewayLie::Status(500, "", "no"), ErrorKind::Unavailable),
        (GatewayLie::Status(404, "", "page not found"), ErrorKind::InvalidConfig),
        (GatewayLie::Status(410, "", "gone"), ErrorKind::Denied),
        (GatewayLie::Status(504, "", "timeout"), ErrorKind::Timeout),
        (GatewayLie::Html, ErrorKind::InvalidConfig),
        (GatewayLie::WrongBlock, ErrorKind::Integrity),
        (GatewayLie::HeaderOnly, ErrorKind::Integrity),
        (GatewayLie::Endless, ErrorKind::Internal),
        (GatewayLie::Cut, ErrorKind::Unavailable),
        (GatewayLie::Trailer("walk failed"), ErrorKind::Unavailable),
    ];
    for (lie, kind) in cases {
        for transport in BOTH {
            liar.lie(lie.clone());
            let client = client(&[&liar], transport, &clock);
            assert_eq!(client.block(&cid).await.unwrap_err().kind(), kind, "{lie:?}");
            assert_eq!(read(&client, &cid, None).await.unwrap_err().kind(), kind, "{lie:?}");
        }
    }
    // About CARs alone it lies in vain: the blocks come one by one.
    for lie in [GatewayLie::Truncated { says_so: true }, GatewayLie::Truncated { says_so: false }, GatewayLie::Foreign]
    {
        liar.lie(lie.clone());
        let client = client(&[&liar], Transport::Car, &clock);
        assert_eq!(read(&client, &cid, None).await.unwrap(), wanted, "{lie:?}");
    }
}

#[tokio::test]
async fn a_damaged_block_is_taken_from_the_other_one() {
    let (one, other) = (Blocks::new(), Blocks::new());
    let wanted = bytes(5000);
    let cid = store(&one, &FINE, &wanted);
    store(&other, &FINE, &wanted);
    let chunks = leaves(&one, &cid);
    assert!(
        one.corrupt(&chunks[20]) && one.delete(&chunks[50]) && other.corrupt(&chunks[5]) && other.delete(&chunks[70])
    );
    let gateways = [Gateway::start_on(one).await.unwrap(), Gateway::start_on(other).await.unwrap()];
    for transport in BOTH {
        let clock = TestClock::new();
        let client = client(&[&gateways[0], &gateways[1]], transport, &clock);
        assert_eq!(drive(&clock, read(&client, &cid, None)).await.unwrap(), wanted, "{transport:?}");
    }
}

#[tokio::test]
async fn what_no_gateway_has_is_an_error_behind_what_was_there() {
    let Pair { liar, honest, clock, cid, wanted } = pair().await;
    let chunks = leaves(liar.blocks(), &cid);
    liar.blocks().delete(&chunks[30]);
    for transport in BOTH {
        let client = client(&[&liar, &honest], transport, &clock);
        let mut body = client.file(&cid, None).await.unwrap().body;
        let mut got = Vec::new();
        let err = drive(&clock, async {
            loop {
                match futures::StreamExt::next(&mut body).await {
                    Some(Ok(frame)) => got.extend_from_slice(&frame),
                    Some(Err(err)) => return err,
                    None => panic!("it ended although a block is missing"),
                }
            }
        })
        .await;
        assert_eq!((err.kind(), &got[..]), (ErrorKind::NotFound, &wanted[..30 * 64]), "{transport:?}");
        assert!(futures::StreamExt::next(&mut body).await.is_none());
    }
}

#[tokio::test]
async fn absent_is_said_only_of_what_is_known_to_be_a_gateway() {
    let Pair { liar, honest, clock, .. } = pair().await;
    let absent: Cid = "bafkreidxlu2tvwxo3wa7jrqh5sqcw5lwb4selw2tzmgp5lheyunb7dqlsy".parse().unwrap();
    let both = client(&[&liar, &honest], Transport::Car, &clock);
    assert_eq!(both.block(&absent).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(both.size(&absent).await.unwrap_err().kind(), ErrorKind::NotFound);
    liar.lie(GatewayLie::Status(503, "", "later"));
    assert_eq!(both.block(&absent).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let nobody = client_of(&["http://127.0.0.1:1/".to_owned()], Transport::Car, &clock);
    assert_eq!(nobody.block(&absent).await.unwrap_err().kind(), ErrorKind::Unavailable);
}
