//! Two catalogs on one file, as two processes have: nothing is lost, no quota is passed, no pin and removal both win.

use backend_manager::catalog::backends::{self, NewBackend};
use backend_manager::catalog::pins::{self, Pin};
use backend_manager::catalog::process::Process;
use backend_manager::catalog::replicas::{self as r, Intended, License, Moved, ReplicaId, Spare};
use backend_manager::catalog::{Catalog, Timestamp, meta, policies};
use futures::future::join_all;

use crate::bed::{BYTES, Bed, NOW, backend, content, intent, new_backend, place, present};

fn other(bed: &Bed) -> (Catalog, Process) {
    (Catalog::open(&bed.path()).unwrap(), Process::start(bed.folder.path()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_update_is_lost() {
    let bed = Bed::new();
    let (second, _) = other(&bed);
    let raise = |catalog: Catalog| async move {
        let work = |conn: &rusqlite::Connection| {
            let n: u32 = meta::get(conn, "n")?.map_or(0, |text| text.parse().unwrap());
            meta::set(conn, "n", &(n + 1).to_string())
        };
        catalog.write(work).await.unwrap();
    };
    let all = (0..200).map(|n| tokio::spawn(raise(if n % 2 == 0 { bed.catalog.clone() } else { second.clone() })));
    for done in join_all(all).await {
        done.unwrap();
    }
    assert_eq!(second.read(|conn| meta::get(conn, "n")).await.unwrap().as_deref(), Some("200"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_quota_is_passed() {
    let bed = Bed::new();
    let (second, other) = other(&bed);
    let backend =
        bed.write(|conn| backends::upsert(conn, &NewBackend { quota: Some(9 * BYTES + 50), ..new_backend("a") })).await;
    let upload = |catalog: Catalog, process: Process, n: u32| async move {
        let work = move |conn: &rusqlite::Connection| {
            let replica = ReplicaId { content: content(conn, n), backend, key: String::new() };
            r::intend(conn, &intent(&replica, &process))
        };
        catalog.write(work).await.unwrap()
    };
    let all = (0..40).map(|n| {
        let (catalog, process) = if n % 2 == 0 { (&bed.catalog, &bed.process) } else { (&second, &other) };
        tokio::spawn(upload(catalog.clone(), process.clone(), n))
    });
    let uploads = join_all(all).await.into_iter().filter(|it| matches!(it, Ok(Intended::Upload { .. }))).count();
    assert_eq!(uploads, 9);
    let row = bed.write(move |conn| backends::get(conn, backend)).await.unwrap();
    assert_eq!((row.used, row.objects), (9 * BYTES, 9));
    bed.sound().await;
}

/// An add that finds a copy (pins it, sees `present`) against a sweep that removes it: in every round at most one of them may be told that it won.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pin_and_a_removal_never_both_win() {
    let bed = Bed::new();
    let (second, _) = other(&bed);
    let (mut kept, mut gone) = (0, 0);
    for n in 0..60 {
        let me = bed.me();
        let at = bed.write(move |conn| Ok(present(conn, &place(conn, n, "a"), &me))).await;
        let (replica, me) = (at.replica.clone(), bed.me());
        let add = bed.catalog.write(move |conn| {
            let policy = policies::find(conn, policies::DEFAULT)?.unwrap().number;
            let pin = Pin { content: replica.content, owner: "me".into(), policy, expires_at: None };
            pins::put(conn, &pin, NOW)?;
            r::intend(conn, &intent(&replica, &me))
        });
        let sweep = second.write(move |conn| r::begin_remove(conn, &at, &License::Unwanted, NOW));
        // Who is polled first begins first; both orders must be seen.
        let (added, removed) = match n % 2 {
            0 => futures::join!(add, sweep),
            _ => {
                let (removed, added) = futures::join!(sweep, add);
                (added, removed)
            }
        };
        match (added.unwrap(), removed.unwrap()) {
            (Intended::Present(_), Moved::Lost) => kept += 1,
            (Intended::Removing, Moved::Won(_)) => gone += 1,
            both => panic!("round {n}: {both:?}"),
        }
    }
    assert_eq!(kept + gone, 60);
    bed.sound().await;
}

/// Two sweeps, two copies, each sweep sees the other's copy as the one that is left (design review, A8: in PostgreSQL none was left).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_removals_never_take_the_last_two_copies() {
    let bed = Bed::new();
    let (second, _) = other(&bed);
    for n in 0..40 {
        let me = bed.me();
        let (a, b) = bed
            .write(move |conn| Ok((present(conn, &place(conn, n, "a"), &me), present(conn, &place(conn, n, "b"), &me))))
            .await;
        let license = License::Spare(Spare { others: 1, verified_since: Timestamp::from_millis(0), outlive: NOW });
        let first = bed.catalog.write(move |conn| r::begin_remove(conn, &a, &license, NOW));
        let other = second.write(move |conn| r::begin_remove(conn, &b, &license, NOW));
        let (first, other) = futures::join!(first, other);
        let wins = [first.unwrap(), other.unwrap()].into_iter().filter(|it| *it != Moved::Lost).count();
        assert_eq!(wins, 1, "round {n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_uploaders_gets_the_lease() {
    let bed = Bed::new();
    let (second, other) = other(&bed);
    bed.write(|conn| Ok(backend(conn, "a"))).await;
    for n in 0..40 {
        let (me, them) = (bed.me(), other.clone());
        let mine = bed.catalog.write(move |conn| r::intend(conn, &intent(&place(conn, n, "a"), &me)));
        let theirs = second.write(move |conn| r::intend(conn, &intent(&place(conn, n, "a"), &them)));
        let (mine, theirs) = futures::join!(mine, theirs);
        let both = [mine.unwrap(), theirs.unwrap()];
        assert_eq!(both.iter().filter(|it| matches!(it, Intended::Upload { .. })).count(), 1, "{both:?}");
        assert_eq!(both.iter().filter(|it| matches!(it, Intended::Busy { .. })).count(), 1, "{both:?}");
    }
}
