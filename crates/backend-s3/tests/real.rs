//! The conformance suite against servers that others wrote. Needs `cargo xtask services s3`; run by `cargo xtask test --real`.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod against;

use std::sync::LazyLock;

use backend_core::{ErrorKind, Facts};
use backend_testkit::Fixture;
use backend_testkit::real::Server;
use serde_json::{Value, json};

/// Strict about signatures and checksums. No versions, no tags. It keeps names as paths of files, which a probe sees.
mod s3s_fs {
    use super::*;

    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::s3s_fs().unwrap());

    async fn fixture() -> Fixture {
        against::fixture("s3s-fs", against::bucket(&SERVER, |_| ())).await
    }
    backend_testkit::suite!(fixture);
}

/// A connection with the bucket in the name of the host.
fn by_host(mut connection: Value, url: &str) -> Value {
    connection["endpoint_url"] = url.into();
    connection["path_style"] = false.into();
    connection
}

/// The bucket stands in the host's name, and is part of what is signed.
mod s3s_fs_by_host {
    use super::*;

    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::s3s_fs_by_host().unwrap());

    async fn fixture() -> Fixture {
        let connection = by_host(against::bucket(&SERVER, |_| ()), &SERVER.host_url("http"));
        against::fixture("s3s-fs, by host", connection).await.small()
    }
    backend_testkit::suite!(fixture);
}

/// The same by TLS, with an authority of the user's own.
mod rclone_by_tls {
    use super::*;

    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::rclone_s3_by_tls().unwrap());

    async fn fixture() -> Fixture {
        let mut connection = by_host(against::bucket(&SERVER, |_| ()), &SERVER.host_url("https"));
        connection["ca_certificates"] = json!([SERVER.certificate()]);
        against::fixture("rclone, by TLS", connection).await.small()
    }
    backend_testkit::suite!(fixture);

    #[tokio::test]
    async fn a_certificate_that_nobody_vouches_for_is_refused() {
        let connection = by_host(against::bucket(&SERVER, |_| ()), &SERVER.host_url("https"));
        let err = against::open(&connection, &Facts::Null).probe().await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Unavailable, "{err:?}");
    }
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
