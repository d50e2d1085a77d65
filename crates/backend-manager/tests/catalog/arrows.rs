//! Every state against every arrow: which win, what they leave, and that none wins from an old epoch.

use std::time::Duration;

use backend_core::{Evidence, Removal, Result};
use backend_manager::catalog::Timestamp;
use backend_manager::catalog::process::Process;
use backend_manager::catalog::replicas::{
    self as r, Accepted, Checked, Intended, License, Moved, Planned, ReplicaAt, ReplicaState as S, Sidecar, Stored,
};
use rusqlite::Connection;

use crate::bed::{BYTES, Bed, NOW, bring, intent, place, present, row, upload, won};

/// The state after an arrow that won; `Gone`: no row any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    In(S),
    Gone,
}
use After::{Gone, In};

type Arrow = fn(&Connection, &ReplicaAt, &Process) -> Result<Moved>;

const LATER: Timestamp = Timestamp::from_millis(1_900_000_000_000);

fn look() -> Accepted<'static> {
    Accepted { due_at: NOW, ..Accepted::default() }
}

fn checked() -> Checked {
    Checked { evidence: Evidence::Attested, until: None, proved_at: None }
}

/// An arrow's name, the arrow, and the states from which it wins with where it leads.
type Case = (&'static str, Arrow, &'static [(S, After)]);

const ARROWS: &[Case] = &[
    ("resume", |conn, at, me| r::resume(conn, at, me, NOW), &[(S::Accepted, In(S::Uploading))]),
    (
        "stored",
        |conn, at, _| r::stored(conn, at, &Stored::new(Evidence::Acknowledged), NOW),
        &[(S::Uploading, In(S::Present)), (S::Accepted, In(S::Present))],
    ),
    (
        "accepted",
        |conn, at, _| r::accepted(conn, at, &look(), NOW),
        &[(S::Uploading, In(S::Accepted)), (S::Accepted, In(S::Accepted))],
    ),
    ("postpone", |conn, at, _| r::postpone(conn, at, "later", NOW), &[(S::Uploading, In(S::Planned))]),
    ("abandon", |conn, at, _| r::abandon(conn, at, "no", NOW), &[(S::Uploading, Gone), (S::Planned, Gone)]),
    ("unknown", |conn, at, _| r::unknown(conn, at, "cut", NOW), &[(S::Uploading, In(S::Uploading))]),
    (
        "verified",
        |conn, at, _| r::verified(conn, at, NOW),
        &[(S::Present, In(S::Present)), (S::Suspect, In(S::Present))],
    ),
    (
        "checked",
        |conn, at, _| r::checked(conn, at, &checked(), NOW),
        &[(S::Present, In(S::Present)), (S::Suspect, In(S::Present))],
    ),
    ("suspect", |conn, at, _| r::suspect(conn, at, &[], "gone", NOW), &[(S::Present, In(S::Suspect))]),
    ("missing", |conn, at, _| r::missing(conn, at, "gone", NOW), &[(S::Suspect, In(S::Missing))]),
    (
        "corrupt",
        |conn, at, _| r::corrupt(conn, at, &[(1, 2).into()], NOW),
        &[(S::Suspect, In(S::Corrupt)), (S::Corrupt, In(S::Corrupt))],
    ),
    ("found", |conn, at, _| r::found(conn, at, "back", NOW), &[(S::Missing, In(S::Suspect))]),
    ("forget", |conn, at, _| r::forget(conn, at), &[(S::Missing, Gone)]),
    (
        "begin_remove by a person",
        |conn, at, _| r::begin_remove(conn, at, &License::Person, NOW),
        &[
            (S::Present, In(S::Removing)),
            (S::Suspect, In(S::Removing)),
            (S::Missing, In(S::Removing)),
            (S::Corrupt, In(S::Removing)),
            (S::Accepted, In(S::Removing)),
        ],
    ),
    (
        "begin_remove of the dead",
        |conn, at, _| r::begin_remove(conn, at, &License::Dead, NOW),
        &[(S::Missing, In(S::Removing)), (S::Accepted, In(S::Removing))],
    ),
    (
        "removed, absent",
        |conn, at, _| r::removed(conn, at, Removal::Absent, NOW),
        &[(S::Removing, Gone), (S::Lingering, Gone)],
    ),
    (
        "removed, erased",
        |conn, at, _| r::removed(conn, at, Removal::Erased, NOW),
        &[(S::Removing, Gone), (S::Lingering, Gone)],
    ),
    (
        "removed, hidden",
        |conn, at, _| r::removed(conn, at, Removal::Hidden, NOW),
        &[(S::Removing, In(S::Lingering)), (S::Lingering, In(S::Lingering))],
    ),
    (
        "removed, released",
        |conn, at, _| r::removed(conn, at, Removal::Released, NOW),
        &[(S::Removing, In(S::Lingering)), (S::Lingering, In(S::Lingering))],
    ),
    (
        "removed, scheduled",
        |conn, at, _| r::removed(conn, at, Removal::Scheduled(Duration::from_secs(9)), NOW),
        &[(S::Removing, In(S::Lingering)), (S::Lingering, In(S::Lingering))],
    ),
    ("plan", |conn, at, me| plan(conn, at, me), &[]),
    (
        "intend",
        |conn, at, me| intend(conn, at, me),
        &[(S::Planned, In(S::Uploading)), (S::Missing, In(S::Uploading)), (S::Corrupt, In(S::Uploading))],
    ),
];

fn plan(conn: &Connection, at: &ReplicaAt, me: &Process) -> Result<Moved> {
    Ok(match r::plan(conn, &intent(&at.replica, me))? {
        Planned::Planned(epoch) => Moved::Won(epoch),
        _ => Moved::Lost,
    })
}

/// An intent names no epoch: it reads the row itself.
fn intend(conn: &Connection, at: &ReplicaAt, me: &Process) -> Result<Moved> {
    Ok(match r::intend(conn, &intent(&at.replica, me))? {
        Intended::Upload { epoch, .. } => Moved::Won(epoch),
        _ => Moved::Lost,
    })
}

/// One arrow from one state. An arrow that loses must leave the row as it was, one that wins must raise the epoch.
fn check(conn: &Connection, me: &Process, state: S, n: u32, arrow: &Case) {
    let (name, fly, wins) = arrow;
    let replica = place(conn, n, "a");
    let at = bring(conn, &replica, me, state);
    let before = row(conn, &replica).unwrap();
    assert_eq!((before.state, before.epoch), (state, at.epoch));
    if !["plan", "intend"].contains(name) {
        let stale = ReplicaAt { epoch: at.epoch - 1, ..at.clone() };
        assert_eq!(fly(conn, &stale, me).unwrap(), Moved::Lost, "{name} from {state:?}, an old epoch");
    }
    let moved = fly(conn, &at, me).unwrap();
    let after = row(conn, &replica);
    match wins.iter().find(|(from, _)| *from == state) {
        None => assert_eq!((moved, after), (Moved::Lost, Some(before)), "{name} from {state:?}"),
        Some((_, Gone)) => assert!(moved != Moved::Lost && after.is_none(), "{name} from {state:?}"),
        Some((_, In(to))) => {
            let after = after.unwrap();
            assert_eq!((moved, after.state), (Moved::Won(at.epoch + 1), *to), "{name} from {state:?}");
            assert_eq!(after.worker.is_some(), *to == S::Uploading && *name != "unknown", "{name} from {state:?}");
            assert_eq!(after.epoch, at.epoch + 1);
        }
    }
}

#[tokio::test]
async fn every_arrow_from_every_state() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        let mut n = 0;
        for state in S::ALL {
            for arrow in ARROWS {
                n += 1;
                check(conn, &me, state, n, arrow);
            }
        }
        Ok(())
    })
    .await;
    bed.sound().await;
}

#[tokio::test]
async fn what_the_arrows_leave_in_the_row() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        let replica = place(conn, 1, "a");
        let at = upload(conn, &replica, &me);
        let stored = Stored {
            handle: Some("h"),
            version: Some("v"),
            etag: Some("e"),
            until: Some(LATER),
            ..Stored::new(Evidence::Attested)
        };
        let at = won(&at, r::stored(conn, &at, &stored, NOW));
        let it = row(conn, &replica).unwrap();
        assert_eq!((it.evidence, it.until, it.checked_at, it.owned), (Evidence::Attested, Some(LATER), NOW, true));
        assert_eq!(
            (it.handle.as_deref(), it.version.as_deref(), it.etag.as_deref()),
            (Some("h"), Some("v"), Some("e"))
        );
        assert!(it.counts(NOW) && !it.counts(LATER));
        let at = won(&at, r::verified(conn, &at, LATER));
        assert_eq!(row(conn, &replica).unwrap().proved_at, Some(LATER));
        let at = won(&at, r::checked(conn, &at, &checked(), LATER));
        assert_eq!(row(conn, &replica).unwrap().evidence, Evidence::Verified, "a lesser look takes nothing back");
        let bad = [(10, 5).into(), (0, 4).into(), (12, 8).into()];
        let at = won(&at, r::suspect(conn, &at, &bad, "two chunks", NOW));
        let it = row(conn, &replica).unwrap();
        assert_eq!((it.bad_chunks.as_slice(), it.strikes), ([(0, 4).into(), (10, 10).into()].as_slice(), 1));
        assert!(!it.counts(NOW) && it.state.is_readable());
        assert_eq!(r::checked(conn, &at, &checked(), NOW).unwrap(), Moved::Lost, "bad chunks want a reading");
        let at = won(&at, r::sidecar(conn, &at, Sidecar::Present, Some("s"), NOW));
        let at = won(&at, r::verified(conn, &at, NOW));
        let it = row(conn, &replica).unwrap();
        assert_eq!((it.bad_chunks.len(), it.strikes, it.sidecar), (0, 0, Sidecar::Present));
        let _ = won(&at, r::suspect(conn, &at, &[], &"ü".repeat(5000), NOW));
        assert_eq!(row(conn, &replica).unwrap().note.unwrap().len(), 4096);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn hostile_lists_of_bad_chunks_stay_small_and_hide_nothing() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        let replica = place(conn, 1, "a");
        let at = present(conn, &replica, &me);
        let bad: Vec<_> = (0..10_000u64).map(|n| (n * 10, 1).into()).chain([(u64::MAX, u64::MAX).into()]).collect();
        let _ = won(&at, r::suspect(conn, &at, &bad, "", NOW));
        let kept = row(conn, &replica).unwrap().bad_chunks;
        assert_eq!(kept.len(), 4096);
        assert!(kept.last().unwrap().offset + kept.last().unwrap().len == u64::MAX);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_upload_without_effect_leaves_what_was_there() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        type Back = fn(&Connection, &ReplicaAt, &str, Timestamp) -> Result<Moved>;
        let backs: [Back; 2] = [r::abandon, r::postpone];
        let mut n = 0;
        for back in backs {
            for state in [S::Missing, S::Corrupt, S::Lingering] {
                n += 1;
                let replica = place(conn, n, "a");
                bring(conn, &replica, &me, state);
                let free = r::Intent { seen: r::Seen::Free, ..intent(&replica, &me) };
                let Intended::Upload { epoch, before, .. } = r::intend(conn, &free).unwrap() else {
                    panic!("{state:?}")
                };
                assert_eq!(before.unwrap().state, state);
                let at = ReplicaAt { replica: replica.clone(), epoch };
                let hidden = if state == S::Lingering { BYTES } else { 0 };
                assert_eq!(row(conn, &replica).unwrap().reserved, BYTES + hidden, "{state:?}");
                let _ = won(&at, back(conn, &at, "no", NOW));
                let it = row(conn, &replica).unwrap();
                assert_eq!((it.state, it.reserved), (state, BYTES));
                assert_eq!(it.bad_chunks.is_empty(), state != S::Corrupt);
            }
        }
        Ok(())
    })
    .await;
    bed.sound().await;
}
