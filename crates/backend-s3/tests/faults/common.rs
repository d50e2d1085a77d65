//! A store on a fake server, and what every test does with it.

use std::sync::Arc;

use backend_core::{
    AddOptions, Backend, Content, Effect, Error, ErrorKind, Facts, GetOptions, Key, Locator, Metadata, Result, Settings,
};
use backend_layers::SystemClock;
use backend_testkit::CANARY;
use backend_testkit::s3::{FakeS3, Options};
use bytes::Bytes;
use futures::TryStreamExt;
use serde_json::{Value, json};

pub(crate) const MIB: u64 = 1 << 20;

pub(crate) fn open(server: &FakeS3, more: Value, learnt: Facts) -> Arc<dyn Backend> {
    backend_s3::open(Settings { learnt, ..settings(server, more) }).unwrap()
}

/// With the server's own keys.
pub(crate) fn settings(server: &FakeS3, more: Value) -> Settings {
    let opts = server.options();
    let mut connection = json!({ "endpoint_url": server.endpoint(), "bucket": opts.bucket });
    connection.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let mut settings = Settings::new("faults", connection, Arc::new(SystemClock));
    settings.credentials = json!({ "access_key_id": opts.access_key, "secret_access_key": opts.secret_key });
    settings
}

pub(crate) async fn started(opts: Options) -> (Arc<FakeS3>, Arc<dyn Backend>) {
    let server = FakeS3::start(opts).await.unwrap();
    let store = open(&server, Value::Null, Value::Null);
    (server, store)
}

pub(crate) fn at(name: &str) -> Locator {
    Locator::new(Key::new(name).unwrap())
}

pub(crate) async fn add(store: &Arc<dyn Backend>, name: &str, content: &Content) -> Result<Metadata> {
    store.add(content, &AddOptions { id: Some(at(name).id), ..AddOptions::default() }).await
}

pub(crate) async fn read(store: &Arc<dyn Backend>, name: &str, opts: &GetOptions) -> Result<Vec<u8>> {
    let frames: Vec<Bytes> = store.get(&at(name), opts).await?.body.try_collect().await?;
    Ok(frames.concat())
}

pub(crate) fn kind<T: std::fmt::Debug>(answer: Result<T>) -> (ErrorKind, Effect) {
    let err: Error = answer.unwrap_err();
    assert!(!format!("{err:?}").contains(CANARY), "{err:?}");
    (err.kind(), err.effect())
}
