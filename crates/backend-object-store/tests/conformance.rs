//! The conformance suite, on the leaf and on the stack, for each kind; and for buckets once more with what a probe has learnt.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod fake;

use std::sync::Arc;

use backend_core::{Backend, Result, Settings};
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_object_store::Objects;
use backend_testkit::Fixture;
use serde_json::{Value, json};

type Open = fn(Settings) -> Result<Arc<dyn Backend>>;

/// Of Azurite; published by Microsoft.
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

fn settings(connection: &Value, credentials: &Value, learnt: &Value) -> Settings {
    let mut settings = Settings::new("suite", connection.clone(), Arc::new(SystemClock));
    settings.credentials = credentials.clone();
    settings.learnt = learnt.clone();
    settings
}

/// With what a probe of the very store answered, if that is wanted.
async fn fixture(open: Open, connection: Value, credentials: Value, is_probed: bool) -> Fixture {
    let learnt = match is_probed {
        true => open(settings(&connection, &credentials, &Value::Null)).unwrap().probe().await.unwrap(),
        false => Value::Null,
    };
    let leaf = move || open(settings(&connection, &credentials, &learnt)).unwrap();
    let same = leaf.clone();
    let layered = move || stack(same(), &Operational::default(), &Gates::default(), Arc::new(SystemClock));
    Fixture::new().leaf(leaf).stack(layered)
}

async fn gcs(is_probed: bool) -> Fixture {
    let home = fake::gcs(Arc::default()).await;
    let connection = json!({ "bucket": "suite", "base_url": home, "prefix": "below/us" });
    fixture(Objects::gcs, connection, json!({ "bearer": fake::SECRET }), is_probed).await
}

async fn azure(is_probed: bool) -> Fixture {
    let home = fake::azure(Arc::default()).await;
    let connection = json!({ "account": "devstoreaccount1", "container": "suite", "endpoint": home });
    fixture(Objects::azure, connection, json!({ "access_key": KEY }), is_probed).await
}

mod gcs {
    async fn fixture() -> backend_testkit::Fixture {
        super::gcs(false).await
    }
    backend_testkit::suite!(fixture);
}

mod gcs_probed {
    async fn fixture() -> backend_testkit::Fixture {
        super::gcs(true).await
    }
    backend_testkit::suite!(fixture);
}

mod azure {
    async fn fixture() -> backend_testkit::Fixture {
        super::azure(false).await
    }
    backend_testkit::suite!(fixture);
}

mod azure_probed {
    async fn fixture() -> backend_testkit::Fixture {
        super::azure(true).await
    }
    backend_testkit::suite!(fixture);
}

mod webdav {
    async fn fixture() -> backend_testkit::Fixture {
        let home = super::fake::webdav().await;
        let credentials = super::json!({ "username": "suite", "password": super::fake::SECRET });
        super::fixture(super::Objects::webdav, super::json!({ "url": home }), credentials, false).await
    }
    backend_testkit::suite!(fixture);
}
