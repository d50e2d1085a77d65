//! The conformance suite on servers that others have written: Azurite, and `rclone serve webdav`. `cargo xtask services` builds them.
//!
//! There is none for Google Cloud Storage: fake-gcs-server 1.56 takes no uploads by the XML API, which `object_store` speaks (400, "invalid uploadType").
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use std::sync::LazyLock;

use backend_object_store::Objects;
use backend_testkit::Fixture;
use backend_testkit::real::{SECRET, Server, USER};
use common::{fixture, settings};
use serde_json::{Value, json};

static AZURITE: LazyLock<Server> = LazyLock::new(|| with_bucket(Server::azurite().unwrap()));
static WEBDAV: LazyLock<Server> = LazyLock::new(|| with_bucket(Server::rclone_webdav().unwrap()));

fn with_bucket(server: Server) -> Server {
    server.bucket("suite").unwrap();
    server
}

/// All tests share the server, and each fixture has a folder of its own where the server's listing has to be walked through from its beginning.
fn folder() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("of-{:016x}", RandomState::new().hash_one(0))
}

async fn azurite() -> Fixture {
    let endpoint = format!("{}/{}", AZURITE.url(), Server::AZURE_ACCOUNT);
    let connection =
        json!({ "account": Server::AZURE_ACCOUNT, "container": "suite", "endpoint": endpoint, "prefix": folder() });
    fixture(Objects::azure, connection, json!({ "access_key": Server::AZURE_KEY }), true).await
}

mod azurite {
    backend_testkit::suite!(super::azurite);
}

mod rclone {
    async fn fixture() -> backend_testkit::Fixture {
        let connection = super::json!({ "url": format!("{}/suite", super::WEBDAV.url()) });
        let credentials = super::json!({ "username": super::USER, "password": super::SECRET });
        super::fixture(super::Objects::webdav, connection, credentials, false).await
    }
    backend_testkit::suite!(fixture);
}

/// What the probe is worth: Azurite honours conditions, and a store that offers them is what the suite has run on.
#[tokio::test]
async fn azurite_honours_conditions() {
    let fixture = azurite().await;
    drop(fixture);
    let endpoint = format!("{}/{}", AZURITE.url(), Server::AZURE_ACCOUNT);
    let connection = json!({ "account": Server::AZURE_ACCOUNT, "container": "suite", "endpoint": endpoint });
    let opened = Objects::azure(settings(&connection, &json!({ "access_key": Server::AZURE_KEY }), &Value::Null));
    assert_eq!(opened.unwrap().probe().await.unwrap(), json!({ "if_absent": true, "if_match": true }));
}
