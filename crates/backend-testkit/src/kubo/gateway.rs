//! The gateway: raw blocks, CARs and plain files of the shared blocks, in the words of Kubo 0.43.1 (recorded exchanges `gw-*`), and liars to order.

mod asked;
mod car;
mod plain;
mod reply;

use std::io::Result;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::blocks::Blocks;
use super::rpc::lock;
use super::wire::{Head, Wire, accept};
use asked::{Asked, Form};
use reply::{Body, Reply};

/// What a gateway does to every request from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayLie {
    /// Answers with this status, these header lines (each with its end) and this text.
    Status(u16, &'static str, &'static str),
    /// A page of HTML with status 200, whatever was asked.
    Html,
    /// Blocks have other bytes of the same length; in a CAR the last one has.
    WrongBlock,
    /// A CAR ends cleanly behind half of its blocks; with Kubo's words at its end, if so asked.
    Truncated {
        /// Whether it says so at the end.
        says_so: bool,
    },
    /// A CAR has its header and nothing else; a raw block has no bytes.
    HeaderOnly,
    /// A CAR begins with a block that nobody asked for.
    Foreign,
    /// A CAR leaves repeated blocks out although they were asked for.
    NoRepeats,
    /// The last block of a CAR comes first, and the type says that order is unknown.
    Unordered,
    /// The body never ends: the first block of a CAR again and again; of everything else zeros.
    Endless,
    /// No answer comes.
    Stalls,
    /// Half of the body comes, and then nothing more.
    Silent,
    /// The connection is closed behind half of the body.
    Cut,
    /// A request for a part is answered with the whole and status 200.
    Whole,
    /// All of the body comes in chunks, and a trailer says that it failed.
    Trailer(&'static str),
}

pub(super) struct State {
    blocks: Blocks,
    lie: Mutex<Option<GatewayLie>>,
    asked: Mutex<Vec<String>>,
}

/// A running gateway, always offline. It is gone when this is dropped.
pub struct Gateway {
    state: Arc<State>,
    address: SocketAddr,
    task: AbortHandle,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Gateway {
    /// Starts one on these blocks.
    ///
    /// # Errors
    /// What listening answers.
    pub async fn start_on(blocks: Blocks) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State { blocks, lie: Mutex::default(), asked: Mutex::default() });
        let shared = state.clone();
        let task = accept(listener, move |socket| {
            let state = shared.clone();
            async move { state.serve(socket).await }
        });
        Ok(Self { state, address, task })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its blocks.
    pub fn blocks(&self) -> &Blocks {
        &self.state.blocks
    }

    /// What it does from now on; `None`: the truth.
    pub fn lie(&self, lie: impl Into<Option<GatewayLie>>) {
        *lock(&self.state.lie) = lie.into();
    }

    /// What was asked so far, as `GET /ipfs/…?format=raw`. Forgotten with that.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.state.asked))
    }
}

impl State {
    async fn serve(&self, socket: TcpStream) -> Result<()> {
        socket.set_nodelay(true)?;
        let mut wire = Wire::new(socket);
        while let Some(head) = wire.head().await? {
            let query: Vec<String> = head.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            lock(&self.asked).push(format!("{} {}?{}", head.method, head.path, query.join("&")));
            let lie = lock(&self.lie).clone();
            if lie == Some(GatewayLie::Stalls) {
                return wire.stall().await;
            }
            let reply = self.reply(&head, lie.as_ref());
            if !reply.write(&mut wire, &head, lie.as_ref()).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn reply(&self, head: &Head, lie: Option<&GatewayLie>) -> Reply {
        match lie {
            Some(GatewayLie::Status(status, headers, text)) => {
                return Reply { headers: (*headers).to_owned(), ..Reply::text(*status, text) };
            }
            Some(GatewayLie::Html) => {
                let page = Body::Bytes(b"<html><body>Welcome</body></html>".as_slice().into());
                return Reply { status: 200, media: "text/html".to_owned(), headers: String::new(), body: page };
            }
            _ => {}
        }
        match head.method.as_str() {
            "GET" | "HEAD" => self.read(head, lie),
            method => Reply::text(405, &format!("Method {method} not allowed: read only access\n")),
        }
    }

    fn read(&self, head: &Head, lie: Option<&GatewayLie>) -> Reply {
        if head.path == "/version" {
            return Reply::text(200, "Commit: \nClient Version: kubo/0.43.1\n");
        }
        let Some(path) = head.path.strip_prefix("/ipfs/") else { return Reply::text(404, "404 page not found\n") };
        let asked = match Asked::parse(path, head) {
            Ok(asked) => asked,
            Err((status, text)) => return Reply::text(status, &text),
        };
        let cached_only = head.header("cache-control") == Some("only-if-cached");
        if cached_only && !self.blocks.has(&asked.root) {
            let text = format!("\"{}\" not in local datastore\n", asked.shown());
            return Reply::text(412, &text).of(&asked);
        }
        let reply = match &asked.form {
            Form::Car(params) => car::reply(&self.blocks, &asked, params, lie),
            Form::Raw => plain::raw(&self.blocks, &asked, head, lie),
            Form::Plain => plain::file(&self.blocks, &asked, head, lie),
        };
        reply.of(&asked)
    }
}
