//! Directories get the CIDs that Kubo 0.43.1 gives them, basic and sharded on the right side of each threshold.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use common::{names, rnd};
use ipld::{
    Block, Error,
    import::{self, DirectoryBuilder, Entry},
    profile::{KUBO_CID_V1, Profile, UNIXFS_V0_2015, UNIXFS_V1_2025},
    unixfs::{Node, decode},
};

/// The directory's entry, and its root block.
fn build(profile: Profile, entries: impl IntoIterator<Item = (Vec<u8>, Entry)>) -> (Entry, Block) {
    let mut builder = DirectoryBuilder::new(profile);
    entries.into_iter().for_each(|(name, entry)| builder.add(&name, entry).unwrap());
    let mut last = None;
    let entry = builder.finish(&mut |block| last = Some(block)).unwrap();
    let root = last.unwrap();
    assert_eq!(root.cid, entry.cid);
    (entry, root)
}

fn check(profile: Profile, entries: impl IntoIterator<Item = (Vec<u8>, Entry)>, sharded: &str, cid: &str) {
    let (entry, root) = build(profile, entries);
    assert_eq!(entry.cid.to_string(), cid, "{}", profile.name);
    let kind = match decode(&root.cid, &root.data).unwrap() {
        Node::Directory(_) => "basic",
        Node::Shard(_) => "HAMT",
        other => other.kind(),
    };
    assert_eq!(kind, sharded, "{cid}");
}

fn file(profile: &Profile, data: &[u8]) -> Entry {
    import::import(profile, data).0
}

#[test]
fn the_vectors_of_ipip_499() {
    let cases = [
        (
            UNIXFS_V0_2015,
            "hamt-unixfs-v0-2015",
            (4096, 30, 30),
            "basic",
            "QmX5GtRk3TSSEHtdrykgqm4eqMEn3n2XhfkFAis5fjyZmN",
        ),
        (
            UNIXFS_V0_2015,
            "hamt-unixfs-v0-2015",
            (4033, 31, 31),
            "HAMT",
            "QmeMiJzmhpJAUgynAcxTQYek5PPKgdv3qEvFsdV3XpVnvP",
        ),
        (
            UNIXFS_V1_2025,
            "hamt-unixfs-v1-2025",
            (4766, 11, 21),
            "basic",
            "bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4",
        ),
        (
            UNIXFS_V1_2025,
            "hamt-unixfs-v1-2025",
            (4766, 11, 22),
            "HAMT",
            "bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu",
        ),
    ];
    for (profile, seed, (count, len, last), kind, cid) in cases {
        let entry = file(&profile, b"x");
        check(profile, names(seed, count, len, last).into_iter().map(|name| (name, entry)), kind, cid);
    }
}

/// `f000000` and so on, each holding its own name.
fn flat(profile: Profile, count: usize) -> impl Iterator<Item = (Vec<u8>, Entry)> {
    (0..count).map(move |index| {
        let name = format!("f{index:06}").into_bytes();
        let entry = file(&profile, &name);
        (name, entry)
    })
}

#[test]
fn flat_directories_of_kubo() {
    let cases = [
        (
            5140,
            "QmUc9txVe9iY2dMzwPEkhyGyCQT4NSJPFW5noW7amUvcaD",
            "bafybeih7ti7uhz4qw6i46772ic33bpsl5a6wopu7ic22nyxo5tiuk2sgmm",
            "=",
        ),
        (
            5141,
            "QmPSBS7RQB37v3izYRaFbtsfRoAVB2xoQdgZJ5K88nMDKJ",
            "bafybeidanxfzagtkmpjjx2zyh5vkgexfgkzmgox6qafrb2sunncqsoftby",
            "bafybeieswgleylvupecuxtnulvblveyta5n4uvaz2nozjiwf7nxvxeeerm",
        ),
        (
            6096,
            "QmXBF77kS37pXt47bUkT9BkY3QTGa6ZJuDWvDHbv1KU1Tp",
            "bafybeiekfjuyr2khedytvwill7ao2uxptg6keosb4z7o4rydmabp7xnofq",
            "bafybeibrracjgi7f62q56otvjo2k5isdzv2whnlphpl2yueup7nf34yztm",
        ),
        (
            6097,
            "Qmc2cEi5HGUmTHcpmxBbALsp6xBFMhuQ6y88nrqTWY1KUo",
            "bafybeidwiqbl3msydchgyjkqzc7ld4glftybel5l5cdh3s22v4jugpllzm",
            "=",
        ),
        (
            6393,
            "QmSakjpVoq2P2M8kuaVfybMguDxNBRZz4VvXXuN5e9CeCG",
            "bafybeih3v5t7nk7zqy4xft2r4i6qbiw36cobjdwxblj5vmqh6xmvclekhe",
            "=",
        ),
        (
            6394,
            "QmbYs1KFnDvGaKmzWDnrmPhEQARa7ry6snBgHvK7pbpM9y",
            "bafybeibndrg47u7pgypfm65bdqnsrtjn6fy7rgbt243faea37j3kdbnwbi",
            "=",
        ),
    ];
    for (count, v0, v1, kubo) in cases {
        let kind = |limit| if count > limit { "HAMT" } else { "basic" };
        check(UNIXFS_V0_2015, flat(UNIXFS_V0_2015, count), kind(6393), v0);
        check(UNIXFS_V1_2025, flat(UNIXFS_V1_2025, count), kind(5140), v1);
        check(KUBO_CID_V1, flat(KUBO_CID_V1, count), kind(6096), if kubo == "=" { v1 } else { kubo });
    }
}

#[test]
fn small_trees_of_kubo() {
    let cases = [
        (
            UNIXFS_V0_2015,
            [
                "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn",
                "QmUBXqbDBBF94TCYYnt81mN5FixX9EqK49n7iqjsFaRC7F",
                "QmepEVCEAE5HJbP7ZAnNxvUMkGYgHwRoT6xzUP5v4jgREs",
            ],
        ),
        (
            UNIXFS_V1_2025,
            [
                "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354",
                "bafybeicfohpfrdcwbkxxhz56uzexkcp7z72rx6x74f7g2zg42xuaomogxi",
                "bafybeifk46z5mnnegtldd67u6oodbcikfa7ohqkx5pf7w2dqhbhwwk6jje",
            ],
        ),
    ];
    for (profile, [empty, tree, link]) in cases {
        let named = |name: &str, entry| (name.as_bytes().to_vec(), entry);
        let alpha = file(&profile, b"alpha\n");
        let sub = build(profile, [named("c.txt", file(&profile, b"gamma\n"))]).0;
        let random = file(&profile, &rnd("kubo-0.43.1", 1_048_577));
        check(profile, [], "basic", empty);
        check(profile, [named("sub", sub), named("b.bin", random), named("a.txt", alpha)], "basic", tree);
        check(profile, [named("l", import::symlink(&profile, b"a.txt").0), named("a.txt", alpha)], "basic", link);
    }
}

#[test]
fn names_that_are_none() {
    let mut builder = DirectoryBuilder::new(UNIXFS_V1_2025);
    let entry = import::leaf(&UNIXFS_V1_2025, b"x");
    let long = [b'n'; 256];
    for name in [b"".as_slice(), b".", b"..", b"a/b", b"a\0", &long] {
        assert!(matches!(builder.add(name, entry), Err(Error::Malformed { format: "directory", .. })), "{name:?}");
    }
    builder.add(&long[..255], entry).unwrap();
    assert!(matches!(builder.add(&long[..255], entry), Err(Error::Malformed { format: "directory", .. })), "twice");
    assert!(builder.add(b"n", Entry { tsize: u64::MAX, ..entry }).is_err(), "sizes over 64 bits");
    assert_eq!(builder.len(), 1);
}
