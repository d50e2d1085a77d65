//! The conformance suite on a fake Kubo, on the leaf and on the stack.

use std::sync::Arc;

use backend_core::{Backend, Settings};
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_testkit::kubo::{Blocks, Gateway, Kubo};
use backend_testkit::{CANARY, Fixture};
use serde_json::{Value, json};

#[expect(clippy::unwrap_used, reason = "settings that are written in this file")]
fn open(connection: Value, credentials: Value) -> Arc<dyn Backend> {
    let settings = Settings::new("suite", connection, Arc::new(SystemClock));
    backend_ipfs::open(Settings { credentials, ..settings }).unwrap()
}

/// The leaf by its RPC alone; the stack with the gateway.
#[expect(clippy::unwrap_used, reason = "a test that cannot listen fails by panic")]
async fn fixture() -> Fixture {
    let kubo = Kubo::start_on(Blocks::new(), Some(&format!("Bearer {CANARY}"))).await.unwrap();
    let gateway = Gateway::start_on(kubo.blocks().clone()).await.unwrap();
    let (api, same, served) = (kubo.api_url(), kubo.api_url(), gateway.url());
    let layered = move || {
        let leaf = open(json!({ "api_url": same, "gateway_url": served }), json!({ "token": CANARY }));
        stack(leaf, &Operational::default(), &Gates::default(), Arc::new(SystemClock))
    };
    let leaf = move || open(json!({ "api_url": api }), json!({ "token": CANARY }));
    Fixture::new().leaf(leaf).stack(layered).keep((kubo, gateway))
}

backend_testkit::suite!(fixture);
