//! The conformance suite against a real server: what the server lacks comes from what a probe has learnt, never from a list of exceptions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use backend_core::{Backend, Facts, Settings};
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_testkit::Fixture;
use backend_testkit::real::{SECRET, Server, USER};
use serde_json::{Value, json};

/// Every case has a bucket of its own: what a bucket uses is counted, and cases run beside each other.
static BUCKETS: AtomicU64 = AtomicU64::new(0);

/// A new bucket on `server`; `prepare` may do more to it.
pub(crate) fn bucket(server: &Server, prepare: impl Fn(&str)) -> Value {
    let name = format!("suite-{}", BUCKETS.fetch_add(1, Ordering::Relaxed));
    server.bucket(&name).unwrap();
    prepare(&name);
    json!({ "endpoint_url": server.url(), "bucket": name, "region": "us-east-1", "path_style": true })
}

fn open(connection: &Value, learnt: &Facts) -> Arc<dyn Backend> {
    let mut settings = Settings::new("suite", connection.clone(), Arc::new(SystemClock));
    settings.credentials = json!({ "access_key_id": USER, "secret_access_key": SECRET });
    settings.learnt = learnt.clone();
    backend_s3::open(settings).unwrap()
}

/// The leaf and the stack on a bucket, opened with what was learnt of it.
pub(crate) async fn fixture(connection: Value) -> Fixture {
    let learnt = open(&connection, &Value::Null).probe().await.unwrap();
    let (bare, layered) = ((connection.clone(), learnt.clone()), (connection, learnt));
    Fixture::new().leaf(move || open(&bare.0, &bare.1)).stack(move || {
        let leaf = open(&layered.0, &layered.1);
        stack(leaf, &Operational::default(), &Gates::default(), Arc::new(SystemClock))
    })
}
