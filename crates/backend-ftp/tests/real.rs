//! The conformance suite on real servers, plain and by TLS; other clients beside us; and servers that are killed. `cargo xtask services ftp` has them.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::pin;
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use backend_core::ErrorKind;
use backend_testkit::real::{FtpTls, SECRET, Server, USER};
use backend_testkit::{Fixture, Gate, Keeper, LEAF, Watch, apart, random};
use common::{add, add_kept, bytes_of, fixture_of, kept, names, open, read};
use futures::TryStreamExt;
use serde_json::{Value, json};

static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A folder of its own on a server that is shared.
fn connection(server: &Server, tls: FtpTls) -> Value {
    let name = format!("b{}", NEXT.fetch_add(1, Ordering::Relaxed));
    server.bucket(&name).unwrap();
    let base = json!({ "host": "127.0.0.1", "port": server.port(), "path": format!("/{name}"), "tls": "none" });
    let mut connection = base;
    if tls != FtpTls::Plain {
        connection["tls"] = if tls == FtpTls::Explicit { "explicit".into() } else { "implicit".into() };
        connection["ca_certificates"] = json!([server.certificate()]);
    }
    connection
}

fn fixture(server: &Server, tls: FtpTls) -> Fixture {
    fixture_of(connection(server, tls), USER, SECRET)
}

/// vsftpd knows nobody else.
fn anonymous(server: &Server, tls: FtpTls) -> Fixture {
    fixture_of(connection(server, tls), "anonymous", SECRET)
}

mod vsftpd {
    use super::*;
    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::vsftpd(FtpTls::Plain).unwrap());
    async fn fixture() -> Fixture {
        anonymous(&SERVER, FtpTls::Plain)
    }
    backend_testkit::suite!(fixture);
}

mod vsftpd_by_tls {
    use super::*;
    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::vsftpd(FtpTls::Explicit).unwrap());
    async fn fixture() -> Fixture {
        anonymous(&SERVER, FtpTls::Explicit).small()
    }
    backend_testkit::suite!(fixture);
}

mod vsftpd_by_implicit_tls {
    use super::*;
    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::vsftpd(FtpTls::Implicit).unwrap());
    async fn fixture() -> Fixture {
        anonymous(&SERVER, FtpTls::Implicit).small()
    }
    backend_testkit::suite!(fixture);
}

mod pyftpdlib {
    use super::*;
    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::pyftpdlib().unwrap());
    async fn fixture() -> Fixture {
        super::fixture(&SERVER, FtpTls::Plain)
    }
    backend_testkit::suite!(fixture);
}

mod proftpd {
    use super::*;
    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::proftpd(FtpTls::Plain).unwrap());
    async fn fixture() -> Fixture {
        super::fixture(&SERVER, FtpTls::Plain)
    }
    backend_testkit::suite!(fixture);
}

mod proftpd_by_tls {
    use super::*;
    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::proftpd(FtpTls::Explicit).unwrap());
    async fn fixture() -> Fixture {
        super::fixture(&SERVER, FtpTls::Explicit).small()
    }
    backend_testkit::suite!(fixture);
}

#[tokio::test]
async fn the_server_connects_to_us_where_that_is_wanted() {
    for server in [Server::vsftpd(FtpTls::Plain).unwrap(), Server::proftpd(FtpTls::Plain).unwrap()] {
        let mut connection = connection(&server, FtpTls::Plain);
        connection["passive"] = false.into();
        let user = if format!("{server:?}").contains("vsftpd") { "anonymous" } else { USER };
        let store = open(connection, user, SECRET);
        let content = random("active", 3 * LEAF + 1);
        add(&store, "a/b", &content).await.unwrap();
        assert_eq!(read(&store, "a/b").await.unwrap(), bytes_of(&content).await, "{server:?}");
        assert_eq!(names(&store, &backend_core::ListOptions::default()).await.unwrap(), ["a/b"], "{server:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let server = Server::proftpd(FtpTls::Explicit).unwrap();
    let mut strict = connection(&server, FtpTls::Explicit);
    strict["ca_certificates"] = json!([]);
    let err = add(&open(strict.clone(), USER, SECRET), "x", &random("x", 10)).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::InvalidConfig, "{err}");
    strict["verify_tls"] = false.into();
    add(&open(strict.clone(), USER, SECRET), "x", &random("x", 10)).await.unwrap();
    strict["tls"] = "none".into();
    let err = add(&open(strict, USER, SECRET), "x", &random("x", 10)).await.unwrap_err();
    assert!(matches!(err.kind(), ErrorKind::InvalidConfig | ErrorKind::Unauthenticated | ErrorKind::Denied), "{err:?}");
}

#[tokio::test]
async fn a_wrong_password_is_said_so_and_shown_to_nobody() {
    for server in [Server::pyftpdlib().unwrap(), Server::proftpd(FtpTls::Plain).unwrap()] {
        let store = open(connection(&server, FtpTls::Plain), USER, "canary-wrong");
        let err = add(&store, "x", &random("x", 10)).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Unauthenticated, "{err:?}");
        assert!(!format!("{err:?}").contains("canary"), "{err:?}");
    }
}

/// Runs a client to its end.
fn run(program: &str, words: &[&str], home: &Path) {
    let program = Server::client(program).unwrap();
    let said = Command::new(&program).args(words).env("HOME", home).env("RCLONE_CONFIG", "").output().unwrap();
    assert!(said.status.success(), "{program:?} {words:?}: {}", String::from_utf8_lossy(&said.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_clients_read_what_we_write_and_we_what_they_write() {
    let server = Server::pyftpdlib().unwrap();
    let connection = connection(&server, FtpTls::Plain);
    let path = connection["path"].as_str().unwrap().to_owned();
    let store = open(connection, USER, SECRET);
    let home = tempfile::tempdir().unwrap();
    let (file, port) = (home.path().join("file"), server.port());
    let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let content = random("others", 3 * LEAF + 7);
    let bytes = bytes_of(&content).await;
    std::fs::write(&file, &bytes).unwrap();
    add(&store, "ours/ä b", &content).await.unwrap();

    let site = format!("ftp://127.0.0.1:{port}");
    let lftp = |script: String| {
        let script =
            format!("set cmd:fail-exit yes; set ftp:ssl-allow no; open -u {USER},{SECRET} {site}; {script}; bye");
        run("lftp", &["-c", &script], home.path());
    };
    lftp(format!("get \"{path}/ours/ä b\" -o \"{}\"", at("by lftp")));
    lftp(format!("mkdir \"{path}/lftp\"; put \"{}\" -o \"{path}/lftp/ö c\"", file.display()));

    let obscured = Command::new(Server::client("rclone").unwrap()).args(["obscure", SECRET]).output().unwrap();
    let obscured = String::from_utf8(obscured.stdout).unwrap();
    let remote = format!(":ftp,host=127.0.0.1,port={port},user={USER},pass={}:", obscured.trim());
    let there = |name: &str| format!("{remote}{path}/{name}");
    run("rclone", &["copyto", &there("ours/ä b"), &at("by rclone")], home.path());
    run("rclone", &["copyto", file.to_str().unwrap(), &there("rclone/ü d")], home.path());

    for name in ["by lftp", "by rclone"] {
        assert_eq!(std::fs::read(at(name)).unwrap(), bytes, "{name}");
    }
    for name in ["lftp/ö c", "rclone/ü d"] {
        assert_eq!(read(&store, name).await.unwrap(), bytes, "{name}");
    }
    let all = names(&store, &backend_core::ListOptions::default()).await.unwrap();
    assert_eq!(all, ["lftp/ö c", "ours/ä b", "rclone/ü d"]);
}

#[tokio::test]
async fn a_server_that_is_killed_in_an_upload_goes_on_with_it() {
    let servers = [
        (Server::vsftpd(FtpTls::Plain).unwrap(), FtpTls::Plain, "anonymous"),
        (Server::vsftpd(FtpTls::Explicit).unwrap(), FtpTls::Explicit, "anonymous"),
        (Server::proftpd(FtpTls::Implicit).unwrap(), FtpTls::Implicit, USER),
        (Server::pyftpdlib().unwrap(), FtpTls::Plain, USER),
        (Server::proftpd(FtpTls::Plain).unwrap(), FtpTls::Plain, USER),
    ];
    for (mut server, tls, user) in servers {
        let store = open(connection(&server, tls), user, SECRET);
        let content = random("killed", 40 * LEAF + 5);
        let keeper = Keeper::new();
        let (held, gate) = Gate::before_the_end(&content);
        {
            let mut adding = pin!(add_kept(&store, "killed", &held, kept(&keeper)));
            let answer = poll_fn(|context| match adding.as_mut().poll(context) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending => gate.poll_reached(context).map(|()| None),
            });
            assert!(answer.await.is_none(), "it answered before it had everything");
            server.kill();
            gate.open();
            let answer = adding.await;
            assert!(answer.is_err(), "{server:?}: {answer:?}");
            assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable, "{server:?}");
        }
        server.restart().unwrap();
        let (watched, watch) = Watch::over(&content);
        add_kept(&store, "killed", &watched, kept(&keeper)).await.unwrap();
        assert!(0 < watch.opened().into_iter().min().unwrap(), "{server:?}: it began again");
        assert_eq!(read(&store, "killed").await.unwrap(), bytes_of(&content).await, "{server:?}");
    }
}

/// A folder of a hundred thousand names costs no more than one of two pages.
#[tokio::test]
async fn a_large_folder_is_listed_in_flat_memory() {
    const NAME: &str = "a_large_folder_is_listed_in_flat_memory";
    const MIB: u64 = 1 << 20;
    if let Some(word) = apart::word() {
        let store = open(serde_json::from_str(&word).unwrap(), "anonymous", SECRET);
        let opts = backend_core::ListOptions::default();
        let n = store.list(&opts).try_fold(0, async |n: usize, _| Ok(n + 1)).await.unwrap();
        return apart::say(&format!("{n} {}", apart::peak().unwrap()));
    }
    let server = Server::vsftpd(FtpTls::Plain).unwrap();
    let peaks = [8_192, 100_000].map(|n: usize| {
        let connection = connection(&server, FtpTls::Plain);
        let folder = server.data().join(connection["path"].as_str().unwrap().trim_start_matches('/'));
        (0..n).for_each(|it| drop(std::fs::File::create(folder.join(format!("a name of a file {it:06}"))).unwrap()));
        let said = apart::run(NAME, &connection.to_string()).unwrap();
        let (found, peak) = said.split_once(' ').unwrap();
        assert_eq!(found, n.to_string());
        peak.parse::<u64>().unwrap()
    });
    println!("the most memory, in bytes: {peaks:?}");
    assert!(peaks[1] < peaks[0] + 4 * MIB && peaks[1] < 64 * MIB, "{peaks:?}");
}
