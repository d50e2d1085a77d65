//! The conformance suite on libunftp: with many connections, with two, and with one; and by TLS.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use backend_testkit::ftp::{AUTHORITY, Door, FtpServer};
use backend_testkit::{CANARY, Fixture};
use common::{fixture_of, plain};
use serde_json::json;

/// With few connections the same commands come one after the other: a folder of thousands shows nothing more there.
async fn fixture_with(max_connections: u32) -> Fixture {
    let server = FtpServer::start().await.unwrap();
    let mut connection = plain(server.port());
    connection["max_connections"] = max_connections.into();
    let fixture = fixture_of(connection, "suite", CANARY).keep(server);
    if max_connections < 8 { fixture.small() } else { fixture }
}

mod many {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture_with(8).await
    }
    backend_testkit::suite!(fixture);
}

mod two {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture_with(2).await
    }
    backend_testkit::suite!(fixture);
}

mod one {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture_with(1).await
    }
    backend_testkit::suite!(fixture);
}

/// Every data connection must resume a session. The same commands pass as without TLS: what is large shows nothing more.
async fn fixture_by(door: Door) -> Fixture {
    let server = FtpServer::behind(door).await.unwrap();
    let tls = if door == Door::Implicit { "implicit" } else { "explicit" };
    let connection = json!({ "host": "127.0.0.1", "port": server.port(), "tls": tls, "ca_certificates": [AUTHORITY] });
    fixture_of(connection, "suite", CANARY).keep(server).small()
}

mod by_explicit_tls {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture_by(super::Door::Explicit).await
    }
    backend_testkit::suite!(fixture);
}

mod by_implicit_tls {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture_by(super::Door::Implicit).await
    }
    backend_testkit::suite!(fixture);
}

mod by_the_newest_tls {
    async fn fixture() -> backend_testkit::Fixture {
        super::fixture_by(super::Door::Newest).await
    }
    backend_testkit::suite!(fixture);
}
