//! How long it takes to find the copies of content in a catalog of a million contents and two million replicas, and to write an intent.
//!
//! The set-up fills a catalog in a temporary folder, in large transactions. What is measured runs through [`Catalog::read`] and [`Catalog::write`] as the
//! manager does it: a hop to a blocking thread, a snapshot, two statements.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use backend_core::Result;
use backend_manager::catalog::backends::{self, BackendState, NewBackend};
use backend_manager::catalog::contents::{self, ContentKind, NewContent};
use backend_manager::catalog::process::Process;
use backend_manager::catalog::replicas::{self, Intended, Intent, ReplicaId, ReplicaRow, Seen};
use backend_manager::catalog::{BackendNumber, Catalog, Timestamp};
use cid::Cid;
use criterion::{Criterion, criterion_group, criterion_main};
use rusqlite::Connection;
use tokio::runtime::Runtime;

const CONTENTS: u64 = 1_000_000;
/// Contents of one transaction of the set-up.
const BATCH: u64 = 50_000;
const LOOKUPS: usize = 20_000;
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A well mixed word from a number (splitmix64): CIDs are spread like hashes, and so are the lookups.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

fn cid(n: u64) -> Cid {
    let mut bytes = vec![0x01, 0x55, 0x12, 0x20];
    (0..4).for_each(|part| bytes.extend(mix(n * 4 + part).to_be_bytes()));
    Cid::try_from(bytes).expect("a well-formed CID")
}

fn backend(conn: &Connection, name: &str) -> Result<BackendNumber> {
    let (kind, domain) = ("memory".into(), name.into());
    let new = NewBackend { name: name.into(), kind, store_id: None, domain, state: BackendState::Active, quota: None };
    backends::upsert(conn, &new)
}

fn content(n: u64) -> NewContent {
    NewContent { cid: cid(n), size: Some(n), kind: ContentKind::Raw, profile: 1 }
}

/// Two replicas each, verified, written as rows: the arrows are measured elsewhere.
fn fill(conn: &Connection, from: u64, stores: [BackendNumber; 2]) -> Result<()> {
    let text = "INSERT INTO replicas (content_id, backend_id, state, evidence, epoch, changed_at, checked_at, proved_at, reserved)
        VALUES (?1, ?2, 2, 4, 1, ?3, ?3, ?3, 0)";
    let mut insert = conn.prepare_cached(text).expect("a statement");
    for n in from..from + BATCH {
        let number = contents::upsert(conn, &content(n), NOW)?;
        for store in stores {
            insert.execute((number, store, NOW)).expect("a row");
        }
    }
    Ok(())
}

async fn set_up(catalog: &Catalog) -> [BackendNumber; 2] {
    let stores = catalog.write(|conn| Ok([backend(conn, "a")?, backend(conn, "b")?])).await.expect("backends");
    let start = Instant::now();
    for from in (0..CONTENTS).step_by(usize::try_from(BATCH).unwrap_or(1)) {
        catalog.write(move |conn| fill(conn, from, stores)).await.expect("rows");
    }
    let bytes = std::fs::metadata(catalog.path()).map_or(0, |file| file.len());
    report(&format!("set up in {:.0?}, {} MiB", start.elapsed(), bytes >> 20));
    stores
}

#[expect(clippy::print_stdout, reason = "a bench speaks to whoever runs it")]
fn report(text: &str) {
    println!("catalog: {text}");
}

fn lookup(conn: &Connection, n: u64) -> Result<Vec<ReplicaRow>> {
    match contents::find(conn, &cid(n))? {
        Some(row) => replicas::of(conn, row.number),
        None => Ok(Vec::new()),
    }
}

async fn timed_read(catalog: &Catalog, n: u64) -> Duration {
    let start = Instant::now();
    let rows = catalog.read(move |conn| lookup(conn, n)).await.expect("a lookup");
    let span = start.elapsed();
    assert_eq!(rows.len(), if n < CONTENTS { 2 } else { 0 });
    span
}

async fn timed_intent(catalog: &Catalog, process: &Process, n: u64, store: BackendNumber) -> Duration {
    let process = process.clone();
    let start = Instant::now();
    let work = move |conn: &Connection| {
        let content = contents::upsert(conn, &content(n), NOW)?;
        let replica = ReplicaId { content, backend: store, key: String::new() };
        replicas::intend(conn, &Intent { replica, bytes: 1, process, seen: Seen::Nothing, now: NOW })
    };
    let intended = catalog.write(work).await.expect("an intent");
    let span = start.elapsed();
    assert!(matches!(intended, Intended::Upload { .. }));
    span
}

fn percentiles(what: &str, mut spans: Vec<Duration>) {
    spans.sort_unstable();
    let at = |part: usize| spans[(spans.len() - 1) * part / 1000];
    report(&format!("{what}: p50 {:.0?}, p99 {:.0?}, p99.9 {:.0?}, max {:.0?}", at(500), at(990), at(999), at(1000)));
}

/// Resident memory of this process, MiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) >> 10
}

async fn measure(catalog: &Catalog, process: &Process, store: BackendNumber) {
    let (mut known, mut absent, mut intents) = (Vec::new(), Vec::new(), Vec::new());
    for n in (0u64..).take(LOOKUPS) {
        known.push(timed_read(catalog, mix(n) % CONTENTS).await);
        absent.push(timed_read(catalog, CONTENTS + n).await);
    }
    for n in (0u64..).take(1000) {
        intents.push(timed_intent(catalog, process, 2 * CONTENTS + n, store).await);
    }
    percentiles("cid to replicas", known);
    percentiles("absent cid", absent);
    percentiles("intent, with fsync", intents);
    let direct = catalog.read(|conn| {
        let span = |n| {
            let start = Instant::now();
            black_box(lookup(conn, mix(n) % CONTENTS)?);
            Ok(start.elapsed())
        };
        (0u64..).take(LOOKUPS).map(span).collect::<Result<Vec<_>>>()
    });
    percentiles("cid to replicas, without the hop", direct.await.expect("lookups"));
    report(&format!("resident {} MiB", resident()));
}

fn bench(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = Runtime::new().expect("a runtime");
    let catalog = Catalog::open(&folder.path().join("catalog.db")).expect("a catalog");
    let process = Process::start(folder.path()).expect("a process");
    let stores = runtime.block_on(set_up(&catalog));
    runtime.block_on(measure(&catalog, &process, stores[0]));
    let mut n = 0;
    criterion.bench_function("catalog/cid_to_replicas", |bench| {
        bench.to_async(&runtime).iter(|| {
            n += 1;
            timed_read(&catalog, mix(n) % CONTENTS)
        });
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
