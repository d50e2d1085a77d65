//! A leaf beside other clients: each transfer in a process of its own, as the others run, so that time and memory are those of that transfer alone.
//!
//! The program that measures starts itself again with a job in its words, and [`obey`] does it.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backend_core::{
    AddOptions, Backend, ByteStream, Content, Dag, Error, ErrorKind, GetOptions, Key, Locator, Open, Result,
};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};

use super::Unready;

/// The word before a job.
const WORD: &str = "--job";
const FRAME: usize = 256 << 10;
/// A leaf that does not resume asks for no node, and for no hash.
const NOBODYS: &str = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

/// A leaf as a client: how its backend is configured.
#[derive(Debug, Clone)]
pub struct Client {
    /// `connection:`.
    pub connection: Value,
    /// `credentials:`.
    pub credentials: Value,
}

/// What a transfer took.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// From the start of the process to its end.
    pub whole: Duration,
    /// Of the verbs alone, on a connection that was there already.
    pub verbs: Duration,
    /// The most memory that the process has held, in MiB.
    pub memory: f64,
}

/// What is to be done.
#[derive(Debug)]
enum Job {
    Up,
    Down,
    /// Each file of a folder, as many at once as the leaf says.
    Many,
}

impl Client {
    /// Sends a file, to a clean place ([`Client::clear`]): the server has it at `stored`, under the key that is the name there.
    ///
    /// # Errors
    /// If the process fails: with what it said; or what stands there cannot be cleared.
    pub fn up(&self, file: &Path, stored: &Path) -> std::result::Result<Taken, Unready> {
        Self::clear(stored)?;
        let key = stored.file_name().and_then(|it| it.to_str());
        self.run("up", file, key.ok_or_else(|| Unready::new("a file is stored under a name"))?)
    }

    /// Fetches a file, to a clean place.
    ///
    /// # Errors
    /// As [`Client::up`].
    pub fn down(&self, key: &str, file: &Path) -> std::result::Result<Taken, Unready> {
        Self::clear(file)?;
        self.run("down", file, key)
    }

    /// Sends all files of a folder.
    ///
    /// # Errors
    /// As [`Client::up`].
    pub fn many(&self, folder: &Path, under: &str) -> std::result::Result<Taken, Unready> {
        self.run("many", folder, under)
    }

    /// Before anybody's turn: takes away the copy that an earlier turn left, and waits until the disk has everything. Else who comes next pays for it: a file
    /// of 1 GiB whose pages are being written back takes half a second to truncate, as long as to fetch.
    ///
    /// # Errors
    /// If the copy is there and cannot be removed, or `sync` fails.
    pub fn clear(copy: &Path) -> std::result::Result<(), Unready> {
        match fs::remove_file(copy) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(Unready::at(copy, "remove", err)),
            _ => {}
        }
        match Command::new("sync").status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Unready::new(format!("sync: {status}"))),
            Err(err) => Err(Unready::new(format!("sync: {err}"))),
        }
    }

    fn run(&self, verb: &str, path: &Path, key: &str) -> std::result::Result<Taken, Unready> {
        let program = std::env::current_exe().map_err(|err| Unready::new(err.to_string()))?;
        let job = json!({ "verb": verb, "path": path, "key": key, "connection": self.connection,
                          "credentials": self.credentials });
        let begun = Instant::now();
        let answer = Command::new(program).args([WORD, &job.to_string()]).output();
        let whole = begun.elapsed();
        let answer = answer.map_err(|err| Unready::new(err.to_string()))?;
        let said: Option<Value> = serde_json::from_slice(&answer.stdout).ok().filter(|_| answer.status.success());
        let number = |name: &str| said.as_ref().and_then(|it| it.get(name)).and_then(Value::as_f64);
        match (number("seconds"), number("memory")) {
            (Some(seconds), Some(memory)) => Ok(Taken { whole, verbs: Duration::from_secs_f64(seconds), memory }),
            _ => Err(Unready::new(format!("{verb} {key}: {}", String::from_utf8_lossy(&answer.stderr)))),
        }
    }
}

/// Does the job that is in this process's words, and answers what there is to be printed. `None`: there is none.
///
/// # Errors
/// What the leaf answers.
pub async fn obey(open: impl FnOnce(Client) -> Result<Arc<dyn Backend>>) -> Result<Option<String>> {
    let Some(text) = std::env::args().skip_while(|it| it != WORD).nth(1) else { return Ok(None) };
    let job: Value = serde_json::from_str(&text).map_err(|err| failed("read its job", err))?;
    let word = |name: &str| job.get(name).and_then(Value::as_str).unwrap_or_default();
    let part = |name: &str| job.get(name).cloned().unwrap_or_default();
    let verb = match word("verb") {
        "up" => Job::Up,
        "down" => Job::Down,
        _ => Job::Many,
    };
    let store = open(Client { connection: part("connection"), credentials: part("credentials") })?;
    store.health().await;
    let begun = Instant::now();
    let (path, key) = (PathBuf::from(word("path")), word("key"));
    match verb {
        Job::Up => up(&store, path, key).await?,
        Job::Down => down(&store, &path, key).await?,
        Job::Many => many(&store, &path, key).await?,
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Some(json!({ "seconds": seconds, "memory": memory()? }).to_string()))
}

async fn up(store: &Arc<dyn Backend>, path: PathBuf, key: &str) -> Result<()> {
    let cid = NOBODYS.parse().map_err(|err| failed("read a CID", err))?;
    let len = fs::metadata(&path).map_err(|err| failed("look at a file", err))?.len();
    let content = Content::file(cid, len, Dag::empty(), Arc::new(OnDisk(path)));
    let opts = AddOptions { id: Some(Key::parse(key)?.into()), ..AddOptions::default() };
    store.add(&content, &opts).await.map(drop)
}

async fn down(store: &Arc<dyn Backend>, path: &Path, key: &str) -> Result<()> {
    let mut file = File::create(path).map_err(|err| failed("make a file", err))?;
    let mut body = store.get(&Locator::new(Key::parse(key)?), &GetOptions::default()).await?.body;
    while let Some(frame) = body.try_next().await? {
        file.write_all(&frame).map_err(|err| failed("write a file", err))?;
    }
    Ok(())
}

async fn many(store: &Arc<dyn Backend>, folder: &Path, under: &str) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|err| failed("read a folder", err))?;
    let names = entries.filter_map(|it| it.ok()?.file_name().into_string().ok());
    let adds = names.map(|name| {
        let (path, key) = (folder.join(&name), format!("{under}/{name}"));
        async move { up(store, path, &key).await }
    });
    all(adds, store.info().limits.writes as usize).await
}

async fn all(adds: impl Iterator<Item = impl Future<Output = Result<()>>>, at_once: usize) -> Result<()> {
    stream::iter(adds).buffer_unordered(at_once).try_collect().await
}

/// The most memory that this process has held (proc(5)), in MiB.
fn memory() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status").map_err(|err| failed("read its status", err))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().map_err(|err| failed("read its memory", err))?;
    Ok(kib / 1024.0)
}

fn failed(what: &str, err: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot {what}")).with_source(err)
}

/// A file on the disk, as the program's own source is.
#[derive(Debug)]
struct OnDisk(PathBuf);

#[async_trait]
impl Open for OnDisk {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        let mut file = File::open(&self.0).map_err(|err| failed("open the file", err))?;
        file.seek(SeekFrom::Start(range.start)).map_err(|err| failed("seek in the file", err))?;
        let frames = stream::try_unfold((file, range.end - range.start), |(mut file, left)| async move {
            let mut frame = vec![0; FRAME.min(usize::try_from(left).unwrap_or(FRAME))];
            if frame.is_empty() {
                return Ok(None);
            }
            file.read_exact(&mut frame).map_err(|err| failed("read the file", err))?;
            let left = left - frame.len() as u64;
            Ok(Some((Bytes::from(frame), (file, left))))
        });
        Ok(frames.boxed())
    }
}
