//! Names in the folder of the node's own files: links to what was added, on a fake Kubo.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

#[allow(dead_code, reason = "not all of it is used here")]
mod common;

use backend_core::{Content, Evidence, Locator, Removal, RemoveOptions};
use backend_testkit::kubo::{Kubo, Lie};
use backend_testkit::{LEAF, random, tree};
use common::{add, add_named, open, stat};
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_added_under_a_name_is_linked_in_the_folder() {
    let kubo = Kubo::start().await.unwrap();
    let node = open(json!({ "api_url": kubo.api_url(), "mfs_path": "/backup/mine/" }), Value::Null);
    let (file, other) = (random("file", LEAF + 1), random("other", 10));
    let ((folder, _), (later, _)) = (tree("folder").unwrap(), tree("later").unwrap());
    let linked = |content: &Content, name: &str| format!("/backup/mine/{name} {}", content.cid());
    // A file, again, and another in its place; a folder in the place of that, again, another, and a file.
    for content in [&file, &file, &other, &folder, &folder, &later, &file] {
        let meta = add_named(&node, content, "ä & n").await.unwrap();
        assert!(meta.note.is_none_or(|note| !note.contains("not linked")));
        assert_eq!(kubo.files(), [linked(content, "ä & n")]);
    }
    let asked = kubo.asked();
    let removed = asked.iter().filter(|it| it.starts_with("files/rm")).count();
    assert_eq!(removed, 2, "files, and what is there already, are not removed first: {asked:?}");
    // What has no name has no link, and what is removed keeps its own.
    add(&node, &random("nameless", 11)).await.unwrap();
    assert_eq!(node.remove(&Locator::new(*file.cid()), &RemoveOptions::default()).await.unwrap(), Removal::Released);
    assert_eq!(kubo.files(), [linked(&file, "ä & n")]);
    // A node that is told of no folder is left alone.
    let plain = open(json!({ "api_url": kubo.api_url() }), Value::Null);
    add_named(&plain, &other, "other").await.unwrap();
    assert_eq!(kubo.files().len(), 1);
}

#[tokio::test]
async fn a_link_that_cannot_be_made_is_told_and_the_content_stays() {
    let kubo = Kubo::start().await.unwrap();
    let node = open(json!({ "api_url": kubo.api_url(), "mfs_path": "/" }), Value::Null);
    for (n, name) in ["..", ".", "", "a/b", "/etc"].into_iter().enumerate() {
        let content = random(&format!("odd {n}"), 100);
        let meta = add_named(&node, &content, name).await.unwrap();
        assert!(meta.note.unwrap().contains("not linked in /"), "{name}");
        stat(&node, content.cid()).await.unwrap();
    }
    assert_eq!(kubo.files(), [""; 0]);
    let lies = [
        ("files/cp", Lie::Cut),
        ("files/cp", Lie::Fails("permission denied")),
        ("files/cp", Lie::Trailer("it is full")),
        ("files/stat", Lie::Fails("file does not exist")),
        ("files/rm", Lie::Trailer("can't remove some files")),
    ];
    let (folder, _) = tree("stands there").unwrap();
    add_named(&node, &folder, "name").await.unwrap();
    for (n, (command, lie)) in lies.into_iter().enumerate() {
        kubo.lie(command, lie.clone());
        let content = random(&format!("lie {n}"), 100);
        // Only where a folder stands is more asked than to copy.
        let name = if command == "files/cp" { "new" } else { "name" };
        let meta = add_named(&node, &content, name).await.unwrap();
        assert!(meta.note.is_some_and(|note| note.contains("not linked in /")), "{command} {lie:?}");
        assert_eq!((meta.existed, meta.evidence), (Some(false), Evidence::Attested));
    }
}
