//! The RPC: one listener, the commands that leaves use, and what goes wrong on order.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::Result;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipld::Cid;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::answer::{Answer, send};
use super::blocks::Blocks;
use super::pins::Pin;
use super::wire::{Head, Wire, accept};

const PREFIX: &str = "/api/v0/";
const DENIED: &str = "Kubo RPC Access Denied: Please provide a valid authorization token as defined in the API.Authorizations configuration.\n";

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
    /// A pin tells that it has so many blocks of so many bytes, and then waits for its network.
    Waits(u64, u64),
}

/// Status, headers and text of what is refused before any command is looked for.
type Refused = (u16, Vec<(&'static str, &'static str)>, String);

pub(super) struct State {
    pub(super) blocks: Blocks,
    pub(super) pins: Mutex<BTreeMap<String, Pin>>,
    /// Entries of the node's own tree of files, by path.
    pub(super) files: Mutex<BTreeMap<String, Cid>>,
    lies: Mutex<HashMap<String, VecDeque<Lie>>>,
    asked: Mutex<Vec<String>>,
    /// Blocks that imports took, repeated ones too.
    pub(super) taken: Mutex<u64>,
    /// Imports that were begun and are not over, by themselves or with their connection.
    pub(super) importing: Mutex<u64>,
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
            files: Mutex::default(),
            lies: Mutex::default(),
            asked: Mutex::default(),
            taken: Mutex::default(),
            importing: Mutex::default(),
            authorization: authorization.map(str::to_owned),
            peer: format!("12D3KooW{}", address.port()),
        });
        let shared = state.clone();
        let task = accept(listener, move |socket| {
            let state = shared.clone();
            async move { state.serve(socket).await }
        });
        Ok(Self { state, address, task })
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

    /// How many blocks imports took, those that were there too.
    pub fn taken(&self) -> u64 {
        *lock(&self.state.taken)
    }

    /// How many imports are under way.
    pub fn importing(&self) -> u64 {
        *lock(&self.state.importing)
    }

    /// Pins what is there recursively, under exactly this text, as somebody else would.
    pub fn pin(&self, text: &str, name: &str) {
        lock(&self.state.pins).insert(text.to_owned(), Pin { recursive: true, name: name.to_owned() });
    }

    /// The entries of its own tree of files, as `path cid`.
    pub fn files(&self) -> Vec<String> {
        lock(&self.state.files).iter().map(|(path, cid)| format!("{path} {cid}")).collect()
    }

    /// The pins, as `type cid name`.
    pub fn pins(&self) -> Vec<String> {
        lock(&self.state.pins).iter().map(|(cid, pin)| format!("{} {cid} {}", pin.kind(), pin.name)).collect()
    }
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
                Some(Lie::Waits(blocks, bytes)) => {
                    wire.begin(200, &[("Content-Type", "application/json"), ("X-Chunked-Output", "1")]).await?;
                    let line = json!({ "Progress": blocks, "Bytes": bytes });
                    wire.chunk(format!("{line}\n").as_bytes()).await?;
                    return wire.stall().await;
                }
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

    fn refuses(&self, head: &Head) -> Option<Refused> {
        let plain = ("Content-Type", "text/plain; charset=utf-8");
        if self.authorization.as_deref().is_some_and(|wanted| head.header("authorization") != Some(wanted)) {
            return Some((403, vec![plain], DENIED.to_owned()));
        }
        let browser = head.header("origin").or_else(|| head.header("referer")).is_some()
            || head.header("user-agent").is_some_and(|it| it.starts_with("Mozilla"));
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
            "files/cp" => self.copy(head),
            "files/ls" => self.names(head),
            "files/rm" => self.unlink(head),
            "pin" => Answer::Lines(Vec::new(), None),
            "block/get" | "block/stat" | "cat" | "dag/export" | "dag/stat" | "files/stat" | "pin/add" | "pin/rm" => {
                self.on_one(command, head)
            }
            _ => Answer::Refused(404, "404 page not found\n".to_owned()),
        })
    }
}
