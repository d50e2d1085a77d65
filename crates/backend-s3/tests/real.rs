//! The conformance suite against servers that others wrote. Needs `cargo xtask services s3`; run by `cargo xtask test --real`.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod against;

use std::sync::LazyLock;

use backend_testkit::Fixture;
use backend_testkit::real::Server;

/// Strict about signatures and checksums. No versions, no tags. It keeps keys as paths of files, which no fact can make good: it answers 500 where S3
/// has a name, or none. So each of its own faults is named here with the words that show it, and a case that fails otherwise, or no more, fails the
/// test.
mod s3s_fs {
    use super::*;

    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::s3s_fs().unwrap());

    const FAULTS: &[(&str, &str)] = &[
        ("c16_what_is_absent_is_not_found", "(500)"),
        ("c37_hostile_names_are_kept_or_refused", "InternalError"),
        ("c38_near_names_do_not_meet", "InternalError"),
        ("c50_a_range_is_exact", "InternalError"),
        ("c63_neighbours_stay", "(500)"),
    ];

    async fn fixture() -> Fixture {
        against::fixture(against::bucket(&SERVER, |_| ())).await
    }

    #[test]
    fn conforms_but_for_its_own_faults() {
        let verdict = |name: &str| against::failure_of(name, fixture);
        let wrong: Vec<String> = backend_testkit::names()
            .filter_map(|name| match (verdict(name), FAULTS.iter().find(|row| row.0 == name)) {
                (None, None) => None,
                (Some(words), Some((_, wanted))) if words.contains(wanted) => None,
                (Some(words), _) => Some(format!("{name}: {words}")),
                (None, Some(_)) => Some(format!("{name} passes now: take it off the list")),
            })
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

mod moto {
    use super::*;

    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::moto().unwrap());

    async fn fixture() -> Fixture {
        against::fixture(against::bucket(&SERVER, |_| ())).await
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
            against::fixture(against::bucket(&SERVER, enable)).await
        }
        backend_testkit::suite!(fixture);
    }
}
