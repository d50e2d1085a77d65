//! Uploads to real servers of files, by SFTP and by FTP, whose client is killed in the middle of them.

use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use backend_testkit::ftp::FtpProxy;
use backend_testkit::real::{FtpTls, Server};
use journeys::Journey;

use crate::broken::{Counter, is_whole, make};

const MIB: u64 = 1 << 20;
const LEN: u64 = 192 * MIB + 12_345;
/// What may be on its way when a client dies: what it sends before it waits for an answer, what lies between the two; and everything that is no content.
const WINDOW: u64 = 24 * MIB;
/// How long the first half may take, and a server to see that its client is gone.
const PATIENCE: Duration = Duration::from_secs(300);

/// Through a relay that counts: a client of the journey does not know the server behind it.
pub(crate) fn by_sftp() {
    let (server, it) = (Server::sshd().unwrap(), Journey::new());
    let counter = Counter::before(server.port());
    let folder = server.data().join("store");
    let settings = [
        "connection.host=127.0.0.1".to_owned(),
        format!("connection.port={}", counter.port),
        format!("connection.path={}", folder.display()),
        "connection.create=true".to_owned(),
        "connection.host_key_check=accept_new".to_owned(),
        format!("connection.known_hosts_file={}", it.path("known").display()),
        format!("credentials.username={}", server.user()),
        format!("credentials.private_key_path={}", server.file("id").display()),
    ];
    survives(&it, "sshfs", &settings, &folder, || counter.take());
}

pub(crate) fn by_ftp() {
    let (server, it) = (Server::vsftpd(FtpTls::Plain).unwrap(), Journey::new());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let proxy = runtime.block_on(FtpProxy::before(server.port())).unwrap();
    server.bucket("store").unwrap();
    let settings = [
        "connection.host=127.0.0.1".to_owned(),
        format!("connection.port={}", proxy.port()),
        "connection.path=/store".to_owned(),
        "connection.tls=none".to_owned(),
        "credentials.username=anonymous".to_owned(),
    ];
    survives(&it, "ftp", &settings, &server.data().join("store"), || proxy.take_sent());
}

/// Bytes of unfinished uploads that the server has.
fn arrived(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder.join(".ipfs-kit/tmp")).into_iter().flatten().flatten();
    entries.filter_map(|it| it.metadata().ok()).map(|it| it.len()).sum()
}

/// The same, once the server has seen that its client is gone: what it had received by then it may still write.
fn settled(folder: &Path) -> u64 {
    let (begun, mut last, mut since) = (Instant::now(), arrived(folder), Instant::now());
    while since.elapsed() < Duration::from_millis(500) {
        assert!(begun.elapsed() < PATIENCE, "the server writes on and on");
        thread::sleep(Duration::from_millis(20));
        let now = arrived(folder);
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    last
}

/// Content is added, in the middle of it the client is killed; another process goes on, and sends no more again than what may have been on its way.
fn survives(it: &Journey, kind: &str, settings: &[String], folder: &Path, sent: impl Fn() -> u64) {
    let create = ["backend", "create", "far", "--type", kind].into_iter();
    it.ok(create.chain(settings.iter().flat_map(|setting| ["--set", setting])));
    make(&it.path("big"), LEN);
    let mut adding = it.command(["add", "big", "--to", "far"]);
    let mut child = adding.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while arrived(folder) < LEN / 2 {
        let ended = child.try_wait().unwrap();
        assert!(begun.elapsed() < PATIENCE && ended.is_none(), "{ended:?} with {} bytes", arrived(folder));
        thread::yield_now();
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it was over before it was killed");
    let (there, first) = (settled(folder), sent());
    assert!(there < LEN - WINDOW, "nothing was left to send");
    assert!(first <= there + WINDOW, "{first} bytes were sent for {there} that arrived");
    let receipt = it.ok(["add", "big", "--to", "far", "--json"]).json().remove(0);
    let second = sent();
    assert_eq!(receipt["partial"], false, "{receipt}");
    assert!(second <= LEN - there + WINDOW, "{second} bytes were sent, and {} were missing", LEN - there);
    assert_eq!(arrived(folder), 0, "an upload is left");
    assert!(is_whole(it, "big"));
    let verified = it.ok(["verify", "--json"]).json().pop().unwrap();
    assert_eq!((&verified["good"], &verified["bad"]), (&1.into(), &0.into()), "{verified}");
}
