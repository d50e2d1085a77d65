//! Files of every shape, whole and in part, by CAR and by blocks.

use backend_core::{ByteRange, ErrorKind};
use backend_http::trustless::Transport;
use backend_testkit::TestClock;
use backend_testkit::kubo::{Blocks, Gateway, GatewayLie};
use bytes::Bytes;
use ipld::import::{DirectoryBuilder, symlink};
use ipld::profile::UNIXFS_V1_2025;
use ipld::{Block, Cid};

use super::bed::{FINE, WRAPPED, bytes, client, leaves, read, store};

const BOTH: [Transport; 2] = [Transport::Car, Transport::Blocks];

#[tokio::test]
async fn files_come_back_byte_for_byte() {
    let gateway = Gateway::start_on(Blocks::new()).await.unwrap();
    for profile in [FINE, WRAPPED] {
        for len in [0, 1, 63, 64, 65, 256, 257, 5000] {
            let wanted = bytes(len);
            let cid = store(gateway.blocks(), &profile, &wanted);
            for transport in BOTH {
                let client = client(&[&gateway], transport, &TestClock::new());
                assert_eq!(read(&client, &cid, None).await.unwrap(), wanted, "{len} {transport:?}");
                assert_eq!(client.size(&cid).await.unwrap(), Some(len as u64));
            }
        }
    }
}

#[tokio::test]
async fn ranges_are_exactly_those_bytes() {
    let gateway = Gateway::start_on(Blocks::new()).await.unwrap();
    let wanted = bytes(5000);
    let ranges = [
        (ByteRange::Bounded(0, 1), 0..1),
        (ByteRange::Bounded(63, 65), 63..65),
        (ByteRange::Bounded(64, 128), 64..128),
        (ByteRange::Bounded(1000, 4000), 1000..4000),
        (ByteRange::Bounded(4990, 9999), 4990..5000),
        (ByteRange::From(4999), 4999..5000),
        (ByteRange::Last(130), 4870..5000),
    ];
    for profile in [FINE, WRAPPED] {
        let cid = store(gateway.blocks(), &profile, &wanted);
        for transport in BOTH {
            let client = client(&[&gateway], transport, &TestClock::new());
            for (range, part) in &ranges {
                assert_eq!(read(&client, &cid, Some(*range)).await.unwrap(), wanted.slice(part.clone()), "{range}");
            }
            for outside in [ByteRange::From(5000), ByteRange::Bounded(7, 7), ByteRange::Last(0)] {
                let err = read(&client, &cid, Some(outside)).await.unwrap_err();
                assert_eq!(err.kind(), ErrorKind::InvalidRange, "{outside}");
            }
        }
    }
}

#[tokio::test]
async fn a_part_asks_for_its_own_blocks_only() {
    let gateway = Gateway::start_on(Blocks::new()).await.unwrap();
    let cid = store(gateway.blocks(), &FINE, &bytes(5000));
    // Everything but the chunk that is wanted is gone.
    let chunks = leaves(gateway.blocks(), &cid);
    for (n, leaf) in chunks.iter().enumerate() {
        assert!(n == 40 || gateway.blocks().delete(leaf));
    }
    for transport in BOTH {
        let client = client(&[&gateway], transport, &TestClock::new());
        let part = read(&client, &cid, Some(ByteRange::Bounded(2561, 2600))).await.unwrap();
        assert_eq!(part, bytes(5000).slice(2561..2600));
    }
}

#[tokio::test]
async fn one_car_is_one_request_and_one_for_its_root() {
    let gateway = Gateway::start_on(Blocks::new()).await.unwrap();
    let cid = store(gateway.blocks(), &FINE, &bytes(5000));
    read(&client(&[&gateway], Transport::Car, &TestClock::new()), &cid, None).await.unwrap();
    let asked = gateway.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    let wanted = "format=car&dag-scope=entity&entity-bytes=0:4999&car-order=dfs&car-dups=y";
    assert!(asked[0].ends_with("format=raw") && asked[1].ends_with(wanted), "{asked:?}");
}

#[tokio::test]
async fn repeated_chunks_come_back_even_when_the_gateway_leaves_them_out() {
    let gateway = Gateway::start_on(Blocks::new()).await.unwrap();
    let half: Bytes = bytes(200);
    let wanted: Bytes = [&half[..128], &half[..128], &half[..], &[0; 900], &half[..128]].concat().into();
    for profile in [FINE, WRAPPED] {
        let cid = store(gateway.blocks(), &profile, &wanted);
        for lie in [None, Some(GatewayLie::NoRepeats), Some(GatewayLie::Unordered)] {
            gateway.lie(lie.clone());
            let client = client(&[&gateway], Transport::Car, &TestClock::new());
            assert_eq!(read(&client, &cid, None).await.unwrap(), wanted, "{lie:?}");
            let part = read(&client, &cid, Some(ByteRange::Bounded(100, 700))).await.unwrap();
            assert_eq!(part, wanted.slice(100..700), "{lie:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_file_is_not_read_as_one_and_every_block_comes_as_it_is() {
    let gateway = Gateway::start_on(Blocks::new()).await.unwrap();
    let client = client(&[&gateway], Transport::Car, &TestClock::new());
    let folder = DirectoryBuilder::new(UNIXFS_V1_2025);
    let folder = folder.finish(&mut |block| gateway.blocks().extend([block])).unwrap();
    let (link, block) = symlink(&UNIXFS_V1_2025, b"target");
    gateway.blocks().extend([block]);
    let cbor = Block::of(0x71, &b"\xa0"[..]);
    gateway.blocks().extend([cbor.clone()]);
    for cid in [folder.cid, link.cid, cbor.cid] {
        assert_eq!(read(&client, &cid, None).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(client.size(&cid).await.unwrap(), None);
        let block = client.block(&cid).await.unwrap();
        assert_eq!(Some(block), gateway.blocks().get(&cid));
    }
    let inline: Cid = "bafkqac3imvwgy3zao5xxe3de".parse().unwrap();
    gateway.asked();
    assert_eq!(read(&client, &inline, None).await.unwrap(), "hello world");
    assert!(gateway.asked().is_empty());
    let weak: Cid = Cid::new_v1(0x55, ipld::Cid::default().hash().to_owned());
    assert!(client.block(&weak).await.unwrap().is_empty());
}
