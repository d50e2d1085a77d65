//! What goes wrong between us and a server, and what a server may say that is not true.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use backend_core::{
    AddOptions, Backend, ByteRange, Content, ErrorKind, Evidence, GetOptions, ListOptions, Power, Removal,
    RemoveOptions, StatOptions, Write,
};
use backend_testkit::ftp::{AUTHORITY, Door, Fault, FtpServer};
use backend_testkit::{Defect, Keeper, LEAF, Watch, lying, random};
use bytes::Bytes;
use common::{add, add_kept, anybody, at, bytes_of, kept, names, plain, read};
use futures::{StreamExt, TryStreamExt};
use serde_json::json;

async fn started() -> (FtpServer, Arc<dyn Backend>) {
    let server = FtpServer::start().await.unwrap();
    let store = anybody(plain(server.port()));
    (server, store)
}

fn left_over(server: &FtpServer) -> usize {
    std::fs::read_dir(server.folder().join(".ipfs-kit/tmp")).map_or(0, Iterator::count)
}

/// Bytes that lie in unfinished uploads.
fn arrived(server: &FtpServer) -> u64 {
    let entries = std::fs::read_dir(server.folder().join(".ipfs-kit/tmp")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

async fn is_absent(store: &Arc<dyn Backend>, name: &str) {
    let err = store.stat(&at(name), &StatOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::NotFound, "{name}");
}

#[tokio::test]
async fn what_the_server_refuses_is_told_apart_and_stores_nothing() {
    let (server, store) = started().await;
    let cases = [
        (Fault::Refuse("STOR", "452 Disk full".into()), ErrorKind::QuotaExceeded),
        (Fault::Refuse("STOR", "532 Need account".into()), ErrorKind::Unauthenticated),
        (Fault::Final("STOR", "426 Transfer aborted".into()), ErrorKind::Unavailable),
        (Fault::Final("STOR", "451 Local error".into()), ErrorKind::Unavailable),
        (Fault::Final("STOR", "552 Over quota".into()), ErrorKind::QuotaExceeded),
        (Fault::HangUp("STOR"), ErrorKind::Unavailable),
        (Fault::HangUp("RNFR"), ErrorKind::Unavailable),
    ];
    let content = random("refused", 3 * LEAF);
    for (n, (fault, kind)) in cases.into_iter().enumerate() {
        server.arm(fault.clone());
        let err = add(&store, &format!("refused {n}"), &content).await.unwrap_err();
        assert_eq!(err.kind(), kind, "{fault:?}: {err:?}");
        is_absent(&store, &format!("refused {n}")).await;
    }
    // What was left behind goes with the next that comes.
    for n in 0..3 {
        add(&store, &format!("after {n}"), &content).await.unwrap();
    }
    assert_eq!(left_over(&server), 0, "{:?}", server.commands());
    assert_eq!(read(&store, "after 0").await.unwrap(), bytes_of(&content).await);
}

#[tokio::test]
async fn a_permission_is_no_absence() {
    let (server, store) = started().await;
    add(&store, "mine", &random("mine", 100)).await.unwrap();
    server.arm(Fault::Refuse("MLST", "550 Permission denied".into()));
    let err = store.stat(&at("mine"), &StatOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Denied);
    server.arm(Fault::Refuse("RETR", "550 Failed to open file".into()));
    let err = store.get(&at("mine"), &GetOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Denied, "it is there, and cannot be opened: {err}");
    server.arm(Fault::Refuse("DELE", "550 No".into()));
    let err = store.remove(&at("mine"), &RemoveOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Denied);
    assert_eq!(store.remove(&at("mine"), &RemoveOptions::default()).await.unwrap(), Removal::Erased);
    assert_eq!(store.remove(&at("mine"), &RemoveOptions::default()).await.unwrap(), Removal::Absent);
}

#[tokio::test]
async fn success_is_not_said_before_the_server_says_it() {
    let (server, store) = started().await;
    server.arm(Fault::Hold("STOR"));
    let content = random("late", 2 * LEAF);
    let mut adding = pin!(add(&store, "late", &content));
    let probe = anybody(plain(server.port()));
    // All bytes have arrived, and many other round trips pass: only the answer can be what is missing.
    let (mut rounds, mut since) = (0, 0);
    while since < 20 {
        let early = poll_fn(|context| match adding.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => Poll::Ready(None),
        });
        assert!(early.await.is_none(), "it answered before the server had");
        is_absent(&probe, "late").await;
        rounds += 1;
        since += usize::from(arrived(&server) == 2 * LEAF);
        assert!(rounds < 10_000, "the bytes never arrived");
    }
    server.release();
    assert_eq!(adding.await.unwrap().evidence, Evidence::Acknowledged);
}

#[tokio::test]
async fn a_size_that_is_not_ours_is_a_lie() {
    let (server, store) = started().await;
    let content = random("size", LEAF);
    add(&store, "warm", &content).await.unwrap();
    // Seen before the source is opened, then what was stored.
    server.arm(Fault::Refuse("MLST", "550 Not found".into()));
    server.arm(Fault::Refuse("MLST", "250-Listing\r\n type=file;size=5; x\r\n250 End".into()));
    let err = add(&store, "size", &content).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Integrity, "{err}");
    is_absent(&store, "size").await;
    server.arm(Fault::Refuse("MLST", format!("250-Listing\r\n type=file;size={}; x\r\n250 End", LEAF + 1)));
    let fetched = store.get(&at("warm"), &GetOptions::default()).await.unwrap();
    let err = fetched.body.try_collect::<Vec<Bytes>>().await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Integrity, "fewer bytes than it said: {err}");
    server.arm(Fault::Refuse("MLST", format!("250-Listing\r\n type=file;size={}; x\r\n250 End", LEAF - 1)));
    let fetched = store.get(&at("warm"), &GetOptions::range(ByteRange::From(0))).await.unwrap();
    let err = fetched.body.try_collect::<Vec<Bytes>>().await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Integrity, "more bytes than it said: {err}");
    assert_eq!(read(&store, "warm").await.unwrap(), bytes_of(&content).await);
}

#[tokio::test]
async fn a_body_that_is_cut_off_ends_in_an_error() {
    let (server, store) = started().await;
    let content = random("cut", 5 * LEAF);
    add(&store, "cut", &content).await.unwrap();
    for most in [0, 1, LEAF, 5 * LEAF - 1] {
        server.arm(Fault::CutData(most));
        let err = read(&store, "cut").await.unwrap_err();
        assert!(matches!(err.kind(), ErrorKind::Integrity | ErrorKind::Unavailable), "{most}: {err:?}");
    }
    server.arm(Fault::Final("RETR", "426 Aborted".into()));
    assert_eq!(read(&store, "cut").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(read(&store, "cut").await.unwrap(), bytes_of(&content).await);
}

#[tokio::test]
async fn an_upload_that_was_cut_off_is_gone_on_with() {
    let (server, store) = started().await;
    let content = random("resumed", 12 * LEAF + 5);
    let keeper = Keeper::new();
    server.arm(Fault::CutData(7 * LEAF + 100));
    add_kept(&store, "resumed", &content, kept(&keeper)).await.unwrap_err();
    is_absent(&store, "resumed").await;
    let (watched, watch) = Watch::over(&content);
    add_kept(&store, "resumed", &watched, kept(&keeper)).await.unwrap();
    let begun = watch.opened().into_iter().min().unwrap();
    assert!(0 < begun && begun <= 7 * LEAF + 100, "it began again at {begun}");
    assert_eq!(read(&store, "resumed").await.unwrap(), bytes_of(&content).await);
    assert_eq!(left_over(&server), 0);
}

#[tokio::test]
async fn what_was_damaged_meanwhile_is_sent_again() {
    let (server, store) = started().await;
    let content = random("damaged", 12 * LEAF);
    let keeper = Keeper::new();
    let broken = lying(&content, Defect::Fails(9 * LEAF, ErrorKind::Denied));
    add_kept(&store, "damaged", &broken, kept(&keeper)).await.unwrap_err();
    let left = std::fs::read_dir(server.folder().join(".ipfs-kit/tmp")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&left).unwrap();
    assert!(3 * LEAF < bytes.len() as u64);
    bytes[3 * LEAF as usize + 17] ^= 1;
    std::fs::write(&left, bytes).unwrap();
    let (watched, watch) = Watch::over(&content);
    add_kept(&store, "damaged", &watched, kept(&keeper)).await.unwrap();
    assert_eq!(watch.opened().into_iter().min(), Some(3 * LEAF), "what is right is kept, what is wrong is not");
    assert_eq!(read(&store, "damaged").await.unwrap(), bytes_of(&content).await);
}

#[tokio::test]
async fn a_server_without_mlsd_epsv_and_rest_serves_all_the_same() {
    let (server, store) = started().await;
    server.arm(Fault::Refuse("FEAT", "502 Not implemented".into()));
    server.arm(Fault::Refuse("EPSV", "500 What?".into()));
    let content = random("old", 2 * LEAF);
    add(&store, "old/a b", &content).await.unwrap();
    assert_eq!(read(&store, "old/a b").await.unwrap(), bytes_of(&content).await);
    let found = store.stat(&at("old/a b"), &StatOptions::default()).await.unwrap();
    assert_eq!(found.size, Some(2 * LEAF));
    is_absent(&store, "old").await;
    assert_eq!(names(&store, &ListOptions::default()).await.unwrap(), ["old/a b"]);
    let commands = server.commands();
    assert!(commands.iter().any(|it| it == "PASV") && commands.iter().any(|it| it == "LIST -a"), "{commands:?}");
    assert!(!commands.iter().any(|it| it.starts_with("ML")), "{commands:?}");
}

#[tokio::test]
async fn a_passive_address_of_somebody_else_is_not_connected_to() {
    let (server, store) = started().await;
    let elsewhere = tokio::net::TcpListener::bind(("127.0.0.2", 0)).await.unwrap();
    let port = elsewhere.local_addr().unwrap().port();
    server.arm(Fault::Refuse("EPSV", "500 What?".into()));
    server.arm(Fault::Refuse("PASV", format!("227 Entering Passive Mode (127,0,0,2,{},{})", port / 256, port % 256)));
    // On the control host nobody listens there, so it fails; what matters is who was not asked.
    add(&store, "lie", &random("lie", 100)).await.unwrap_err();
    let mut accepting = pin!(elsewhere.accept());
    let asked = poll_fn(|context| Poll::Ready(accepting.as_mut().poll(context).is_ready())).await;
    assert!(!asked, "the address in the answer was connected to");
}

#[tokio::test]
async fn hostile_listings_lead_nowhere() {
    let (server, store) = started().await;
    add(&store, "warm", &random("warm", 10)).await.unwrap();
    let mlsd: &[&[u8]] = &[
        b"type=file;size=1; ../x\r\n",
        b"type=file;size=1; /etc/passwd\r\n",
        b"type=dir; a/../../b\r\n",
        b"rubbish\r\n",
        b"type=file;size=-1; a\r\n",
        &[b'a'; 20_000],
    ];
    for bytes in mlsd {
        server.arm(Fault::Data(bytes.to_vec()));
        let err = names(&store, &ListOptions::default()).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Internal, "{:?}", String::from_utf8_lossy(bytes));
    }
    // These are no keys, and are passed over.
    let odd = b"type=dir; ..\r\ntype=cdir; .\r\ntype=file;size=1; \x1b[2J\r\ntype=file;size=1; \xff\xfe\r\ntype=file;size=1; ok\r\n";
    server.arm(Fault::Data(odd.to_vec()));
    assert_eq!(names(&store, &ListOptions::default()).await.unwrap(), ["ok"]);
    server.arm(Fault::Final("MLSD", "426 Cut off".into()));
    assert_eq!(names(&store, &ListOptions::default()).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_folder_of_a_hundred_thousand_is_listed_in_order() {
    let (server, store) = started().await;
    let lines = |from: u64, to: u64| {
        // Out of order, as a disk has them.
        let n = to - from;
        (0..n)
            .map(|it| from + (it * 7919) % n)
            .fold(String::new(), |all, it| all + &format!("type=file;size=1; n{it:06}\r\n"))
    };
    let all = lines(0, 100_000);
    // One for every page of 4,096 names, as the folder is read again for each.
    for _ in 0..26 {
        server.arm(Fault::Data(all.clone().into_bytes()));
    }
    let mut listed = store.list(&ListOptions::default());
    let mut n = 0;
    while let Some(entry) = listed.next().await {
        let backend_core::Entry::Content { meta, cursor } = entry.unwrap() else { continue };
        assert_eq!((meta.at.id.to_string(), cursor), (format!("n{n:06}"), Some(format!("n{n:06}"))));
        n += 1;
    }
    assert_eq!(n, 100_000);
}

#[tokio::test]
async fn one_connection_copies_within_one_server() {
    let server = FtpServer::start().await.unwrap();
    let mut connection = plain(server.port());
    connection["max_connections"] = 1.into();
    let store = anybody(connection);
    let content = random("copied", 20 * LEAF + 3);
    add(&store, "from", &content).await.unwrap();
    let fetched = store.get(&at("from"), &GetOptions::default()).await.unwrap();
    let mut body = fetched.body;
    let first = body.next().await.unwrap().unwrap();
    // A body is open, and its bytes are sent while it is read.
    let source = Arc::new(Held(std::sync::Mutex::new(Some(body)), first));
    let again = Content::file(*content.cid(), content.len(), content.dag().clone(), source);
    let opts = AddOptions { id: Some(at("to").id), write: Write::default(), ..AddOptions::default() };
    store.add(&again, &opts).await.unwrap();
    assert_eq!(read(&store, "to").await.unwrap(), bytes_of(&content).await);
    assert_eq!(server.most_connections(), 1);
}

/// A source that is somebody's body, opened once.
struct Held(std::sync::Mutex<Option<backend_core::ByteStream>>, Bytes);

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a body")
    }
}

#[async_trait::async_trait]
impl backend_core::Open for Held {
    async fn open(&self, _: std::ops::Range<u64>) -> backend_core::Result<backend_core::ByteStream> {
        let body = self.0.lock().unwrap().take().unwrap();
        Ok(futures::stream::iter([Ok(self.1.clone())]).chain(body).boxed())
    }
}

#[tokio::test]
async fn a_connection_that_was_lost_is_replaced() {
    let (server, store) = started().await;
    let content = random("kept", 100);
    add(&store, "kept", &content).await.unwrap();
    server.arm(Fault::HangUp("MLST"));
    assert_eq!(read(&store, "kept").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(read(&store, "kept").await.unwrap(), bytes_of(&content).await);
    server.arm(Fault::Refuse("CWD", "550 No such folder".into()));
    let absent = anybody(plain(server.port()));
    let err = absent.stat(&at("kept"), &StatOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::InvalidConfig, "a missing root is no missing content: {err}");
}

/// The library connects by itself for implicit TLS: a second connection of ours would be one too many where servers count them.
#[tokio::test]
async fn implicit_tls_knocks_once() {
    let door = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut connection = plain(door.local_addr().unwrap().port());
    connection["tls"] = "implicit".into();
    let store = anybody(connection);
    let health = async {
        let health = store.health().await;
        assert!(matches!(health.reads, Power::Fails(ErrorKind::Unavailable)), "{health:?}");
    };
    let knocks = async {
        drop(door.accept().await.unwrap());
        door.accept().await.unwrap();
    };
    tokio::select! {
        () = health => {}
        () = knocks => panic!("it knocked twice"),
    }
}

/// A task's turn may end in the middle of a command: what TLS then keeps must be sent all the same, or both sides wait for ever.
#[tokio::test]
async fn a_command_is_sent_whatever_is_left_of_a_turn() {
    let server = FtpServer::behind(Door::Implicit).await.unwrap();
    let store = anybody(
        json!({ "host": "127.0.0.1", "port": server.port(), "tls": "implicit", "ca_certificates": [AUTHORITY] }),
    );
    for spent in 0..256 {
        for _ in 0..spent {
            tokio::task::consume_budget().await;
        }
        let health = tokio::time::timeout(std::time::Duration::from_secs(20), store.health()).await;
        assert_eq!(health.unwrap().reads, Power::Works, "{spent}");
    }
}
