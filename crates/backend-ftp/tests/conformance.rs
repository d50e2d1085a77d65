//! The conformance suite on every way to configure this backend, on the leaf and on the stack.

use std::sync::Arc;

use backend_core::{Backend, Settings};
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_testkit::Fixture;
use serde_json::{Value, json};

#[expect(clippy::unwrap_used, reason = "settings that are written in this file")]
fn open(connection: Value) -> Arc<dyn Backend> {
    backend_ftp::open(Settings::new("suite", connection, Arc::new(SystemClock))).unwrap()
}

fn layered(connection: Value) -> Arc<dyn Backend> {
    stack(open(connection), &Operational::default(), &Gates::default(), Arc::new(SystemClock))
}

fn fixture(connection: Value) -> Fixture {
    let same = connection.clone();
    Fixture::new().leaf(move || open(connection.clone())).stack(move || layered(same.clone()))
}

mod keys {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture(super::Value::Null)
    }
    backend_testkit::suite!(fixture);
}

mod versions {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture(super::json!({ "versions": true }))
    }
    backend_testkit::suite!(fixture);
}

mod cids {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture(super::json!({ "addressing": "cid" }))
    }
    backend_testkit::suite!(fixture);
}

mod assigned {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture(super::json!({ "addressing": "assigned" }))
    }
    backend_testkit::suite!(fixture);
}

mod bounded {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture(super::json!({ "max_bytes": 200 << 20 }))
    }
    backend_testkit::suite!(fixture);
}
