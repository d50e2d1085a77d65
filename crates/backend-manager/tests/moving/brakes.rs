//! What keeps a mirror from deleting what it should not.

use std::sync::Arc;

use backend_core::{Backend, ErrorKind, Key, Locator, RemoveOptions};
use backend_manager::transfer::{Delete, MaxDelete, Transfer};
use backend_manager::{AddRequest, Input, Mode, Place};
use backend_testkit::{Fault, Faulty, TestClock, Verb};

use crate::bed::{files, memory, objects, put, room};

fn mirror(max: MaxDelete) -> impl Fn(Transfer) -> Transfer {
    move |it| Transfer { delete: Delete::Ours(max), ..it }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_at_the_target_alone_goes_and_only_when_told() {
    let store = memory("m");
    let room = room(&[("m", store.clone())]).await;
    let src = room.folder("src", &[("a", b"1"), ("sub/b", b"2"), ("sub/c", b"1"), ("d", b"4")]);
    put(&store, "elsewhere", "x").await;
    put(&store, "p-not/x", "x").await;
    let to_m = |it: Transfer| Transfer { to_backends: vec!["m".into()], ..it };
    room.sync("src", "m:p").await;
    room.sync("src", "out").await;
    room.with("src", "catalog:n", to_m).await.unwrap();
    std::fs::remove_dir_all(src.join("sub")).unwrap();
    for to in ["m:p", "out", "catalog:n"] {
        let copied = room.sync("src", to).await;
        assert_eq!((copied.sums.deleted, copied.sums.kept), (0, 2), "{to}");
        let rehearse = |it| Transfer { mode: Mode::Rehearse, ..mirror(MaxDelete::Careful)(it) };
        let rehearsed = room.with("src", to, rehearse).await.unwrap();
        assert_eq!(rehearsed.files["sub/b"].0, "would_delete", "{to}: {:?}", rehearsed.files);
        let told = room.with("src", to, mirror(MaxDelete::Careful)).await.unwrap();
        assert_eq!((told.sums.deleted, told.sums.kept, told.sums.braked), (2, 0, None), "{to}: {:?}", told.files);
        let again = room.with("src", to, mirror(MaxDelete::Careful)).await.unwrap();
        assert_eq!((again.sums.deleted, again.sums.unchanged), (0, 2), "{to}");
    }
    let left: Vec<String> = objects(&store).await.into_keys().collect();
    assert_eq!(left, ["elsewhere", "p-not/x", "p/a", "p/d"]);
    assert_eq!(files(&room.path("out")), files(&src));
    assert!(!room.path("out/sub").exists());
    assert!(room.manager.named("n/sub/b").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_would_delete_too_much_deletes_nothing() {
    let room = room(&[("m", memory("m"))]).await;
    let many: Vec<(String, Vec<u8>)> = (0..150).map(|n| (format!("{n}"), vec![n as u8])).collect();
    let borrowed: Vec<(&str, &[u8])> = many.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let src = room.folder("src", &borrowed);
    room.sync("src", "m:p").await;
    room.sync("src", "out").await;
    (0..101).for_each(|n| std::fs::remove_file(src.join(n.to_string())).unwrap());
    for to in ["m:p", "out"] {
        for (max, goes) in [
            (MaxDelete::Careful, 0),
            (MaxDelete::Files(100), 0),
            (MaxDelete::Percent(67), 0),
            (MaxDelete::Files(101), 101),
        ] {
            let told = room.with("src", to, mirror(max)).await.unwrap();
            assert_eq!((told.sums.deleted, told.sums.braked.is_some()), (goes, goes == 0), "{to} {max:?}");
        }
    }
    assert_eq!(files(&room.path("out")), files(&src));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_empty_unknown_or_broken_off_deletes_nothing() {
    let source = Arc::new(Faulty::new(memory("s"), TestClock::new()));
    let shared: Arc<dyn Backend> = source.clone();
    let room = room(&[("s", shared.clone())]).await;
    room.folder("first", &[("a", b"1"), ("b", b"2"), ("c", b"3")]);
    room.sync("first", "s:p").await;
    room.sync("s:p", "out").await;
    room.folder("empty", &[]);
    let all = mirror(MaxDelete::Percent(100));
    let told = room.with("empty", "out", &all).await.unwrap();
    assert!(told.sums.braked.is_some_and(|it| it.contains("lists nothing")));
    let told = room.with("s:nothing", "out", &all).await.unwrap();
    assert!(told.sums.braked.is_some_and(|it| it.contains("lists nothing")));
    // A listing that breaks off is no listing; one that is cut is contradicted by a look at the source.
    source.rule(Verb::List, Fault::Break(1, ErrorKind::InvalidInput), Some(1));
    assert_eq!(room.with("s:p", "out", &all).await.err().unwrap().kind(), ErrorKind::InvalidInput);
    source.heal();
    source.rule(Verb::List, Fault::Cut(1), Some(1));
    let told = room.with("s:p", "out", &all).await.unwrap();
    assert_eq!((told.sums.deleted, told.sums.failed), (0, 2), "{:?}", told.files);
    source.heal();
    // Another store under the same name: its marker is not the one that the catalog knows.
    let marker = Locator::new(Key::parse(".ipfs-kit/store").unwrap());
    shared.remove(&marker, &RemoveOptions::default()).await.unwrap();
    shared.remove(&Locator::new(Key::new("p/b").unwrap()), &RemoveOptions::default()).await.unwrap();
    let told = room.with("s:p", "out", &all).await.unwrap();
    assert!(told.sums.braked.is_some_and(|it| it.contains("not recognised")), "{:?}", told.files);
    assert_eq!(files(&room.path("out")).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_have_put_there_and_what_is_wanted_otherwise_stays() {
    let store = memory("m");
    let room = room(&[("m", store.clone())]).await;
    room.folder("src", &[("a", b"1")]);
    let wanted = room.folder("more", &[("report", b"the only copy")]).join("report");
    put(&store, "p/foreign", "not ours").await;
    let place = Place::Key(Key::new("p/wanted").unwrap());
    let request = AddRequest { to: vec!["m".into()], place, ..AddRequest::default() };
    room.manager.add(Input::Path(wanted), &request).await.unwrap();
    let told = room.with("src", "m:p", mirror(MaxDelete::Careful)).await.unwrap();
    assert_eq!((told.sums.deleted, told.sums.kept), (0, 2), "{:?}", told.files);
    assert_eq!(told.files["foreign"], ("kept", Some("precondition")));
    assert_eq!(told.files["wanted"], ("kept", Some("precondition")));
    let all = |it| Transfer { delete: Delete::Everything(MaxDelete::Careful), ..it };
    let told = room.with("src", "m:p", all).await.unwrap();
    assert_eq!((told.files["foreign"].0, told.files["wanted"].0), ("deleted", "kept"));
    assert_eq!(objects(&store).await.into_keys().collect::<Vec<_>>(), ["p/a", "p/wanted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_replaced_is_wanted_there_no_more() {
    let store = memory("m");
    let room = room(&[("m", store.clone())]).await;
    let src = room.folder("src", &[("a", b"first"), ("twin", b"first")]);
    room.sync("src", "m:p").await;
    let first = ipld::address::sha256(ipld::address::RAW, b"first");
    assert_eq!(room.manager.stat(&first).await.unwrap().pins, ["sync:m"]);
    std::fs::write(src.join("a"), "second").unwrap();
    room.sync("src", "m:p").await;
    let known = room.manager.stat(&first).await.unwrap();
    assert_eq!((known.pins, known.replicas.len()), (vec!["sync:m".to_owned()], 1), "its twin is there");
    std::fs::write(src.join("twin"), "third").unwrap();
    room.sync("src", "m:p").await;
    let known = room.manager.stat(&first).await.unwrap();
    assert!(known.pins.is_empty() && known.replicas.is_empty(), "{known:?}");
    let bad = room.manager.catalog().read(backend_manager::catalog::invariants::violations).await.unwrap();
    assert!(bad.is_empty(), "{bad:?}");
}
