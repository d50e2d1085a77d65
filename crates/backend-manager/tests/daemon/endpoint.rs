//! What the endpoint answers, and to whom it does not.

use std::net::SocketAddr;
use std::sync::Arc;

use backend_core::ByteStream;
use backend_manager::daemon::{Board, Daemon, Listener, Stop, serve, standard};
use backend_manager::{AddRequest, Input, Manager};
use backend_testkit::TestClock;
use bytes::Bytes;
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bed::{begin, manager, memory, until};
use crate::exposition::{Family, parse};

struct Endpoint {
    at: SocketAddr,
    stop: Stop,
    serving: tokio::task::JoinHandle<()>,
}

async fn endpoint(manager: &Manager, board: &Arc<Board>) -> Endpoint {
    let listener = Listener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let (at, stop) = (listener.at, Stop::new());
    let serving = tokio::spawn(serve(listener, manager.clone(), board.clone(), stop.clone()));
    Endpoint { at, stop, serving }
}

impl Endpoint {
    /// Sends `head` as it is; the status line and the body of the answer.
    async fn ask(&self, head: &[u8]) -> (String, String) {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        // A server that has had enough may close before all is sent.
        let _ = stream.write_all(head).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let text = String::from_utf8(answer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
    }

    async fn get(&self, path: &str) -> (String, String) {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await
    }
}

fn value(family: &Family, wanted: &[(&str, &str)]) -> Option<f64> {
    let has = |labels: &[(String, String)]| {
        wanted.iter().all(|(key, text)| labels.iter().any(|(it, is)| it == key && is == text))
    };
    family.samples.iter().find(|((_, labels), _)| has(labels)).map(|(_, value)| *value)
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_what_happened_and_a_parser_takes_them() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
    let manager = manager(folder.path(), &clock);
    memory(&manager, "m", &clock).await;
    let body: ByteStream = futures::stream::iter([Ok(Bytes::from_static(&[7; 5000]))]).boxed();
    let request = AddRequest { to: vec!["m".to_owned()], name: Some("x".to_owned()), ..AddRequest::default() };
    manager.add(Input::Stream(body), &request).await.unwrap();
    let key = backend_core::Locator::new(backend_core::Key::parse("not/there").unwrap());
    manager.backend("m").await.unwrap().stat(&key, &Default::default()).await.unwrap_err();

    let board = Arc::new(Board::new());
    board.standings([("safe", 1), ("short", 0)]);
    let chores = Arc::new(Daemon::new(manager.clone(), standard(&board), board.clone()).unwrap());
    let stop = Stop::new();
    let running = begin(&chores, &stop);
    until("every chore was done", || board.chores().len() == 3).await;
    stop.stop();
    running.await.unwrap();

    let endpoint = endpoint(&manager, &board).await;
    let (status, page) = endpoint.get("/metrics").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let families = parse(&page).unwrap();
    let check = |family: &str, labels: &[(&str, &str)], wanted: f64| {
        assert_eq!(value(&families[family], labels), Some(wanted), "{family} {labels:?}\n{page}");
    };
    check("ipfs_kit_requests_total", &[("backend", "m"), ("verb", "stat")], 1.0);
    check("ipfs_kit_errors_total", &[("verb", "stat"), ("kind", "not_found")], 1.0);
    check("ipfs_kit_power", &[("power", "reads"), ("state", "up")], 1.0);
    check("ipfs_kit_power", &[("power", "writes"), ("state", "down")], 0.0);
    check("ipfs_kit_quota_used_bytes", &[("quota", "storage")], 5000.0);
    check("ipfs_kit_contents", &[("standing", "safe")], 1.0);
    check("ipfs_kit_replicas", &[("backend", "m"), ("state", "present")], 1.0);
    for chore in ["count", "exchange", "probe"] {
        check("ipfs_kit_chore_runs_total", &[("chore", chore)], 1.0);
        check("ipfs_kit_chore_failures_total", &[("chore", chore)], 0.0);
    }
    let sent = value(&families["ipfs_kit_bytes_total"], &[("direction", "sent")]).unwrap();
    assert!((5000.0..6000.0).contains(&sent), "{sent}");
    assert!(value(&families["ipfs_kit_latency_seconds"], &[("verb", "add"), ("le", "+Inf")]).unwrap() > 0.0);
    endpoint.stop.stop();
    endpoint.serving.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_answered_and_ended() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
    let manager = manager(folder.path(), &clock);
    let endpoint = endpoint(&manager, &Arc::default()).await;
    assert_eq!(endpoint.get("/healthz").await, ("HTTP/1.1 200 OK".to_owned(), "ok\n".to_owned()));
    assert_eq!(endpoint.get("/secret").await.0, "HTTP/1.1 404 Not Found");
    assert_eq!(endpoint.ask(b"POST /metrics HTTP/1.1\r\n\r\n").await.0, "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(endpoint.ask(b"hello\r\n\r\n").await.0, "HTTP/1.1 400 Bad Request");
    let long = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'a'; 9 << 10]].concat();
    let (status, _) = endpoint.ask(&long).await;
    assert!(status.is_empty() || status == "HTTP/1.1 431 Request Header Fields Too Large", "{status}");
    // Somebody who says nothing holds nobody up.
    let silent = TcpStream::connect(endpoint.at).await.unwrap();
    assert_eq!(endpoint.get("/healthz").await.0, "HTTP/1.1 200 OK");
    drop(silent);
    endpoint.stop.stop();
    endpoint.serving.await.unwrap();
    assert!(TcpStream::connect(endpoint.at).await.is_err(), "nobody listens any more");
}
