//! A cache is asked first, is filled beside readers, keeps within its limit, and counts for nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use backend_core::ErrorKind;
use backend_manager::catalog::cached::{self, Admit, Slot};
use backend_manager::catalog::process::Worker;
use backend_manager::catalog::{BackendNumber, Timestamp};
use backend_manager::config::{Admission, CacheSettings, Duty, Home, PolicyFile};
use backend_manager::{AddRequest, CacheView, Criteria, Criterion, Manager, Probing, Sought};
use backend_testkit::{TestClock, Verb};
use futures::{StreamExt, TryStreamExt};

use crate::bed::{Room, noise};

const KIB: usize = 1024;

fn settings(max_size: &str) -> CacheSettings {
    let max_size = max_size.parse().unwrap();
    let max_content = Some("1GiB".parse().unwrap());
    CacheSettings { max_size, ttl: None, admission: Admission::Always, window: None, max_content }
}

impl Room {
    /// A cache in a folder, and the folder.
    fn cache(&self, name: &str, settings: CacheSettings) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        self.configured(name, "local", |it| {
            it.connection.insert("path".to_owned(), folder.to_string_lossy().into_owned().into());
            (it.role, it.cache) = (Duty::Cache, Some(settings));
            // Who served is asserted here: a machine that is busy must not bring in another one.
            it.routing.hedge = Some(false);
        });
        folder
    }

    /// Reads, waits until caches have what they want of it, and says who served.
    async fn read_from(&self, name: &str, wanted: &[u8]) -> Vec<(String, u64)> {
        let (read, report) = self.read(name).await.unwrap();
        assert!(read == wanted, "{name}");
        self.manager.caches_are_filled().await;
        report.by_backend()
    }

    async fn view(&self, name: &str) -> CacheView {
        self.manager.health(&[name.to_owned()], Probing::No).await.unwrap()[0].cache.unwrap()
    }
}

/// The bytes of contents in a folder, without markers.
fn bytes_in(folder: &Path) -> u64 {
    let mut sum = 0;
    let mut folders = vec![folder.join(".ipfs-kit/c")];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            match entry.path().is_dir() {
                true => folders.push(entry.path()),
                false => sum += entry.metadata().unwrap().len(),
            }
        }
    }
    sum
}

fn from(name: &str, bytes: usize) -> Vec<(String, u64)> {
    vec![(name.to_owned(), bytes as u64)]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_twice_is_near_and_counts_for_nothing() {
    let room = Room::new();
    let store = room.faulty("store").await;
    let folder = room.cache("near", CacheSettings { admission: Admission::SecondRead, ..settings("10MiB") });
    let bytes = noise(1, 3 << 20);
    let receipt = room.add("x", &bytes, &["store"]).await;
    assert_eq!(room.read_from("x", &bytes).await, from("store", bytes.len()));
    assert_eq!((bytes_in(&folder), room.view("near").await.contents), (0, 0), "once is not enough");
    assert_eq!(room.read_from("x", &bytes).await, from("store", bytes.len()));
    assert_eq!(bytes_in(&folder), bytes.len() as u64);
    let asked = store.calls(Verb::Get);
    assert_eq!(room.read_from("x", &bytes).await, from("near", bytes.len()));
    let target = room.manager.resolve("x").await.unwrap();
    let part = room.manager.read(&target, Some(backend_core::ByteRange::Bounded(1_500_000, 1_500_100))).await.unwrap();
    let part: Vec<bytes::Bytes> = part.body.try_collect().await.unwrap();
    assert!(part.concat() == bytes[1_500_000..1_500_100]);
    assert_eq!(store.calls(Verb::Get), asked, "nobody else is asked");
    let view = room.view("near").await;
    assert_eq!((view.hits, view.misses, view.filled, view.bytes, view.contents), (2, 2, 1, bytes.len() as u64, 1));
    let sought = Sought::Read(receipt.cid);
    let routed = room.manager.route_to_best(&Criteria { by: Criterion::Cost, sought }).await.unwrap();
    let names: Vec<&str> = routed.candidates.iter().map(|it| it.backend.as_str()).collect();
    assert_eq!(names, ["near", "store"], "{routed:?}");
    // It is no copy for anybody.
    let known = room.manager.stat(&receipt.cid).await.unwrap();
    assert_eq!(known.replicas.iter().map(|it| it.backend.as_str()).collect::<Vec<_>>(), ["store"]);
    let verified: Vec<_> = room.manager.verify(None).try_collect().await.unwrap();
    assert_eq!(verified.len(), 1, "{verified:?}");
    let two = PolicyFile { replicas: 2, ..PolicyFile::default() };
    room.manager.set_policy("two", &two).await.unwrap();
    let request = AddRequest { policy: Some("two".to_owned()), ..AddRequest::default() };
    let receipt = room.request(&noise(2, 10), &request).await.unwrap();
    assert!(receipt.is_partial() && receipt.replicas.len() == 1, "{receipt:?}");
    let named = AddRequest { to: vec!["near".to_owned()], ..AddRequest::default() };
    let refused = room.request(&noise(2, 10), &named).await.unwrap_err();
    assert_eq!((refused.kind(), refused.message().contains("cache")), (ErrorKind::Unsupported, true), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_never_to_be_there_is_not_taken_in() {
    let room = Room::new();
    room.faulty("store").await;
    let folder = room.cache("near", settings("10MiB"));
    let policy = |only: &[&str], never: &[&str]| PolicyFile {
        only: only.iter().map(|it| (*it).to_owned()).collect(),
        never: never.iter().map(|it| (*it).to_owned()).collect(),
        ..PolicyFile::default()
    };
    room.manager.set_policy("secret", &policy(&[], &["near"])).await.unwrap();
    room.manager.set_policy("here", &policy(&["store"], &[])).await.unwrap();
    for (name, policy, wanted) in [("x", "secret", "store"), ("y", "here", "near")] {
        let (name, policy) = (Some(name.to_owned()), Some(policy.to_owned()));
        let request = AddRequest { name: name.clone(), policy, ..AddRequest::default() };
        let bytes = noise(u64::from(wanted == "near"), 5000);
        room.request(&bytes, &request).await.unwrap();
        let name = name.unwrap();
        assert_eq!(room.read_from(&name, &bytes).await, from("store", 5000));
        assert_eq!(room.read_from(&name, &bytes).await, from(wanted, 5000), "{name}");
    }
    assert_eq!((bytes_in(&folder), room.view("near").await.filled), (5000, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_and_readers_that_stop_leave_nothing() {
    let room = Room::new();
    room.faulty("store").await;
    let folder = room.cache("near", settings("10MiB"));
    let bytes = noise(1, 4 << 20);
    room.add("x", &bytes, &["store"]).await;
    let target = room.manager.resolve("x").await.unwrap();
    for range in [Some(backend_core::ByteRange::From(1)), Some(backend_core::ByteRange::Bounded(0, 2 << 20))] {
        let part = room.manager.read(&target, range).await.unwrap();
        drop(part.body.try_collect::<Vec<_>>().await.unwrap());
    }
    let mut stopped = room.manager.read(&target, None).await.unwrap().body;
    stopped.next().await.unwrap().unwrap();
    drop(stopped);
    room.manager.caches_are_filled().await;
    let view = room.view("near").await;
    assert_eq!((view.filled, view.contents, view.bytes, bytes_in(&folder)), (0, 0, 0, 0));
    assert_eq!(room.read_from("x", &bytes).await, from("store", bytes.len()));
    assert_eq!((room.view("near").await.filled, bytes_in(&folder)), (1, bytes.len() as u64), "whole, it is taken in");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_holds_and_a_scan_does_not_flush_what_is_read_daily() {
    let room = Room::new();
    room.faulty("store").await;
    let folder = room.cache("near", settings("200KiB"));
    let contents: Vec<Vec<u8>> = (0..30).map(|n| noise(n, 20 * KIB)).collect();
    for (n, bytes) in contents.iter().enumerate() {
        room.add(&format!("x{n}"), bytes, &["store"]).await;
    }
    for _ in 0..3 {
        room.read_from("x0", &contents[0]).await;
        room.read_from("x1", &contents[1]).await;
    }
    for (n, bytes) in contents.iter().enumerate().skip(2) {
        room.read_from(&format!("x{n}"), bytes).await;
        let (kept, view) = (bytes_in(&folder), room.view("near").await);
        assert!(kept <= 200 * KIB as u64 && view.bytes == kept, "{n}: {kept} bytes, {view:?}");
    }
    assert_eq!(room.read_from("x0", &contents[0]).await, from("near", 20 * KIB), "read thrice, it stays");
    assert_eq!(room.read_from("x1", &contents[1]).await, from("near", 20 * KIB));
    let view = room.view("near").await;
    assert_eq!((view.filled, view.evicted, view.contents), (30, 20, 10));
    room.add("large", &noise(99, 201 * KIB), &["store"]).await;
    room.read_from("large", &noise(99, 201 * KIB)).await;
    assert_eq!(room.view("near").await.evicted, 20, "what never fits drives nobody out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_byte_is_caught_and_what_is_wrong_leaves() {
    let room = Room::new();
    room.faulty("store").await;
    let folder = room.cache("near", settings("10MiB"));
    let bytes = noise(1, 70_000);
    let cid = room.add("x", &bytes, &["store"]).await.cid.to_string();
    room.read_from("x", &bytes).await;
    let file = folder.join(".ipfs-kit/c").join(&cid[cid.len() - 2..]).join(&cid);
    let spoilt = || {
        let mut wrong = std::fs::read(&file).unwrap();
        wrong[60_000] ^= 1;
        std::fs::write(&file, wrong).unwrap();
    };
    spoilt();
    let (read, report) = room.read("x").await.unwrap();
    assert!(read == bytes);
    let troubles = report.troubles();
    assert!(troubles.len() == 1 && troubles[0].backend == "near" && troubles[0].kind == ErrorKind::Integrity);
    let known = room.manager.stat(&room.cid("x").await).await.unwrap();
    assert_eq!(known.replicas[0].state.as_str(), "present", "the copy that counts is not blamed");
    // What was told the catalog is there before anything else is written.
    room.manager.catalog().write(|_| Ok(())).await.unwrap();
    // The next reading goes to the store, and what is wrong is replaced by what is right.
    for wanted in ["store", "near"] {
        assert_eq!(room.read_from("x", &bytes).await, from(wanted, bytes.len()), "{wanted}");
    }
    assert!(std::fs::read(&file).unwrap() == bytes);
    std::fs::remove_file(&file).unwrap();
    assert!(room.read("x").await.unwrap().0 == bytes, "what is gone is fetched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_does_not_work_fails_no_reading() {
    let room = Room::new();
    room.faulty("store").await;
    let folder = room.cache("near", settings("10MiB"));
    let bytes = noise(1, 70_000);
    room.add("x", &bytes, &["store"]).await;
    room.add("y", &noise(2, 500), &["store"]).await;
    room.read_from("x", &bytes).await;
    std::fs::remove_dir_all(&folder).unwrap();
    for _ in 0..4 {
        let (read, _) = room.read("x").await.unwrap();
        assert!(read == bytes);
        room.read_from("y", &noise(2, 500)).await;
    }
    assert!(!folder.exists(), "nothing is made in the place of a store that is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_what_is_there_and_what_nobody_wants_goes() {
    let room = Room::new();
    let stores = room.folder.path().join("store");
    std::fs::create_dir_all(&stores).unwrap();
    room.configured("store", "local", |it| {
        it.connection.insert("path".to_owned(), stores.to_string_lossy().into_owned().into());
    });
    let folder = room.cache("near", settings("10MiB"));
    let bytes = noise(1, 70_000);
    room.add("x", &bytes, &["store"]).await;
    room.read_from("x", &bytes).await;
    let room = room.again();
    assert_eq!(room.read_from("x", &bytes).await, from("near", bytes.len()));
    let removed = room.manager.remove(&room.cid("x").await).await.unwrap();
    let of = |name: &str| removed.copies.iter().find(|it| it.backend == name).map(|it| it.removals["erased"]);
    assert_eq!((of("store"), of("near"), bytes_in(&folder)), (Some(1), Some(1), 0), "{removed:?}");
    assert_eq!(room.view("near").await.bytes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_small_files_is_taken_in_file_by_file() {
    let room = Room::new();
    room.faulty("store").await;
    let folder = room.cache("near", settings("10MiB"));
    let (from, to) = (room.folder.path().join("photos"), room.folder.path().join("out"));
    std::fs::create_dir(&from).unwrap();
    (0..40).for_each(|n| std::fs::write(from.join(format!("{n}")), noise(n, 3000 + n as usize)).unwrap());
    let request = AddRequest { to: vec!["store".to_owned()], name: Some("photos".to_owned()), ..AddRequest::default() };
    room.manager.add(backend_manager::Input::Path(from), &request).await.unwrap();
    let target = room.manager.resolve("photos").await.unwrap();
    room.manager.export(&target, &to, &backend_manager::ExportOptions::default()).await.unwrap();
    room.manager.caches_are_filled().await;
    let view = room.view("near").await;
    assert_eq!((view.contents, view.given_up, bytes_in(&folder)), (40, 0, 40 * 3000 + 780), "{view:?}");
    assert!((0..40).all(|n| std::fs::read(to.join(format!("{n}"))).unwrap() == noise(n, 3000 + n as usize)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_is_fetched_anew_and_a_window_closes() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
    let manager = Manager::open_by(Home::at(folder.path().join("home")), clock.clone()).unwrap();
    let room = Room { manager, folder };
    room.faulty("store").await;
    let hour = Duration::from_secs(3600);
    let old = CacheSettings { ttl: Some("2h".parse().unwrap()), ..settings("10MiB") };
    let window = Some("1h".parse().unwrap());
    let near = room.cache("near", CacheSettings { admission: Admission::SecondRead, window, ..old });
    let bytes = noise(1, 500);
    room.add("x", &bytes, &["store"]).await;
    let mut served = Vec::new();
    for pause in [Duration::ZERO, hour * 2, hour / 2, hour, hour, hour / 2, hour / 4] {
        clock.advance(pause);
        served.push(room.read_from("x", &bytes).await.remove(0).0);
    }
    // Read; too late; in time, and taken in; near; near; too old, so it leaves and was read lately; taken in again.
    assert_eq!(served, ["store", "store", "store", "near", "near", "store", "store"]);
    assert_eq!(room.read_from("x", &bytes).await, from("near", 500));
    assert_eq!(bytes_in(&near), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_read_rows_stay_within_the_limit() {
    let room = Room::new();
    room.faulty("store").await;
    for n in 0..40_u64 {
        room.add(&format!("x{n}"), &noise(n, 10), &["store"]).await;
    }
    let worker = Worker::parse(&"a".repeat(32)).unwrap();
    let most = 1000;
    let check = move |conn: &rusqlite::Connection| {
        let numbers: Vec<i64> = conn
            .prepare("SELECT id FROM contents ORDER BY id")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let backend = BackendNumber::new(1);
        let (mut state, mut kept, mut refused) = (7_u64, 0, 0);
        let mut next = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        for at in 0..4000_i64 {
            let content = backend_manager::catalog::Number::new(numbers[next(numbers.len() as u64) as usize]);
            let (slot, now) = (Slot { backend, content }, Timestamp::from_millis(at));
            cached::hit(conn, slot)?;
            if !cached::admit(conn, slot, Admit::Since(Timestamp::from_millis(at - 500)), now)? {
                continue;
            }
            let bytes = 50 + next(400);
            let Some(leaving) = cached::reserve(conn, slot, (bytes, most), &worker, now)? else {
                refused += 1;
                continue;
            };
            for row in leaving {
                cached::left(conn, row.slot, now)?;
            }
            assert!(cached::fits(conn, backend, most)? && cached::kept(conn, backend)?.0 <= most);
            match next(5) {
                0 => cached::give_back(conn, slot, &worker)?,
                1 => {
                    assert!(cached::leave(conn, slot)?);
                    cached::left(conn, slot, now)?;
                }
                _ => assert!(cached::arrived(conn, slot, None, &worker, now)?),
            }
            kept += 1;
        }
        Ok((kept, refused, cached::kept(conn, backend)?))
    };
    let (kept, refused, (bytes, contents)) = room.manager.catalog().write(check).await.unwrap();
    assert!(200 < kept && refused == 0 && 500 < bytes && 1 < contents, "{kept} {refused} {bytes} {contents}");
}
