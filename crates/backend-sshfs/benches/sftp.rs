//! One server, our leaf, `sftp` and `rclone` in turns: a large file up and down, and 2,000 small ones. It prints a line of JSON for each comparison.
//! `cargo bench -p backend-sshfs --features real-servers --bench sftp -- MIB`; without a number, of 1 GiB.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that fails says so by panic; what it prints is its answer"
)]

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backend_core::{
    AddOptions, Backend, ByteStream, Content, Error, ErrorKind, GetOptions, Key, Locator, Open, Result, Settings,
};
use backend_layers::SystemClock;
use backend_sshfs::Sshfs;
use backend_testkit::random;
use backend_testkit::real::{Server, Sshd, program};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;

const TURNS: usize = 3;
const FRAME: usize = 256 << 10;
const MANY: usize = 2_000;
const SMALL: u64 = 4096;

/// A file on the disk, as the program's own source is.
#[derive(Debug)]
struct OnDisk(PathBuf);

#[async_trait]
impl Open for OnDisk {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        let failed = |err: std::io::Error| Error::new(ErrorKind::Internal, "the file cannot be read").with_source(err);
        let mut file = File::open(&self.0).map_err(failed)?;
        file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
        let frames = stream::try_unfold((file, range.end - range.start), move |(mut file, left)| async move {
            let mut frame = vec![0; FRAME.min(usize::try_from(left).unwrap_or(FRAME))];
            match frame.is_empty() {
                true => Ok(None),
                false => {
                    file.read_exact(&mut frame).map_err(failed)?;
                    let left = left - frame.len() as u64;
                    Ok(Some((Bytes::from(frame), (file, left))))
                }
            }
        });
        Ok(frames.boxed())
    }
}

/// The server, the backend on it, and where peers find it.
struct Stage {
    server: Sshd,
    backend: Arc<dyn Backend>,
    store: PathBuf,
    folder: tempfile::TempDir,
}

impl Stage {
    fn set() -> Self {
        let server = Server::sshd().unwrap();
        let store = server.data().join("store");
        let connection = json!({
            "host": "127.0.0.1", "port": server.port(), "path": store, "create": true,
            "known_hosts_file": server.file("known_hosts"),
        });
        let mut settings = Settings::new("bench", connection, Arc::new(SystemClock));
        settings.credentials = json!({ "username": server.user(), "private_key_path": server.file("id") });
        let backend = Sshfs::open(settings).unwrap();
        let folder = tempfile::tempdir_in(server.data()).unwrap();
        Self { server, backend, store, folder }
    }

    async fn add(&self, key: &str, content: &Content) {
        let opts = AddOptions { id: Some(Key::new(key).unwrap().into()), ..AddOptions::default() };
        self.backend.add(content, &opts).await.unwrap();
    }

    async fn get(&self, key: &str, to: &Path) {
        let mut file = File::create(to).unwrap();
        let at = Locator::new(Key::new(key).unwrap());
        let mut body = self.backend.get(&at, &GetOptions::default()).await.unwrap().body;
        while let Some(frame) = body.try_next().await.unwrap() {
            file.write_all(&frame).unwrap();
        }
    }

    fn sftp(&self, words: &str) -> Duration {
        let batch = self.folder.path().join("batch");
        fs::write(&batch, words).unwrap();
        let mut sftp = Command::new("sftp");
        sftp.args(["-q", "-F", "none", "-b"]).arg(&batch).args(["-P", &self.server.port().to_string()]);
        let known = format!("UserKnownHostsFile={}", self.server.file("known_hosts").display());
        sftp.arg("-i").arg(self.server.file("id")).arg("-o").arg(known);
        timed(sftp.arg(format!("{}@127.0.0.1", self.server.user())))
    }

    fn rclone(&self, words: &[&str]) -> Duration {
        let mut rclone = Command::new(program("rclone").unwrap());
        timed(rclone.args(words).env("RCLONE_CONFIG", "").env("HOME", self.folder.path()))
    }

    fn remote(&self, path: &str) -> String {
        let (id, known) = (self.server.file("id"), self.server.file("known_hosts.authority"));
        let who = format!("host=127.0.0.1,port={},user={}", self.server.port(), self.server.user());
        let (id, known, store) = (id.display(), known.display(), self.store.display());
        format!(":sftp,{who},key_file='{id}',known_hosts_file='{known}':{store}/{path}")
    }
}

fn timed(command: &mut Command) -> Duration {
    let begun = Instant::now();
    let answer = command.output().unwrap();
    assert!(answer.status.success(), "{command:?}: {}", String::from_utf8_lossy(&answer.stderr));
    begun.elapsed()
}

async fn in_turns(ours: impl AsyncFn(usize), peers: &[&dyn Fn(usize) -> Duration]) -> (Duration, Vec<Duration>) {
    let (mut best, mut theirs) = (Duration::MAX, vec![Duration::MAX; peers.len()]);
    for turn in 0..TURNS {
        let begun = Instant::now();
        ours(turn).await;
        best = best.min(begun.elapsed());
        for (best, peer) in theirs.iter_mut().zip(peers) {
            *best = (*best).min(peer(turn));
        }
    }
    (best, theirs)
}

fn tell(what: &str, ours: Duration, peer: Duration, at_least: f64) {
    let ratio = peer.as_secs_f64() / ours.as_secs_f64();
    let seconds = |it: Duration| format!("{:.2} s", it.as_secs_f64());
    let line =
        json!({ "what": what, "ours": seconds(ours), "peer": seconds(peer), "ratio": ratio, "at_least": at_least });
    println!("{line}");
}

async fn large(stage: &Stage, mib: u64) {
    let path = stage.folder.path().join("large");
    let plain = random("large", mib << 20);
    let mut file = File::create(&path).unwrap();
    let mut frames = plain.open_all().await.unwrap();
    while let Some(frame) = frames.try_next().await.unwrap() {
        file.write_all(&frame).unwrap();
    }
    let content = Content::file(*plain.cid(), plain.len(), plain.dag().clone(), Arc::new(OnDisk(path.clone())));
    let (from, to) = (path.display().to_string(), stage.folder.path().join("got"));
    let got = to.display().to_string();
    let remote = stage.store.display().to_string();
    let (up, theirs) = in_turns(
        async |_| stage.add("ours", &content).await,
        &[&|_| stage.sftp(&format!("put {from} {remote}/sftp\n")), &|_| {
            stage.rclone(&["copyto", "--ignore-times", &from, &stage.remote("rclone")])
        }],
    )
    .await;
    tell(&format!("SFTP, {mib} MiB up, against `sftp`"), up, theirs[0], 1.0);
    tell(&format!("SFTP, {mib} MiB up, against `rclone`"), up, theirs[1], 1.0);
    let (down, theirs) = in_turns(
        async |_| stage.get("ours", &to).await,
        &[&|_| stage.sftp(&format!("get {remote}/ours {got}\n")), &|_| {
            stage.rclone(&["copyto", "--ignore-times", &stage.remote("ours"), &got])
        }],
    )
    .await;
    tell(&format!("SFTP, {mib} MiB down, against `sftp`"), down, theirs[0], 1.0);
    tell(&format!("SFTP, {mib} MiB down, against `rclone`"), down, theirs[1], 1.0);
}

async fn small(stage: &Stage) {
    let folder = stage.folder.path().join("small");
    fs::create_dir(&folder).unwrap();
    let mut contents = Vec::new();
    for n in 0..MANY {
        let (plain, path) = (random(&n.to_string(), SMALL), folder.join(n.to_string()));
        let frames: Vec<Bytes> = plain.open_all().await.unwrap().try_collect().await.unwrap();
        fs::write(&path, frames.concat()).unwrap();
        contents.push(Content::file(*plain.cid(), SMALL, plain.dag().clone(), Arc::new(OnDisk(path))));
    }
    let from = folder.display().to_string();
    let ours = async |turn: usize| {
        let at_once = stage.backend.info().limits.writes as usize;
        let adds = contents.iter().enumerate().map(|(n, content)| async move {
            stage.add(&format!("ours-{turn}/{n}"), content).await;
        });
        stream::iter(adds).buffer_unordered(at_once).collect::<Vec<()>>().await;
    };
    let rclone =
        |turn: usize| stage.rclone(&["copy", "--transfers", "16", &from, &stage.remote(&format!("rclone-{turn}"))]);
    let (ours, theirs) = in_turns(ours, &[&rclone]).await;
    tell("SFTP, 2,000 files of 4 KiB up, synced, against `rclone`, which does not sync", ours, theirs[0], 1.5);
}

/// The most memory that this process has held (proc(5)), in MiB.
fn memory() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|it| it.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

#[tokio::main]
async fn main() {
    let mib = std::env::args().skip(1).find_map(|it| it.parse().ok()).unwrap_or(1024);
    let stage = Stage::set();
    large(&stage, mib).await;
    let most = memory();
    let what = format!("memory of a process that sends and takes {mib} MiB by SFTP, MiB");
    println!("{}", json!({ "what": what, "ours": format!("{most:.0}"), "peer": "-", "ratio": most, "at_most": 64.0 }));
    small(&stage).await;
}
