//! The tables without a life of their own: what is put in comes out, what makes no sense is refused.

use std::collections::BTreeMap;

use backend_core::{Digest, DigestKind, ErrorKind, Result, ResumeToken, Secret};
use backend_manager::catalog::backends::{self, NewBackend};
use backend_manager::catalog::contents::{self, ContentKind, NewContent};
use backend_manager::catalog::events::{self, Event, Verb};
use backend_manager::catalog::pins::{self, Pin};
use backend_manager::catalog::policies;
use backend_manager::catalog::replicas::Moved;
use backend_manager::catalog::traffic::{self, Month, Traffic};
use backend_manager::catalog::transfers::{self, Checkpoint};
use backend_manager::catalog::{ContentNumber, Number, Timestamp, aliases, blocks, links, memories, names};
use cid::Cid;

use crate::bed::{Bed, NOW, backend, cid, content, new_backend, place, row, upload};

fn refused<T: std::fmt::Debug>(result: Result<T>, kind: ErrorKind) {
    let err = result.unwrap_err();
    assert_eq!(err.kind(), kind, "{err:?}");
}

#[tokio::test]
async fn contents_have_one_size_and_one_name() {
    let bed = Bed::new();
    bed.write(|conn| {
        let v1 = Cid::new_v1(0x70, *cid(1).hash());
        let v0 = Cid::new_v0(*cid(1).hash()).unwrap();
        let new = |cid, size| NewContent { cid, size, kind: ContentKind::File, profile: 3 };
        let number = contents::upsert(conn, &new(v0, None), NOW).unwrap();
        assert_eq!(contents::find(conn, &v1).unwrap().unwrap().content, new(v1, None));
        assert_eq!(contents::upsert(conn, &new(v1, Some(9)), NOW).unwrap(), number);
        assert_eq!(contents::upsert(conn, &new(v1, None), NOW).unwrap(), number);
        assert_eq!(contents::get(conn, number).unwrap().unwrap().content.size, Some(9));
        refused(contents::upsert(conn, &new(v1, Some(8)), NOW), ErrorKind::Integrity);
        refused(contents::upsert(conn, &new(cid(2), Some(u64::MAX)), NOW), ErrorKind::InvalidInput);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn digests_lead_to_contents() {
    let bed = Bed::new();
    bed.write(|conn| {
        let digest = |kind, value: &[u8]| Digest { kind, value: value.to_vec().into() };
        let (one, two) = (content(conn, 1), content(conn, 2));
        aliases::put(conn, one, &digest(DigestKind::Md5, b"m"))?;
        aliases::put(conn, one, &digest(DigestKind::Md5, b"m"))?;
        aliases::put(conn, two, &digest(DigestKind::Md5, b"m"))?;
        aliases::put(conn, two, &digest(DigestKind::Sha256, b"s"))?;
        assert_eq!(aliases::find(conn, &digest(DigestKind::Md5, b"m")).unwrap(), [one, two]);
        assert_eq!(aliases::find(conn, &digest(DigestKind::Sha1, b"m")).unwrap(), []);
        assert_eq!(aliases::of(conn, two).unwrap(), [digest(DigestKind::Sha256, b"s"), digest(DigestKind::Md5, b"m")]);
        refused(aliases::put(conn, one, &digest(DigestKind::Md5, &[0; 65])), ErrorKind::InvalidInput);
        refused(aliases::put(conn, Number::new(99), &digest(DigestKind::Md5, b"m")), ErrorKind::Precondition);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_outboard_is_paged_in_order_and_bounded_in_bytes() {
    let bed = Bed::new();
    let (number, nodes) = bed
        .write(|conn| {
            let number = content(conn, 1);
            let nodes: Vec<(Cid, Vec<u8>)> =
                (0..10).map(|n| (cid(100 + n), vec![u8::try_from(n).unwrap(); 1 << 20])).collect();
            blocks::put(conn, number, 0, nodes[..4].iter().map(|(cid, data)| (cid, data.as_slice())))?;
            blocks::put(conn, number, 4, nodes[4..].iter().map(|(cid, data)| (cid, data.as_slice())))?;
            let page = blocks::page(conn, number, 3, 2000).unwrap();
            assert_eq!(page.iter().map(|it| it.seq).collect::<Vec<_>>(), [3, 4, 5, 6], "four mebibytes a page");
            assert_eq!(blocks::page(conn, number, 3, 2).unwrap().len(), 2);
            assert_eq!(blocks::page(conn, number, 10, 2).unwrap(), []);
            assert_eq!(blocks::find(conn, number, &cid(105)).unwrap().unwrap().seq, 5);
            assert_eq!(blocks::find(conn, content(conn, 2), &cid(105)).unwrap(), None);
            assert_eq!(blocks::holder(conn, &cid(105)).unwrap(), Some(number));
            let large = vec![0; blocks::NODE_MAX + 1];
            refused(blocks::put(conn, number, 10, [(&cid(1), large.as_slice())]), ErrorKind::InvalidInput);
            Ok((number, nodes))
        })
        .await;
    let dag = blocks::dag(&bed.catalog, number).await.unwrap();
    assert_eq!((dag.count(), dag.bytes()), (10, 10 << 20));
    let walked: Vec<_> = futures::TryStreamExt::try_collect(dag.walk()).await.unwrap();
    let expected: Vec<_> = nodes.into_iter().map(|(cid, data)| (cid, data.into())).collect();
    assert_eq!(walked, expected as Vec<backend_core::Node>);
    assert_eq!(dag.node(&cid(109)).await.unwrap()[0], 9);
    assert_eq!(dag.node(&cid(9)).await.unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(bed.write(move |conn| blocks::clear(conn, number)).await, 10);
}

#[tokio::test]
async fn links_go_both_ways() {
    let bed = Bed::new();
    bed.write(|conn| {
        let numbers: Vec<ContentNumber> = (0..4).map(|n| content(conn, n)).collect();
        for child in &numbers[1..] {
            links::put(conn, numbers[0], *child)?;
            links::put(conn, numbers[0], *child)?;
        }
        assert_eq!(links::children(conn, numbers[0], None, 2).unwrap(), numbers[1..3]);
        assert_eq!(links::children(conn, numbers[0], Some(numbers[2]), 2).unwrap(), numbers[3..]);
        assert_eq!(links::parents(conn, numbers[3], None, 9).unwrap(), numbers[..1]);
        assert!(links::has_parent(conn, numbers[1]).unwrap() && !links::has_parent(conn, numbers[0]).unwrap());
        refused(links::put(conn, numbers[0], Number::new(99)), ErrorKind::Precondition);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn names_remember_what_they_stood_for() {
    let bed = Bed::new();
    bed.write(|conn| {
        let labels = BTreeMap::from([("camera".to_owned(), "old".to_owned())]);
        let (one, two) = (content(conn, 1), content(conn, 2));
        assert_eq!(names::put(conn, "photos/a", one, &labels, NOW).unwrap(), 1);
        assert_eq!(names::put(conn, "photos/a", two, &BTreeMap::new(), NOW).unwrap(), 2);
        assert_eq!(names::put(conn, "photos/b", one, &labels, NOW).unwrap(), 1);
        assert_eq!(names::put(conn, "photoz", one, &labels, NOW).unwrap(), 1);
        assert_eq!(names::resolve(conn, "photos/a").unwrap().unwrap().content, two);
        assert_eq!(names::resolve(conn, "photos").unwrap(), None);
        let history = names::history(conn, "photos/a", None, 9).unwrap();
        assert_eq!(history.iter().map(|it| it.revision).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(history[1].labels, labels);
        assert_eq!(names::history(conn, "photos/a", Some(2), 9).unwrap(), history[1..]);
        let page = names::page(conn, "photos/", "", 9).unwrap();
        let page: Vec<_> = page.iter().map(|it| (it.name.as_str(), it.revision)).collect();
        assert_eq!(page, [("photos/a", 2), ("photos/b", 1)]);
        assert_eq!(names::page(conn, "photos/", "photos/a", 9).unwrap()[0].name, "photos/b");
        assert_eq!(names::of(conn, one, "", 9).unwrap().len(), 2, "what a name stood for before does not count");
        assert_eq!(names::remove(conn, "photos/a").unwrap(), 2);
        assert_eq!(names::resolve(conn, "photos/a").unwrap(), None);
        refused(names::put(conn, "", one, &labels, NOW), ErrorKind::InvalidInput);
        refused(names::put(conn, &"x".repeat(1025), one, &labels, NOW), ErrorKind::InvalidInput);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn policies_have_revisions_and_the_default_stays() {
    let bed = Bed::new();
    bed.write(|conn| {
        let default = policies::find(conn, policies::DEFAULT).unwrap().unwrap();
        assert_eq!((default.spec.as_str(), default.revision), (r#"{"replicas":1}"#, 1));
        assert_eq!(policies::put(conn, "safe", "{}").unwrap().revision, 1);
        assert_eq!(policies::put(conn, "safe", "{}").unwrap().revision, 1, "the same text is the same revision");
        let safe = policies::put(conn, "safe", r#"{"replicas":2}"#).unwrap();
        assert_eq!((safe.revision, policies::get(conn, safe.number).unwrap().as_ref()), (2, Some(&safe)));
        assert_eq!(policies::page(conn, "default", 9).unwrap(), std::slice::from_ref(&safe));
        let pin = Pin { content: content(conn, 1), owner: "me".into(), policy: safe.number, expires_at: None };
        pins::put(conn, &pin, NOW)?;
        refused(policies::remove(conn, "safe"), ErrorKind::Precondition);
        refused(policies::remove(conn, policies::DEFAULT), ErrorKind::Precondition);
        pins::remove(conn, pin.content, "me")?;
        assert!(policies::remove(conn, "safe").unwrap() && !policies::remove(conn, "safe").unwrap());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn pins_are_dirty_until_the_planner_has_seen_this_very_wish() {
    let bed = Bed::new();
    bed.write(|conn| {
        let policy = policies::find(conn, policies::DEFAULT).unwrap().unwrap().number;
        let pin = |n, expires_at| Pin { content: content(conn, n), owner: "me".into(), policy, expires_at };
        let only = |n| pins::of(conn, content(conn, n), "", 9).unwrap().remove(0);
        pins::put(conn, &pin(1, None), NOW)?;
        let seen = only(1);
        pins::put(conn, &pin(1, Some(NOW)), NOW)?;
        assert!(!pins::considered(conn, &seen).unwrap(), "the wish has changed since");
        assert!(pins::considered(conn, &only(1)).unwrap());
        pins::put(conn, &pin(1, Some(NOW)), NOW)?;
        assert_eq!(pins::dirty(conn, None, 9).unwrap(), [], "the same wish again is no news");
        assert_eq!(pins::expired(conn, NOW, 9).unwrap(), [only(1)]);
        assert!(!pins::wanted(conn, content(conn, 1), NOW).unwrap());
        assert!(pins::wanted(conn, content(conn, 1), Timestamp::from_millis(0)).unwrap());
        for n in 2..5 {
            pins::put(conn, &pin(n, None), NOW)?;
            assert!(pins::considered(conn, &only(n)).unwrap());
        }
        let next = pins::touch_policy(conn, policy, None, 3).unwrap();
        assert_eq!(pins::dirty(conn, None, 9).unwrap().len(), 3);
        assert_eq!(pins::touch_policy(conn, policy, next, 3).unwrap(), Some(content(conn, 4)));
        assert_eq!(pins::touch_policy(conn, policy, Some(content(conn, 4)), 3).unwrap(), None);
        assert_eq!(pins::dirty(conn, None, 9).unwrap().len(), 4);
        refused(pins::put(conn, &Pin { owner: String::new(), ..pin(1, None) }, NOW), ErrorKind::InvalidInput);
        refused(pins::put(conn, &Pin { policy: Number::new(99), ..pin(1, None) }, NOW), ErrorKind::Precondition);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_pin_holds_what_hangs_below_it() {
    let bed = Bed::new();
    bed.write(|conn| {
        let policy = policies::find(conn, policies::DEFAULT).unwrap().unwrap().number;
        let numbers: Vec<ContentNumber> = (0..5).map(|n| content(conn, n)).collect();
        for pair in numbers.windows(2) {
            links::put(conn, pair[0], pair[1])?;
        }
        // Hostile links may go in a circle.
        links::put(conn, numbers[4], numbers[0])?;
        assert!(!pins::wanted(conn, numbers[4], NOW).unwrap());
        pins::put(conn, &Pin { content: numbers[0], owner: "me".into(), policy, expires_at: None }, NOW)?;
        assert!(pins::wanted(conn, numbers[4], NOW).unwrap());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn one_store_is_one_backend() {
    let bed = Bed::new();
    bed.write(|conn| {
        let store = |name: &str, store: &str| NewBackend { store_id: Some(store.into()), ..new_backend(name) };
        let a = backends::upsert(conn, &store("a", "disk-1")).unwrap();
        let err = backends::upsert(conn, &store("b", "disk-1")).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::AlreadyExists);
        assert!(err.message().contains("backend a"), "{err}");
        refused(backends::upsert(conn, &store("a", "disk-2")), ErrorKind::Precondition);
        let changed = NewBackend { quota: Some(5), domain: "cellar".into(), ..new_backend("a") };
        assert_eq!(backends::upsert(conn, &changed).unwrap(), a);
        let row = backends::get(conn, a).unwrap().unwrap();
        assert_eq!((row.backend.store_id.as_deref(), row.backend.quota), (Some("disk-1"), Some(5)));
        assert_eq!(backends::page(conn, "", 9).unwrap(), [row]);
        refused(backends::upsert(conn, &new_backend("")), ErrorKind::InvalidInput);
        refused(backends::upsert(conn, &new_backend(&"x".repeat(256))), ErrorKind::InvalidInput);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_checkpoint_is_kept_by_who_holds_the_lease() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        let replica = place(conn, 1, "a");
        let at = upload(conn, &replica, &me);
        let token = ResumeToken::new("canary").unwrap();
        let save = |at, sent, handle| {
            transfers::save(conn, at, &Checkpoint { token: &token, handle, sent, source: "/tmp/f" }, NOW).unwrap()
        };
        assert_eq!(save(&at, 0, Some("promised")), Moved::Won(at.epoch));
        assert_eq!(save(&at, 7, None), Moved::Won(at.epoch));
        assert_eq!(row(conn, &replica).unwrap().handle.as_deref(), Some("promised"));
        let mut stale = at.clone();
        stale.epoch += 1;
        assert_eq!(save(&stale, 9, None), Moved::Lost);
        let transfer = transfers::find(conn, &replica).unwrap().unwrap();
        assert_eq!((transfer.sent, transfer.token.reveal().as_ref()), (7, b"canary".as_slice()));
        assert!(!format!("{transfer:?}").contains("canary"));
        assert!(transfers::uses_source(conn, "/tmp/f").unwrap() && !transfers::uses_source(conn, "/tmp/g").unwrap());
        assert_eq!(transfers::page(conn, None, 9).unwrap(), [transfer]);
        assert_eq!(transfers::page(conn, Some(&replica), 9).unwrap(), []);
        assert!(transfers::remove(conn, &replica).unwrap() && !transfers::remove(conn, &replica).unwrap());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_memory_is_replaced_by_who_has_read_it() {
    let bed = Bed::new();
    bed.write(|conn| {
        let a = backend(conn, "a");
        assert_eq!(memories::get(conn, a).unwrap(), None);
        assert!(!memories::put(conn, a, &Secret::new("one"), 1).unwrap());
        assert!(memories::put(conn, a, &Secret::new("one"), 0).unwrap());
        assert!(!memories::put(conn, a, &Secret::new("two"), 0).unwrap());
        assert!(memories::put(conn, a, &Secret::new("two"), 1).unwrap());
        assert_eq!(memories::get(conn, a).unwrap(), Some((Secret::new("two"), 2)));
        refused(memories::put(conn, a, &Secret::new("x".repeat(70_000)), 2), ErrorKind::InvalidInput);
        refused(memories::put(conn, Number::new(99), &Secret::new("x"), 0), ErrorKind::Precondition);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn traffic_adds_up_by_month() {
    let bed = Bed::new();
    bed.write(|conn| {
        let a = backend(conn, "a");
        let (november, december) = (Month::new(2026, 11).unwrap(), Month::new(2026, 12).unwrap());
        traffic::add(conn, a, november, Traffic { sent: 1, received: 2 })?;
        traffic::add(conn, a, november, Traffic { sent: 10, received: 20 })?;
        assert_eq!(traffic::get(conn, a, november).unwrap(), Traffic { sent: 11, received: 22 });
        assert_eq!(traffic::get(conn, a, december).unwrap(), Traffic::default());
        assert_eq!(Month::new(2026, 13), None);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn events_are_told_in_order_and_pruned_from_the_front() {
    let bed = Bed::new();
    bed.write(|conn| {
        let event = |n: i64| Event {
            at: Timestamp::from_millis(n),
            verb: if n % 2 == 0 { Verb::Added } else { Verb::Failed },
            cid: Some(cid(u32::try_from(n % 2).unwrap())),
            backend: Some("a".into()),
            body: "{}".into(),
        };
        let numbers: Vec<i64> = (0..6).map(|n| events::append(conn, &event(n)).unwrap()).collect();
        let page = events::page(conn, numbers[2], 2).unwrap();
        assert_eq!(page.iter().map(|it| it.number).collect::<Vec<_>>(), numbers[3..5]);
        assert_eq!(page[0].event, event(3));
        let of = events::of(conn, &cid(1), Some(numbers[5]), 9).unwrap();
        assert_eq!(of.iter().map(|it| it.number).collect::<Vec<_>>(), [numbers[3], numbers[1]]);
        assert_eq!(events::prune(conn, Timestamp::from_millis(99), 100).unwrap(), 5, "the newest stays");
        assert!(numbers[5] < events::append(conn, &event(6)).unwrap());
        let long = Event { body: "x".repeat(70_000), ..event(1) };
        refused(events::append(conn, &long), ErrorKind::InvalidInput);
        Ok(())
    })
    .await;
}
