//! Every pair of services that keep content under a user's key: what lies on the one is brought to the other, with every service run by a server that
//! others have written.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use journeys::{Journey, noise, put};
use serde_json::Value;

use crate::street::{KEYED, Street, shown};

const MIB: usize = 1 << 20;

/// What is awkward to bring over, and little.
fn awkward(folder: &Path) {
    let sizes =
        [("empty", 0), ("chunk", MIB), ("chunk+1", MIB + 1), ("some/what/deeper", MIB + 7), ("a-b", 1), ("a/b", 2)];
    sizes.into_iter().for_each(|(name, len)| put(folder, name, &noise(len as u64, len)));
    put(folder, "a b/100% #1? & ä.txt", b"what URLs and shells stumble over");
    put(folder, &format!("{}\u{1f600}", "ß".repeat(125)), b"254 bytes of text");
    put(folder, &format!("ünï/{}", "x".repeat(255)), b"long");
}

/// What takes time: 64 MiB, a byte more than is read in one go, and many files in one folder.
fn much(folder: &Path, many: usize) {
    for (name, len) in [("64 MiB", 64 << 20), ("64 MiB and one", (64 << 20) + 1)] {
        let file = std::fs::File::create(folder.join(name)).unwrap();
        file.set_len(len).unwrap();
        file.write_all_at(name.as_bytes(), 33 << 20).unwrap();
    }
    (0..many).for_each(|n| put(folder, &format!("lots/{n}"), format!("{}", n / 2).as_bytes()));
}

fn sums(it: &Journey, from: &str, to: &str, more: &[&str]) -> Value {
    let answer = it.run(["sync", from, to, "--json"].into_iter().chain(more.iter().copied()));
    let sums = answer.json().pop().unwrap_or_default();
    assert_eq!(answer.code, Some(0), "{from} to {to}: {}\n{}", answer.stderr, answer.text());
    sums
}

/// Syncs twice: all of it, and then none of it.
fn brings(it: &Journey, from: &str, to: &str, count: usize, more: &[&str]) {
    let first = sums(it, from, to, more);
    assert_eq!((&first["copied"], &first["failed"]), (&count.into(), &0.into()), "{from} to {to}: {first}");
    let second = sums(it, from, to, more);
    assert_eq!((&second["unchanged"], &second["bytes"]), (&count.into(), &0.into()), "{from} to {to}: {second}");
}

/// What lies there, seen by somebody who never wrote it.
fn lies_at(street: &Street, name: &str, prefix: &str, wanted: &BTreeMap<PathBuf, Vec<u8>>) {
    let it = street.known_to(Journey::new(), &[name]);
    sums(&it, &format!("{name}:{prefix}"), "out", &[]);
    assert!(Journey::files(&it.path("out")) == *wanted, "{name}:{prefix} is not what was brought there");
}

/// Every pair brings the awkward set; round the street goes what is much, too, with `many` files in one folder.
pub(crate) fn every_pair(many: usize) {
    let street = Street::new();
    let it = street.known_to(Journey::new(), &KEYED);
    let (little, large) = (it.path("little"), it.path("large"));
    awkward(&little);
    awkward(&large);
    much(&large, many);
    let (little, large) = (Journey::files(&little), Journey::files(&large));
    for name in KEYED {
        brings(&it, "little", &format!("{name}:set"), little.len(), &[]);
    }
    for from in KEYED {
        for to in KEYED.into_iter().filter(|to| *to != from) {
            // By somebody to whom the objects have no names yet: they are read from this service, and no other.
            let it = street.known_to(Journey::new(), &[from, to]);
            brings(&it, &format!("{from}:set"), &format!("{to}:from-{from}"), little.len(), &[]);
            lies_at(&street, to, &format!("from-{from}"), &little);
        }
    }
    let mut at = (shown(&it.path("large")), None);
    for name in KEYED {
        let next = format!("{name}:much");
        let it = street.known_to(Journey::new(), &at.1.into_iter().chain([name]).collect::<Vec<_>>());
        brings(&it, &at.0, &next, large.len(), &[]);
        lies_at(&street, name, "much", &large);
        at = (next, Some(name));
    }
    // A node keeps names of its own, and only content: it is an end by way of the catalog.
    let it = street.known_to(Journey::new(), &["bucket", "node", "shelf"]);
    brings(&it, "bucket:set", "catalog:n", little.len(), &["--to", "node"]);
    brings(&it, "catalog:n", "shelf:from-node", little.len(), &[]);
    lies_at(&street, "shelf", "from-node", &little);
    assert_eq!(it.run(["sync", "bucket:set", "node:x"]).code, Some(8), "a node takes no key of ours");
}
