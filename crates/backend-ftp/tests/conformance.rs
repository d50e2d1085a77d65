//! The conformance suite on libunftp: with many connections, with two, and with one.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use backend_testkit::ftp::FtpServer;
use backend_testkit::{CANARY, Fixture};
use common::{fixture_of, plain};

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
