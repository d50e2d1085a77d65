//! SQL over Parquet that lies on a backend, and over a manager's names: right rows, or an error, whatever the copies hold.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use backend_core::{Backend, ErrorKind, Settings};
use backend_layers::SystemClock;
use backend_manager::config::Home;
use backend_manager::{AddRequest, Input, Manager};
use datafusion::arrow::array::{Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::error::DataFusionError;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use futures::stream::{self, StreamExt};
use ipfs_kit_datafusion::Bridge;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use object_store_adapter::{BackendStore, NamespaceStore, cause};
use url::Url;

const CITIES: [&str; 3] = ["Berlin", "Lisbon", "Oslo"];
/// Rows of one file: some MiB, several row groups and several chunks.
const ROWS: i64 = 200_000;

fn city(id: i64) -> &'static str {
    CITIES[(id % 3) as usize]
}

fn amount(id: i64) -> i64 {
    id.wrapping_mul(2_654_435_761) % 1_000_003
}

/// A Parquet file of the rows from `first` on.
fn parquet(first: i64) -> Vec<u8> {
    let fields = [("id", DataType::Int64), ("city", DataType::Utf8), ("amount", DataType::Int64)];
    let schema = Arc::new(Schema::new(fields.map(|(name, kind)| Field::new(name, kind, false)).to_vec()));
    let ids = || first..first + ROWS;
    let columns: Vec<Arc<dyn Array>> = vec![
        Arc::new(Int64Array::from_iter_values(ids())),
        Arc::new(StringArray::from_iter_values(ids().map(city))),
        Arc::new(Int64Array::from_iter_values(ids().map(amount))),
    ];
    let batch = RecordBatch::try_new(schema.clone(), columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(50_000)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn leaf(name: &str, folder: &FilePath) -> Arc<dyn Backend> {
    let connection = serde_json::json!({ "path": folder.join(name), "create": true, "sync": "off" });
    backend_local::Local::open(Settings::new(name, connection, Arc::new(SystemClock))).unwrap()
}

/// A session in which `t` is whatever lies at `at` of the store.
async fn session(store: Arc<dyn ObjectStore>, at: &str) -> SessionContext {
    let session = SessionContext::new();
    session.register_object_store(&Url::parse("kit://store").unwrap(), Arc::new(Bridge::new(store)));
    session.register_parquet("t", format!("kit://store/{at}"), ParquetReadOptions::default()).await.unwrap();
    session
}

type Rows = Vec<(String, i64, i64)>;

/// Asks with a projection, a filter and a sum.
async fn ask(session: &SessionContext, from: i64, to: i64) -> Result<Rows, DataFusionError> {
    let sql = format!(
        "SELECT city, COUNT(*) AS n, SUM(amount) AS total FROM t WHERE {from} <= id AND id < {to} GROUP BY city ORDER BY city"
    );
    let mut rows = Vec::new();
    for batch in session.sql(&sql).await?.collect().await? {
        let numbers = |at: usize| batch.column(at).as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec();
        let cities = datafusion::arrow::compute::cast(batch.column(0), &DataType::Utf8)?;
        let cities = cities.as_any().downcast_ref::<StringArray>().unwrap();
        let (counts, totals) = (numbers(1), numbers(2));
        rows.extend((0..batch.num_rows()).map(|row| (cities.value(row).to_owned(), counts[row], totals[row])));
    }
    Ok(rows)
}

/// What the answer must be, from the rows themselves.
fn answer(from: i64, to: i64) -> Rows {
    let of = |wanted: &'static str| (from..to).filter(move |id| city(*id) == wanted);
    CITIES.map(|it| (it.to_owned(), of(it).count() as i64, of(it).map(amount).sum())).to_vec()
}

async fn on_a_backend(backend: Arc<dyn Backend>) {
    let store = Arc::new(BackendStore::new(backend).unwrap());
    store.put(&Path::from("table/0.parquet"), parquet(0).into()).await.unwrap();
    let mut upload = store.put_multipart(&Path::from("table/1.parquet")).await.unwrap();
    for part in parquet(ROWS).chunks(700_000) {
        upload.put_part(part.to_vec().into()).await.unwrap();
    }
    upload.complete().await.unwrap();
    let session = session(store.clone(), "table/").await;
    for (from, to) in [(0, 2 * ROWS), (150_000, 250_000), (399_990, 400_000)] {
        assert_eq!(ask(&session, from, to).await.unwrap(), answer(from, to), "{from}..{to}");
    }
    // And what DataFusion writes itself.
    let copy = "COPY (SELECT * FROM t WHERE id < 1000) TO 'kit://store/copy/' STORED AS PARQUET \
                OPTIONS ('format.compression' 'uncompressed')";
    session.sql(copy).await.unwrap().collect().await.unwrap();
    let again = self::session(store, "copy/").await;
    assert_eq!(ask(&again, 0, 1000).await.unwrap(), answer(0, 1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_on_a_folder_are_the_rows_that_were_written() {
    let folder = tempfile::tempdir().unwrap();
    on_a_backend(leaf("local", folder.path())).await;
}

/// The copy of the only content of this length on a store.
fn copy_of(folder: &FilePath, len: u64) -> PathBuf {
    let mut pending = vec![folder.join(".ipfs-kit/c")];
    while let Some(folder) = pending.pop() {
        for file in std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
            match file.is_dir() {
                true => pending.push(file),
                false if std::fs::metadata(&file).unwrap().len() == len => return file,
                false => {}
            }
        }
    }
    panic!("there is no copy of {len} bytes");
}

/// Spoils one bit every 4 KiB, beginning at `at`.
fn spoil(file: &FilePath, at: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes.iter_mut().skip(at).step_by(4096).for_each(|byte| *byte ^= 0x10);
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoilt_copy_never_gives_wrong_rows() {
    let folder = tempfile::tempdir().unwrap();
    let manager = Manager::open(Home::at(folder.path().join("home"))).unwrap();
    for name in ["one", "two"] {
        manager.register(name, leaf(name, folder.path())).await.unwrap();
    }
    let bytes = parquet(0);
    let len = bytes.len() as u64;
    assert!(2 << 20 < len, "{len} bytes are not several chunks");
    let to = vec!["one".to_owned(), "two".to_owned()];
    let request = AddRequest { to, name: Some("sales/0.parquet".to_owned()), ..AddRequest::default() };
    manager.add(Input::Stream(stream::iter([Ok(bytes.into())]).boxed()), &request).await.unwrap();

    let store = NamespaceStore::new(manager.clone());
    let session = session(Arc::new(store.clone()), "sales/").await;
    assert_eq!(ask(&session, 10, 150_000).await.unwrap(), answer(10, 150_000));
    assert!(store.troubles().is_empty());

    spoil(&copy_of(&folder.path().join("one"), len), 100);
    assert_eq!(ask(&session, 10, 150_000).await.unwrap(), answer(10, 150_000));
    let troubles = store.troubles();
    assert!(!troubles.is_empty(), "nobody met the spoilt copy");
    assert!(troubles.iter().all(|it| it.backend == "one" && it.kind == ErrorKind::Integrity), "{troubles:?}");

    spoil(&copy_of(&folder.path().join("two"), len), 100);
    let err = ask(&session, 10, 150_000).await.unwrap_err();
    assert_eq!(cause(&err).map(backend_core::Error::kind), Some(ErrorKind::Integrity), "{err}");
}
