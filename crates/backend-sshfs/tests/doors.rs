//! Who the server is, and who we are.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::sync::Arc;

use backend_core::{Backend, Error, ErrorKind, Power, Settings, StatOptions};
use backend_core::{Key, Locator};
use backend_layers::SystemClock;
use backend_sshfs::Sshfs;
use backend_testkit::CANARY;
use backend_testkit::sftp::{FakeSftp, Options};
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, EcdsaCurve, PrivateKey, key::safe_rng};
use serde_json::{Value, json};

fn open(connection: Value, credentials: Value) -> Arc<dyn Backend> {
    let mut settings = Settings::new("far", connection, Arc::new(SystemClock));
    settings.credentials = credentials;
    Sshfs::open(settings).unwrap()
}

/// Gets in, and is told that nothing is there.
async fn enters(connection: Value, credentials: Value) -> Result<(), Error> {
    let backend = open(connection, credentials);
    let err = backend.stat(&Locator::new(Key::new("nothing").unwrap()), &StatOptions::default()).await.unwrap_err();
    let said = format!("{err:?} {backend:?} {:?}", backend.health().await);
    assert!(!said.contains(CANARY), "{said}");
    match err.kind() {
        ErrorKind::NotFound => Ok(()),
        _ => Err(err),
    }
}

async fn refused(connection: Value, credentials: Value, kind: ErrorKind, words: &str) {
    let err = enters(connection, credentials).await.unwrap_err();
    assert!(err.kind() == kind && err.message().contains(words), "{err:?}");
}

fn key(algorithm: Algorithm) -> PrivateKey {
    PrivateKey::random(&mut safe_rng(), algorithm).unwrap()
}

/// `connection:` without the fingerprint, and with these lines of `known_hosts`.
fn known(server: &FakeSftp, lines: &[String]) -> Value {
    json!({ "host": "127.0.0.1", "port": server.port(), "path": "/store", "known_hosts": lines })
}

#[tokio::test]
async fn a_password_lets_in_and_a_wrong_one_does_not() {
    let server = FakeSftp::start(Options::default()).unwrap();
    enters(server.connection(), server.credentials()).await.unwrap();
    let wrong = json!({ "username": FakeSftp::USER, "password": format!("{CANARY}-wrong") });
    refused(server.connection(), wrong.clone(), ErrorKind::Unauthenticated, "takes nothing").await;
    let health = open(server.connection(), wrong).health().await;
    assert_eq!(health.reads, Power::Fails(ErrorKind::Unauthenticated));
    let nothing = json!({ "username": FakeSftp::USER });
    refused(server.connection(), nothing, ErrorKind::Unauthenticated, "takes nothing").await;
}

#[tokio::test]
async fn a_question_for_the_password_is_answered() {
    let server = FakeSftp::start(Options { questions: true, ..Options::default() }).unwrap();
    enters(server.connection(), server.credentials()).await.unwrap();
    let wrong = json!({ "username": FakeSftp::USER, "password": format!("{CANARY}-wrong") });
    refused(server.connection(), wrong, ErrorKind::Unauthenticated, "takes nothing").await;
}

#[tokio::test]
async fn keys_let_in_also_encrypted_ones_and_from_files() {
    for algorithm in [
        Algorithm::Ed25519,
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    ] {
        let key = key(algorithm);
        let public = key.public_key().to_openssh().unwrap();
        let server = FakeSftp::start(Options { key: Some(public), ..Options::default() }).unwrap();
        let text = key.to_openssh(LineEnding::LF).unwrap();
        let with = |more: Value| {
            let mut credentials = json!({ "username": FakeSftp::USER });
            credentials.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
            credentials
        };
        enters(server.connection(), with(json!({ "private_key": *text }))).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id");
        let locked = key.encrypt(&mut safe_rng(), CANARY).unwrap().to_openssh(LineEnding::LF).unwrap();
        std::fs::write(&path, &*locked).unwrap();
        enters(server.connection(), with(json!({ "key_path": path, "passphrase": CANARY }))).await.unwrap();
        let without = with(json!({ "private_key_path": path }));
        refused(server.connection(), without, ErrorKind::InvalidConfig, "credentials.passphrase").await;
        let wrong = with(json!({ "private_key_path": path, "passphrase": "other" }));
        refused(server.connection(), wrong, ErrorKind::InvalidConfig, "credentials.private_key").await;
        let other =
            PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap().to_openssh(LineEnding::LF).unwrap();
        refused(
            server.connection(),
            with(json!({ "private_key": *other })),
            ErrorKind::Unauthenticated,
            "takes nothing",
        )
        .await;
    }
}

#[tokio::test]
async fn an_rsa_key_is_refused_with_the_way_out() {
    let server = FakeSftp::start(Options::default()).unwrap();
    let rsa = format!("-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----\n");
    let credentials = json!({ "username": FakeSftp::USER, "private_key": rsa });
    refused(server.connection(), credentials, ErrorKind::InvalidConfig, "make an ed25519 key").await;
}

#[tokio::test]
async fn only_a_server_that_is_known_is_spoken_to() {
    let server = FakeSftp::start(Options::default()).unwrap();
    let (name, shown) = (format!("[127.0.0.1]:{}", server.port()), server.host_key());
    let other = key(Algorithm::Ed25519).public_key().to_openssh().unwrap();
    let enters = |lines: &[String]| enters(known(&server, lines), server.credentials());
    enters(&[format!("{name} {shown}")]).await.unwrap();
    let cases = [
        (vec![], ErrorKind::InvalidConfig, server.fingerprint()),
        (vec![format!("127.0.0.1 {shown}")], ErrorKind::InvalidConfig, server.fingerprint()),
        (vec![format!("{name} {other}")], ErrorKind::Unauthenticated, "not the one that is known"),
        (vec![format!("{name} {shown}"), format!("@revoked * {shown}")], ErrorKind::Unauthenticated, "revoked"),
    ];
    for (lines, kind, words) in cases {
        let err = enters(&lines).await.unwrap_err();
        assert!(err.kind() == kind && err.message().contains(words), "{lines:?}: {err:?}");
    }
    let mut pinned = known(&server, &[format!("{name} {shown}")]);
    pinned["host_keys"] = json!(["SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]);
    refused(pinned, server.credentials(), ErrorKind::Unauthenticated, "connection.host_keys").await;
}

#[tokio::test]
async fn a_new_server_is_remembered_when_that_is_wanted_and_another_key_refused() {
    let server = FakeSftp::start(Options::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known_hosts");
    let with = |check: &str| {
        let mut connection = known(&server, &[]);
        connection["known_hosts_file"] = json!(file);
        connection["host_key_check"] = json!(check);
        connection
    };
    refused(with("strict"), server.credentials(), ErrorKind::InvalidConfig, "known_hosts_file").await;
    for _ in 0..2 {
        enters(with("accept_new"), server.credentials()).await.unwrap();
    }
    enters(with("strict"), server.credentials()).await.unwrap();
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(written.matches("ssh-ed25519").count(), 1, "{written}");
    let other = key(Algorithm::Ed25519).public_key().to_openssh().unwrap();
    std::fs::write(&file, format!("[127.0.0.1]:{} {other}\n", server.port())).unwrap();
    refused(with("accept_new"), server.credentials(), ErrorKind::Unauthenticated, "not the one that is known").await;
}

#[tokio::test]
async fn a_server_is_reached_through_others_and_each_is_checked() {
    let (gate, server) = (FakeSftp::start(Options::default()).unwrap(), FakeSftp::start(Options::default()).unwrap());
    let line = |it: &FakeSftp| format!("[127.0.0.1]:{} {}", it.port(), it.host_key());
    let through = |lines: &[String]| {
        let mut connection = known(&server, lines);
        connection["proxy_jump"] = json!([format!("{}@127.0.0.1:{}", FakeSftp::USER, gate.port())]);
        connection
    };
    enters(through(&[line(&gate), line(&server)]), server.credentials()).await.unwrap();
    assert!(1 <= gate.connections() && gate.connections() == server.connections());
    for known in [line(&gate), line(&server)] {
        refused(through(&[known]), server.credentials(), ErrorKind::InvalidConfig, "is not known").await;
    }
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let connection = json!({ "host": "127.0.0.1", "port": port });
    refused(connection, json!({ "username": "me" }), ErrorKind::Unavailable, "127.0.0.1").await;
}
