//! object_store's own suite, on every store that is at hand: an independent judge of the adapter and of the leaves below it.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::sync::Arc;

use backend_core::{Backend, Settings};
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_testkit::s3::{FakeS3, Options, Versions};
use object_store::integration as suite;
use object_store_adapter::BackendStore;
use serde_json::{Value, json};

/// A store with nothing in it, and what must live as long.
struct Room {
    store: BackendStore,
    _folder: Option<tempfile::TempDir>,
    _server: Option<Arc<FakeS3>>,
}

impl Room {
    fn new(backend: Arc<dyn Backend>) -> Self {
        Self { store: BackendStore::new(backend).unwrap(), _folder: None, _server: None }
    }
}

fn settings(connection: Value) -> Settings {
    Settings::new("suite", connection, Arc::new(SystemClock))
}

fn layered(leaf: Arc<dyn Backend>) -> Arc<dyn Backend> {
    stack(leaf, &Operational::default(), &Gates::default(), Arc::new(SystemClock))
}

async fn memory() -> Room {
    Room::new(backend_memory::open(settings(Value::Null)).unwrap())
}

async fn versions() -> Room {
    Room::new(layered(backend_memory::open(settings(json!({ "versions": true }))).unwrap()))
}

fn folder(labels: &str) -> (Arc<dyn Backend>, Option<tempfile::TempDir>) {
    let folder = tempfile::tempdir().unwrap();
    let connection = json!({ "path": folder.path().join("store"), "create": true, "labels": labels, "sync": "off" });
    (backend_local::Local::open(settings(connection)).unwrap(), Some(folder))
}

async fn local() -> Room {
    let (leaf, folder) = folder("auto");
    Room { _folder: folder, ..Room::new(leaf) }
}

async fn local_stack() -> Room {
    let (leaf, folder) = folder("sidecar");
    Room { _folder: folder, ..Room::new(layered(leaf)) }
}

/// A bucket of a server of its own, opened with what a probe has learnt of it.
async fn bucket(options: Options, more: Value) -> (Arc<dyn Backend>, Option<Arc<FakeS3>>) {
    let server = FakeS3::start(options).await.unwrap();
    let opts = server.options();
    let mut connection = json!({ "endpoint_url": server.endpoint(), "bucket": opts.bucket });
    connection.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let mut settings = settings(connection);
    settings.credentials = json!({ "access_key_id": opts.access_key, "secret_access_key": opts.secret_key });
    settings.learnt = backend_s3::open(settings.clone()).unwrap().probe().await.unwrap();
    (backend_s3::open(settings).unwrap(), Some(server))
}

async fn s3() -> Room {
    let (leaf, server) = bucket(Options::default(), json!({ "provider": "aws", "path_style": true })).await;
    Room { _server: server, ..Room::new(leaf) }
}

async fn s3_versions_stack() -> Room {
    let options = Options { versions: Versions::On, max_keys: 7, ..Options::default() };
    let (leaf, server) = bucket(options, json!({ "provider": "minio", "prefix": "some/where" })).await;
    Room { _server: server, ..Room::new(layered(leaf)) }
}

/// The functions that apply, each on a store of its own.
macro_rules! all {
    ($($room:ident),* $(,)?) => {$(
        mod $room {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn put_get_delete_list() {
                suite::put_get_delete_list(&super::$room().await.store).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn put_get_attributes() {
                suite::put_get_attributes(&super::$room().await.store).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn get_opts() {
                suite::get_opts(&super::$room().await.store).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn put_opts() {
                suite::put_opts(&super::$room().await.store, true).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn stream_get() {
                suite::stream_get(&super::$room().await.store).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn list_uses_directories_correctly() {
                suite::list_uses_directories_correctly(&super::$room().await.store).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn list_with_delimiter() {
                suite::list_with_delimiter(&super::$room().await.store).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn list_with_offset_exclusivity() {
                suite::list_with_offset_exclusivity(&super::$room().await.store).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn get_nonexistent_object() {
                let err = suite::get_nonexistent_object(&super::$room().await.store, None).await.unwrap_err();
                assert!(matches!(err, object_store::Error::NotFound { .. }), "{err}");
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn rename_and_copy() {
                suite::rename_and_copy(&super::$room().await.store).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn copy_if_not_exists() {
                suite::copy_if_not_exists(&super::$room().await.store).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn copy_rename_nonexistent_object() {
                suite::copy_rename_nonexistent_object(&super::$room().await.store).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn multipart() {
                let room = super::$room().await;
                suite::multipart(&room.store, &room.store).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn multipart_with_opts() {
                let room = super::$room().await;
                suite::multipart_with_opts(&room.store, &room.store).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn multipart_put_part_out_of_order() {
                let room = super::$room().await;
                suite::multipart_put_part_out_of_order(&room.store, &room.store).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn multipart_race_condition() {
                suite::multipart_race_condition(&super::$room().await.store, true).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn multipart_out_of_order() {
                suite::multipart_out_of_order(&super::$room().await.store).await;
            }
        }
    )*};
}

all!(memory, versions, local, local_stack, s3, s3_versions_stack);
