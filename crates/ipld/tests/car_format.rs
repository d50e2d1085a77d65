//! Reading CARs that others wrote, and refusing what is no CAR.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panic")]

mod car_common;
mod common;

use bytes::Bytes;
use car_common::{Whole, cut, read, write};
use ipld::{
    Block, Error, address,
    car::{self, Hashes, Index, Options, ZeroSection},
};
use proptest::prelude::*;

fn file(name: &str) -> Bytes {
    std::fs::read(format!("{}/tests/data/{name}.car", env!("CARGO_MANIFEST_DIR"))).unwrap().into()
}

/// Reads a file whole and byte by byte; both must agree.
fn check(name: &str, options: Options) -> ipld::Result<Whole> {
    let bytes = file(name);
    let whole = read([bytes.clone()], options);
    let single: Vec<Bytes> = (0..bytes.len()).map(|at| bytes.slice(at..=at)).collect();
    assert_eq!(read(single, options), whole, "{name} byte by byte");
    whole
}

#[test]
fn files_of_other_writers() {
    let cases = [
        ("carv1-basic", 1, 2, 8),
        ("carv2-basic", 2, 1, 5),
        ("go-car-unixfs-v2", 2, 1, 3),
        ("go-car-rw-bs-v2", 2, 3, 3),
        ("kubo-identity-car", 1, 1, 0),
        ("kubo-dag-export", 1, 1, 3),
        ("kubo-dagcbor-car", 1, 1, 2),
        ("kubo-nolink", 1, 1, 1),
        ("lassie-path-dir-all", 1, 1, 4),
        ("lassie-cidv0", 1, 1, 1),
        ("storacha-request", 1, 1, 3),
        ("storacha-response", 1, 1, 4),
    ];
    for (name, version, roots, blocks) in cases {
        let whole = check(name, Options::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((whole.version, whole.roots.len(), whole.blocks.len()), (version, roots, blocks), "{name}");
    }
}

#[test]
fn what_is_written_is_what_others_write() {
    for name in ["carv1-basic", "kubo-dag-export", "kubo-dagcbor-car", "lassie-path-dir-all", "storacha-response"] {
        let whole = check(name, Options::default()).unwrap();
        let mut out = write(&whole.roots[0], &whole.blocks);
        if whole.roots.len() != 1 {
            let first = car::header(&whole.roots[..1]).len();
            out.splice(..first, car::header(&whole.roots));
        }
        assert_eq!(out, file(name), "{name}");
    }
    assert_eq!(car::header(&[]), b"\x11\xa2\x65roots\x80\x67version\x01".as_slice());
}

#[test]
fn many_roots_read_back() {
    for count in [0, 1, 23, 24, 255, 256, 2000] {
        let roots: Vec<_> = (0..count).map(|n: u32| address::sha256(address::RAW, &n.to_le_bytes())).collect();
        assert_eq!(read([car::header(&roots)], Options::default()).unwrap().roots, roots);
    }
}

fn offsets(index: &Index, whole: &Whole) -> Vec<Vec<u64>> {
    whole.blocks.iter().map(|block| index.offsets(&block.cid)).collect()
}

#[test]
fn indexes_of_go_car_and_of_a_scan_agree() {
    for (name, at) in [("go-car-unixfs-v2", 0x14f), ("go-car-rw-bs-v2", 0x6c9)] {
        let whole = check(name, Options::default()).unwrap();
        let index = Index::parse(file(name).slice(at..)).unwrap();
        let scanned = Index::scan([file(name)], Options::default()).unwrap();
        let places: Vec<Vec<u64>> = whole.positions.iter().map(|&at| vec![at]).collect();
        for (index, from) in [(&index, "parsed"), (&scanned, "scanned")] {
            let indexed = whole.blocks.iter().zip(&places).filter(|(block, _)| address::inline(&block.cid).is_none());
            for (block, place) in indexed {
                assert_eq!(&index.offsets(&block.cid), place, "{name} {from}");
            }
        }
        assert_eq!(index.offsets(&address::sha256(address::RAW, b"absent")), vec![]);
    }
}

#[test]
fn an_index_leads_to_its_block() {
    let bytes = file("go-car-unixfs-v2");
    let index = Index::parse(bytes.slice(0x14f..)).unwrap();
    for block in read([bytes.clone()], Options::default()).unwrap().blocks {
        let at = 51 + index.offsets(&block.cid)[0] as usize;
        let (cid, data) = car::section_head(&bytes[at..at + 64], 1 << 20).unwrap();
        let data = bytes.slice(at + data.start as usize..at + data.end as usize);
        assert_eq!(Block { cid, data }, block);
    }
}

#[test]
fn the_index_without_a_codec_is_made_anew() {
    let bytes = file("carv2-basic");
    assert!(matches!(Index::parse(bytes.slice(0x1f3..)), Err(Error::Malformed { format: "car", .. })));
    let whole = check("carv2-basic", Options::default()).unwrap();
    let index = Index::scan([bytes], Options::default()).unwrap();
    assert_eq!(offsets(&index, &whole), [[0x39], [0x8b], [0x112], [0x16b], [0x194]]);
    assert_eq!(index.len(), 5);
}

#[test]
fn indexes_that_lie_are_refused() {
    let group = |width: u32, len: i64, body: &[u8]| {
        [&[0x80, 8, 1, 0, 0, 0][..], &width.to_le_bytes(), &len.to_le_bytes(), body].concat()
    };
    let entry = |first: u8| [&[first; 32][..], &7u64.to_le_bytes()].concat();
    let (low, high) = (entry(1), entry(2));
    let sorted = Index::parse(group(40, 80, &[low.clone(), high.clone()].concat()).into()).unwrap();
    assert_eq!(sorted.len(), 2);
    let lies: [(&str, Vec<u8>); 8] = [
        ("unsorted", group(40, 80, &[high.clone(), low.clone()].concat())),
        ("count instead of bytes", group(40, 2, &[low.clone(), high].concat())),
        ("more than there is", group(40, 120, &low)),
        ("negative", group(40, -40, &low)),
        ("entries without digest", group(8, 8, &[0; 8])),
        ("bytes behind", group(40, 40, &[low, vec![0]].concat())),
        ("negative count", vec![0x80, 8, 0xff, 0xff, 0xff, 0xff]),
        ("nothing", vec![]),
    ];
    for (lie, bytes) in lies {
        let answer = Index::parse(bytes.into());
        assert!(matches!(answer, Err(Error::Malformed { .. } | Error::Truncated(_))), "{lie}: {answer:?}");
    }
}

#[test]
fn what_is_no_car_is_refused() {
    let block = Block::raw(&b"hello"[..]);
    let good = write(&block.cid, std::slice::from_ref(&block));
    let v2 = |offset: u64, size: u64, rest: &[u8]| {
        let fields = [[0; 16].as_slice(), &offset.to_le_bytes(), &size.to_le_bytes(), &[0; 8]].concat();
        [b"\x0a\xa1\x67version\x02".as_slice(), &fields, rest].concat()
    };
    let cut_window = good.len() as u64 - 3;
    let malformed: [(&str, Vec<u8>); 11] = [
        ("header of length zero", vec![0]),
        ("overlong varint", vec![0x91, 0x80, 0x00]),
        ("endless varint", vec![0xff; 20]),
        ("not a map", vec![1, 0x80]),
        ("no version", b"\x08\xa1\x65roots\x80".to_vec()),
        ("version 1 without roots", b"\x0a\xa1\x67version\x01".to_vec()),
        ("version 3", b"\x11\xa2\x65roots\x80\x67version\x03".to_vec()),
        ("unknown key", b"\x10\xa2\x64root\x80\x67version\x01".to_vec()),
        ("section of length zero", [&good[..], &[0]].concat()),
        ("data inside of the header", v2(50, 100, &good)),
        ("window that ends in a section", v2(51, cut_window, &good)),
    ];
    for (what, bytes) in malformed {
        let answer = read([Bytes::from(bytes)], Options::default());
        assert!(matches!(answer, Err(Error::Malformed { .. })), "{what}: {answer:?}");
    }
    for name in ["go-car-corrupt-pragma", "go-car-rootless-v42"] {
        assert!(check(name, Options::default()).is_err(), "{name}");
    }
    assert_eq!(read([v2(51, good.len() as u64, &good).into()], Options::default()).unwrap().blocks, [block]);
}

#[test]
fn bounds_hold_before_the_bytes_come() {
    let limits = [
        (car::header(&[]).to_vec(), vec![0xff, 0xff, 0xff, 0x7f], "car section"),
        (vec![], vec![0xff, 0xff, 0xff, 0x7f], "car header"),
    ];
    for (before, claim, what) in limits {
        let answer = read([[before, claim].concat().into()], Options::default());
        assert!(matches!(answer, Err(Error::Limit { what: found, .. }) if found == what), "{what}: {answer:?}");
    }
    let exact = Block::raw(vec![7; 100]);
    let car = Bytes::from(write(&exact.cid, std::slice::from_ref(&exact)));
    let most = |max_section| Options { max_section, ..Options::default() };
    assert_eq!(read([car.clone()], most(136)).unwrap().blocks, [exact]);
    assert!(matches!(read([car], most(135)), Err(Error::Limit { limit: 135, .. })));
}

#[test]
fn zero_length_sections_end_the_data_when_asked() {
    let block = Block::raw(&b"hello"[..]);
    let padded = [write(&block.cid, std::slice::from_ref(&block)), vec![0; 50]].concat();
    let options = Options { zero: ZeroSection::End, ..Options::default() };
    assert_eq!(read([padded.into()], options).unwrap().blocks, [block]);
}

#[test]
fn a_gateway_that_gave_up_is_a_truncation() {
    for name in ["kubo-missing-root", "kubo-dir-missing-child"] {
        let answer = check(name, Options::default());
        assert!(matches!(answer, Err(Error::Truncated(_))), "{name}: {answer:?}");
    }
}

#[test]
fn every_cut_is_a_truncation_except_between_sections() {
    for name in ["kubo-dag-export", "go-car-unixfs-v2"] {
        let whole = check(name, Options::default()).unwrap();
        let bytes = file(name);
        for at in 0..bytes.len() {
            match read([bytes.slice(..at)], Options::default()) {
                Ok(read) if whole.version == 1 => assert!(read.blocks.len() < whole.blocks.len()),
                Ok(read) => assert_eq!(read, whole, "cut inside of the index at {at}"),
                Err(error) => assert!(matches!(error, Error::Truncated(_)), "{name} at {at}: {error}"),
            }
        }
    }
}

#[test]
fn hashes_are_checked_unless_left() {
    let lie = Block { cid: address::sha256(address::RAW, b"one"), data: Bytes::from_static(b"two") };
    let car = Bytes::from(write(&lie.cid, std::slice::from_ref(&lie)));
    assert_eq!(read([car.clone()], Options::default()), Err(Error::Mismatch { cid: Box::new(lie.cid) }));
    assert_eq!(read([car], Options { hashes: Hashes::Leave, ..Options::default() }).unwrap().blocks, [lie]);
}

proptest! {
    #[test]
    fn any_cut_reads_the_same(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8), cuts in prop::collection::vec(any::<usize>(), 0..20)) {
        let blocks: Vec<Block> = blocks.into_iter().map(Block::raw).collect();
        let car = write(&address::sha256(address::RAW, b""), &blocks);
        prop_assert_eq!(read(cut(&car, &cuts), Options::default()).unwrap().blocks, blocks);
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200), cuts in prop::collection::vec(any::<usize>(), 0..4)) {
        let whole = read([Bytes::from(bytes.clone())], Options::default());
        prop_assert_eq!(read(cut(&bytes, &cuts), Options::default()), whole);
    }
}
