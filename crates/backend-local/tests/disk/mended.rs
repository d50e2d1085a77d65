//! What is good of a file is copied on the disk, and the file that was there stays what it was for whoever has it open.

use std::fs;
use std::io::Read;
use std::ops::Range;

use backend_core::{AddOptions, Content, ContentId, ErrorKind, Key, Mend, Metadata, Result};
use backend_testkit::{Defect, LEAF, Watch, damaged, lying, random};
use serde_json::json;

use crate::common::{add, n_temps, open_with, read};

const LEN: u64 = 3 * LEAF + 9;

async fn mend(folder: &std::path::Path, content: &Content, wrong: Range<u64>) -> Result<Metadata> {
    let id = Some(ContentId::Key(Key::new("a/b").unwrap()));
    let opts = AddOptions { id, mend: Some(Mend::wrong([wrong])), ..AddOptions::default() };
    open_with(folder, json!({})).add(content, &opts).await
}

async fn check(there: u64, wrong: Range<u64>, asked: &[Range<u64>]) {
    let folder = tempfile::tempdir().unwrap();
    let store = open_with(folder.path(), json!({}));
    add(&store, "a/b", &damaged("mended", LEN, there, std::slice::from_ref(&wrong))).await.unwrap();
    let path = folder.path().join("a/b");
    let (broken, mut old) = (fs::read(&path).unwrap(), fs::File::open(&path).unwrap());
    let (content, watch) = Watch::over(&random("mended", LEN));
    let meta = mend(folder.path(), &content, wrong).await.unwrap();
    assert_eq!((meta.size, watch.ranges().as_slice()), (Some(LEN), asked), "{there}");
    add(&store, "right", &random("mended", LEN)).await.unwrap();
    assert!(read(&store, "a/b").await.unwrap() == read(&store, "right").await.unwrap(), "{there}");
    let mut seen = Vec::new();
    old.read_to_end(&mut seen).unwrap();
    assert!(seen == broken, "{there}: the old file was written to");
    assert_eq!(n_temps(folder.path()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_is_asked_for_what_is_wrong_and_no_more() {
    check(LEN, LEAF + 5..LEAF + 6, &[LEAF + 5..LEAF + 6]).await;
    check(LEN, 0..LEN, &[0..LEN]).await;
    check(2 * LEAF + 1, 2 * LEAF..LEN, &[2 * LEAF..LEN]).await;
    // More is missing than was said to be wrong.
    check(LEAF, 2 * LEAF..LEN, &[LEAF..LEN]).await;
    check(LEN + 70_000, LEN..LEN + 70_000, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (content, watch) = Watch::over(&random("mended", LEN));
    mend(folder.path(), &content, 0..1).await.unwrap();
    assert_eq!(watch.ranges(), [0..LEN]);
    assert_eq!(fs::read(folder.path().join("a/b")).unwrap().len() as u64, LEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_fails_leaves_the_file() {
    let wrong = LEAF..2 * LEAF;
    for (defect, kind) in [
        (Defect::Fails(LEAF + 9, ErrorKind::Denied), ErrorKind::Denied),
        (Defect::Ends(2 * LEAF - 1), ErrorKind::SourceChanged),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = open_with(folder.path(), json!({}));
        add(&store, "a/b", &damaged("mended", LEN, LEN, std::slice::from_ref(&wrong))).await.unwrap();
        let before = fs::read(folder.path().join("a/b")).unwrap();
        let err = mend(folder.path(), &lying(&random("mended", LEN), defect), wrong.clone()).await.unwrap_err();
        assert_eq!(err.kind(), kind, "{defect:?}");
        assert!(fs::read(folder.path().join("a/b")).unwrap() == before && n_temps(folder.path()) == 0);
    }
}
