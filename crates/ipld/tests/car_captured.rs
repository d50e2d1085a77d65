//! Requests to real gateways and what they answered: complete, proving, or caught.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panic")]

mod car_common;
mod common;

use bytes::Bytes;
use car_common::{Request, Verdict, content};
use ipld::{
    Error, Result, address,
    car::{
        Scope,
        verify::{Order, Settings},
    },
};

const LASSIE: &str = "bafybeihw7bagrbh3oe5iqw34crictpc5hkqknmpzliq6c7r4fk7ycvqnqy";
const KUBO: &str = "bafybeigzyic4jsmhseglpq5vhaov4ggcwyxyptrbl4dzfu5z7geko3boea";

/// Verifies a captured answer to a request for `path`, in any order and in depth-first order alike.
fn check(name: &str, path: &str, scope: Scope) -> Result<Verdict> {
    let bytes = std::fs::read(format!("{}/tests/data/{name}.car", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (root, names) = address::split_path(path).unwrap();
    let mut request = Request::new(root, scope);
    request.settings = Settings { path: names, ..request.settings };
    let any = request.check([Bytes::from(bytes.clone())]);
    request.settings.order = Order::Dfs;
    let dfs = request.check([Bytes::from(bytes)]);
    match (&any, &dfs) {
        (Ok(any), Ok(dfs)) => assert_eq!(any, dfs, "{name} depth first"),
        // A block out of place is known as such earlier.
        (Err(_), Err(_)) => {}
        _ => panic!("{name}: {any:?} but depth first {dfs:?}"),
    }
    any
}

#[test]
fn complete_answers() {
    let below = |path: &str| format!("{LASSIE}/{path}");
    let cases = [
        ("lassie-path-file", below("sub/a.txt"), Scope::All, 3),
        ("lassie-path-file", below("sub/a.txt"), Scope::Entity(None), 3),
        ("lassie-path-file-space", below("sub/b c.txt"), Scope::All, 3),
        ("lassie-path-dir-block", below("sub"), Scope::Block, 2),
        ("lassie-path-dir-block", below("sub"), Scope::Entity(None), 2),
        ("lassie-path-dir-all", below("sub"), Scope::All, 4),
        ("lassie-root-block", LASSIE.to_owned(), Scope::Block, 1),
        ("lassie-root-block", LASSIE.to_owned(), Scope::Entity(None), 1),
        ("lassie-dir-entity-bytes", LASSIE.to_owned(), Scope::Entity(Some(0..11)), 1),
        ("kubo-scope-block", KUBO.to_owned(), Scope::Block, 1),
        ("kubo-identity-car", "bafkqaaa".to_owned(), Scope::All, 0),
        ("kubo-identity-car", "bafkqaaa".to_owned(), Scope::Entity(None), 0),
        ("kubo-dagcbor-car", "bafyreigto4agop7uc7me3anmzqnotlzymb5wa4xxwfc4bhrq6yjxy6vzi4".to_owned(), Scope::All, 2),
        ("kubo-dag-export", "bafybeibfp4n7cp3gvyseudgwn2dmditqgipeo5lwqckvv6migxspc7bmyi".to_owned(), Scope::All, 3),
        ("lassie-cidv0", "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn".to_owned(), Scope::All, 1),
    ];
    for (name, path, scope, blocks) in cases {
        let (summary, _) =
            check(name, &path, scope.clone()).unwrap_or_else(|error| panic!("{name} {scope:?}: {error}"));
        assert_eq!((summary.blocks, summary.repeated), (blocks, 0), "{name} {scope:?}");
    }
}

#[test]
fn content_at_the_end_of_a_path() {
    let cases = [
        ("lassie-path-file", "sub/a.txt", "hello lassie\n"),
        ("lassie-path-file-space", "sub/b c.txt", "space in name\n"),
    ];
    for (name, path, expected) in cases {
        let (summary, ready) = check(name, &format!("{LASSIE}/{path}"), Scope::Entity(None)).unwrap();
        assert_eq!(content(&ready, 0), expected.as_bytes());
        assert_eq!(summary.file, Some(expected.len() as u64));
        assert_eq!(ready.len(), 3, "two directories and the bytes");
    }
    let range = Scope::Entity(Some(6..12));
    let (_, ready) = check("lassie-path-file", &format!("{LASSIE}/sub/a.txt"), range).unwrap();
    assert_eq!(content(&ready, 6), b"lassie");
}

#[test]
fn a_range_past_the_end_is_the_root_alone() {
    let file = "bafybeifde47ajo5nadv7zwj3ulqpv4bodvovdrid2eeghm7vmffqtqxy2e";
    let (summary, ready) = check("kubo-entity-bytes-past-end", file, Scope::Entity(Some(30_000..40_001))).unwrap();
    assert_eq!((summary.blocks, content(&ready, 30_000)), (1, vec![]));
    assert!(summary.file.is_some_and(|size| size <= 30_000), "{summary:?}");
    let lassie = "bafybeidadamljn5dchdkrlenwreivs2gjnu5dztkoabbqgprifi3d3estq";
    let (summary, _) = check("lassie-file-block", lassie, Scope::Entity(Some(800_000..900_001))).unwrap();
    assert_eq!((summary.blocks, summary.file), (1, Some(700_000)));
}

#[test]
fn answers_that_are_not_complete() {
    let missing = |name, path: &str, scope| {
        let answer = check(name, path, scope);
        assert!(matches!(answer, Err(Error::Missing { .. })), "{name}: {answer:?}");
    };
    missing("lassie-root-block", LASSIE, Scope::All);
    missing("lassie-path-dir-block", &format!("{LASSIE}/sub"), Scope::All);
    missing("lassie-file-block", "bafybeidadamljn5dchdkrlenwreivs2gjnu5dztkoabbqgprifi3d3estq", Scope::Entity(None));
    missing("kubo-identity-car", KUBO, Scope::Block);
    let truncated = [
        ("kubo-missing-root", "bafkreidxlu2tvwxo3wa7jrqh5sqcw5lwb4selw2tzmgp5lheyunb7dqlsy"),
        ("kubo-dir-missing-child", "bafybeieziuezl6no2i3qunq6jsizqq5anbu5rc4r2dgrdzhmynk64mhsyy"),
    ];
    for (name, root) in truncated {
        let answer = check(name, root, Scope::All);
        assert!(matches!(answer, Err(Error::Truncated(_))), "{name}: {answer:?}");
    }
}

#[test]
fn answers_to_another_question() {
    let all_for_block = check("lassie-path-dir-all", &format!("{LASSIE}/sub"), Scope::Block);
    assert!(matches!(all_for_block, Err(Error::Unexpected { .. })), "{all_for_block:?}");
    let foreign = check("kubo-scope-block", LASSIE, Scope::Block);
    assert!(matches!(foreign, Err(Error::Unexpected { .. } | Error::Missing { .. })), "{foreign:?}");
    let no_such_name = check("lassie-path-missing", &format!("{LASSIE}/nope/a.txt"), Scope::All);
    assert!(matches!(no_such_name, Err(Error::NoEntry { .. })), "{no_such_name:?}");
    let no_such_file = check("kubo-nolink", &format!("{KUBO}/nofile"), Scope::All);
    assert!(matches!(no_such_file, Err(Error::NoEntry { .. })), "{no_such_file:?}");
}
