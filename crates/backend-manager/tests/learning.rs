//! What only a service can tell: when it is asked, what it is kept for, and what is opened with it. And what a target must be given beside the bytes.
#![expect(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Backend, Capabilities, Content, Descriptor, Digest, DigestKind, Error, ErrorKind, Facts,
    Fetched, GetOptions, Grade, Health, Info, Locator, Metadata, Removal, RemoveOptions, Result, Role, Settings,
    StatOptions, StorageType, Traits, inventory,
};
use backend_manager::catalog::{aliases, contents};
use backend_manager::config::{Change, Home, build};
use backend_manager::{AddRequest, Input, Manager, Writes};
use backend_memory as _;
use backend_testkit::TestClock;
use bytes::Bytes;
use futures::StreamExt;
use serde_json::{Value, json};

/// What the service of one test does, and what it was asked.
struct Service {
    store: Arc<dyn Backend>,
    answer: Mutex<Result<Facts, ErrorKind>>,
    needs: Vec<DigestKind>,
    probes: AtomicUsize,
    opened: Mutex<Vec<(Value, u64)>>,
    given: Mutex<Vec<(String, Vec<Digest>)>>,
}

static SERVICES: LazyLock<Mutex<HashMap<String, Arc<Service>>>> = LazyLock::new(Mutex::default);

impl std::fmt::Debug for Leaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Leaf")
    }
}

struct Leaf {
    info: Info,
    service: Arc<Service>,
}

fn open(settings: Settings) -> Result<Arc<dyn Backend>> {
    let name = settings.connection["service"].as_str().unwrap_or_default().to_owned();
    let service = SERVICES.lock().unwrap().get(&name).cloned();
    let service = service.ok_or_else(|| Error::new(ErrorKind::InvalidConfig, "no such service"))?;
    service.opened.lock().unwrap().push((settings.learnt.clone(), settings.connect_timeout.as_secs()));
    let mut info = Info { name: settings.name.clone(), ..service.store.info().clone() };
    info.offers.if_absent = settings.learnt["if_absent"] == true;
    info.needs = service.needs.clone();
    Ok(Arc::new(Leaf { info, service }))
}

inventory::submit! {
    Descriptor {
        kind: StorageType::Other("probing"),
        aliases: &[],
        summary: "a test's own",
        addressing: Addressing::Key,
        role: Role::Store,
        offers: Capabilities {
            get: true, stat: true, add: true, mend: false, resume: false, if_absent: true, if_match: false, range: true, block: false, remove: true,
            list: false, pin: false, usage: false, versions: false, search: false, labels: false, link: false,
        },
        traits: Traits { latency: Grade::Low, durability: Grade::Low, cost: Grade::Low },
        schema: || schemars::json_schema!({}),
        example: "",
        open,
    }
}

#[async_trait]
impl Backend for Leaf {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn health(&self) -> Health {
        self.service.store.health().await
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        self.service.store.stat(at, opts).await
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        self.service.store.get(at, opts).await
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        let key = opts.id.as_ref().and_then(|id| id.key()).map(ToString::to_string).unwrap_or_default();
        self.service.given.lock().unwrap().push((key, content.digests().to_vec()));
        self.service.store.add(content, opts).await
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        let opts = RemoveOptions { all_versions: false, ..opts.clone() };
        self.service.store.remove(at, &opts).await
    }

    async fn probe(&self) -> Result<Facts> {
        self.service.probes.fetch_add(1, Ordering::SeqCst);
        self.service.answer.lock().unwrap().clone().map_err(|kind| Error::new(kind, "the probe says so"))
    }
}

struct Room {
    folder: tempfile::TempDir,
    service: Arc<Service>,
}

impl Room {
    /// A service, and a backend `b` that is configured to use it.
    fn new(name: &str, answer: Result<Facts, ErrorKind>, needs: &[DigestKind]) -> Self {
        let settings = Settings::new("m", json!({}), TestClock::new());
        let store = (backend_core::find("memory").unwrap().open)(settings).unwrap();
        let (answer, needs) = (Mutex::new(answer), needs.to_vec());
        let (probes, opened, given) = Default::default();
        let service = Arc::new(Service { store, answer, needs, probes, opened, given });
        SERVICES.lock().unwrap().insert(name.to_owned(), service.clone());
        let room = Self { folder: tempfile::tempdir().unwrap(), service };
        let set = |path: &str, text: &str| Change::Set { path: path.to_owned(), text: text.to_owned() };
        let changes = [
            set("connection.service", name),
            set("credentials.key", "canary"),
            set("operational.connect_timeout", "7"),
            set("operational.retry_count", "0"),
        ];
        room.manager().config().create(&build("b", "probing", &changes).unwrap()).unwrap();
        room
    }

    /// As another process would open it.
    fn manager(&self) -> Manager {
        Manager::open(Home::at(self.folder.path().join("home"))).unwrap()
    }

    fn probes(&self) -> usize {
        self.service.probes.load(Ordering::SeqCst)
    }

    fn opened_with(&self) -> Value {
        self.service.opened.lock().unwrap().last().unwrap().0.clone()
    }
}

async fn add(manager: &Manager, bytes: &[u8]) {
    let request = AddRequest { to: vec!["b".to_owned()], name: Some("x".to_owned()), ..AddRequest::default() };
    let stream = futures::stream::iter([Ok(Bytes::copy_from_slice(bytes))]).boxed();
    let receipt = manager.add(Input::Stream(stream), &request).await.unwrap();
    assert!(!receipt.is_partial(), "{receipt:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_asked_before_the_first_write_and_never_again() {
    let facts = json!({ "if_absent": true });
    let room = Room::new("once", Ok(facts.clone()), &[]);
    let manager = room.manager();
    assert!(!manager.backend("b").await.unwrap().info().offers.if_absent);
    let looked = manager.test("b", Writes::No).await.unwrap();
    assert!(looked.probe.is_none() && looked.learnt.is_none());
    assert_eq!((room.probes(), manager.learnt("b").await.unwrap()), (0, None), "looking asks nothing that may write");
    add(&manager, b"one").await;
    add(&manager, b"two").await;
    assert!(manager.backend("b").await.unwrap().info().offers.if_absent, "what was learnt is offered at once");
    assert_eq!((room.probes(), room.opened_with()), (1, facts.clone()));
    let next = room.manager();
    assert_eq!(next.learnt("b").await.unwrap().unwrap().facts, facts);
    add(&next, b"three").await;
    assert_eq!((room.probes(), room.opened_with()), (1, facts), "the next process knows it");
    assert_eq!(room.service.opened.lock().unwrap().last().unwrap().1, 7, "the time to connect is the user's");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_connection_is_asked_anew_other_credentials_are_not() {
    let room = Room::new("first", Ok(json!({ "if_absent": true })), &[]);
    add(&room.manager(), b"one").await;
    let set = |path: &str, text: &str| Change::Set { path: path.to_owned(), text: text.to_owned() };
    room.manager().config().update("b", &[set("credentials.key", "another")]).unwrap();
    add(&room.manager(), b"two").await;
    assert_eq!(room.probes(), 1);
    SERVICES.lock().unwrap().insert("moved".to_owned(), room.service.clone());
    room.manager().config().update("b", &[set("connection.service", "moved")]).unwrap();
    let manager = room.manager();
    assert_eq!(manager.learnt("b").await.unwrap(), None);
    assert!(!manager.backend("b").await.unwrap().info().offers.if_absent, "the facts are of another connection");
    add(&manager, b"three").await;
    assert_eq!(room.probes(), 2);
    let bytes = std::fs::read(manager.home().catalog()).unwrap();
    let wal = std::fs::read(manager.home().catalog().with_extension("db-wal")).unwrap_or_default();
    let all = String::from_utf8_lossy(&[bytes, wal].concat()).into_owned();
    assert!(!all.contains("canary") && !all.contains("another"), "the catalog holds a credential");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_learn_is_an_answer_and_a_failure_is_none() {
    let nothing = Room::new("nothing", Err(ErrorKind::Unsupported), &[]);
    add(&nothing.manager(), b"one").await;
    add(&nothing.manager(), b"two").await;
    assert_eq!(nothing.probes(), 1);
    assert_eq!(nothing.manager().learnt("b").await.unwrap().unwrap().facts, Value::Null);
    let denied = Room::new("denied", Err(ErrorKind::Denied), &[]);
    let manager = denied.manager();
    add(&manager, b"one").await;
    add(&manager, b"two").await;
    assert_eq!((denied.probes(), manager.learnt("b").await.unwrap()), (1, None), "asked once a process");
    let tested = manager.test("b", Writes::RoundTrip).await.unwrap();
    assert_eq!(tested.probe.unwrap().unwrap_err().kind(), ErrorKind::Denied);
    assert!(tested.round_trip.unwrap().is_ok());
    *denied.service.answer.lock().unwrap() = Ok(json!({ "if_absent": true }));
    add(&denied.manager(), b"three").await;
    assert_eq!(denied.opened_with(), json!({ "if_absent": true }), "the next process asks again");
    *denied.service.answer.lock().unwrap() = Ok(json!({ "if_absent": false }));
    let tested = manager.test("b", Writes::RoundTrip).await.unwrap();
    assert_eq!((tested.probe.unwrap().is_ok(), tested.learnt.unwrap().facts), (true, json!({ "if_absent": false })));
    assert_eq!(manager.learnt("b").await.unwrap().unwrap().facts, json!({ "if_absent": false }), "a test asks anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_given_the_digests_that_it_needs() {
    let kinds = [DigestKind::Sha256, DigestKind::Sha1, DigestKind::Md5, DigestKind::Crc64Nvme, DigestKind::GitBlob];
    let room = Room::new("needy", Err(ErrorKind::Unsupported), &kinds);
    let manager = room.manager();
    let bytes: Vec<u8> = (0..2_500_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for bytes in [&b"small"[..], &bytes] {
        add(&manager, bytes).await;
        let target = manager.resolve("x").await.unwrap();
        let wanted: Vec<Digest> = room.service.given.lock().unwrap().last().unwrap().1.clone();
        let number =
            manager.catalog().read(move |conn| contents::find(conn, &target.cid)).await.unwrap().unwrap().number;
        let kept = manager.catalog().read(move |conn| aliases::of(conn, number)).await.unwrap();
        let told = usize::from(bytes.len() < 1 << 20);
        assert_eq!((wanted.len(), kept.len()), (5, 5 - told), "what the name does not tell is kept");
        assert!(kept.iter().all(|it| wanted.contains(it)));
        let sha1 = wanted.iter().find(|it| it.kind == DigestKind::Sha1).unwrap();
        use sha1::Digest as _;
        assert_eq!(sha1.value[..], sha1::Sha1::digest(bytes)[..]);
    }
    let given = room.service.given.lock().unwrap().clone();
    assert!(given.iter().any(|(key, _)| key.ends_with(".car")) && given.iter().any(|(key, _)| key.ends_with("store")));
    for (key, digests) in given {
        let found: Vec<DigestKind> = kinds.into_iter().filter(|it| digests.iter().any(|has| has.kind == *it)).collect();
        assert_eq!(found, kinds, "{key}");
    }
}
