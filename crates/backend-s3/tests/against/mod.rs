//! The conformance suite against a real server: what the server lacks comes from what a probe has learnt, never from a list of exceptions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use backend_core::{Backend, Facts, Settings};
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_testkit::Fixture;
use backend_testkit::real::{SECRET, Server, USER};
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// Every case has a bucket of its own: what a bucket uses is counted, and cases run beside each other.
static BUCKETS: AtomicU64 = AtomicU64::new(0);

/// A new bucket on `server`; `prepare` may do more to it.
pub(crate) fn bucket(server: &Server, prepare: impl Fn(&str)) -> Value {
    let name = format!("suite-{:04}", BUCKETS.fetch_add(1, Ordering::Relaxed));
    server.bucket(&name).unwrap();
    prepare(&name);
    let part = 5 << 20;
    json!({ "endpoint_url": server.url(), "bucket": name, "region": "us-east-1", "path_style": true, "part_size": part })
}

pub(crate) fn open(connection: &Value, learnt: &Facts) -> Arc<dyn Backend> {
    let mut settings = Settings::new("suite", connection.clone(), Arc::new(SystemClock));
    settings.credentials = json!({ "access_key_id": USER, "secret_access_key": SECRET });
    settings.learnt = learnt.clone();
    backend_s3::open(settings).unwrap()
}

/// What was learnt of the first bucket of each kind: the others are like it. (A case of the suite holds that a probe learns the same twice.)
static LEARNT: Mutex<BTreeMap<&'static str, Facts>> = Mutex::const_new(BTreeMap::new());

/// The leaf and the stack on a bucket, opened with what was learnt of its kind.
pub(crate) async fn fixture(kind: &'static str, connection: Value) -> Fixture {
    let mut known = LEARNT.lock().await;
    let learnt = match known.get(kind) {
        Some(learnt) => learnt.clone(),
        None => open(&connection, &Value::Null).probe().await.unwrap(),
    };
    known.insert(kind, learnt.clone());
    drop(known);
    let (bare, layered) = ((connection.clone(), learnt.clone()), (connection, learnt));
    Fixture::new().leaf(move || open(&bare.0, &bare.1)).stack(move || {
        let leaf = open(&layered.0, &layered.1);
        stack(leaf, &Operational::default(), &Gates::default(), Arc::new(SystemClock))
    })
}
