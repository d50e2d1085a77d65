//! What stores are told of the desired state: everything once, each change a few times, and nothing that nobody needs any more.

use std::collections::BTreeMap;

use backend_core::Evidence;
use backend_manager::catalog::replicas::{self, Found, ReplicaId, ReplicaState, Sidecar};
use backend_manager::catalog::state::{self, Due, Segment};
use backend_manager::catalog::{BackendNumber, changes, meta, names, pins, policies};
use rusqlite::Connection;

use crate::bed::{Bed, NOW, backend, content};

const STORE: BackendNumber = BackendNumber::new(1);

/// What a store is told now, as if it were told.
fn tell(conn: &Connection) -> Option<Due> {
    let due = state::due(conn, STORE).unwrap()?;
    let weight = if due.segment.from == 0 { due.segment.to } else { due.segment.weight };
    let told = Due { segment: Segment { weight, ..due.segment }, ..due };
    state::enter(conn, STORE, &told).unwrap();
    Some(told)
}

/// That nothing between the first change and the last is missing.
fn covers(conn: &Connection, last: i64) {
    let mut covered = 0;
    for it in state::book(conn, STORE).unwrap() {
        assert!(it.from <= covered, "a gap before {it:?}");
        covered = covered.max(it.to);
    }
    assert_eq!(covered, last);
}

#[tokio::test]
async fn a_thousand_changes_one_by_one_are_few_segments_and_few_lines() {
    let bed = Bed::new();
    bed.write(|conn| {
        let one = content(conn, 1);
        let (mut lines, mut most) = (0, 0);
        for n in 1..=1000 {
            names::put(conn, &format!("n{n}"), one, &BTreeMap::new(), NOW)?;
            let told = tell(conn).unwrap();
            lines += told.segment.weight;
            most = most.max(state::book(conn, STORE)?.len());
            covers(conn, n);
            assert_eq!(state::due(conn, STORE)?, None, "told is told");
        }
        assert!(most <= 12, "{most} segments");
        assert!(lines <= 1000 * 12, "{lines} lines for 1000 changes");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn who_has_missed_too_much_is_told_everything() {
    let bed = Bed::new();
    bed.write(|conn| {
        let one = content(conn, 1);
        let name = |n: i64| names::put(conn, &format!("n{n}"), one, &BTreeMap::new(), NOW).map(drop);
        (0..10).try_for_each(name)?;
        assert_eq!(tell(conn).unwrap().segment.from, 0, "who was never told anything");
        (10..12).try_for_each(name)?;
        assert_eq!(tell(conn).unwrap().segment.from, 10);
        (12..20).try_for_each(name)?;
        assert_eq!(changes::prune(conn, 15, 100)?, 15);
        let told = tell(conn).unwrap();
        assert_eq!((told.segment.from, told.segment.to, told.absorbed.len()), (0, 20, 2));
        state::prune(conn)?;
        assert_eq!(changes::span(conn)?, Some((20, 20)), "the newest stays, so that numbers never start again");
        name(20)?;
        assert_eq!(tell(conn).unwrap().segment.from, 20);
        assert!(changes::raise(conn, 99)? && !changes::raise(conn, 50)?);
        state::catch_up(conn, 200)?;
        assert_eq!(tell(conn).unwrap().segment, Segment { to: 200, from: 0, weight: 200 });
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn only_what_is_wished_and_was_changed_is_noted() {
    let bed = Bed::new();
    bed.write(|conn| {
        let (one, store) = (content(conn, 1), backend(conn, "a"));
        let noted = || changes::page(conn, 0, 100).unwrap().len();
        let policy = policies::find(conn, policies::DEFAULT)?.unwrap().number;
        let pin = |owner: &str| pins::Pin { content: one, owner: owner.to_owned(), policy, expires_at: None };
        pins::put(conn, &pin("adding:x"), NOW)?;
        pins::remove(conn, one, "adding:x")?;
        assert!(!pins::remove(conn, one, "nobody")? && noted() == 0);
        pins::put(conn, &pin("me"), NOW)?;
        pins::put(conn, &pin("me"), NOW)?;
        assert_eq!(noted(), 1, "the same wish again is no change");
        policies::put(conn, "p", "{}")?;
        policies::put(conn, "p", "{}")?;
        names::put(conn, "x", one, &BTreeMap::new(), NOW)?;
        names::remove(conn, "x")?;
        names::remove(conn, "x")?;
        assert_eq!(noted(), 4);
        assert!(meta::armed(conn)?);
        for (key, owned, counted) in [("", false, 4), ("theirs", false, 5), ("ours", true, 6)] {
            let replica = ReplicaId { content: one, backend: store, key: key.to_owned() };
            let found = Found {
                replica: replica.clone(),
                bytes: 10,
                evidence: Evidence::Claimed,
                owned,
                sidecar: Sidecar::None,
                handle: None,
                etag: None,
            };
            assert!(replicas::adopt(conn, &found, NOW)? && !replicas::adopt(conn, &found, NOW)?);
            assert_eq!((noted(), meta::armed(conn)?), (counted, !owned), "{key}");
            assert_eq!(replicas::find(conn, &replica)?.unwrap().state, ReplicaState::Present);
        }
        Ok(())
    })
    .await;
    bed.sound().await;
}
