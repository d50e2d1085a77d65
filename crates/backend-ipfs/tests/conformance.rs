//! The conformance suite on a fake Kubo, on the leaf and on the stack.

use std::sync::Arc;

use backend_core::{Backend, Settings};
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_testkit::kubo::{Blocks, Kubo};
use backend_testkit::{CANARY, Fixture};
use serde_json::{Value, json};

#[expect(clippy::unwrap_used, reason = "settings that are written in this file")]
fn open(connection: Value, credentials: Value) -> Arc<dyn Backend> {
    let settings = Settings::new("suite", connection, Arc::new(SystemClock));
    backend_ipfs::open(Settings { credentials, ..settings }).unwrap()
}

#[expect(clippy::unwrap_used, reason = "a test that cannot listen fails by panic")]
async fn fixture() -> Fixture {
    let kubo = Kubo::start_on(Blocks::new(), Some(&format!("Bearer {CANARY}"))).await.unwrap();
    let leaf = move |url: &str| open(json!({ "api_url": url }), json!({ "token": CANARY }));
    let (one, other) = (kubo.api_url(), kubo.api_url());
    Fixture::new()
        .leaf(move || leaf(&one))
        .stack(move || stack(leaf(&other), &Operational::default(), &Gates::default(), Arc::new(SystemClock)))
        .keep(kubo)
}

backend_testkit::suite!(fixture);
