//! Stores that lose and change bytes: what comes back is right, or nothing does, and what was met is said.

#![expect(clippy::unwrap_used, reason = "a step of a journey that cannot be taken, fails it")]

use std::path::Path;

use journeys::{Journey, flip, noise, stored};

const MIB: usize = 1 << 20;

fn two(bytes: &[u8]) -> (Journey, String) {
    let it = Journey::new();
    it.backend("one");
    it.backend("two");
    std::fs::write(it.path("big"), bytes).unwrap();
    let receipt = it.ok(["add", "big", "--to", "one,two", "--json"]).json().remove(0);
    assert_eq!(receipt["partial"], false);
    (it, receipt["cid"].as_str().unwrap().to_owned())
}

fn get(it: &Journey, cid: &str) -> (Option<i32>, Option<Vec<u8>>, serde_json::Value) {
    let out = it.path("out");
    let answer = it.run(["get", cid, "-o", out.to_str().unwrap(), "--force", "--json"]);
    let bytes = std::fs::read(&out).ok();
    if out.exists() {
        std::fs::remove_file(&out).unwrap();
    }
    (answer.code, bytes, answer.json().pop().unwrap_or_default())
}

#[test]
fn two_half_broken_copies_make_one_whole() {
    let bytes = noise(3, 5 * MIB + 7);
    let (it, cid) = two(&bytes);
    flip(&stored(&it.path("one"), &cid), MIB + 5);
    flip(&stored(&it.path("two"), &cid), 3 * MIB + 5);
    let (code, read, said) = get(&it, &cid);
    assert_eq!(code, Some(0));
    assert!(read.as_deref() == Some(&bytes[..]), "other bytes came back");
    let troubles = said["troubles"].as_array().unwrap();
    assert_eq!(troubles.len(), 1, "only the copy that was read first was wrong where it was read: {troubles:?}");
    let verdicts = it.run(["verify", &cid, "--json"]);
    assert_eq!(verdicts.code, Some(6));
    let mut bad: Vec<_> = verdicts.json().iter().filter_map(|it| it["bad_chunks"][0]["offset"].as_u64()).collect();
    bad.sort_unstable();
    assert_eq!(bad, [MIB as u64, 3 * MIB as u64]);
    // Known bad chunks are not even asked for any more.
    let (code, read, _) = get(&it, &cid);
    assert_eq!((code, read.as_deref() == Some(&bytes[..])), (Some(0), true));
}

#[test]
fn one_store_is_lost_and_the_other_reads_on() {
    let bytes = noise(4, 3 * MIB);
    let (it, cid) = two(&bytes);
    std::fs::remove_dir_all(it.path("one")).unwrap();
    let (code, read, said) = get(&it, &cid);
    assert_eq!((code, read.as_deref() == Some(&bytes[..])), (Some(0), true));
    assert_eq!(said["troubles"][0]["backend"], "one", "{said}");
}

#[test]
fn wrong_bytes_never_come_out() {
    let bytes = noise(5, 2 * MIB);
    let (it, cid) = two(&bytes);
    std::fs::remove_dir_all(it.path("one")).unwrap();
    flip(&stored(&it.path("two"), &cid), MIB + 1);
    let (code, read, _) = get(&it, &cid);
    assert_eq!((code, read), (Some(6), None), "half a file is no file");
    let cat = it.run(["cat", &cid]);
    assert_eq!(cat.code, Some(6));
    assert_eq!(cat.stdout, &bytes[..MIB], "what was handed over was verified");
}

#[test]
fn each_byte_of_a_small_file_is_watched() {
    let it = Journey::new();
    std::fs::write(it.path("small"), noise(6, 24)).unwrap();
    let cid = it.ok(["add", "small", "--json"]).json()[0]["cid"].as_str().unwrap().to_owned();
    let path = stored(&it.home().join("store"), &cid);
    for at in 0..24 {
        flip(&path, at);
        let answer = it.run(["cat", &cid]);
        assert_eq!((answer.code, answer.stdout.len()), (Some(6), 0), "byte {at}");
        assert!(answer.stderr.contains(&cid), "the chunk is named: {}", answer.stderr);
        flip(&path, at);
    }
    assert_eq!(it.ok(["cat", &cid]).stdout, noise(6, 24));
}

#[test]
fn an_empty_mount_point_is_no_proof_of_loss() {
    let (it, cid) = two(&noise(7, 1000));
    let two = it.path("two");
    std::fs::rename(&two, it.path("unmounted")).unwrap();
    std::fs::create_dir(&two).unwrap();
    let answer = it.run(["verify", &cid, "--json"]);
    assert_eq!(answer.code, Some(5), "{}", answer.stderr);
    let verdict = answer.json().into_iter().find(|it| it["backend"] == "two").unwrap();
    assert_eq!(verdict["state"], "present", "nothing is concluded: {verdict}");
    assert_eq!(verdict["error"]["kind"], "invalid_config");
    let refused = it.run(["add", "big", "--to", "two"]);
    assert_eq!(refused.code, Some(2), "nothing is written into an empty mount point");
    assert!(is_empty(&two));
    std::fs::remove_dir(&two).unwrap();
    std::fs::rename(it.path("unmounted"), &two).unwrap();
    it.ok(["verify", &cid]);
}

fn is_empty(folder: &Path) -> bool {
    Journey::files(folder).is_empty()
}

#[test]
fn a_lost_outboard_is_read_from_the_stores() {
    let bytes = noise(8, 3 * MIB);
    let (it, cid) = two(&bytes);
    let catalog = rusqlite::Connection::open(it.home().join("catalog.db")).unwrap();
    catalog.execute("DELETE FROM blocks", []).unwrap();
    drop(catalog);
    let (code, read, _) = get(&it, &cid);
    assert_eq!((code, read.as_deref() == Some(&bytes[..])), (Some(0), true));
}
