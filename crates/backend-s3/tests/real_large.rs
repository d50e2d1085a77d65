//! The conformance suite against what CI does not ask for: SeaweedFS, which takes long to build (`cargo xtask services large`).
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod against;

use std::sync::LazyLock;

use backend_testkit::Fixture;
use backend_testkit::real::Server;

mod seaweedfs {
    use super::*;

    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::seaweedfs().unwrap());

    async fn fixture() -> Fixture {
        against::fixture("seaweedfs", against::bucket(&SERVER, |_| ())).await
    }
    backend_testkit::suite!(fixture);
}
