//! The conformance suite, on the leaf and on the stack, for each way in which labels are kept.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::sync::Arc;

use backend_core::{Backend, Settings};
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_local::Local;
use backend_testkit::Fixture;
use serde_json::json;

fn fixture_with(labels: &'static str) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_path_buf();
    let open = move || -> Arc<dyn Backend> {
        let connection = json!({ "path": path, "labels": labels });
        Local::open(Settings::new("archive", connection, Arc::new(SystemClock))).unwrap()
    };
    let leaf = open.clone();
    let layered = move || stack(open(), &Operational::default(), &Gates::default(), Arc::new(SystemClock));
    Fixture::new().leaf(leaf).stack(layered).keep(folder)
}

mod auto {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture_with("auto")
    }
    backend_testkit::suite!(fixture);
}

mod sidecar {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture_with("sidecar")
    }
    backend_testkit::suite!(fixture);
}

mod off {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture_with("off")
    }
    backend_testkit::suite!(fixture);
}
