//! Journeys with the real program, a real Kubo and a real S3 server, which `cargo xtask services` builds: what fakes cannot vouch for.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step of a journey that cannot be taken, fails it")]

mod broken;
mod guides;
mod left;
mod pairs;
mod street;
mod survival;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use backend_testkit::real::{Kubo, KuboOptions, Server};
use journeys::{Journey, noise};
use serde_json::json;
use xtask::services;
use xtask::tree::Tree;

const MIB: usize = 1 << 20;
/// So much that the node writes some of it, and most is not sent.
const MUCH: usize = 400 * MIB;

fn node() -> Kubo {
    Server::kubo(&KuboOptions::default()).unwrap()
}

/// Makes the node known as the backend `node`.
fn known_to(kubo: &Kubo, it: &Journey) {
    let setting = format!("connection.api_url={}", kubo.api());
    it.ok(["backend", "create", "node", "--type", "ipfs", "--set", &setting]);
}

/// What `ipfs WORDS…` prints, byte for byte.
fn ipfs(kubo: &Kubo, words: &[&str]) -> Vec<u8> {
    let mut ipfs = Command::new(services::find(&Tree::own().unwrap(), "kubo").unwrap());
    ipfs.env_clear().env("IPFS_PATH", kubo.repo()).args(["--api", &kubo.api_multiaddr()]).args(words);
    let output = ipfs.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn pins(kubo: &Kubo) -> String {
    kubo.run(&["pin", "ls", "--type", "recursive", "-q"]).unwrap()
}

/// Every file of the node's store of blocks.
fn blocks(kubo: &Kubo) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![kubo.repo().join("blocks")]);
    while let Some(next) = folders.pop() {
        // Files come and go while the node writes.
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            match entry.file_type().is_ok_and(|it| it.is_dir()) {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found.retain(|path| path.extension().is_some_and(|it| it == "data"));
    found
}

fn folder(it: &Journey) -> String {
    for n in 0..40 {
        let below = it.path(&format!("photos/{}/ä b", n % 3));
        std::fs::create_dir_all(&below).unwrap();
        std::fs::write(below.join(format!("{n}.raw")), noise(n as u64, n * 70_000)).unwrap();
    }
    it.ok(["cid", "photos"]).text()
}

#[test]
fn a_block_that_the_node_spoilt_is_found_and_read_elsewhere() {
    let (kubo, it) = (node(), Journey::new());
    known_to(&kubo, &it);
    it.backend("local");
    let bytes = noise(51, 5 * MIB);
    std::fs::write(it.path("big"), &bytes).unwrap();
    let receipt = it.ok(["add", "big", "--to", "local,node", "--json"]).json().remove(0);
    assert_eq!(receipt["partial"], false, "{receipt}");
    let cid = receipt["cid"].as_str().unwrap();
    let leaf = &bytes[3 * MIB..4 * MIB];
    let path = blocks(&kubo).into_iter().find(|path| std::fs::read(path).unwrap() == leaf).unwrap();
    journeys::flip(&path, 1000);
    let out = it.path("out");
    let said = it.ok(["get", cid, "-o", out.to_str().unwrap(), "--json"]).json().pop().unwrap();
    assert!(std::fs::read(&out).unwrap() == bytes);
    assert_eq!((&said["troubles"][0]["backend"], &said["troubles"][0]["offset"]), (&"node".into(), &(3 * MIB).into()));
    let verdicts = it.run(["verify", cid, "--json"]);
    assert_eq!(verdicts.code, Some(6), "{}", verdicts.text());
    let verdict = verdicts.json().into_iter().find(|it| it["backend"] == "node").unwrap();
    assert_eq!(verdict["bad_chunks"], json!([{ "offset": 3 * MIB, "len": MIB }]), "{verdict}");
    // The node itself notices nothing, or this journey would show nothing.
    kubo.run(&["pin", "verify"]).unwrap();
}

#[test]
fn a_folder_goes_from_node_to_node_byte_for_byte() {
    let (here, there, ours, theirs) = (node(), node(), Journey::new(), Journey::new());
    known_to(&here, &ours);
    known_to(&there, &theirs);
    let cid = folder(&ours);
    ours.ok(["add", "photos", "--to", "node"]);
    assert!(pins(&here).contains(&cid));
    let car = ipfs(&here, &["dag", "export", "--progress=false", &cid]);
    std::fs::write(ours.path("photos.car"), &car).unwrap();
    ipfs(&there, &["dag", "import", &path(&ours.path("photos.car"))]);
    assert!(ipfs(&there, &["dag", "export", "--progress=false", &cid]) == car);
    assert!(ipfs(&there, &["cat", &format!("{cid}/1/ä b/7.raw")]) == noise(7, 490_000));
    // A program that never saw it reads it by its name.
    theirs.ok(["get", &cid, "-o", "out"]);
    assert!(Journey::files(&theirs.path("out")) == Journey::files(&ours.path("photos")));
    assert!(theirs.ok(["cat", &format!("{cid}/1/ä b/7.raw")]).stdout == noise(7, 490_000));
    // What is there already is named alike when it is added from another folder.
    let added = theirs.ok(["add", "out", "--to", "node", "--json"]).json().remove(0);
    assert_eq!((&added["cid"], &added["replicas"][0]["existed"]), (&cid.as_str().into(), &true.into()), "{added}");
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn an_import_that_was_killed_leaves_no_pin_and_is_done_anew() {
    let (kubo, it) = (node(), Journey::new());
    known_to(&kubo, &it);
    std::fs::write(it.path("much"), noise(52, MUCH)).unwrap();
    let cid = it.ok(["cid", "much"]).text();
    let (pinned, n_blocks) = (pins(&kubo), blocks(&kubo).len());
    let mut adding = it.command(["add", "much", "--to", "node"]);
    let mut child = adding.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(120);
    while blocks(&kubo).len() <= n_blocks {
        assert!(Instant::now() < patience && child.try_wait().unwrap().is_none(), "the node wrote nothing");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it was over before it was killed");
    assert_eq!(pins(&kubo), pinned);
    let receipt = it.ok(["add", "much", "--to", "node", "--json"]).json().remove(0);
    assert_eq!((&receipt["partial"], &receipt["replicas"][0]["state"]), (&false.into(), &"present".into()));
    assert_eq!(pins(&kubo).matches(&cid).count(), 1);
    let verified = it.ok(["verify", "--json"]).json().pop().unwrap();
    assert_eq!((&verified["good"], &verified["bad"]), (&1.into(), &0.into()), "{verified}");
}

/// The same with 5 GiB is `real_large`.
#[test]
fn an_upload_survives_the_death_of_both_ends() {
    broken::survives((256 << 20) + 12_345);
}

/// The same with ten thousand files in one folder is `real_large`.
#[test]
fn every_pair_of_services_brings_the_awkward_set() {
    pairs::every_pair(200);
}

#[test]
fn an_upload_by_sftp_survives_the_death_of_its_client() {
    left::by_sftp();
}

#[test]
fn an_upload_by_ftp_survives_the_death_of_its_client() {
    left::by_ftp();
}

/// What `ipfs WORDS…` prints, as text.
fn said(kubo: &Kubo, words: &[&str]) -> String {
    String::from_utf8(ipfs(kubo, words)).unwrap().trim().to_owned()
}

fn exported(it: &Journey, cid: &str) -> Vec<u8> {
    it.ok(["car", "export", cid, "-o", "-"]).stdout
}

#[test]
fn our_archives_are_those_of_the_node_byte_for_byte() {
    let (kubo, it) = (node(), Journey::new());
    it.backend("local");
    folder(&it);
    std::fs::write(it.path("big"), [noise(61, 9 * MIB), vec![0; 9 * MIB], noise(61, 9 * MIB)].concat()).unwrap();
    std::fs::write(it.path("small"), "small").unwrap();
    std::fs::write(it.path("none"), "").unwrap();
    for profile in ["unixfs-v1-2025", "unixfs-v0-2015", "kubo-cid-v1"] {
        for what in ["photos", "big", "small", "none"] {
            let receipt = it.ok(["add", what, "--to", "local", "--profile", profile, "--hidden", "--json"]).json();
            let cid = receipt[0]["cid"].as_str().unwrap();
            it.ok(["car", "export", cid, "-o", "out.car", "--force"]);
            let ours = std::fs::read(it.path("out.car")).unwrap();
            ipfs(&kubo, &["dag", "import", &path(&it.path("out.car"))]);
            let theirs = ipfs(&kubo, &["dag", "export", "--progress=false", cid]);
            assert!(theirs == ours, "{what} by {profile}: {} and {} bytes", theirs.len(), ours.len());
        }
    }
}

#[test]
fn archives_of_the_node_come_in_and_go_out_byte_for_byte() {
    let (kubo, it) = (node(), Journey::new());
    it.backend("local");
    folder(&it);
    std::fs::write(it.path("big"), noise(62, 3 * MIB + 5)).unwrap();
    std::os::unix::fs::symlink("big", it.path("photos/link")).unwrap();
    let (photos, big) = (path(&it.path("photos")), path(&it.path("big")));
    let cases: [&[&str]; 7] = [
        &["add", "-Q", "-r", &photos],
        &["add", "-Q", "-r", "--cid-version=1", &photos],
        &["add", "-Q", "-r", "--preserve-mode", "--preserve-mtime", &photos],
        &["add", "-Q", "--trickle", "--raw-leaves", &big],
        &["add", "-Q", "--chunker=rabin-4096-8192-16384", &big],
        &["add", "-Q", "--chunker=size-1000", "--raw-leaves=false", "--cid-version=1", &big],
        &["add", "-Q", "--preserve-mtime", "--hash=blake2b-256", &big],
    ];
    for words in cases {
        let cid = said(&kubo, words);
        let car = ipfs(&kubo, &["dag", "export", "--progress=false", &cid]);
        std::fs::write(it.path("theirs.car"), &car).unwrap();
        let receipt = it.ok(["car", "import", "theirs.car", "--to", "local", "--json"]).json().remove(0);
        assert_eq!((&receipt["partial"], &receipt["name"]), (&false.into(), &"theirs".into()), "{words:?}");
        assert!(exported(&it, &cid) == car, "{words:?}");
        let out = it.path("out");
        it.ok(["get", &cid, "-o", "out"]);
        match out.is_dir() {
            true => {
                assert!(Journey::files(&out) == Journey::files(&it.path("photos")), "{words:?}");
                std::fs::remove_dir_all(&out).unwrap();
            }
            false => {
                assert!(std::fs::read(&out).unwrap() == noise(62, 3 * MIB + 5), "{words:?}");
                std::fs::remove_file(&out).unwrap();
            }
        }
    }
    let verified = it.ok(["verify", "--json"]).json().pop().unwrap();
    assert_eq!(verified["bad"], 0, "{verified}");
}

#[test]
fn any_graph_of_a_node_goes_out_byte_for_byte() {
    let (kubo, it) = (node(), Journey::new());
    known_to(&kubo, &it);
    folder(&it);
    let photos = said(&kubo, &["add", "-Q", "-r", "--inline", &path(&it.path("photos"))]);
    let graph = json!({ "folder": { "/": photos }, "again": [{ "/": photos }, 1, "text"], "none": null });
    std::fs::write(it.path("graph.json"), graph.to_string()).unwrap();
    let root = said(&kubo, &["dag", "put", "--store-codec=dag-cbor", &path(&it.path("graph.json"))]);
    for cid in [photos, root] {
        let theirs = ipfs(&kubo, &["dag", "export", "--progress=false", &cid]);
        assert!(exported(&it, &cid) == theirs, "{cid}");
    }
}

#[test]
fn an_archive_goes_through_us_from_node_to_node() {
    let (here, there, it) = (node(), node(), Journey::new());
    known_to(&there, &it);
    it.backend("local");
    folder(&it);
    let cid = said(&here, &["add", "-Q", "-r", "--cid-version=1", "--raw-leaves", &path(&it.path("photos"))]);
    let car = ipfs(&here, &["dag", "export", "--progress=false", &cid]);
    std::fs::write(it.path("photos.car"), &car).unwrap();
    let receipt = it.ok(["car", "import", "photos.car", "--to", "local,node", "--json"]).json().remove(0);
    assert_eq!((&receipt["cid"], &receipt["partial"]), (&cid.as_str().into(), &false.into()), "{receipt}");
    assert!(pins(&there).contains(&cid));
    assert!(ipfs(&there, &["dag", "export", "--progress=false", &cid]) == car);
    assert!(exported(&it, "photos") == car);
}

/// As large as CI has time for; `real_large` does it with ten thousand files.
const SURVIVING: survival::Size =
    survival::Size { small: 360, middle: 36, large: 4, large_bytes: 16 << 20, patience: Duration::from_secs(240) };

#[test]
fn one_service_is_destroyed_and_one_rots() {
    survival::proof(SURVIVING, survival::Daemon::LeftAlone);
}

#[test]
fn the_daemon_is_killed_every_few_seconds() {
    survival::proof(SURVIVING, survival::Daemon::Killed(Duration::from_millis(1500)));
}
