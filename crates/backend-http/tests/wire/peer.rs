//! A server on this machine that follows a script, and remembers what was asked of it.

use std::sync::{Arc, Mutex};

use backend_core::Settings;
use backend_http::{Auth, Client, ClientOptions, Endpoint, Method, Plain, Request};
use backend_testkit::TestClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One step of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Sends these bytes.
    Say(Vec<u8>),
    /// Reads so many bytes of the request's body.
    Read(usize),
    /// Ends the connection.
    Close,
    /// Ends it with a reset.
    Reset,
    /// Says nothing more, for ever.
    Hold,
}

pub(crate) fn say(text: impl Into<Vec<u8>>) -> Act {
    Act::Say(text.into())
}

/// A whole answer with a length.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<Act> {
    vec![say(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()))]
}

/// A running peer.
pub(crate) struct Peer {
    pub(crate) port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<u8>>>,
}

impl Peer {
    /// Answers every request by `script`, which is given its head.
    pub(crate) async fn start(script: impl Fn(&str) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heads, bodies) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<u8>>>::default());
        let (kept, read, script) = (heads.clone(), bodies.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, script.clone(), kept.clone(), read.clone()));
            }
        });
        Self { port, heads, bodies }
    }

    /// The address, below which `path` lies.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&self.url(""), Plain::Loopback).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Request {
        Request::new(Method::GET, self.url(path).parse().unwrap())
    }

    /// With a bearer token that is for this peer.
    pub(crate) fn with_token(&self, request: Request) -> Request {
        let endpoint = self.endpoint().with_auth(Auth::Bearer("canary".to_owned().into()));
        Request { credential: endpoint.credential().cloned(), ..request }
    }

    /// The heads of all requests so far, in lower case.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// What was read of bodies so far.
    pub(crate) fn body(&self) -> Vec<u8> {
        self.bodies.lock().unwrap().clone()
    }
}

pub(crate) fn options() -> ClientOptions {
    ClientOptions::new(&Settings::new("wire", serde_json::Value::Null, Arc::new(TestClock::default())))
}

pub(crate) fn client() -> Client {
    Client::new(&options()).unwrap()
}

type Script = Arc<dyn Fn(&str) -> Vec<Act> + Send + Sync>;

async fn serve(
    mut stream: TcpStream,
    script: Script,
    heads: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<u8>>>,
) -> Option<()> {
    let mut early = Vec::new();
    loop {
        let head = head(&mut stream, &mut early).await?;
        heads.lock().unwrap().push(head.to_lowercase());
        for act in script(&head) {
            match act {
                Act::Say(bytes) => stream.write_all(&bytes).await.ok()?,
                Act::Read(n) => {
                    while early.len() < n {
                        stream.read_buf(&mut early).await.ok().filter(|n| 0 < *n)?;
                    }
                    bodies.lock().unwrap().extend(early.drain(..n));
                }
                Act::Close => return None,
                Act::Reset => {
                    stream.set_zero_linger().ok()?;
                    return None;
                }
                Act::Hold => std::future::pending().await,
            }
        }
    }
}

async fn head(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = read.windows(4).position(|it| it == b"\r\n\r\n") {
            let head: Vec<u8> = read.drain(..at + 4).collect();
            return String::from_utf8(head).ok();
        }
        stream.read_buf(read).await.ok().filter(|n| 0 < *n)?;
    }
}
