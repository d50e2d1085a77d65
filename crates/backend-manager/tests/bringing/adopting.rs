//! What a store shows of itself is held against its hashes; what does not hold is told, and the rest is taken on.

use std::sync::Arc;

use backend_core::{Backend, Effect, ErrorKind, RetryAdvice};
use backend_manager::{AdoptUnder, Keepers, Mode, ReplicaState};
use backend_testkit::{Fault, Verb};
use futures::TryStreamExt;

use crate::bed::{faulty, keys, memory, noise, put, room};

const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_full_of_rubbish_gives_what_is_true() {
    let store = memory("key");
    let old = room(&[("s", store.clone())]).await;
    let cid = old.add("large", &noise(1, 2 * MIB + 9), &["s"]).await.cid;
    let broken = old.add("broken", &noise(2, 2 * MIB + 9), &["s"]).await.cid;
    old.add("small", b"small", &["s"]).await;
    assert!(old.manager.keep_state(Keepers::All).await.unwrap().is_empty());
    let text = broken.to_string();
    let sidecar = format!(".ipfs-kit/d/{}/{text}.car", &text[text.len() - 2..]);
    let other = cid.to_string();
    for rubbish in [
        ".ipfs-kit/c/zz/not-a-cid".to_owned(),
        format!(".ipfs-kit/c/zz/{other}"),
        format!(".ipfs-kit/c/{}/{other}.car", &other[other.len() - 2..]),
        ".ipfs-kit/d/aa/x.car".to_owned(),
        ".ipfs-kit/state/x/1.jsonl".to_owned(),
        format!(".ipfs-kit/state/{}/{:020}-{:020}.jsonl", "0".repeat(32), 9, 0),
    ] {
        put(&store, &rubbish, b"rubbish").await;
    }
    put(&store, &sidecar, b"no archive").await;
    let new = room(&[("s", store.clone())]).await;
    let adopted = new.adopt(&[]).await;
    let of = &adopted.stores[0];
    assert_eq!((of.copies, of.strange, of.troubles.count), (2, 4, 2), "{of:?}");
    // Two states: one of them is no state, but only one who looks into it knows.
    assert_eq!(adopted.error.as_ref().map(backend_core::Error::kind), Some(ErrorKind::InvalidInput), "{adopted:?}");
    let own =
        keys(&store, ".ipfs-kit/state/").await.into_iter().find(|it| it.len() > 80 && !it.contains(&"0".repeat(32)));
    let catalog = own.unwrap().split('/').nth(2).unwrap().to_owned();
    let opts = backend_manager::Adopt { backends: Vec::new(), catalog: Some(catalog), mode: Mode::Act };
    let state = new.manager.adopt(&opts).await.unwrap().state.unwrap();
    assert_eq!((state.names, state.troubles.count), (3, 0), "{state:?}");
    assert!(new.read("large").await.unwrap() == noise(1, 2 * MIB + 9));
    assert_eq!(new.read("small").await.unwrap(), b"small");
    assert!(new.read("broken").await.is_err(), "its name is back, and that it cannot be had is said");
    new.no_violations().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_claimed_and_wrong_is_found_by_the_first_look() {
    let store = memory("key");
    let old = room(&[("s", store.clone())]).await;
    let cid = old.add("x", &noise(3, 5000), &["s"]).await.cid.to_string();
    old.manager.keep_state(Keepers::All).await.unwrap();
    put(&store, &format!(".ipfs-kit/c/{}/{cid}", &cid[cid.len() - 2..]), &noise(4, 5000)).await;
    let new = room(&[("s", store)]).await;
    new.adopt(&[]).await;
    assert!(new.read("x").await.is_err());
    let verdicts: Vec<_> = new.manager.verify(None).try_collect().await.unwrap();
    assert_eq!(verdicts[0].state, ReplicaState::Corrupt, "{verdicts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_store_fails_and_the_other_gives_the_state() {
    let (one, two) = (memory("key"), memory("key"));
    let old = room(&[("a", one.clone()), ("b", two.clone())]).await;
    for n in 0..5_u64 {
        old.add(&format!("n{n}"), &noise(n, 100), &["a", "b"]).await;
        old.manager.keep_state(Keepers::All).await.unwrap();
    }
    let broken = faulty(one);
    let new = room(&[("a", broken.clone()), ("b", two)]).await;
    new.manager.backend("a").await.unwrap();
    broken.rule(Verb::List, Fault::Fail(ErrorKind::Denied, RetryAdvice::Never, Effect::None), None);
    let adopted = new.adopt(&[]).await;
    assert!(adopted.is_partial() && adopted.stores.iter().any(|it| it.error.is_some()), "{adopted:?}");
    assert_eq!(new.names().await.len(), 5);
    assert_eq!(new.read("n3").await.unwrap(), noise(3, 100));
    broken.heal();
    let again = new.adopt(&[]).await;
    assert!(!again.is_partial(), "{again:?}");
    assert_eq!(again.stores.iter().map(|it| it.copies).sum::<u64>(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down_fails_no_telling_and_hears_of_it_later() {
    let broken = faulty(memory("key"));
    let fine = memory("key");
    let old = room(&[("a", broken.clone()), ("b", fine.clone())]).await;
    old.add("first", b"first", &["a", "b"]).await;
    assert!(old.manager.keep_state(Keepers::All).await.unwrap().is_empty());
    old.add("second", b"second", &["b"]).await;
    broken.rule(Verb::Add, Fault::Fail(ErrorKind::Denied, RetryAdvice::Never, Effect::None), None);
    let untold = old.manager.keep_state(Keepers::All).await.unwrap();
    assert_eq!(untold.iter().map(|it| it.backend.as_str()).collect::<Vec<_>>(), ["a"], "{untold:?}");
    let store: Arc<dyn Backend> = broken.clone();
    let before = keys(&store, ".ipfs-kit/state/").await;
    broken.heal();
    // A breaker may still be open for a moment: what counts is that nothing is forgotten.
    let new = room(&[("a", store.clone())]).await;
    new.adopt(&["a"]).await;
    assert_eq!(new.names().await, ["first"]);
    assert_eq!(keys(&store, ".ipfs-kit/state/").await, before);
    let both = room(&[("a", store), ("b", fine)]).await;
    both.adopt(&[]).await;
    assert_eq!(both.names().await, ["first", "second"], "the newest that any store has");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_cids_gives_what_it_has_as_not_ours() {
    let store = memory("cid");
    let old = room(&[("node", store.clone())]).await;
    let cid = old.add("x", &noise(5, MIB + 5), &["node"]).await.cid;
    let new = room(&[("node", store)]).await;
    let adopted = new.adopt(&["node"]).await;
    assert!(0 < adopted.stores[0].copies && adopted.state.is_none(), "{adopted:?}");
    let text = cid.to_string();
    assert!(new.read(&text).await.unwrap() == noise(5, MIB + 5));
    new.manager.remove(&cid).await.unwrap();
    assert!(new.read(&text).await.is_ok(), "what existed before us is not removed");
}

fn under(prefix: &str) -> AdoptUnder {
    AdoptUnder { backend: "s".to_owned(), prefix: prefix.to_owned(), policy: None, mode: Mode::Act }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_fails_or_changes_under_our_hands_is_told() {
    let inner = memory("key");
    let store = faulty(inner.clone());
    let room = room(&[("s", store.clone())]).await;
    for n in 0..3_u64 {
        put(&inner, &format!("their/{n}"), &noise(n, 3000)).await;
    }
    put(&inner, "elsewhere", b"no").await;
    store.rule(Verb::Get, Fault::Cut(1000), Some(2));
    let first = room.manager.adopt_under(&under("their/")).await.unwrap();
    assert!(first.new < 3 && 0 < first.troubles.count, "{first:?}");
    store.heal();
    let second = room.manager.adopt_under(&under("their/")).await.unwrap();
    assert_eq!((second.new + first.new, second.troubles.count), (3, 0), "{second:?}");
    assert_eq!(room.names().await, ["their/0", "their/1", "their/2"]);
    let third = room.manager.adopt_under(&under("their/")).await.unwrap();
    assert_eq!((third.known, third.bytes), (3, 0), "nothing is read twice: {third:?}");
    // A name of the user's own is not taken from him.
    room.add("their/3", b"mine", &["s"]).await;
    put(&inner, "their/3", b"theirs").await;
    let fourth = room.manager.adopt_under(&under("their/")).await.unwrap();
    assert_eq!(fourth.troubles.count, 1, "{fourth:?}");
    assert_eq!(room.read("their/3").await.unwrap(), b"mine");
    // The inner nodes of a large one are ours, and go where ours are.
    put(&inner, "their/large", &noise(9, 2 * MIB)).await;
    room.manager.adopt_under(&under("their/large")).await.unwrap();
    assert_eq!(keys(&inner, ".ipfs-kit/d/").await.len(), 1);
    let verdicts: Vec<_> = room.manager.verify(None).try_collect().await.unwrap();
    assert!(verdicts.iter().all(|it| it.state == ReplicaState::Present), "{verdicts:?}");
    room.no_violations().await;
    let refused = room.manager.adopt_under(&AdoptUnder { policy: Some("none".to_owned()), ..under("their/") }).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound);
}
