//! The conformance suite on gateways: one by CAR, two by blocks.

use std::sync::Arc;

use backend_core::{Backend, Settings};
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_testkit::kubo::{Blocks, Gateway};
use backend_testkit::{CANARY, Fixture};
use serde_json::{Value, json};

#[expect(clippy::unwrap_used, reason = "settings that are written in this file")]
fn open(connection: &Value, credentials: &Value) -> Arc<dyn Backend> {
    let mut settings = Settings::new("suite", connection.clone(), Arc::new(SystemClock));
    settings.credentials = credentials.clone();
    backend_gateway::open(settings).unwrap()
}

fn layered(connection: &Value, credentials: &Value) -> Arc<dyn Backend> {
    stack(open(connection, credentials), &Operational::default(), &Gates::default(), Arc::new(SystemClock))
}

#[expect(clippy::unwrap_used, reason = "a listener on this machine")]
async fn fixture(transport: &str, n_gateways: usize) -> Fixture {
    let (blocks, mut urls, mut running) = (Blocks::new(), Vec::new(), Vec::new());
    for _ in 0..n_gateways {
        let gateway = Gateway::start_on(blocks.clone()).await.unwrap();
        urls.push(gateway.url());
        running.push(gateway);
    }
    let tokens: serde_json::Map<String, Value> = urls.iter().map(|url| (url.clone(), json!(CANARY))).collect();
    let (connection, credentials) = (json!({ "endpoints": urls, "transport": transport }), json!({ "tokens": tokens }));
    let (same, again) = (connection.clone(), credentials.clone());
    let fixture = Fixture::new().leaf(move || open(&connection, &credentials));
    fixture.stack(move || layered(&same, &again)).keep(running)
}

mod one_by_car {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture("car", 1).await
    }
    backend_testkit::suite!(fixture);
}

mod several_by_blocks {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture("blocks", 2).await
    }
    backend_testkit::suite!(fixture);
}
