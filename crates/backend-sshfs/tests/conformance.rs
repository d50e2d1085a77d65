//! The conformance suite on the kinds of servers there are, on the leaf and on the stack; what each offers comes from a probe.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::sync::Arc;

use backend_core::{Backend, Facts, Settings};
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_sshfs::Sshfs;
use backend_testkit::Fixture;
use backend_testkit::sftp::{FakeSftp, Options};
use serde_json::Value;

fn open(connection: Value, credentials: Value, learnt: Facts) -> Arc<dyn Backend> {
    let mut settings = Settings::new("suite", connection, Arc::new(SystemClock));
    settings.credentials = credentials;
    settings.learnt = learnt;
    Sshfs::open(settings).unwrap()
}

async fn fixture(opts: Options, probed: bool) -> Fixture {
    let server = FakeSftp::start(opts).unwrap();
    let (connection, credentials) = (server.connection(), server.credentials());
    let learnt = match probed {
        true => open(connection.clone(), credentials.clone(), Value::Null).probe().await.unwrap(),
        false => Value::Null,
    };
    let leaf = move || open(connection.clone(), credentials.clone(), learnt.clone());
    let same = leaf.clone();
    let stacked = move || stack(same(), &Operational::default(), &Gates::default(), Arc::new(SystemClock));
    Fixture::new().leaf(leaf).stack(stacked).keep(server)
}

/// As OpenSSH is, with everything that a probe shows.
mod openssh {
    use super::*;

    async fn fixture() -> Fixture {
        super::fixture(Options::default(), true).await
    }
    backend_testkit::suite!(fixture);
}

/// The draft and nothing else: no extensions, short reads, one session on a connection, attributes without modes.
mod plain {
    use super::*;

    async fn fixture() -> Fixture {
        super::fixture(Options::plain(), true).await
    }
    backend_testkit::suite!(fixture);
}

/// Nothing was learnt yet.
mod unprobed {
    use super::*;

    async fn fixture() -> Fixture {
        super::fixture(Options::default(), false).await.small()
    }
    backend_testkit::suite!(fixture);
}
