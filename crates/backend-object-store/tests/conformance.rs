//! The conformance suite, on the leaf and on the stack, for each kind; and for buckets once more with what a probe has learnt.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;
mod fake;

use std::sync::Arc;

use backend_object_store::Objects;
use backend_testkit::Fixture;
use common::fixture;
use serde_json::json;

/// Of Azurite; published by Microsoft.
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

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
