//! The conformance suite against SeaweedFS, which providers run. Needs `cargo xtask services seaweedfs`, which takes long.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod against;

use std::sync::LazyLock;

use backend_testkit::Fixture;
use backend_testkit::real::Server;

static SERVER: LazyLock<Server> = LazyLock::new(|| Server::seaweedfs().unwrap());

async fn fixture() -> Fixture {
    against::fixture(against::bucket(&SERVER, |_| ())).await
}
backend_testkit::suite!(fixture);
