//! The RPC: one listener, the commands that leaves use, and what goes wrong on order.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::Result;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ipld::unixfs::{self, Node};
use ipld::{Cid, address, car};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::blocks::Blocks;
use super::pins::Pin;
use super::wire::{Head, Wire};

const PREFIX: &str = "/api/v0/";
const DENIED: &str = "Kubo RPC Access Denied: Please provide a valid authorization token as defined in the API.Authorizations configuration.\n";
/// Bytes that Kubo writes at a time (go-ipfs-cmds, `flushCopy`).
const FLUSH: usize = 4096;

/// What goes wrong the next time that a command is asked for.
#[derive(Debug, Clone)]
pub enum Lie {
    /// A proxy answers in place of the node.
    Status(u16, &'static str),
    /// The command fails with this text.
    Fails(&'static str),
    /// All of the answer comes, and then a trailer says that it failed.
    Trailer(&'static str),
    /// The connection is closed in place of an answer.
    Cut,
    /// The connection is closed in the middle of the answer.
    CutShort,
    /// No answer ever comes.
    Stalls,
    /// An import answers with this line in place of its roots.
    Root(&'static str),
    /// An import counts one block less than it took, or nothing at all.
    Miscounts,
    /// An import takes the blocks and cannot pin the root, and says so with status 200.
    PinFails(&'static str),
    /// Other bytes of the same length come.
    OtherBytes,
}

pub(super) struct State {
    pub(super) blocks: Blocks,
    pub(super) pins: Mutex<BTreeMap<String, Pin>>,
    lies: Mutex<HashMap<String, VecDeque<Lie>>>,
    asked: Mutex<Vec<String>>,
    authorization: Option<String>,
    peer: String,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running Kubo. It is gone when this is dropped.
pub struct Kubo {
    state: Arc<State>,
    address: SocketAddr,
    task: AbortHandle,
}

impl std::fmt::Debug for Kubo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kubo").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Kubo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Kubo {
    /// Starts one that answers everybody.
    ///
    /// # Errors
    /// What listening answers.
    pub async fn start() -> Result<Self> {
        Self::start_on(Blocks::new(), None).await
    }

    /// Starts one on these blocks. With `authorization`, that is what the header has to be, byte for byte (Kubo: `API.Authorizations`).
    ///
    /// # Errors
    /// What listening answers.
    pub async fn start_on(blocks: Blocks, authorization: Option<&str>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            blocks,
            pins: Mutex::default(),
            lies: Mutex::default(),
            asked: Mutex::default(),
            authorization: authorization.map(str::to_owned),
            peer: format!("12D3KooW{}", address.port()),
        });
        let shared = state.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let state = shared.clone();
                connections.spawn(async move { state.serve(socket).await });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { state, address, task: task.abort_handle() })
    }

    /// Where the RPC is.
    pub fn api_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its blocks.
    pub fn blocks(&self) -> &Blocks {
        &self.state.blocks
    }

    /// Its peer id.
    pub fn peer(&self) -> &str {
        &self.state.peer
    }

    /// The next time that `command` (`pin/ls`) is asked for, this goes wrong. Several wait in line.
    pub fn lie(&self, command: &str, lie: Lie) {
        lock(&self.state.lies).entry(command.to_owned()).or_default().push_back(lie);
    }

    /// What was asked so far, each with its query: `pin/ls?arg=…`. Forgotten with that.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.state.asked))
    }

    /// Pins what is there recursively, under exactly this text, as somebody else would.
    pub fn pin(&self, text: &str, name: &str) {
        lock(&self.state.pins).insert(text.to_owned(), Pin { recursive: true, name: name.to_owned() });
    }

    /// The pins, as `type cid name`.
    pub fn pins(&self) -> Vec<String> {
        lock(&self.state.pins).iter().map(|(cid, pin)| format!("{} {cid} {}", pin.kind(), pin.name)).collect()
    }
}

/// What a command answers.
pub(super) enum Answer {
    /// One JSON value.
    One(Value),
    /// JSON values, a line each, and the trailer.
    Lines(Vec<Value>, Option<String>),
    /// Bytes of this type; their number if it is told; the trailer.
    Bytes { media: &'static str, bytes: Bytes, told: Option<u64>, failure: Option<String> },
    /// The command failed.
    Failed(String),
    /// The request made no sense.
    Refused(u16, String),
}

impl State {
    async fn serve(&self, socket: TcpStream) -> Result<()> {
        socket.set_nodelay(true)?;
        let mut wire = Wire::new(socket);
        while let Some(head) = wire.head().await? {
            let lie = match self.refuses(&head) {
                Some((status, headers, text)) => {
                    wire.whole(status, &headers, text.as_bytes()).await?;
                    continue;
                }
                None => self.next_lie(&head),
            };
            match &lie {
                Some(Lie::Status(status, text)) => {
                    wire.whole(*status, &[("Content-Type", "text/html")], text.as_bytes()).await?
                }
                Some(Lie::Cut) => return Ok(()),
                Some(Lie::Stalls) => return wire.stall().await,
                _ => {
                    let answer = match &lie {
                        Some(Lie::Fails(text)) => {
                            while wire.body().await?.is_some() {}
                            Answer::Failed((*text).to_owned())
                        }
                        _ => self.run(&head, &mut wire, lie.as_ref()).await?,
                    };
                    if !send(&mut wire, answer, lie.as_ref()).await? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn refuses(&self, head: &Head) -> Option<(u16, Vec<(&'static str, &'static str)>, String)> {
        let plain = ("Content-Type", "text/plain; charset=utf-8");
        if self.authorization.as_deref().is_some_and(|wanted| head.header("authorization") != Some(wanted)) {
            return Some((403, vec![plain], DENIED.to_owned()));
        }
        let browser =
            head.header("origin").is_some() || head.header("user-agent").is_some_and(|it| it.starts_with("Mozilla"));
        if browser {
            return Some((403, vec![plain], "403 - Forbidden\n".to_owned()));
        }
        match head.method.as_str() {
            "POST" => None,
            "OPTIONS" => Some((204, vec![("Allow", "OPTIONS, POST")], String::new())),
            _ => Some((405, vec![plain, ("Allow", "OPTIONS, POST")], "405 - Method Not Allowed\n".to_owned())),
        }
    }

    fn next_lie(&self, head: &Head) -> Option<Lie> {
        let command = head.path.strip_prefix(PREFIX).unwrap_or_default();
        let query: Vec<String> = head.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        lock(&self.asked).push(format!("{command}?{}", query.join("&")));
        lock(&self.lies).get_mut(command).and_then(VecDeque::pop_front)
    }

    async fn run(&self, head: &Head, wire: &mut Wire, lie: Option<&Lie>) -> Result<Answer> {
        let command = head.path.strip_prefix(PREFIX).unwrap_or_default();
        Ok(match command {
            "dag/import" => return self.import(head, wire, lie).await,
            "version" => Answer::One(json!({
                "Version": "0.43.1", "Commit": "", "Repo": "18", "System": "amd64/linux", "Golang": "go1.26.8"
            })),
            "id" => Answer::One(json!({
                "ID": self.peer, "PublicKey": "", "Addresses": null, "AgentVersion": "kubo/0.43.1", "Protocols": null
            })),
            "repo/stat" => Answer::One(json!({
                "RepoSize": self.blocks.bytes(), "StorageMax": 10_000_000_000u64, "NumObjects": 0, "RepoPath": "", "Version": ""
            })),
            "repo/gc" => self.collect(),
            "pin/ls" => self.pin_list(head),
            "pin" => Answer::Lines(Vec::new(), None),
            "block/get" | "block/stat" | "cat" | "dag/export" | "dag/stat" | "files/stat" | "pin/add" | "pin/rm" => {
                self.on_one(command, head)
            }
            _ => Answer::Refused(404, "404 page not found\n".to_owned()),
        })
    }

    /// The commands of one CID each.
    fn on_one(&self, command: &str, head: &Head) -> Answer {
        let name = if command.starts_with("pin/") || command.starts_with("cat") { "ipfs-path" } else { "root" };
        let Some(arg) = head.args().next() else {
            return Answer::Refused(400, format!("argument \"{name}\" is required\n"));
        };
        let text = arg.strip_prefix("/ipfs/").unwrap_or(arg);
        let Ok(cid) = address::parse(text) else {
            return Answer::Failed(format!("invalid path \"{arg}\": path does not have enough components"));
        };
        match command {
            "block/get" => match self.blocks.get(&cid) {
                Some(bytes) => Answer::Bytes { media: "application/vnd.ipld.raw", bytes, told: None, failure: None },
                None => missing(&cid),
            },
            "block/stat" => match self.blocks.get(&cid) {
                Some(bytes) => Answer::One(json!({ "Key": text, "Size": bytes.len() })),
                None => missing(&cid),
            },
            "cat" => self.cat(&cid, head),
            "dag/export" => self.export(&cid),
            "dag/stat" => self.dag_stat(&cid, text, head),
            "files/stat" => self.file_stat(&cid, text),
            "pin/add" => self.pin_add(&cid, text, head),
            _ => self.pin_remove(text, head),
        }
    }

    fn file_stat(&self, cid: &Cid, text: &str) -> Answer {
        let Some(data) = self.blocks.get(cid) else { return missing(cid) };
        let below: u64 =
            self.blocks.walk(cid).map(|all| all.iter().map(|(_, data)| data.len() as u64).sum()).unwrap_or(0);
        let (size, kind, blocks) = match unixfs::decode(cid, &data) {
            Ok(Node::Raw(data)) => (data.len() as u64, "file", 0),
            Ok(Node::File(file)) => (file.size, "file", file.children.len()),
            Ok(Node::Symlink(target)) => (target.len() as u64, "file", 0),
            Ok(Node::Directory(links)) => (0, "directory", links.len()),
            Ok(Node::Shard(shard)) => (0, "directory", shard.slots.len()),
            Err(err) => return Answer::Failed(format!("not unixfs node (proto or raw): {err}")),
        };
        Answer::One(json!({ "Hash": text, "Size": size, "CumulativeSize": below, "Blocks": blocks, "Type": kind }))
    }

    fn dag_stat(&self, cid: &Cid, text: &str, head: &Head) -> Answer {
        let all = match self.blocks.walk(cid) {
            Ok(all) => all,
            Err(gone) => return Answer::Failed(format!("error traversing DAG: {}", not_here(&gone))),
        };
        let (mut size, mut lines) = (0, Vec::new());
        for (n, (_, data)) in all.iter().enumerate() {
            size += data.len();
            let part = json!([{ "Cid": text, "Size": size, "NumBlocks": n + 1 }]);
            lines.push(json!({ "TotalSize": size, "DagStats": part }));
        }
        let whole = json!([{ "Cid": text, "Size": size, "NumBlocks": all.len() }]);
        let last = json!({ "UniqueBlocks": all.len(), "TotalSize": size, "Ratio": 1, "DagStats": whole });
        match head.option("progress") {
            Some("false") => Answer::Lines(vec![last], None),
            _ => Answer::Lines(lines.into_iter().chain([last]).collect(), None),
        }
    }

    fn cat(&self, cid: &Cid, head: &Head) -> Answer {
        let number = |name: &str| head.option(name).and_then(|it| it.parse::<usize>().ok());
        let mut plain = Vec::new();
        let failure = match self.plain(cid, &mut plain) {
            Ok(()) => None,
            Err(why) if plain.is_empty() => return Answer::Failed(why),
            Err(why) => Some(why),
        };
        let from = number("offset").unwrap_or(0).min(plain.len());
        let to = number("length").map_or(plain.len(), |len| from.saturating_add(len).min(plain.len()));
        let bytes = Bytes::from(plain).slice(from..to);
        Answer::Bytes { media: "text/plain", told: Some(bytes.len() as u64), bytes, failure }
    }

    fn plain(&self, cid: &Cid, out: &mut Vec<u8>) -> std::result::Result<(), String> {
        let data = self.blocks.get(cid).ok_or_else(|| not_here(cid))?;
        match unixfs::decode(cid, &data).map_err(|err| err.to_string())? {
            Node::Raw(data) | Node::Symlink(data) => out.extend_from_slice(&data),
            Node::File(file) => {
                out.extend_from_slice(&file.data);
                for child in &file.children {
                    self.plain(&child.cid, out).map_err(|_| "failed to fetch all nodes".to_owned())?;
                }
            }
            _ => return Err("this dag node is a directory".to_owned()),
        }
        Ok(())
    }

    fn export(&self, cid: &Cid) -> Answer {
        let Ok(all) = self.blocks.walk(cid) else { return missing(cid) };
        let mut bytes = car::header(&[*cid]).to_vec();
        for (cid, data) in all {
            bytes.extend_from_slice(&car::section(&cid, data.len()));
            bytes.extend_from_slice(&data);
        }
        Answer::Bytes { media: "application/vnd.ipld.car", bytes: bytes.into(), told: None, failure: None }
    }
}

/// Kubo's words for a block that is not there.
pub(super) fn not_here(cid: &Cid) -> String {
    format!("block was not found locally (offline): ipld: could not find {cid}")
}

fn missing(cid: &Cid) -> Answer {
    Answer::Failed(not_here(cid))
}

/// Whether the connection can be used further.
async fn send(wire: &mut Wire, answer: Answer, lie: Option<&Lie>) -> Result<bool> {
    let json = ("Content-Type", "application/json");
    let (headers, body, failure) = match answer {
        Answer::Refused(status, text) => {
            wire.whole(status, &[("Content-Type", "text/plain; charset=utf-8")], text.as_bytes()).await?;
            return Ok(true);
        }
        Answer::Failed(text) => {
            let body = json!({ "Message": text, "Code": 0, "Type": "error" });
            wire.begin(500, &[json]).await?;
            wire.chunk(format!("{body}\n").as_bytes()).await?;
            wire.end(None).await?;
            return Ok(true);
        }
        Answer::One(value) => (vec![json], format!("{value}\n").into_bytes().into(), None),
        Answer::Lines(lines, failure) => {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            (vec![json, ("X-Chunked-Output", "1")], text.into_bytes().into(), failure)
        }
        Answer::Bytes { media, bytes, told, failure } => {
            let told = told.map(|it| it.to_string()).unwrap_or_default();
            let mut headers = vec![("Content-Type", media), ("X-Stream-Output", "1")];
            if !told.is_empty() {
                headers.push(("X-Content-Length", &told));
            }
            wire.begin(200, &headers).await?;
            return stream(wire, &twisted(bytes, lie), failure.as_deref(), lie).await;
        }
    };
    wire.begin(200, &headers).await?;
    stream(wire, &body, failure.as_deref(), lie).await
}

async fn stream(wire: &mut Wire, body: &Bytes, failure: Option<&str>, lie: Option<&Lie>) -> Result<bool> {
    let cut = matches!(lie, Some(Lie::CutShort));
    let shown = if cut { &body[..body.len() / 2] } else { &body[..] };
    for part in shown.chunks(FLUSH) {
        wire.chunk(part).await?;
    }
    if cut {
        return Ok(false);
    }
    let failure = match lie {
        Some(Lie::Trailer(text)) => Some(*text),
        _ => failure,
    };
    wire.end(failure).await?;
    Ok(true)
}

fn twisted(bytes: Bytes, lie: Option<&Lie>) -> Bytes {
    match lie {
        Some(Lie::OtherBytes) => bytes.iter().map(|byte| byte ^ 1).collect::<Vec<_>>().into(),
        _ => bytes,
    }
}
