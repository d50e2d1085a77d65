//! Every real server starts, is its own, dies with its owner, and comes back with what it had.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use backend_testkit::real::{KuboOptions, Server, Unready};

/// The status of the answer to a request without a body.
fn status(port: u16, words: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "{words} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// A server makes a bucket, twice; answers `words` with `wanted`; is gone when killed and there again when restarted; leaves nothing.
fn check(start: fn() -> Result<Server, Unready>, words: &str, wanted: u16) {
    let mut server = start().unwrap();
    let (port, folder) = (server.port(), server.data());
    server.bucket("first").unwrap();
    server.bucket("first").unwrap();
    assert_eq!(status(port, words), wanted, "{}", server.log());
    server.kill();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    server.restart().unwrap();
    assert_eq!(server.port(), port);
    assert_eq!(status(port, words), wanted, "{}", server.log());
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!folder.exists());
}

#[test]
fn s3s_fs_checks_signatures() {
    check(Server::s3s_fs, "GET /first/?list-type=2", 403);
}

#[test]
fn rclone_s3_checks_signatures() {
    check(Server::rclone_s3, "GET /first/?list-type=2", 403);
}

#[test]
fn webdav_asks_who_it_is() {
    check(Server::rclone_webdav, "GET /first/", 401);
}

#[test]
fn azurite_asks_who_it_is() {
    check(Server::azurite, "GET /devstoreaccount1/first?restype=container&comp=list", 403);
}

/// moto keeps everything in memory: nothing is left behind a restart.
#[test]
fn moto_forgets() {
    let mut server = Server::moto().unwrap();
    server.bucket("first").unwrap();
    assert_eq!(status(server.port(), "GET /first"), 200);
    server.restart().unwrap();
    assert_eq!(status(server.port(), "GET /first"), 404);
}

#[test]
fn two_kubos_meet_only_when_they_are_connected() {
    let options = KuboOptions { offline: false, profile: Some("unixfs-v1-2025"), token: None };
    let (one, other) = (Server::kubo(&options).unwrap(), Server::kubo(&options).unwrap());
    let file = one.repo().join("version");
    let cid = one.run(&["add", "-Q", file.to_str().unwrap()]).unwrap();
    let cat = |words: [&str; 3]| other.run(&words);
    assert!(cat(["--timeout=1s", "cat", cid.trim()]).is_err());
    other.connect(&one).unwrap();
    assert_eq!(cat(["--timeout=30s", "cat", cid.trim()]).unwrap(), std::fs::read_to_string(&file).unwrap());
}

#[test]
fn a_kubo_with_a_token_asks_for_it() {
    let mut kubo = Server::kubo(&KuboOptions { token: Some("open-sesame"), ..KuboOptions::default() }).unwrap();
    assert_eq!(status(kubo.server().port(), "POST /api/v0/id"), 403);
    assert!(kubo.run(&["id"]).unwrap().contains("kubo"));
    kubo.server().restart().unwrap();
    assert!(kubo.run(&["id"]).unwrap().contains("kubo"));
}

/// The test's process is killed while it has a server: this test runs itself, kills that, and looks what is left.
#[test]
fn a_server_dies_with_a_killed_owner() {
    const ROLE: &str = "IPFS_KIT_TEST_OWNER";
    if std::env::var_os(ROLE).is_some() {
        let server = Server::s3s_fs().unwrap();
        std::fs::write(std::env::var_os(ROLE).unwrap(), format!("{} {}", server.port(), server.data().display()))
            .unwrap();
        // Until it is killed, or its parent gives up.
        let _ = std::io::stdin().read(&mut [0]);
        return;
    }
    let note = std::env::temp_dir().join(format!("ipfs-kit-owner-{}", std::process::id()));
    let mut owner = std::process::Command::new(std::env::current_exe().unwrap());
    owner.args(["--exact", "a_server_dies_with_a_killed_owner"]).env(ROLE, &note);
    let mut owner = owner.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let said = within(|| std::fs::read_to_string(&note).ok().filter(|it| it.contains(' ')));
    let (port, folder) = said.split_once(' ').unwrap();
    let (port, folder) = (port.parse::<u16>().unwrap(), PathBuf::from(folder));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    owner.kill().unwrap();
    owner.wait().unwrap();
    within(|| TcpStream::connect(("127.0.0.1", port)).is_err().then_some(()));
    within(|| (!folder.exists()).then_some(()));
    std::fs::remove_file(note).unwrap();
}

/// Looks again and again, for half a minute at most.
fn within<T>(look: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Some(it) => return it,
            None => assert!(begun.elapsed() < Duration::from_secs(30), "it does not happen"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
