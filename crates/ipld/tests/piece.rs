//! Piece commitments against the vectors of FRC-0069 and of two independent implementations (reference B.3).
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panic")]

mod common;

use common::rnd;
use ipld::{
    Error, address,
    piece::{Piece, PieceHasher},
};
use proptest::prelude::*;

fn hash(pieces: &[&[u8]]) -> Piece {
    let mut hasher = PieceHasher::new();
    pieces.iter().for_each(|piece| hasher.update(piece));
    hasher.finish().unwrap()
}

fn check(content: &[u8], v1: Option<&str>, v2: &str) {
    let piece = hash(&[content]);
    assert_eq!(piece.cid_v2().to_string(), v2, "{} bytes", content.len());
    assert_eq!(Piece::from_v2(&address::parse(v2).unwrap()), Ok(piece));
    assert_eq!(Piece::from_v1(&piece.cid_v1(), content.len() as u64), Ok(piece));
    if let Some(v1) = v1 {
        assert_eq!(piece.cid_v1().to_string(), v1);
    }
    assert_eq!(piece.payload_len(), content.len() as u64);
    assert_eq!(piece.padded_len() / 128 * 127, piece.payload_len() + piece.padding());
}

fn quarters() -> Vec<u8> {
    (0..4).flat_map(|value| [value; 127]).collect()
}

#[test]
fn frc_0069() {
    check(&[], None, "bafkzcibcp4bdomn3tgwgrh3g532zopskstnbrd2n3sxfqbze7rxt7vqn7veigmy");
    check(&[0; 127], None, "bafkzcibcaabdomn3tgwgrh3g532zopskstnbrd2n3sxfqbze7rxt7vqn7veigmy");
    check(&[0; 128], None, "bafkzcibcpybwiktap34inmaex4wbs6cghlq5i2j2yd2bb2zndn5ep7ralzphkdy");
    check(
        &quarters(),
        Some("baga6ea4seaqes3nobte6ezpp4wqan2age2s5yxcatzotcvobhgcmv5wi2xh5mbi"),
        "bafkzcibcaaces3nobte6ezpp4wqan2age2s5yxcatzotcvobhgcmv5wi2xh5mbi",
    );
    check(
        &[quarters(), vec![0; 127 * 4]].concat(),
        Some("baga6ea4seaqn42av3szurbbscwuu3zjssvfwbpsvbjf6y3tukvlgl2nf5rha6pa"),
        "bafkzcibcaac542av3szurbbscwuu3zjssvfwbpsvbjf6y3tukvlgl2nf5rha6pa",
    );
    let (padding_504, padding_503) = ([quarters(), vec![0; 4]].concat(), [quarters(), vec![0; 5]].concat());
    check(&padding_504, None, "bafkzcibd7abqlxticxolgseegik2stpfgkkuwyf6kufex3doorkvmzpjuxwe4dz4");
    check(&padding_503, None, "bafkzcibd64bqlxticxolgseegik2stpfgkkuwyf6kufex3doorkvmzpjuxwe4dz4");
}

#[test]
fn random_content_of_every_shape() {
    let vectors = [
        (1, "bafkzcibcpybpw6wsa7rmql7ppaw2vquk3gmox464msxam4dndu5c6a46hhvdgiy"),
        (65, "bafkzcibchybogosci2eswrq7dleu6dn4syfl6dxsrflpnvocv6ecipmv36fjuiq"),
        (127, "bafkzcibcaabhml36uuvgrvvxizokpjwtfx2w2luceuxkeasotav6gjkoagq32fi"),
        (128, "bafkzcibcpyb2sd7wtxfrxbwae6th4uafbaxryv36agc7hvoq2oidzpj6oobkqoq"),
        (254, "bafkzcibcaabua7sdxawfrspp5vf4dltokifae3wofzces2gcz4vjdzkq6apt6nq"),
        (255, "bafkzcibd7uaqj42hj3jtldkmlbgb46z5womoroxne5l6ykszv62nldlzws3ql3il"),
        (1016, "bafkzcibcaacvphbu24bdoz5i6pcqxolo5mwnknd3ptpi6762txihfjsln62skhq"),
        (1017, "bafkzcibd64dqnd6h5364jsmu4xzeobjzdkua2bpn6swn5g65pu3vulrztt2lz3rn"),
        (65536, "bafkzcibeqd4agdfmg66jcil5wbduos5dyy72cwdmzwzri3jhtxe5cyjwyueweebzda"),
        (390_144, "bafkzcibeqd4aods5waoy3iypompdho3xjgi6rrxvn6s7r6ngbzznovqtvnfk5fqyam"),
        (1_048_576, "bafkzcibeqcad6eas7yz3tzeiuf3zhkfxjkmb6lxtaywiwre2iqlrst7goj5jmrd2ay"),
        (1_048_583, "bafkzcibe7h7t4ectv3lfu5tfielajkg7h4ufwsgjbhnusfdmsn3oijriifczr5wbau"),
    ];
    let content = rnd("commp", 1_048_583);
    for (len, cid) in vectors {
        check(&content[..len], None, cid);
    }
}

#[test]
fn cids_that_no_content_has_are_refused() {
    let forged = |padding: u64, height: u8, root: [u8; 32]| {
        let mut digest = Vec::new();
        ipld::varint::write(&mut digest, padding);
        digest.push(height);
        digest.extend(root);
        Piece::from_v2(&ipld::Cid::new_v1(0x55, cid::multihash::Multihash::wrap(0x1011, &digest).unwrap()))
    };
    assert!(forged(0, 2, [0; 32]).is_ok());
    assert!(forged(127, 2, [0; 32]).is_ok(), "nothing at all pads to 127");
    let lies = [
        ("padding of the whole tree", forged(254, 3, [0; 32])),
        ("a lower tree would do", forged(127, 3, [0; 32])),
        ("more padding than tree", forged(128, 2, [0; 32])),
        ("height below four leaves", forged(0, 1, [0; 32])),
        ("height above 64 bits", forged(0, 200, [0; 32])),
        ("root of 256 bits", forged(0, 2, [0xff; 32])),
        ("a plain block", Piece::from_v2(&address::sha256(address::RAW, b"x"))),
        ("version 1 as 2", Piece::from_v2(&hash(&[b"x"]).cid_v1())),
        ("version 2 as 1", Piece::from_v1(&hash(&[b"x"]).cid_v2(), 1)),
    ];
    for (lie, answer) in lies {
        assert!(matches!(answer, Err(Error::InvalidCid(_))), "{lie}: {answer:?}");
    }
    assert!(matches!(Piece::from_v1(&hash(&[b"x"]).cid_v1(), u64::MAX), Err(Error::Limit { .. })));
}

proptest! {
    #[test]
    fn pieces_of_any_size_are_the_same_piece(content in prop::collection::vec(any::<u8>(), 0..3000), cuts in prop::collection::vec(0usize..3000, 0..12)) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(content.len())).collect();
        cuts.extend([0, content.len()]);
        cuts.sort_unstable();
        let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &content[pair[0]..pair[1]]).collect();
        prop_assert_eq!(hash(&parts), hash(&[&content]));
    }

    #[test]
    fn any_flipped_bit_is_another_root(content in prop::collection::vec(any::<u8>(), 1..2000), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut other = content.clone();
        other[at.index(content.len())] ^= 1 << bit;
        prop_assert_ne!(*hash(&[&other]).root(), *hash(&[&content]).root());
    }
}
