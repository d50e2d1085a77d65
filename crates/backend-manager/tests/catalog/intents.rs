//! Intents: who may upload what where, and what that does to what was there.

use backend_core::{ErrorKind, Evidence, Removal, ResumeToken};
use backend_manager::catalog::backends::{self, NewBackend};
use backend_manager::catalog::process::Process;
use backend_manager::catalog::replicas::{
    self as r, Intended, Intent, License, Moved, ReplicaAt, ReplicaId, ReplicaState, Seen, Stored,
};
use backend_manager::catalog::transfers::{self, Checkpoint};

use crate::bed::{BYTES, Bed, NOW, bring, content, intent, new_backend, place, present, row, upload, won};

/// A process that has died: its lock is gone.
fn dead(bed: &Bed) -> Process {
    Process::start(bed.folder.path()).unwrap()
}

#[tokio::test]
async fn a_lease_is_taken_from_the_dead_and_from_nobody_else() {
    let bed = Bed::new();
    let (me, other) = (bed.me(), dead(&bed));
    bed.write(move |conn| {
        let replica = place(conn, 1, "a");
        let theirs = upload(conn, &replica, &other);
        let name = other.worker().clone();
        assert_eq!(r::intend(conn, &intent(&replica, &me)).unwrap(), Intended::Busy { worker: name.clone() });
        assert_eq!(r::claimable(conn, &me, None, 9).unwrap().rows, []);
        drop(other);
        assert_eq!(r::claimable(conn, &me, None, 9).unwrap().rows.len(), 1);
        let Intended::Upload { epoch, before, .. } = r::intend(conn, &intent(&replica, &me)).unwrap() else { panic!() };
        let before = before.unwrap();
        assert_eq!((before.state, before.worker), (ReplicaState::Uploading, Some(name)), "so look before sending");
        assert!(theirs.epoch < epoch);
        assert_eq!(r::stored(conn, &theirs, &Stored::new(Evidence::Acknowledged), NOW).unwrap(), Moved::Lost);
        Ok(())
    })
    .await;
    bed.sound().await;
}

#[tokio::test]
async fn what_an_intent_finds() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        let find = |n, state, seen| {
            let replica = place(conn, n, "a");
            bring(conn, &replica, &me, state);
            r::intend(conn, &Intent { seen, ..intent(&replica, &me) }).unwrap()
        };
        assert!(matches!(find(1, ReplicaState::Present, Seen::Nothing), Intended::Present(_)));
        assert_eq!(find(2, ReplicaState::Removing, Seen::Free), Intended::Removing);
        assert!(matches!(find(3, ReplicaState::Accepted, Seen::Free), Intended::Look(_)));
        assert!(matches!(find(4, ReplicaState::Suspect, Seen::Free), Intended::Look(_)));
        assert!(matches!(find(5, ReplicaState::Lingering, Seen::Nothing), Intended::Look(_)));
        assert!(matches!(find(6, ReplicaState::Lingering, Seen::Free), Intended::Upload { .. }));
        assert!(matches!(find(7, ReplicaState::Uploading, Seen::Nothing), Intended::Busy { .. }));
        let unknown = place(conn, 7, "a");
        let at = row(conn, &unknown).unwrap().at();
        let _ = won(&at, r::unknown(conn, &at, "connection lost", NOW));
        assert!(matches!(r::intend(conn, &intent(&unknown, &me)).unwrap(), Intended::Upload { before: Some(_), .. }));
        let long = ReplicaId { key: "x".repeat(1025), ..unknown };
        assert_eq!(r::intend(conn, &intent(&long, &me)).unwrap_err().kind(), ErrorKind::InvalidInput);
        Ok(())
    })
    .await;
    bed.sound().await;
}

#[tokio::test]
async fn the_same_bytes_may_have_two_keys_and_a_key_has_one_content() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        let keyed = |n, key: &str| ReplicaId { key: key.into(), ..place(conn, n, "a") };
        present(conn, &keyed(1, "photos/a"), &me);
        let second = present(conn, &keyed(1, "photos/b"), &me);
        assert_eq!(r::of(conn, content(conn, 1)).unwrap().len(), 2);
        let Intended::Upload { overwrites, epoch, .. } = r::intend(conn, &intent(&keyed(2, "photos/a"), &me)).unwrap()
        else {
            panic!()
        };
        assert_eq!(overwrites, [content(conn, 1)]);
        let old = row(conn, &keyed(1, "photos/a")).unwrap();
        assert_eq!((old.state, old.note.as_deref()), (ReplicaState::Missing, Some("overwritten")));
        assert_eq!(row(conn, &keyed(1, "photos/b")).unwrap().at(), second, "another key is another place");
        // Removing the old one by its key would remove the new one's object.
        assert_eq!(r::begin_remove(conn, &old.at(), &License::Person, NOW).unwrap(), Moved::Lost);
        let at = ReplicaAt { replica: keyed(2, "photos/a"), epoch };
        let at = won(&at, r::stored(conn, &at, &Stored::new(Evidence::Acknowledged), NOW));
        assert_ne!(r::forget(conn, &old.at()).unwrap(), Moved::Lost);
        let _ = won(&at, r::begin_remove(conn, &at, &License::Person, NOW));
        assert_eq!(r::intend(conn, &intent(&keyed(3, "photos/a"), &me)).unwrap(), Intended::Removing);
        Ok(())
    })
    .await;
    bed.sound().await;
}

#[tokio::test]
async fn a_key_that_somebody_alive_writes_is_left_to_them() {
    let bed = Bed::new();
    let (me, other) = (bed.me(), dead(&bed));
    bed.write(move |conn| {
        let keyed = |n| ReplicaId { key: "k".into(), ..place(conn, n, "a") };
        let theirs = upload(conn, &keyed(1), &other);
        let want = Intended::Busy { worker: other.worker().clone() };
        assert_eq!(r::intend(conn, &intent(&keyed(2), &me)).unwrap(), want);
        drop(other);
        upload(conn, &keyed(2), &me);
        assert_eq!(r::stored(conn, &theirs, &Stored::new(Evidence::Acknowledged), NOW).unwrap(), Moved::Lost);
        Ok(())
    })
    .await;
    bed.sound().await;
}

#[tokio::test]
async fn what_existed_before_us_is_not_ours() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        // (an unanswered upload of ours before, what the service says, ours)
        let cases = [
            (false, None, true),
            (false, Some(false), true),
            (false, Some(true), false),
            (true, Some(true), true),
            (true, Some(false), true),
        ];
        for (n, (before, existed, owned)) in (0..).zip(cases) {
            let replica = place(conn, n, "a");
            let mut at = upload(conn, &replica, &me);
            if before {
                at = won(&at, r::unknown(conn, &at, "", NOW));
                at = upload(conn, &at.replica, &me);
            }
            let at = won(&at, r::stored(conn, &at, &Stored { existed, ..Stored::new(Evidence::Acknowledged) }, NOW));
            assert_eq!(row(conn, &replica).unwrap().owned, owned, "{before} {existed:?}");
            let moved = r::begin_remove(conn, &at, &License::Unwanted, NOW).unwrap();
            assert_eq!(moved != Moved::Lost, owned);
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_attempt_without_effect_makes_nothing_ours() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        let replica = place(conn, 1, "a");
        let at = upload(conn, &replica, &me);
        let _ = won(&at, r::postpone(conn, &at, "503", NOW));
        let at = upload(conn, &replica, &me);
        let existed = Stored { existed: Some(true), ..Stored::new(Evidence::Acknowledged) };
        let _ = won(&at, r::stored(conn, &at, &existed, NOW));
        assert!(!row(conn, &replica).unwrap().owned);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_row_stays_while_its_token_is_left() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        let replica = place(conn, 1, "a");
        let at = upload(conn, &replica, &me);
        let token = ResumeToken::new("t").unwrap();
        let checkpoint = Checkpoint { token: &token, handle: None, sent: 0, source: "f" };
        let _ = won(&at, transfers::save(conn, &at, &checkpoint, NOW));
        assert_eq!(r::abandon(conn, &at, "", NOW).unwrap_err().kind(), ErrorKind::Precondition);
        // The schema itself would not have it either.
        assert!(conn.execute("DELETE FROM replicas", []).is_err());
        transfers::remove(conn, &replica)?;
        assert_ne!(r::abandon(conn, &at, "", NOW).unwrap(), Moved::Lost);
        Ok(())
    })
    .await;
    bed.sound().await;
}

#[tokio::test]
async fn a_late_writer_of_a_deleted_row_never_fits_its_successor() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        let replica = place(conn, 1, "a");
        let mut late = Vec::new();
        for _ in 0..5 {
            let at = upload(conn, &replica, &me);
            late.push(at.clone());
            let at = won(&at, r::stored(conn, &at, &Stored::new(Evidence::Acknowledged), NOW));
            let at = won(&at, r::begin_remove(conn, &at, &License::Person, NOW));
            let _ = won(&at, r::removed(conn, &at, Removal::Erased, NOW));
        }
        upload(conn, &replica, &me);
        for at in late {
            assert_eq!(r::stored(conn, &at, &Stored::new(Evidence::Acknowledged), NOW).unwrap(), Moved::Lost);
        }
        Ok(())
    })
    .await;
    bed.sound().await;
}

#[tokio::test]
async fn quota_is_reserved_and_given_back_only_when_the_bytes_are_gone() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        let limited = NewBackend { quota: Some(2 * BYTES), ..new_backend("a") };
        let number = backends::upsert(conn, &limited).unwrap();
        let used = || backends::get(conn, number).unwrap().unwrap();
        let at = |n| ReplicaId { content: content(conn, n), backend: number, key: String::new() };
        let first = present(conn, &at(1), &me);
        upload(conn, &at(2), &me);
        assert_eq!((used().used, used().objects), (2 * BYTES, 2));
        let full = Intended::QuotaExceeded { quota: 2 * BYTES, used: 2 * BYTES };
        assert_eq!(r::intend(conn, &intent(&at(3), &me)).unwrap(), full);
        assert_eq!(row(conn, &at(3)), None);
        let first = won(&first, r::begin_remove(conn, &first, &License::Person, NOW));
        let first = won(&first, r::removed(conn, &first, Removal::Hidden, NOW));
        assert_eq!(r::intend(conn, &intent(&at(3), &me)).unwrap(), full, "hidden is still billed");
        let _ = won(&first, r::removed(conn, &first, Removal::Absent, NOW));
        upload(conn, &at(3), &me);
        let huge = Intent { bytes: u64::MAX, ..intent(&at(4), &me) };
        assert_eq!(r::intend(conn, &huge).unwrap_err().kind(), ErrorKind::InvalidInput);
        Ok(())
    })
    .await;
    bed.sound().await;
}
