//! The conformance suite on the kinds of providers there are, on the leaf and on the stack; what each offers comes from a probe.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::sync::Arc;

use backend_core::{Backend, Facts, Settings};
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_testkit::Fixture;
use backend_testkit::s3::{Checksums, FakeS3, Options, Trailers, Versions};
use serde_json::{Value, json};

fn open(connection: Value, credentials: Value, learnt: Facts) -> Arc<dyn Backend> {
    let mut settings = Settings::new("suite", connection, Arc::new(SystemClock));
    settings.credentials = credentials;
    settings.learnt = learnt;
    backend_s3::open(settings).unwrap()
}

/// A server of its own; with `probed`, opened again with what a probe has learnt of it.
async fn fixture(opts: Options, more: Value, probed: bool) -> Fixture {
    let server = FakeS3::start(opts).await.unwrap();
    let opts = server.options();
    let mut connection = json!({ "endpoint_url": server.endpoint(), "bucket": opts.bucket });
    connection.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let mut credentials = json!({ "access_key_id": opts.access_key, "secret_access_key": opts.secret_key });
    if let Some(token) = &opts.session_token {
        credentials["session_token"] = json!(token);
    }
    let learnt = match probed {
        true => open(connection.clone(), credentials.clone(), Value::Null).probe().await.unwrap(),
        false => Value::Null,
    };
    let leaf = move || open(connection.clone(), credentials.clone(), learnt.clone());
    let same = leaf.clone();
    let stacked = move || stack(same(), &Operational::default(), &Gates::default(), Arc::new(SystemClock));
    Fixture::new().leaf(leaf).stack(stacked).keep(server)
}

/// Everything that AWS offers but versions, with small parts, checksums as trailers and a session's token.
mod aws {
    use super::*;

    async fn fixture() -> Fixture {
        let opts = Options { session_token: Some("canary-5f0c7e-token".to_owned()), ..Options::default() };
        super::fixture(opts, json!({ "provider": "aws", "path_style": true, "part_size": 5 << 20 }), true).await
    }
    backend_testkit::suite!(fixture);
}

/// A bucket that keeps versions, under a prefix, with pages that end early.
mod versions {
    use super::*;

    async fn fixture() -> Fixture {
        let opts = Options { versions: Versions::On, max_keys: 7, ..Options::default() };
        super::fixture(opts, json!({ "provider": "minio", "prefix": "some/where", "labels": "tags" }), true).await
    }
    backend_testkit::suite!(fixture);
}

/// Conditions are ignored with 200, checksums not looked at, trailers refused, versions and tags unknown.
mod plain {
    use super::*;

    async fn fixture() -> Fixture {
        let opts = Options {
            conditional_put: false,
            conditional_delete: false,
            checksums: Checksums::Ignored,
            trailers: Trailers::Refused,
            versions: Versions::Unknown,
            tags: false,
            ..Options::default()
        };
        super::fixture(opts, json!({}), true).await
    }
    backend_testkit::suite!(fixture);
}

/// Equal parts are wanted, etags of parts are random.
mod r2 {
    use super::*;

    async fn fixture() -> Fixture {
        let opts =
            Options { equal_parts: true, random_multipart_etag: true, region: "auto".to_owned(), ..Options::default() };
        super::fixture(opts, json!({ "provider": "r2" }), true).await
    }
    backend_testkit::suite!(fixture);
}

/// The older listing, whose pages end early and whose keys are not escaped.
mod ceph {
    use super::*;

    async fn fixture() -> Fixture {
        super::fixture(Options { max_keys: 100, ..Options::default() }, json!({ "provider": "ceph" }), true).await
    }
    backend_testkit::suite!(fixture);
}

/// AWS before anything was learnt.
mod unprobed {
    use super::*;

    async fn fixture() -> Fixture {
        super::fixture(Options::default(), json!({ "provider": "aws", "path_style": true }), false).await
    }
    backend_testkit::suite!(fixture);
}
