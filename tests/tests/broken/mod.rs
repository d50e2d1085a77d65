//! An upload to a real S3 server whose client and whose server are killed in the middle of it. The size is the caller's.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use backend_testkit::real::{SECRET, Server, USER};
use journeys::{Journey, noise};

const MIB: u64 = 1 << 20;
/// Bytes of a part, as the backend is told.
const PART: u64 = 8 * MIB;
/// The leaf sends so many parts at a time.
const STREAMS: u64 = 8;
/// Everything that is no part: requests, answers, the store's marker, what a probe writes.
const REST: u64 = 8 * MIB;
/// How long the first half may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// What stands between the program and the server, and counts what the program sends.
pub(crate) struct Counter {
    pub(crate) port: u16,
    sent: Arc<AtomicU64>,
}

impl Counter {
    pub(crate) fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, sent) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU64::new(0)));
        let counted = sent.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // While the server is dead, so is its address.
                let Ok(up) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let (back, down) = (up.try_clone().unwrap(), client.try_clone().unwrap());
                let counted = counted.clone();
                thread::spawn(move || pass(client, up, Some(&counted)));
                thread::spawn(move || pass(back, down, None));
            }
        });
        Self { port, sent }
    }

    /// What was sent since the last time.
    pub(crate) fn take(&self) -> u64 {
        self.sent.swap(0, Ordering::Relaxed)
    }
}

/// Until either end is gone.
fn pass(mut from: TcpStream, mut to: TcpStream, counted: Option<&AtomicU64>) {
    let mut some = vec![0; 256 << 10];
    while let Ok(n @ 1..) = from.read(&mut some) {
        if let Some(counted) = counted {
            counted.fetch_add(n as u64, Ordering::Relaxed);
        }
        if to.write_all(&some[..n]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// The bytes of a stretch, and of the noise that it begins with.
const STRETCH: u64 = 64 << 10;
const NOISY: usize = 4 << 10;

/// A file made without being held. Every 64 KiB of it begin with noise and a number, so that no two frames, chunks or parts are the same; between those
/// are holes, so that 5 GiB take 320 MiB of the disk: what is sent, hashed, stored and compared is all of it.
pub(crate) fn make(path: &Path, len: u64) {
    let mut block = noise(31, NOISY);
    let file = File::create(path).unwrap();
    file.set_len(len).unwrap();
    for n in 0..len.div_ceil(STRETCH) {
        let begin = n * STRETCH;
        block[..8].copy_from_slice(&n.to_le_bytes());
        file.write_all_at(&block[..NOISY.min((len - begin) as usize)], begin).unwrap();
    }
}

/// Parts that the server has whole, by their files: it renames what has arrived.
fn arrived(server: &Server) -> u64 {
    let files = std::fs::read_dir(server.data()).unwrap().flatten();
    files.filter(|it| it.file_name().to_string_lossy().starts_with(".upload_id-")).count() as u64
}

fn known_to(server: &Server, counter: &Counter, it: &Journey) {
    server.bucket("suite-0000").unwrap();
    let settings = [
        format!("connection.endpoint_url=http://127.0.0.1:{}", counter.port),
        "connection.bucket=suite-0000".to_owned(),
        "connection.region=us-east-1".to_owned(),
        format!("connection.part_size={PART}"),
        format!("credentials.access_key_id={USER}"),
        format!("credentials.secret_access_key={SECRET}"),
    ];
    let mut words = vec!["backend", "create", "s3", "--type", "s3"];
    for setting in &settings {
        words.extend(["--set", setting]);
    }
    it.ok(words);
}

/// Whether what the program prints of `name` is what the file holds.
pub(crate) fn is_whole(it: &Journey, name: &str) -> bool {
    let mut child = it.command(["cat", name]).stdout(Stdio::piped()).spawn().unwrap();
    let (mut found, mut wanted) = (child.stdout.take().unwrap(), File::open(it.path(name)).unwrap());
    let (mut left, mut right) = (vec![0; MIB as usize], vec![0; MIB as usize]);
    loop {
        let n = wanted.read(&mut right).unwrap();
        if n == 0 {
            return found.read(&mut left).unwrap() == 0 && child.wait().unwrap().success();
        }
        if found.read_exact(&mut left[..n]).is_err() || left[..n] != right[..n] {
            return false;
        }
    }
}

/// Content of `len` bytes is added; in the middle its server dies, then its client; another process goes on, and sends again no part that had arrived.
pub(crate) fn survives(len: u64) {
    let (mut server, it) = (Server::s3s_fs().unwrap(), Journey::new());
    let counter = Counter::before(server.port());
    known_to(&server, &counter, &it);
    make(&it.path("big"), len);
    let begun = Instant::now();
    let mut child =
        it.command(["add", "big", "--to", "s3"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while arrived(&server) < len / PART / 2 {
        assert!(begun.elapsed() < PATIENCE && child.try_wait().unwrap().is_none(), "{} parts", arrived(&server));
        thread::yield_now();
    }
    server.kill();
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it was over before it was killed");
    let (first, there) = (counter.take(), arrived(&server) * PART);
    assert!(there < len, "nothing was left to send");
    assert!(first <= there + STREAMS * PART + REST, "{first} bytes were sent for {there} that arrived");
    server.restart().unwrap();
    let receipt = it.ok(["add", "big", "--to", "s3", "--json"]).json().remove(0);
    let second = counter.take();
    assert_eq!(receipt["partial"], false, "{receipt}");
    assert!(second <= len - there + REST, "{second} bytes were sent, and {} were missing", len - there);
    assert_eq!(arrived(&server), 0, "parts are left");
    assert!(is_whole(&it, "big"));
    let verified = it.ok(["verify", "--json"]).json().pop().unwrap();
    assert_eq!((&verified["good"], &verified["bad"]), (&1.into(), &0.into()), "{verified}");
}
