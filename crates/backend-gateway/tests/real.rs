//! The same list on the gateway of a real Kubo. `cargo xtask services kubo` builds it.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use std::path::PathBuf;

use backend_core::{ErrorKind, GetOptions, Locator};
use backend_testkit::LEAF;
use backend_testkit::real::{Kubo, KuboOptions, Server};
use bytes::Bytes;
use common::{bytes, every_case, open, read};
use ipld::Cid;
use serde_json::json;

fn kubo() -> Kubo {
    Server::kubo(&KuboOptions { profile: Some("unixfs-v1-2025"), ..KuboOptions::default() }).unwrap()
}

fn put(kubo: &Kubo, wanted: &Bytes) -> Cid {
    let file = kubo.repo().join("to-be-added");
    std::fs::write(&file, wanted).unwrap();
    let printed = kubo.run(&["add", "--quieter", "--offline", file.to_str().unwrap()]).unwrap();
    std::fs::remove_file(&file).unwrap();
    ipld::address::parse(printed.trim()).unwrap()
}

#[tokio::test]
async fn a_real_gateway_serves_every_case() {
    let kubo = kubo();
    every_case(&kubo.gateway(), async |wanted| put(&kubo, wanted)).await;
}

/// Files of other importers: small chunks, dag-pb around the leaves, a trickle tree, repeated chunks.
#[tokio::test]
async fn files_of_every_importer_come_back() {
    let kubo = kubo();
    let repeated = Bytes::from([&bytes(4096)[..], &[0; 40_000], &bytes(4096)].concat());
    let file = kubo.repo().join("to-be-added");
    for wanted in [bytes(50_000), repeated] {
        std::fs::write(&file, &wanted).unwrap();
        for flags in [
            &["--chunker=size-1024", "--raw-leaves=false", "--cid-version=0"][..],
            &["--chunker=size-1024", "--trickle"],
            &["--chunker=size-1024"],
            &["--chunker=buzhash"],
        ] {
            let words = [&["add", "--quieter"][..], flags, &[file.to_str().unwrap()]].concat();
            let cid = ipld::address::parse(kubo.run(&words).unwrap().trim()).unwrap();
            for transport in ["car", "blocks"] {
                let backend = open(json!({ "endpoints": [kubo.gateway()], "transport": transport }));
                let got = read(&backend, &Locator::new(cid), &GetOptions::default()).await.unwrap();
                assert_eq!(got, wanted, "{flags:?} {transport}");
                let part = read(&backend, &Locator::new(cid), &GetOptions::range(1000..30_000)).await.unwrap();
                assert_eq!(part, wanted.slice(1000..30_000), "{flags:?} {transport}");
            }
        }
    }
}

/// Kubo serves damaged blocks as they are, with status 200: only hashing tells.
#[tokio::test]
async fn a_block_that_is_damaged_on_kubos_disk_is_found_out() {
    let kubo = kubo();
    let wanted = bytes(3 * LEAF as usize);
    let at = Locator::new(put(&kubo, &wanted));
    let damaged = damage(kubo.repo().join("blocks"), LEAF);
    assert!(damaged, "no block of a chunk's size lies in the repository");
    for transport in ["car", "blocks"] {
        let backend = open(json!({ "endpoints": [kubo.gateway()], "transport": transport }));
        let err = read(&backend, &at, &GetOptions::default()).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Integrity, "{transport}: {err:?}");
    }
}

/// Changes one byte of the first file of this length below a folder.
fn damage(folder: PathBuf, len: u64) -> bool {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && damage(entry.path(), len) {
            return true;
        }
        if kind.is_file() && entry.metadata().unwrap().len() == len {
            let mut data = std::fs::read(entry.path()).unwrap();
            data[7] ^= 1;
            let mut permissions = entry.metadata().unwrap().permissions();
            std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
            std::fs::set_permissions(entry.path(), permissions).unwrap();
            std::fs::write(entry.path(), data).unwrap();
            return true;
        }
    }
    false
}
