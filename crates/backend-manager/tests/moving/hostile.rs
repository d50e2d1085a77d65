//! Names from one side that would leave the other, or write through what lies there.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use backend_manager::transfer::{Delete, MaxDelete, Transfer};
use backend_manager::{AddRequest, Input};
use bytes::Bytes;
use futures::StreamExt;

use crate::bed::{Room, files, memory, objects, room};

async fn name(room: &Room, name: &str, bytes: &'static [u8]) {
    let stream = futures::stream::iter([Ok(Bytes::from_static(bytes))]).boxed();
    let request = AddRequest { to: vec!["m".into()], name: Some(name.into()), ..AddRequest::default() };
    room.manager.add(Input::Stream(stream), &request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_leaves_the_folder_and_the_rest_goes_on() {
    let room = room(&[("m", memory("m"))]).await;
    let bad = ["../escape", "/abs", "a/../../up", "a//b", "nul\0byte", ".ipfs-kit/store", ".IPFS-KIT/c/x", "b/.", "."];
    for it in bad {
        name(&room, it, b"evil").await;
    }
    let long = format!("c/{}", "y".repeat(256));
    name(&room, &long, b"evil").await;
    name(&room, "good", b"good").await;
    name(&room, "a/good", b"good").await;
    let told = room.sync("catalog:", "out/in").await;
    let refused = told.files.iter().filter(|it| *it.1 == ("failed", Some("invalid_input"))).count();
    assert_eq!((refused, told.sums.copied), (bad.len() + 1, 2), "{:?}", told.files);
    let there: Vec<String> = files(&room.path("out")).into_keys().collect();
    assert_eq!(there, ["in/a/good", "in/good"]);
    assert!(!room.path("escape").exists() && !room.path("up").exists() && !std::path::Path::new("/abs").exists());
    // Keys below a prefix may be called what a folder's root may not, and parts of them may be longer.
    let told = room.sync("catalog:", "m:p").await;
    assert_eq!((told.sums.copied, told.sums.failed), (5, 7), "{:?}", told.files);
    let told = room.sync("catalog:", "m:").await;
    assert_eq!((told.sums.copied, told.sums.failed), (3, 9), "{:?}", told.files);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_planted_link_is_written_through_followed_or_removed() {
    let store = memory("m");
    let room = room(&[("m", store.clone())]).await;
    room.folder("src", &[("link", b"new"), ("dir/x", b"new"), ("file/x", b"new"), ("ok", b"new")]);
    let outside = room.folder("outside", &[("x", b"secret"), ("target", b"secret")]);
    let out = room.folder("out", &[("file", b"old")]);
    symlink(outside.join("target"), out.join("link")).unwrap();
    symlink(&outside, out.join("dir")).unwrap();
    symlink(&outside, out.join("only-here")).unwrap();
    room.sync("src", "m:p").await;
    for from in ["src", "m:p"] {
        let mirror = |it: Transfer| Transfer { delete: Delete::Ours(MaxDelete::Careful), ..it };
        let told = room.with(from, "out", mirror).await.unwrap();
        assert_eq!(told.files["link"], ("failed", Some("already_exists")), "{from}: {:?}", told.files);
        assert_eq!(told.files["dir/x"], ("failed", Some("invalid_input")), "{from}");
        assert_eq!(told.files["file/x"], ("failed", Some("invalid_input")), "{from}");
        assert!(told.sums.braked.is_some(), "after failures nothing is deleted");
        assert_eq!(std::fs::read(out.join("ok")).unwrap(), b"new");
        std::fs::remove_file(out.join("ok")).unwrap();
    }
    let kept = files(&outside);
    assert_eq!((kept.len(), &kept["x"][..], &kept["target"][..]), (2, &b"secret"[..], &b"secret"[..]));
    assert!(out.join("only-here").is_symlink() && out.join("link").is_symlink());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_can_be_no_keys_are_refused_one_by_one() {
    let store = memory("m");
    let room = room(&[("m", store.clone())]).await;
    let src =
        room.folder("src", &[("good", b"1"), ("new\nline", b"2"), ("sub/esc\u{1b}[2J", b"3"), (".ipfs-kit/x", b"4")]);
    std::fs::write(src.join(std::ffi::OsStr::from_bytes(b"not-\xff-text")), "5").unwrap();
    symlink("good", src.join("link")).unwrap();
    let told = room.sync("src", "m:p").await;
    assert_eq!((told.sums.copied, told.sums.failed, told.sums.skipped), (1, 3, 1), "{:?}", told.files);
    assert!(told.files.keys().all(|path| !path.contains('\u{1b}') && !path.contains('\n')), "{:?}", told.files);
    assert_eq!(objects(&store).await.into_keys().collect::<Vec<_>>(), ["p/good"]);
    // A folder can have all of them, but for what is this program's own.
    let told = room.sync("src", "out").await;
    assert_eq!((told.sums.copied, told.sums.failed, told.sums.skipped), (4, 0, 1), "{:?}", told.files);
    assert!(room.path("out").join(std::ffi::OsStr::from_bytes(b"not-\xff-text")).exists());
    assert!(!room.path("out").join(".ipfs-kit").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_differ_in_case_alone_stay_two() {
    let store = memory("m");
    let room = room(&[("m", store.clone())]).await;
    for (path, bytes) in [("p/Readme", &b"big"[..]), ("p/README", b"shout"), ("p/readme", b"small")] {
        crate::bed::put(&store, path, bytes.to_vec()).await;
    }
    let told = room.sync("m:p", "out").await;
    let there = files(&room.path("out"));
    // Where the file system tells them apart all are there; elsewhere one is, and the others are refused and not written over it.
    assert_eq!(there.len() as u64, told.sums.copied);
    assert_eq!(told.sums.copied + told.sums.failed, 3, "{:?}", told.files);
    assert!(told.files.values().all(|it| it.0 == "copied" || it.1 == Some("already_exists")), "{:?}", told.files);
}
