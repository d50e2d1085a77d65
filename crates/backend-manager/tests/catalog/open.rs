//! What a catalog does with the file that it finds.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use backend_core::ErrorKind;
use backend_manager::catalog::backends::{self, BackendState, NewBackend};
use backend_manager::catalog::facts::{self, FactsRow};
use backend_manager::catalog::{BackendNumber, Catalog, Timestamp, meta, schema};
use rusqlite::Connection;

use crate::bed::{Bed, NOW, content};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What opening a file answers on which `prepare` was run before.
fn check(prepare: &str, kind: ErrorKind, part: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    Connection::open(&path).unwrap().execute_batch(prepare).unwrap();
    let err = Catalog::open(&path).unwrap_err();
    assert_eq!(err.kind(), kind, "{err}");
    assert!(err.message().contains(part), "{err}");
}

#[test]
fn foreign_files_are_refused() {
    check("CREATE TABLE songs (title TEXT)", ErrorKind::InvalidConfig, "not a catalog");
    check("CREATE TABLE meta (name TEXT, value TEXT)", ErrorKind::InvalidConfig, "not a catalog");
    let ours = schema::DDL;
    check(&format!("{ours}; INSERT INTO meta VALUES ('schema', '999')"), ErrorKind::InvalidConfig, "newer ipfs-kit");
    check(&format!("{ours}; INSERT INTO meta VALUES ('schema', 'x')"), ErrorKind::InvalidConfig, "no known schema");
    check(ours, ErrorKind::InvalidConfig, "no known schema");
}

#[tokio::test]
async fn a_catalog_of_schema_1_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let rows = "INSERT INTO meta VALUES ('schema', '1'), ('catalog_id', 'x'), ('epoch', '0'), ('armed', '1');
        INSERT INTO backends (id, name, kind, domain) VALUES (7, 'usb', 'local', 'usb')";
    let first = include_str!("../../src/catalog/schema.sql");
    Connection::open(&path).unwrap().execute_batch(&format!("{first};{rows}")).unwrap();
    let usb = BackendNumber::new(7);
    let row = FactsRow { fingerprint: "f".into(), facts: serde_json::json!({ "versions": true }), learnt_at: NOW };
    let newest = schema::VERSION.to_string();
    for again in [false, true] {
        let catalog = Catalog::open(&path).unwrap();
        let (found, version) =
            catalog.read(move |conn| Ok((facts::find(conn, usb)?, meta::get(conn, "schema")?))).await.unwrap();
        assert_eq!((found, version.as_deref()), (again.then(|| row.clone()), Some(&*newest)));
        let row = row.clone();
        catalog.write(move |conn| facts::put(conn, usb, &row)).await.unwrap();
    }
    let catalog = Catalog::open(&path).unwrap();
    let large = FactsRow { facts: serde_json::json!("x".repeat(4096)), ..row.clone() };
    let refused = catalog.write(move |conn| facts::put(conn, usb, &large)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    let nobody = catalog.write(move |conn| facts::put(conn, BackendNumber::new(8), &row)).await.unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::Precondition);
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let text = "not a database, only some text that is long enough to be taken for a header of one hundred bytes or so, perhaps";
    fs::write(&path, text).unwrap();
    let err = Catalog::open(&path).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::InvalidConfig, "{err:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn nobody_else_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/for/it/catalog.db");
    let catalog = Catalog::open(&path).unwrap();
    catalog.write(|conn| meta::set(conn, "a", "b")).await.unwrap();
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 3, "nothing else is left beside it");
    drop(catalog);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let _catalog = Catalog::open(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let err = Catalog::open(&folder.path().join("file/catalog.db")).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::InvalidConfig);
    assert!(err.message().contains("file"), "{err}");
}

#[test]
fn many_may_open_a_new_one_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    std::thread::scope(|scope| {
        let opened: Vec<_> = (0..8).map(|_| scope.spawn(|| Catalog::open(&path))).collect();
        for one in opened {
            one.join().unwrap().unwrap();
        }
    });
    let conn = Connection::open(&path).unwrap();
    let count = |text: &str| conn.query_row(text, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT COUNT(*) FROM policies"), 1);
    assert_eq!(count("SELECT COUNT(*) FROM meta WHERE name = 'catalog_id'"), 1);
}

#[tokio::test]
async fn what_was_written_is_there_again() {
    let bed = Bed::new();
    let number = bed.write(|conn| Ok(content(conn, 7))).await;
    let id = bed.catalog.read(|conn| meta::get(conn, meta::CATALOG_ID)).await.unwrap().unwrap();
    let path = bed.path();
    drop(bed.catalog);
    let again = Catalog::open(&path).unwrap();
    assert_eq!(again.write(|conn| Ok(content(conn, 7))).await.unwrap(), number);
    assert_eq!(again.read(|conn| meta::get(conn, meta::CATALOG_ID)).await.unwrap().unwrap(), id);
    assert_eq!(id.len(), 32);
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let bed = Bed::new();
    let err = bed.catalog.read(|conn| meta::set(conn, "a", "b")).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Denied);
    assert_eq!(bed.catalog.read(|conn| meta::get(conn, "a")).await.unwrap(), None);
}

#[tokio::test]
async fn a_read_that_panics_is_an_error_and_the_readers_live_on() {
    let bed = Bed::new();
    for _ in 0..10 {
        let err = bed.catalog.read::<(), _>(|_| panic!("on purpose")).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Internal);
    }
    assert!(bed.catalog.read(meta::armed).await.unwrap());
}

/// No kill shows the difference, only a power cut: so the settings themselves are held.
#[tokio::test]
async fn a_commit_reaches_the_disk() {
    let bed = Bed::new();
    let settings = |conn: &Connection| {
        let number = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        let journal: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        Ok((number("synchronous"), number("foreign_keys"), journal))
    };
    let (synchronous, foreign_keys, journal) = bed.write(settings).await;
    assert_eq!((synchronous, foreign_keys, journal.as_str()), (2, 1, "wal"), "FULL is 2");
}

#[tokio::test]
async fn how_a_power_is_stays_as_it_was_told() {
    use backend_layers::Side;
    use backend_manager::catalog::health::{self, HealthRow, Shut};

    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("catalog.db")).unwrap();
    let row = NewBackend {
        name: "usb".into(),
        kind: "local".into(),
        store_id: None,
        domain: "usb".into(),
        state: BackendState::Active,
        quota: None,
    };
    let usb = catalog.write(move |conn| backends::upsert(conn, &row)).await.unwrap();
    let (since, retry_at) = (Timestamp::from_millis(1000), Timestamp::from_millis(6000));
    let shut = Shut { kind: ErrorKind::Timeout, since, retry_at, times: 2 };
    let latency = std::time::Duration::from_micros(1500);
    let told = move |conn: &Connection| {
        health::put_pace(conn, usb, Side::Reads, health::Pace { latency: Some(latency), throughput: None })?;
        health::put_pace(conn, usb, Side::Reads, health::Pace { latency: None, throughput: Some(7) })?;
        health::put(conn, usb, Side::Reads, Some(&shut))?;
        health::put(conn, usb, Side::Writes, Some(&shut))?;
        health::put(conn, usb, Side::Writes, None)?;
        health::of(conn, usb)
    };
    let rows = [
        HealthRow { side: Side::Reads, shut: Some(shut), latency: Some(latency), throughput: Some(7) },
        HealthRow { side: Side::Writes, shut: None, latency: None, throughput: None },
    ];
    assert_eq!(catalog.write(told).await.unwrap(), rows);
}
