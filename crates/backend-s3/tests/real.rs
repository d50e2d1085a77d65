//! The conformance suite against servers that others wrote. Needs `cargo xtask services s3`; run by `cargo xtask test --real`.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod against;

use std::sync::LazyLock;

use backend_testkit::Fixture;
use backend_testkit::real::Server;

/// Strict about signatures and checksums. No versions, no tags. It keeps names as paths of files, which a probe sees.
mod s3s_fs {
    use super::*;

    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::s3s_fs().unwrap());

    async fn fixture() -> Fixture {
        against::fixture("s3s-fs", against::bucket(&SERVER, |_| ())).await
    }
    backend_testkit::suite!(fixture);
}

/// What people put before a disk. It keeps names as paths of files, too.
mod rclone {
    use super::*;

    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::rclone_s3().unwrap());

    async fn fixture() -> Fixture {
        against::fixture("rclone", against::bucket(&SERVER, |_| ())).await
    }
    backend_testkit::suite!(fixture);
}

mod moto {
    use super::*;

    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::moto().unwrap());

    async fn fixture() -> Fixture {
        against::fixture("moto", against::bucket(&SERVER, |_| ())).await
    }
    backend_testkit::suite!(fixture);

    /// The same with versions: a bucket has them or has them not, and a probe sees which.
    mod versions {
        use super::*;

        const ENABLED: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";

        async fn fixture() -> Fixture {
            let enable = |name: &str| {
                let status = SERVER.ask(&format!("PUT /{name}?versioning"), ENABLED).unwrap();
                assert_eq!(status, 200);
            };
            against::fixture("moto, versions", against::bucket(&SERVER, enable)).await
        }
        backend_testkit::suite!(fixture);
    }
}
