//! The conformance suite against servers that CI does not ask for: SeaweedFS, which takes long to build (`cargo xtask services large`), and
//! `rclone serve s3` 1.76, whose view of its folder lags behind what was written to it, so that several cases fail each time.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod against;

use std::sync::LazyLock;

use backend_testkit::Fixture;
use backend_testkit::real::Server;

mod seaweedfs {
    use super::*;

    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::seaweedfs().unwrap());

    async fn fixture() -> Fixture {
        against::fixture(against::bucket(&SERVER, |_| ())).await
    }
    backend_testkit::suite!(fixture);
}

mod rclone {
    use super::*;

    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::rclone_s3().unwrap());

    async fn fixture() -> Fixture {
        against::fixture(against::bucket(&SERVER, |_| ())).await
    }
    backend_testkit::suite!(fixture);
}
