//! The leaf and the stack on a store, opened with what a probe of that very store answered, if that is wanted: nothing else is left out.

use std::sync::Arc;

use backend_core::{Backend, Result, Settings};
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_testkit::Fixture;
use serde_json::Value;

pub(crate) type Open = fn(Settings) -> Result<Arc<dyn Backend>>;

pub(crate) fn settings(connection: &Value, credentials: &Value, learnt: &Value) -> Settings {
    let mut settings = Settings::new("suite", connection.clone(), Arc::new(SystemClock));
    settings.credentials = credentials.clone();
    settings.learnt = learnt.clone();
    settings
}

pub(crate) async fn fixture(open: Open, connection: Value, credentials: Value, is_probed: bool) -> Fixture {
    let learnt = match is_probed {
        true => open(settings(&connection, &credentials, &Value::Null)).unwrap().probe().await.unwrap(),
        false => Value::Null,
    };
    let leaf = move || open(settings(&connection, &credentials, &learnt)).unwrap();
    let same = leaf.clone();
    let layered = move || stack(same(), &Operational::default(), &Gates::default(), Arc::new(SystemClock));
    Fixture::new().leaf(leaf).stack(layered)
}
