//! Names: what is read as a CID or a path, what is refused, and which hashes prove anything.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use cid::{Cid, multihash::Multihash};
use ipld::{Block, Error, address};

const V0: &str = "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD";
const V1: &str = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

/// A multihash by its bytes, so that forms which the constructors refuse can be written too.
fn v1(codec: u64, code: u64, digest: &[u8]) -> Cid {
    Cid::new_v1(codec, Multihash::wrap(code, digest).unwrap())
}

fn other_base(base: cid::multibase::Base) -> String {
    cid::multibase::encode(base, address::parse(V1).unwrap().to_bytes())
}

#[test]
fn every_base_and_both_versions_are_read() {
    use cid::multibase::Base;
    let cid = address::parse(V1).unwrap();
    for base in [
        Base::Base2,
        Base::Base16Lower,
        Base::Base16Upper,
        Base::Base32Upper,
        Base::Base36Lower,
        Base::Base58Btc,
        Base::Base64Url,
    ] {
        assert_eq!(address::parse(&other_base(base)).unwrap(), cid, "{base:?}");
    }
    for base in [
        Base::Base16Lower,
        Base::Base16Upper,
        Base::Base32Lower,
        Base::Base32Upper,
        Base::Base36Lower,
        Base::Base36Upper,
    ] {
        let text = other_base(base);
        let (prefix, rest) = text.split_at(1);
        for rest in [rest.to_uppercase(), rest.to_lowercase()] {
            assert_eq!(address::parse(&format!("{prefix}{rest}")).unwrap(), cid, "case does not matter in {base:?}");
        }
    }
    assert_eq!(address::text(&cid), V1);
    let old = address::parse(V0).unwrap();
    assert_eq!(old.to_string(), V0);
    assert!(address::same(&old, &address::to_v1(&old)) && old != address::to_v1(&old));
    assert_eq!(address::parse(&address::text(&old)).unwrap(), address::to_v1(&old));
}

#[test]
fn what_is_not_a_cid() {
    let trailing = cid::multibase::encode(
        cid::multibase::Base::Base32Lower,
        [address::parse(V1).unwrap().to_bytes(), vec![0]].concat(),
    );
    let prefixed = format!("z{V0}");
    let long = format!("b{}", "a".repeat(100_000));
    let binary: [&[u8]; 5] =
        [&[1], &[1, 0x55, 0x12, 0x21, 0], &[0x81, 0, 0x55, 0, 0], &[2, 0x55, 0, 0], &[1, 0x55, 0x92, 0, 0]];
    let texts = [
        "",
        "b",
        "Q",
        "bafy",
        "foo/ipfs/bar",
        &V1[..58],
        &V0[..45],
        &trailing,
        &prefixed,
        &long,
        "b\u{e9}",
        "Qm0000000000000000000000000000000000000000000O",
    ];
    for text in texts {
        assert!(matches!(address::parse(text), Err(Error::InvalidCid(_))), "{text:.80}");
    }
    for bytes in binary {
        assert!(matches!(address::from_bytes(bytes), Err(Error::InvalidCid(_))), "{bytes:x?}");
    }
}

#[test]
fn paths() {
    let names = |text: &str| address::split_path(text).map(|(cid, names)| (address::text(&cid), names.join("|")));
    let cases = [
        (V1.to_owned(), ""),
        (format!("{V1}/"), ""),
        (format!("{V1}/a//b/"), "a|b"),
        (format!("/ipfs/{V1}/a b/é"), "a b|é"),
        (format!("ipfs://{V1}/a%20b/%C3%A9"), "a b|é"),
        (format!("/ipfs/{V1}/a%20b?c#d"), "a%20b?c#d"),
        (format!("{V1}/..."), "..."),
    ];
    for (text, wanted) in cases {
        assert_eq!(names(&text), Ok((V1.to_owned(), wanted.to_owned())), "{text}");
    }
    for rest in ["/..", "/a/../b", "/.", "/a\0b"] {
        assert!(matches!(names(&format!("{V1}{rest}")), Err(Error::Malformed { format: "path", .. })), "{rest:?}");
    }
    for rest in ["/%2e%2E", "/a%2Fb", "/%", "/%4", "/%zz", "/%ff", "/%00", "/a?b", "/a#b"] {
        assert!(
            matches!(names(&format!("ipfs://{V1}{rest}")), Err(Error::Malformed { format: "path", .. })),
            "{rest:?}"
        );
    }
    for text in [format!("/ipns/{V1}"), "/ipfs/".to_owned(), format!("//{V1}"), String::new()] {
        assert!(matches!(names(&text), Err(Error::InvalidCid(_))), "{text:?}");
    }
    for text in [format!("{V1}/{}", "a/".repeat(2000)), format!("{V1}/{}", "a".repeat(100_000))] {
        assert!(matches!(names(&text), Err(Error::Limit { .. })));
    }
}

/// Digests of "abc" (FIPS 180-4, RFC 7693, the BLAKE3 paper's reference).
#[test]
fn hashes_that_prove() {
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let cases = [
        (address::SHA2_256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            address::SHA2_512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (address::BLAKE3, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
        (address::BLAKE2B_256, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"),
    ];
    for (code, digest) in cases {
        let digest = hex(digest);
        for len in [20, digest.len()] {
            let cid = v1(address::RAW, code, &digest[..len]);
            assert_eq!(address::verify(&cid, b"abc"), Ok(()), "{code:x} {len}");
            assert_eq!(address::verify(&cid, b"abd"), Err(Error::Mismatch { cid: Box::new(cid) }));
        }
        let short = v1(address::RAW, code, &digest[..19]);
        assert!(matches!(address::verify(&short, b"abc"), Err(Error::InvalidCid(_))), "{code:x}");
    }
    let identity = v1(address::RAW, address::IDENTITY, b"abc");
    assert_eq!(address::verify(&identity, b"abc"), Ok(()));
    assert!(address::verify(&identity, b"abcd").is_err());
    assert_eq!(address::inline(&identity), Some(&b"abc"[..]));
    for (code, len) in
        [(0x11, 20), (0x22, 20), (0x16, 32), (0xd5, 32), (address::SHA2_256, 33), (address::BLAKE2B_256, 33)]
    {
        let cid = v1(address::RAW, code, &[7; 64][..len]);
        assert!(matches!(address::verify(&cid, b"abc"), Err(Error::InvalidCid(_))), "{code:x}");
    }
    assert_eq!(Block::raw("abc").verify(), Ok(()));
    assert!(Block { data: "abd".into(), ..Block::raw("abc") }.verify().is_err());
}
