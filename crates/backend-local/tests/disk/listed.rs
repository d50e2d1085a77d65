//! Large and odd folders: complete, in order, and gone on with behind any cursor.

use std::fs;

use backend_core::{Entry, ListOptions};
use futures::TryStreamExt;

use crate::common::{list, open, put};

fn filled(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    folder
}

#[tokio::test]
async fn ten_thousand_names_in_one_folder() {
    let keys: Vec<String> = (0..10_000).map(|n| format!("many/{n:05}")).collect();
    let folder = filled(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    let store = open(folder.path());
    assert!(list(&store, ListOptions::default()).await.unwrap() == keys);
    let one = ListOptions { shallow: true, ..ListOptions::default() };
    assert_eq!(list(&store, one).await.unwrap(), ["many/"]);
    assert_eq!(list(&store, ListOptions::prefix("many/0999")).await.unwrap(), keys[9990..]);
}

#[tokio::test]
async fn a_listing_goes_on_behind_every_cursor() {
    let files = ["a", "b/c", "b/d/e", "b/d/f", "b.txt", "b0", "ä/ö", "z"];
    let folder = filled(&files);
    let store = open(folder.path());
    let all = list(&store, ListOptions::default()).await.unwrap();
    let mut sorted = files.map(str::to_owned).to_vec();
    sorted.sort();
    assert_eq!(all, sorted);
    // Also behind names that are not there, and between a folder and what is in it.
    let between = ["", "b", "b/", "b/d", "b/d/", "b/d/ee", "zz"].map(str::to_owned);
    for after in all.iter().chain(&between) {
        for prefix in [None, Some("b".to_owned()), Some("b/".to_owned()), Some("b/d/".to_owned())] {
            let wanted: Vec<&String> =
                all.iter().filter(|key| *key > after && key.starts_with(prefix.as_deref().unwrap_or(""))).collect();
            let opts = ListOptions { after: Some(after.clone()), prefix: prefix.clone(), ..ListOptions::default() };
            assert_eq!(list(&store, opts).await.unwrap().iter().collect::<Vec<_>>(), wanted, "{after} {prefix:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_key_and_what_is_ours_is_left_out() {
    use std::os::unix::ffi::OsStrExt;
    let long = format!("{0}/{0}/{0}/{0}/{0}/x", "l".repeat(250));
    let folder = filled(&[
        "a",
        ".ipfs-kit/c/xy/bafy",
        ".ipfs-kit/store",
        ".ipfs-kit/labels/x/y",
        "line\nbreak",
        "e/\u{7f}/x",
        &long,
    ]);
    fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"\xff")), "x").unwrap();
    let store = open(folder.path());
    put(&store, "b", "x").await.unwrap();
    assert!(folder.path().join(".ipfs-kit/tmp/lock").exists());
    assert_eq!(
        list(&store, ListOptions::default()).await.unwrap(),
        [".ipfs-kit/c/xy/bafy", ".ipfs-kit/store", "a", "b"]
    );
    let shallow = |prefix| ListOptions { shallow: true, prefix, ..ListOptions::default() };
    assert_eq!(list(&store, shallow(None)).await.unwrap(), [".ipfs-kit/", "a", "b"]);
    let ours = list(&store, shallow(Some(".ipfs-kit/".into()))).await.unwrap();
    assert_eq!(ours, [".ipfs-kit/c/", ".ipfs-kit/store"]);
    assert_eq!(list(&store, ListOptions::prefix(".ipfs-kit/tmp/")).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_listing_that_is_under_way_survives_removals() {
    let keys: Vec<String> = (0..1000).map(|n| format!("{}/{n:04}", n / 10)).collect();
    let folder = filled(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    let mut entries = open(folder.path()).list(&ListOptions::default());
    assert!(matches!(entries.try_next().await.unwrap(), Some(Entry::Content { .. })));
    for n in 50..100 {
        fs::remove_dir_all(folder.path().join(n.to_string())).unwrap();
    }
    let rest: Vec<Entry> = entries.try_collect().await.unwrap();
    assert!(499 <= rest.len() && rest.len() < 1000, "{}", rest.len());
}
