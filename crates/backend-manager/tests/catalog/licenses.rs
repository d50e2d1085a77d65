//! Removal: a copy goes only while enough others are proved, or while nobody wants it (design review, A8).

use backend_core::{ErrorKind, Evidence};
use backend_manager::catalog::backends::{self, BackendState, NewBackend};
use backend_manager::catalog::pins::{self, Pin};
use backend_manager::catalog::replicas::{self as r, License, Moved, Spare, Stored};
use backend_manager::catalog::{ContentNumber, Timestamp, links, meta, policies};
use rusqlite::Connection;

use crate::bed::{Bed, NOW, content, new_backend, place, present, upload, won};

const BEFORE: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const LATER: Timestamp = Timestamp::from_millis(1_900_000_000_000);

fn pin(conn: &Connection, content: ContentNumber, expires_at: Option<Timestamp>) {
    let policy = policies::find(conn, policies::DEFAULT).unwrap().unwrap().number;
    pins::put(conn, &Pin { content, owner: "me".into(), policy, expires_at }, NOW).unwrap();
}

fn consider(conn: &Connection, content: ContentNumber) {
    for row in pins::of(conn, content, "", 9).unwrap() {
        assert!(pins::considered(conn, &row).unwrap());
    }
}

fn spare(others: u32) -> License {
    License::Spare(Spare { others, verified_since: BEFORE, outlive: NOW })
}

/// What the other copies are like, and whether the one on `a` may go. `n` keeps the cases apart.
async fn check(what: &str, others: u32, may: bool, world: impl FnOnce(&Connection, &Bed, u32) + Send + 'static) {
    let bed = Bed::new();
    let me = bed.me();
    let inner = Bed { folder: tempfile::tempdir().unwrap(), catalog: bed.catalog.clone(), process: me.clone() };
    let moved = bed
        .write(move |conn| {
            let at = present(conn, &place(conn, 1, "a"), &me);
            world(conn, &inner, 1);
            r::begin_remove(conn, &at, &spare(others), NOW)
        })
        .await;
    assert_eq!(moved != Moved::Lost, may, "{what}");
}

#[tokio::test]
async fn others_must_be_proved_lasting_and_elsewhere() {
    let copy = |conn: &Connection, bed: &Bed, n: u32, on: &NewBackend| {
        backends::upsert(conn, on).unwrap();
        let backend = backends::find(conn, &on.name).unwrap().unwrap().number;
        present(conn, &r::ReplicaId { content: content(conn, n), backend, key: String::new() }, &bed.process)
    };
    check("no other copy", 1, false, |_, _, _| {}).await;
    check("none asked for is one", 0, false, |_, _, _| {}).await;
    check("one other", 1, true, move |conn, bed, n| drop(copy(conn, bed, n, &new_backend("b")))).await;
    check("one of two", 2, false, move |conn, bed, n| drop(copy(conn, bed, n, &new_backend("b")))).await;
    check("two in one domain", 2, false, move |conn, bed, n| {
        copy(conn, bed, n, &NewBackend { domain: "x".into(), ..new_backend("b") });
        copy(conn, bed, n, &NewBackend { domain: "x".into(), ..new_backend("c") });
    })
    .await;
    check("two in two domains", 2, true, move |conn, bed, n| {
        copy(conn, bed, n, &new_backend("b"));
        copy(conn, bed, n, &new_backend("c"));
    })
    .await;
    check("on a backend that is switched off", 1, false, move |conn, bed, n| {
        copy(conn, bed, n, &new_backend("b"));
        backends::upsert(conn, &NewBackend { state: BackendState::Disabled, ..new_backend("b") }).unwrap();
    })
    .await;
    check("suspect", 1, false, move |conn, bed, n| {
        let at = copy(conn, bed, n, &new_backend("b"));
        let _ = won(&at, r::suspect(conn, &at, &[], "", NOW));
    })
    .await;
    check("acknowledged, never read back", 1, false, |conn, bed, n| {
        let at = upload(conn, &place(conn, n, "b"), &bed.process);
        let _ = won(&at, r::stored(conn, &at, &Stored::new(Evidence::Acknowledged), NOW));
    })
    .await;
    let cases = [
        (Evidence::Verified, NOW, None, true),
        (Evidence::Attested, NOW, None, false),
        (Evidence::Verified, Timestamp::from_millis(0), None, false),
        (Evidence::Verified, NOW, Some(NOW), false),
        (Evidence::Verified, NOW, Some(LATER), true),
    ];
    for (evidence, proved, until, may) in cases {
        check("known so well, proved then, kept until", 1, may, move |conn, bed, n| {
            let at = upload(conn, &place(conn, n, "b"), &bed.process);
            let stored = Stored { until, proved_at: Some(proved), ..Stored::new(evidence) };
            let _ = won(&at, r::stored(conn, &at, &stored, NOW));
        })
        .await;
    }
}

#[tokio::test]
async fn a_pin_that_the_planner_has_not_seen_stops_a_removal() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        let (one, above) = (content(conn, 1), content(conn, 2));
        let at = present(conn, &place(conn, 1, "a"), &me);
        present(conn, &place(conn, 1, "b"), &me);
        links::put(conn, above, one)?;
        pin(conn, above, None);
        assert_eq!(r::begin_remove(conn, &at, &spare(1), NOW).unwrap(), Moved::Lost, "pinned from above");
        consider(conn, above);
        pin(conn, one, None);
        assert_eq!(r::begin_remove(conn, &at, &spare(1), NOW).unwrap(), Moved::Lost, "pinned");
        consider(conn, one);
        let _ = won(&at, r::begin_remove(conn, &at, &spare(1), NOW));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_nobody_wants_may_go() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        let (one, above) = (content(conn, 1), content(conn, 2));
        let at = present(conn, &place(conn, 1, "a"), &me);
        links::put(conn, above, one)?;
        let remove = |now| r::begin_remove(conn, &at, &License::Unwanted, now).unwrap();
        pin(conn, one, Some(LATER));
        pin(conn, above, Some(LATER));
        assert_eq!(remove(NOW), Moved::Lost, "wanted twice");
        pins::remove(conn, one, "me")?;
        assert_eq!(remove(NOW), Moved::Lost, "wanted from above");
        assert_ne!(remove(LATER), Moved::Lost, "the pin has expired");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_unarmed_catalog_removes_nothing_by_itself() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        let at = present(conn, &place(conn, 1, "a"), &me);
        meta::disarm(conn)?;
        for license in [License::Unwanted, License::Dead, spare(1)] {
            let err = r::begin_remove(conn, &at, &license, NOW).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Disabled);
        }
        let _ = won(&at, r::begin_remove(conn, &at, &License::Person, NOW));
        Ok(())
    })
    .await;
}
