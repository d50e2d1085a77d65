//! Random walks: whatever arrows fly in whatever order, from whatever epoch, the invariants hold.

use std::time::Duration;

use backend_core::{Evidence, Removal, Result, ResumeToken};
use backend_manager::catalog::backends::{self, NewBackend};
use backend_manager::catalog::process::Process;
use backend_manager::catalog::replicas::{
    self as r, Accepted, Checked, Intent, License, Moved, ReplicaAt, ReplicaId, Seen, Spare, Stored,
};
use backend_manager::catalog::transfers::{self, Checkpoint};
use backend_manager::catalog::{BackendNumber, Timestamp, invariants};
use proptest::prelude::*;
use rusqlite::Connection;

use crate::bed::{Bed, NOW, content, new_backend, row};

/// One step: which content, which backend, which key, which arrow, how many bytes, from the newest epoch or an older one.
type Step = (u32, usize, usize, u8, u64, i64);

const KEYS: [&str; 3] = ["", "k", "l"];

fn fly(conn: &Connection, backends: &[BackendNumber], me: &Process, step: Step) -> Result<()> {
    let (n, backend, key, arrow, bytes, age) = step;
    let replica = ReplicaId { content: content(conn, n), backend: backends[backend], key: KEYS[key].into() };
    let seen = if age == 0 { Seen::Free } else { Seen::Nothing };
    let intent = Intent { replica: replica.clone(), bytes, process: me.clone(), seen, now: NOW };
    let epoch = row(conn, &replica).map_or(1, |it| it.epoch) - age;
    let at = &ReplicaAt { replica: replica.clone(), epoch };
    let spare = Spare { others: 1, verified_since: Timestamp::default(), outlive: NOW };
    let moved: Moved = match arrow {
        0 | 1 => return r::intend(conn, &intent).map(drop),
        2 => return r::plan(conn, &intent).map(drop),
        3 => r::stored(conn, at, &Stored::new(Evidence::Acknowledged), NOW)?,
        4 => r::accepted(conn, at, &Accepted { due_at: NOW, ..Accepted::default() }, NOW)?,
        5 => r::postpone(conn, at, "", NOW)?,
        6 => r::abandon(conn, at, "", NOW)?,
        7 => r::unknown(conn, at, "", NOW)?,
        8 => r::verified(conn, at, NOW)?,
        9 => r::suspect(conn, at, &[(bytes, bytes).into()], "", NOW)?,
        10 => r::missing(conn, at, "", NOW)?,
        11 => r::corrupt(conn, at, &[(bytes, 1).into()], NOW)?,
        12 => r::found(conn, at, "", NOW)?,
        13 => r::forget(conn, at)?,
        14 => r::begin_remove(conn, at, &License::Person, NOW)?,
        15 => r::begin_remove(conn, at, &License::Spare(spare), NOW)?,
        16 => r::removed(conn, at, Removal::Erased, NOW)?,
        17 => r::removed(conn, at, Removal::Scheduled(Duration::from_secs(1)), NOW)?,
        18 => r::checked(conn, at, &Checked { evidence: Evidence::Attested, until: None, proved_at: None }, NOW)?,
        19 => r::resume(conn, at, me, NOW)?,
        20 => {
            let token = ResumeToken::new("t")?;
            transfers::save(conn, at, &Checkpoint { token: &token, handle: Some("h"), sent: bytes, source: "f" }, NOW)?
        }
        _ => return transfers::remove(conn, &replica).map(drop),
    };
    assert!(age == 0 || moved == Moved::Lost, "an old epoch won: {step:?}");
    Ok(())
}

/// Whole bytes are there: whoever says so removes the token in the same transaction, as the manager does.
fn settle(conn: &Connection) {
    let whole = "DELETE FROM transfers WHERE EXISTS (SELECT 1 FROM replicas r WHERE r.content_id = transfers.content_id
        AND r.backend_id = transfers.backend_id AND r.key = transfers.key AND r.state = 2)";
    conn.execute(whole, []).unwrap();
}

fn walk(conn: &Connection, me: &Process, steps: &[Step]) {
    let quotas = [None, Some(500)];
    let backends: Vec<_> = ["a", "b"]
        .into_iter()
        .zip(quotas)
        .map(|(name, quota)| backends::upsert(conn, &NewBackend { quota, ..new_backend(name) }).unwrap())
        .collect();
    for step in steps {
        // What an arrow refuses with an error is taken back by `write`; so here, by a savepoint.
        conn.execute_batch("SAVEPOINT step").unwrap();
        if fly(conn, &backends, me, *step).is_err() {
            conn.execute_batch("ROLLBACK TO step").unwrap();
        }
        conn.execute_batch("RELEASE step").unwrap();
        settle(conn);
        assert_eq!(invariants::violations(conn).unwrap(), Vec::<String>::new(), "after {step:?}");
        let used = backends::get(conn, backends[1]).unwrap().unwrap();
        assert!(used.used <= 500, "after {step:?}");
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(
        (0..2u32, 0..2usize, 0..3usize, 0..22u8, 0..200u64, prop::sample::select(vec![0i64, 0, 0, 0, 1, 2])),
        1..60,
    )
}

#[test]
fn whatever_arrows_fly_the_invariants_hold() {
    let bed = Bed::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&steps(), |steps| {
        let me = bed.me();
        let shown = steps.clone();
        let work = move |conn: &Connection| -> Result<()> {
            walk(conn, &me, &shown);
            // Each walk begins with an empty catalog.
            Err(backend_core::Error::new(backend_core::ErrorKind::Precondition, "walked"))
        };
        let err = runtime.block_on(bed.catalog.write(work)).unwrap_err();
        prop_assert_eq!(err.message(), "walked", "{:?}", steps);
        Ok(())
    });
    result.unwrap();
}
