//! Mending on services: blocks of a node, parts of an object.

use std::sync::Arc;

use backend_core::{Backend, Content, Evidence, Settings};
use backend_manager::catalog::contents;
use backend_manager::catalog::replicas::{self, ReplicaRow};
use backend_manager::{AddRequest, Input, ReplicaState, SystemClock};
use backend_testkit::kubo::Kubo;
use backend_testkit::s3::{FakeS3, Operation, Options};
use backend_testkit::{LEAF, random};
use bytes::Bytes;
use futures::TryStreamExt;
use ipld::{Cid, address};
use serde_json::{Value, json};

use crate::bed::{Bed, LEN, chunk, copy, memory};

async fn node() -> (Kubo, Arc<dyn Backend>) {
    let kubo = Kubo::start().await.unwrap();
    let settings = Settings::new("node", json!({ "api_url": kubo.api_url() }), Arc::new(SystemClock));
    let node = backend_ipfs::open(settings).unwrap();
    (kubo, node)
}

/// The names of the chunks of a file.
async fn leaves(content: &Content) -> Vec<Cid> {
    let frames: Vec<Bytes> = content.open_all().await.unwrap().try_collect().await.unwrap();
    frames.concat().chunks(LEAF as usize).map(|chunk| address::sha256(address::RAW, chunk)).collect()
}

async fn corrupt_rows(bed: &Bed) -> Vec<(contents::ContentRow, ReplicaRow)> {
    let find = |conn: &rusqlite::Connection| {
        let mut found = Vec::new();
        for content in contents::page(conn, None, 100)? {
            let rows = replicas::of(conn, content.number)?.into_iter();
            found.extend(rows.filter(ReplicaRow::is_wrong).map(|row| (content, row)));
        }
        Ok(found)
    };
    bed.manager.catalog().read(find).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_sent_the_blocks_that_are_wrong() {
    let (kubo, node) = node().await;
    let bed = Bed::new(&[("good", memory("key")), ("node", node)]).await;
    let content = bed.add("blocks").await;
    let leaves = leaves(&content).await;
    assert!(kubo.blocks().corrupt(&leaves[1]) && kubo.blocks().corrupt(&leaves[4]));
    bed.verify().await;
    let repaired = bed.repair(&content, "node").await.unwrap();
    assert_eq!(
        (repaired.state, repaired.bytes_sent, repaired.bytes_read_back),
        (ReplicaState::Present, 2 * LEAF, 2 * LEAF)
    );
    assert!(bed.verify().await.iter().all(|it| it.state == ReplicaState::Present && it.error.is_none()));
    assert_eq!(kubo.pins().len(), 1);
    // An inner node is no chunk: nothing that is read by ranges shows that it is wrong.
    assert!(kubo.blocks().corrupt(content.cid()));
    bed.verify().await;
    let repaired = bed.repair(&content, "node").await.unwrap();
    assert_eq!((repaired.before, repaired.state), (ReplicaState::Corrupt, ReplicaState::Present));
    assert_eq!(repaired.bytes_sent, LEAF, "the inner nodes, and a leaf with them");
    assert!(bed.verify().await.iter().all(|it| it.state == ReplicaState::Present && it.error.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_on_a_node_and_a_file_in_it() {
    let (kubo, node) = node().await;
    let bed = Bed::new(&[("good", memory("key")), ("node", node)]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = random("in a folder", 2 * LEAF + 9);
    let frames: Vec<Bytes> = file.open_all().await.unwrap().try_collect().await.unwrap();
    std::fs::write(folder.path().join("file"), frames.concat()).unwrap();
    std::fs::write(folder.path().join("note"), b"note").unwrap();
    let to = vec!["good".to_owned(), "node".to_owned()];
    let request = AddRequest { to, name: Some("folder".to_owned()), ..AddRequest::default() };
    let receipt = bed.manager.add(Input::Path(folder.path().to_owned()), &request).await.unwrap();
    let pins = kubo.pins();
    let leaves = leaves(&file).await;
    for (wrong, sent) in [(&leaves[0], LEAF), (&receipt.cid, file.len() + 4)] {
        assert!(kubo.blocks().corrupt(wrong));
        bed.verify().await;
        let rows = corrupt_rows(&bed).await;
        let [(content, row)] = &rows[..] else { panic!("one copy is wrong, not {rows:?}") };
        let repaired = bed.manager.repair(content, row).await.unwrap();
        assert_eq!((repaired.state, repaired.bytes_sent), (ReplicaState::Present, sent), "{wrong}");
        let verdicts = bed.verify().await;
        assert!(verdicts.iter().all(|it| it.state == ReplicaState::Present && it.error.is_none()), "{verdicts:?}");
    }
    assert_eq!(kubo.pins(), pins, "a file of a folder has no pin of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_sent_the_part_that_is_wrong_and_attests_the_whole() {
    let server = FakeS3::start(Options::default()).await.unwrap();
    let opts = server.options();
    let connection =
        json!({ "endpoint_url": server.endpoint(), "bucket": opts.bucket, "provider": "aws", "path_style": true });
    let open = |learnt: Value| {
        let mut settings = Settings::new("bucket", connection.clone(), Arc::new(SystemClock));
        settings.credentials = json!({ "access_key_id": opts.access_key, "secret_access_key": opts.secret_key });
        backend_s3::open(Settings { learnt, ..settings }).unwrap()
    };
    let learnt = open(Value::Null).probe().await.unwrap();
    let bed = Bed::new(&[("good", memory("key")), ("bucket", open(learnt))]).await;
    let content = bed.add("parts").await;
    bed.damage("bucket", &content, &copy("parts", LEN, &[chunk(5)])).await;
    bed.verify().await;
    server.forget();
    let repaired = bed.repair(&content, "bucket").await.unwrap();
    assert_eq!((repaired.state, repaired.bytes_sent), (ReplicaState::Present, LEAF / 2));
    assert_eq!((repaired.evidence, repaired.bytes_read_back), (Evidence::Attested, LEAF / 2));
    assert_eq!((server.count(Operation::UploadPart), server.count(Operation::UploadPartCopy)), (1, 1));
    bed.whole("bucket", &content).await;
}
