//! Beside lftp and rclone, on one vsftpd, in turns: one large file up and down, and many small ones. `cargo xtask bench ftp` reads what it prints.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures, and no part of anything")]

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend_core::{AddOptions, Backend, ByteStream, Content, Dag, GetOptions, Key, Locator, Open, Result, Settings};
use backend_ftp::Ftp;
use backend_layers::SystemClock;
use backend_testkit::real::{FtpTls, SECRET, Server};
use bytes::BytesMut;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

/// How often each is measured; the best counts.
const ROUNDS: usize = 3;

/// A file as a source.
#[derive(Debug)]
struct File(PathBuf);

#[async_trait::async_trait]
impl Open for File {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        let mut file = tokio::fs::File::open(&self.0).await.unwrap();
        file.seek(std::io::SeekFrom::Start(range.start)).await.unwrap();
        file.set_max_buf_size(1 << 20);
        let frames = stream::unfold(file, |mut file| async {
            let mut frame = BytesMut::with_capacity(1 << 18);
            let n = file.read_buf(&mut frame).await.unwrap();
            (0 < n).then(|| (Ok(frame.freeze()), file))
        });
        Ok(frames.boxed())
    }
}

/// What is measured against.
struct Stage {
    server: Server,
    home: PathBuf,
    store: Arc<dyn Backend>,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.server)
    }
}

fn content(path: &Path) -> Content {
    // A leaf that does not resume asks for no node.
    let cid = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e".parse().unwrap();
    let len = std::fs::metadata(path).unwrap().len();
    Content::file(cid, len, Dag::empty(), Arc::new(File(path.to_path_buf())))
}

async fn up(store: &Arc<dyn Backend>, path: &Path, name: &str) {
    let id = Key::new(name).unwrap().into();
    store.add(&content(path), &AddOptions { id: Some(id), ..AddOptions::default() }).await.unwrap();
}

async fn down(store: &Arc<dyn Backend>, name: &str, path: &Path) {
    let at = Locator::new(Key::new(name).unwrap());
    let mut body = store.get(&at, &GetOptions::default()).await.unwrap().body;
    let mut file = tokio::fs::File::create(path).await.unwrap();
    file.set_max_buf_size(1 << 20);
    while let Some(frame) = body.try_next().await.unwrap() {
        file.write_all(&frame).await.unwrap();
    }
    file.flush().await.unwrap();
}

impl Stage {
    fn run(&self, program: &str, words: &[&str]) {
        let mut command = Command::new(Server::client(program).unwrap());
        let said = command.args(words).env("HOME", &self.home).env("RCLONE_CONFIG", "").output().unwrap();
        assert!(said.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&said.stderr));
    }

    fn lftp(&self, script: &str) {
        let port = self.server.port();
        let script = format!("set cmd:fail-exit yes; set ftp:ssl-allow no; open ftp://127.0.0.1:{port}; {script}; bye");
        self.run("lftp", &["-c", &script]);
    }

    fn remote(&self, path: &str) -> String {
        let pass = Command::new(Server::client("rclone").unwrap()).args(["obscure", "x"]).output().unwrap();
        let pass = String::from_utf8(pass.stdout).unwrap();
        format!(":ftp,host=127.0.0.1,port={},user=anonymous,pass={}:/b/{path}", self.server.port(), pass.trim())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }
}

async fn timed(act: impl Future<Output = ()>) -> Duration {
    let begun = Instant::now();
    act.await;
    begun.elapsed()
}

fn say(what: &str, ours: Duration, peer: Duration, at_least: f64) {
    let (ours, peer) = (ours.as_secs_f64(), peer.as_secs_f64());
    let line = json!({ "what": what, "ours": format!("{ours:.3} s"), "peer": format!("{peer:.3} s"),
                       "ratio": peer / ours, "at_least": at_least });
    println!("{line}");
}

async fn large(stage: &Stage, mib: u64) {
    let file = stage.path("large");
    let mut bytes = vec![0u8; 1 << 20];
    let mut out = std::io::BufWriter::new(std::fs::File::create(&file).unwrap());
    for n in 0..mib {
        let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for byte in bytes.chunks_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            byte.copy_from_slice(&state.to_le_bytes());
        }
        std::io::Write::write_all(&mut out, &bytes).unwrap();
    }
    std::io::Write::flush(&mut out).unwrap();
    let (from, to) = (file.to_str().unwrap().to_owned(), stage.path("back").to_str().unwrap().to_owned());
    let mut best = [Duration::MAX; 6];
    for _ in 0..ROUNDS {
        let measured = [
            timed(up(&stage.store, &file, "ours")).await,
            timed(async { stage.lftp(&format!("put {from} -o /b/lftp")) }).await,
            timed(async { stage.run("rclone", &["copyto", "-I", &from, &stage.remote("rclone")]) }).await,
            timed(down(&stage.store, "ours", &stage.path("back"))).await,
            timed(async { stage.lftp(&format!("set xfer:clobber yes; get /b/lftp -o {to}")) }).await,
            timed(async { stage.run("rclone", &["copyto", "-I", &stage.remote("rclone"), &to]) }).await,
        ];
        for (best, now) in best.iter_mut().zip(measured) {
            *best = now.min(*best);
        }
    }
    let [up, up_lftp, up_rclone, down, down_lftp, down_rclone] = best;
    say(&format!("FTP: {mib} MiB up, lftp"), up, up_lftp, 1.0);
    say(&format!("FTP: {mib} MiB up, rclone"), up, up_rclone, 1.0);
    say(&format!("FTP: {mib} MiB down, lftp"), down, down_lftp, 1.0);
    say(&format!("FTP: {mib} MiB down, rclone"), down, down_rclone, 1.0);
}

async fn small(stage: &Stage, files: usize) {
    let folder = stage.path("small");
    std::fs::create_dir_all(&folder).unwrap();
    for n in 0..files {
        std::fs::write(folder.join(format!("f{n}")), vec![(n % 251) as u8; 4096]).unwrap();
    }
    let mut best = [Duration::MAX; 2];
    for round in 0..ROUNDS {
        let ours = timed(async {
            let sent = (0..files).map(|n| {
                let (store, path) = (&stage.store, folder.join(format!("f{n}")));
                async move { up(store, &path, &format!("small{round}/f{n}")).await }
            });
            stream::iter(sent).buffer_unordered(8).collect::<Vec<()>>().await;
        });
        best[0] = best[0].min(ours.await);
        let to = stage.remote(&format!("rclone{round}"));
        let peer = timed(async { stage.run("rclone", &["copy", folder.to_str().unwrap(), &to]) });
        best[1] = best[1].min(peer.await);
    }
    say(&format!("FTP: {files} files of 4 KiB up, rclone"), best[0], best[1], 1.5);
}

/// The most memory that this process ever had (proc(5), VmHWM).
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

#[tokio::main]
async fn main() {
    let mut words = std::env::args().skip(1).map(|it| it.parse::<u64>().unwrap());
    let (mib, files) = (words.next().unwrap_or(1024), words.next().unwrap_or(2000));
    let server = Server::vsftpd(FtpTls::Plain).unwrap();
    server.bucket("b").unwrap();
    let home = tempfile::tempdir_in(server.data().parent().unwrap()).unwrap();
    let connection = json!({ "host": "127.0.0.1", "port": server.port(), "path": "/b", "tls": "none" });
    let mut settings = Settings::new("bench", connection, Arc::new(SystemClock));
    settings.credentials = json!({ "username": "anonymous", "password": SECRET });
    let stage = Stage { server, home: home.path().to_path_buf(), store: Ftp::open(settings).unwrap() };
    large(&stage, mib).await;
    small(&stage, usize::try_from(files).unwrap()).await;
    let peak = peak_mib();
    let line = json!({ "what": "FTP: memory of all that, MiB", "ours": format!("{peak:.0} MiB"), "peer": "-",
                       "ratio": peak, "at_most": 64.0 });
    println!("{line}");
}
