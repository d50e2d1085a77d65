//! OpenSSH's own server, and other clients beside us. `cargo xtask services sshd rclone` provides both.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::fs;
use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::Poll;

use backend_core::{
    AddOptions, Backend, Content, Entry, ErrorKind, Facts, GetOptions, Key, ListOptions, Locator, Power, Result,
    Settings, StatOptions, Write,
};
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_sshfs::Sshfs;
use backend_testkit::real::{SECRET, Server, Sshd, program};
use backend_testkit::{Fixture, Gate, Keeper, Watch, apart, random};
use bytes::Bytes;
use futures::TryStreamExt;
use serde_json::{Value, json};

const MIB: u64 = 1 << 20;

/// One for all that leave it running.
static SSHD: LazyLock<Sshd> = LazyLock::new(|| Server::sshd().unwrap());
static NUMBER: AtomicU32 = AtomicU32::new(0);

fn connection(server: &Sshd) -> Value {
    let path = server.data().join(format!("store-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    json!({
        "host": "127.0.0.1", "port": server.port(), "path": path, "create": true,
        "known_hosts_file": server.file("known_hosts"),
    })
}

fn credentials(server: &Sshd) -> Value {
    json!({ "username": server.user(), "private_key_path": server.file("id-locked"), "passphrase": SECRET })
}

fn open(connection: &Value, credentials: Value, learnt: Facts) -> Arc<dyn Backend> {
    let mut settings = Settings::new("real", connection.clone(), Arc::new(SystemClock));
    settings.credentials = credentials;
    settings.learnt = learnt;
    Sshfs::open(settings).unwrap()
}

async fn fixture() -> Fixture {
    let (connection, credentials) = (connection(&SSHD), credentials(&SSHD));
    let learnt = open(&connection, credentials.clone(), Value::Null).probe().await.unwrap();
    assert_eq!(learnt, json!({ "if_absent": true, "mend": true, "usage": true }));
    let leaf = move || open(&connection, credentials.clone(), learnt.clone());
    let same = leaf.clone();
    let stacked = move || stack(same(), &Operational::default(), &Gates::default(), Arc::new(SystemClock));
    Fixture::new().leaf(leaf).stack(stacked)
}

mod suite {
    backend_testkit::suite!(super::fixture);
}

fn at(key: &str) -> Locator {
    Locator::new(Key::new(key).unwrap())
}

fn named(key: &str, write: Write) -> AddOptions {
    AddOptions { id: Some(at(key).id), write, ..AddOptions::default() }
}

async fn read(backend: &Arc<dyn Backend>, key: &str) -> Result<Vec<u8>> {
    let frames: Vec<Bytes> = backend.get(&at(key), &GetOptions::default()).await?.body.try_collect().await?;
    Ok(frames.concat())
}

async fn whole(content: &Content) -> Vec<u8> {
    let frames: Vec<Bytes> = content.open_all().await.unwrap().try_collect().await.unwrap();
    frames.concat()
}

async fn enters(connection: &Value, credentials: Value) -> ErrorKind {
    let backend = open(connection, credentials, Value::Null);
    backend.stat(&at("nothing"), &StatOptions::default()).await.unwrap_err().kind()
}

#[tokio::test]
async fn the_server_is_known_by_its_line_its_hashed_line_or_its_authority() {
    for file in ["known_hosts", "known_hosts.hashed", "known_hosts.authority"] {
        let mut connection = connection(&SSHD);
        connection["known_hosts_file"] = json!(SSHD.file(file));
        assert_eq!(enters(&connection, credentials(&SSHD)).await, ErrorKind::NotFound, "{file}");
    }
    let mut unknown = connection(&SSHD);
    unknown["known_hosts_file"] = Value::Null;
    assert_eq!(enters(&unknown, credentials(&SSHD)).await, ErrorKind::InvalidConfig);
    // The authority of users vouches for no host.
    let other = fs::read_to_string(SSHD.file("user-ca.pub")).unwrap();
    unknown["known_hosts"] = json!([format!("@cert-authority * {other}")]);
    assert_eq!(enters(&unknown, credentials(&SSHD)).await, ErrorKind::Unauthenticated);
}

struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn agent(socket: &Path, key: &Path) -> Agent {
    let agent = Command::new("ssh-agent").arg("-D").arg("-a").arg(socket).stdout(Stdio::null()).spawn().unwrap();
    let agent = Agent(agent);
    let add = || Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", socket).stderr(Stdio::null()).status();
    // It listens soon; each look is a program that starts.
    assert!((0..500).any(|_| add().unwrap().success()), "no agent listens");
    agent
}

#[tokio::test]
async fn a_key_a_certificate_and_an_agent_let_in() {
    let who = |more: Value| {
        let mut credentials = json!({ "username": SSHD.user() });
        credentials.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        credentials
    };
    let connection = connection(&SSHD);
    let plain = who(json!({ "private_key_path": SSHD.file("id") }));
    assert_eq!(enters(&connection, plain).await, ErrorKind::NotFound);
    let alone = who(json!({ "private_key_path": SSHD.file("certified") }));
    assert_eq!(enters(&connection, alone).await, ErrorKind::Unauthenticated);
    let certified =
        json!({ "private_key_path": SSHD.file("certified"), "certificate_path": SSHD.file("certified-cert.pub") });
    assert_eq!(enters(&connection, who(certified)).await, ErrorKind::NotFound);
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent");
    let mut by_agent = connection.clone();
    by_agent["agent"] = json!(socket);
    assert_eq!(enters(&by_agent, who(json!({}))).await, ErrorKind::InvalidConfig);
    for key in ["id", "certified"] {
        // `ssh-add` takes a certificate along that lies beside the key.
        let _agent = agent(&socket, &SSHD.file(key));
        assert_eq!(enters(&by_agent, who(json!({}))).await, ErrorKind::NotFound, "{key}");
        fs::remove_file(&socket).unwrap_or_default();
    }
}

fn run(command: &mut Command) {
    let answer = command.output().unwrap();
    assert!(answer.status.success(), "{command:?}: {}", String::from_utf8_lossy(&answer.stderr));
}

#[tokio::test]
async fn other_clients_read_what_we_wrote_and_the_other_way_round() {
    let connection = connection(&SSHD);
    let store = connection["path"].as_str().unwrap().to_owned();
    let backend = open(&connection, credentials(&SSHD), Value::Null);
    let (ours, theirs) = (random("ours", 3 * MIB + 7), random("theirs", 2 * MIB + 3));
    backend.add(&ours, &named("from us/größe", Write::default())).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (sent, got) = (folder.path().join("sent"), folder.path().join("got"));
    fs::write(&sent, whole(&theirs).await).unwrap();

    let batch = folder.path().join("batch");
    let words = format!("get \"{store}/from us/größe\" {}\nput {} {store}/by-sftp\n", got.display(), sent.display());
    fs::write(&batch, words).unwrap();
    let mut sftp = Command::new("sftp");
    sftp.args(["-F", "none", "-b"]).arg(&batch).args(["-P", &SSHD.port().to_string()]);
    sftp.arg("-i")
        .arg(SSHD.file("id"))
        .arg("-o")
        .arg(format!("UserKnownHostsFile={}", SSHD.file("known_hosts").display()));
    run(sftp.arg(format!("{}@127.0.0.1", SSHD.user())));
    assert!(fs::read(&got).unwrap() == whole(&ours).await);
    assert!(read(&backend, "by-sftp").await.unwrap() == whole(&theirs).await);

    // Go's SSH always wants the certificate of a server that has one.
    let remote = format!(
        ":sftp,host=127.0.0.1,port={},user={},key_file='{}',known_hosts_file='{}':{store}",
        SSHD.port(),
        SSHD.user(),
        SSHD.file("id").display(),
        SSHD.file("known_hosts.authority").display()
    );
    let rclone = |words: [&str; 3]| {
        run(Command::new(program("rclone").unwrap()).args(words).env("RCLONE_CONFIG", "").env("HOME", folder.path()));
    };
    fs::remove_file(&got).unwrap();
    rclone(["copyto", &format!("{remote}/from us/größe"), got.to_str().unwrap()]);
    rclone(["copyto", sent.to_str().unwrap(), &format!("{remote}/by/rclone")]);
    assert!(fs::read(&got).unwrap() == whole(&ours).await);
    assert!(read(&backend, "by/rclone").await.unwrap() == whole(&theirs).await);
}

#[tokio::test]
async fn an_upload_goes_on_after_the_server_was_killed() {
    let mut server = Server::sshd().unwrap();
    let backend = open(&connection(&server), credentials(&server), Value::Null);
    let content = random("killed", 40 * MIB + 5);
    let (held, gate) = Gate::before_the_end(&content);
    let keeper = Keeper::new();
    let write = Write { checkpoint: Some(keeper.clone()), ..Write::default() };
    let opts = named("killed", write);
    let err = {
        let mut add = pin!(backend.add(&held, &opts));
        poll_fn(|context| match add.as_mut().poll(context) {
            Poll::Ready(answer) => panic!("it answered before the end: {answer:?}"),
            Poll::Pending => gate.poll_reached(context).map(|()| ()),
        })
        .await;
        server.kill();
        gate.open();
        add.await.unwrap_err()
    };
    assert_eq!(err.kind(), ErrorKind::Unavailable, "{err:?}");
    assert_eq!(backend.health().await.reads, Power::Fails(ErrorKind::Unavailable));
    server.restart().unwrap();
    backend.stat(&at("killed"), &StatOptions::default()).await.unwrap_err();
    let (watched, watch) = Watch::over(&content);
    let write = Write { resume: keeper.newest(), checkpoint: Some(Keeper::new()), ..Write::default() };
    backend.add(&watched, &named("killed", write)).await.unwrap();
    let begun = watch.opened().into_iter().min().unwrap();
    assert!(16 * MIB <= begun && keeper.sent().last().is_some_and(|it| *it <= begun), "it went on at {begun}");
    assert!(read(&backend, "killed").await.unwrap() == whole(&content).await);
}

#[tokio::test]
async fn what_others_left_on_the_disk_leads_nowhere() {
    let connection = connection(&SSHD);
    let backend = open(&connection, credentials(&SSHD), Value::Null);
    backend.add(&random("good", 10), &named("folder/good", Write::default())).await.unwrap();
    let store = Path::new(connection["path"].as_str().unwrap());
    for name in ["new\nline", "esc\u{1b}[2J"] {
        fs::write(store.join(name), "x").unwrap();
    }
    std::os::unix::fs::symlink("/etc", store.join("link")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", store.join("passwd")).unwrap();
    run(Command::new("mkfifo").arg(store.join("pipe")));
    let entries: Vec<Entry> = backend.list(&ListOptions::default()).try_collect().await.unwrap();
    let keys: Vec<String> = entries
        .into_iter()
        .filter_map(|it| match it {
            Entry::Content { meta, .. } => Some(meta.at.id.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(keys, ["folder/good"]);
    for key in ["link/passwd", "passwd", "pipe"] {
        let err = backend.stat(&at(key), &StatOptions::default()).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::NotFound, "{key}");
        let err = backend.add(&random("x", 1), &named(key, Write::default())).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::InvalidInput, "{key}");
    }
}

/// Only the names of the folder itself are held, a few dozen bytes each: not what is known of them, and nothing for an entry that was given away.
#[tokio::test]
async fn a_large_folder_is_listed_in_flat_memory() {
    const NAME: &str = "a_large_folder_is_listed_in_flat_memory";
    if let Some(word) = apart::word() {
        let (connection, credentials): (Value, Value) = serde_json::from_str(&word).unwrap();
        let store = open(&connection, credentials, Value::Null);
        let n = store.list(&ListOptions::default()).try_fold(0, async |n: usize, _| Ok(n + 1)).await.unwrap();
        return apart::say(&format!("{n} {}", apart::peak().unwrap()));
    }
    let peaks = [8_192, 100_000].map(|n: usize| {
        let connection = connection(&SSHD);
        let folder = Path::new(connection["path"].as_str().unwrap());
        fs::create_dir_all(folder).unwrap();
        (0..n).for_each(|it| drop(fs::File::create(folder.join(format!("a name of a file {it:06}"))).unwrap()));
        let said = apart::run(NAME, &json!([connection, credentials(&SSHD)]).to_string()).unwrap();
        let (found, peak) = said.split_once(' ').unwrap();
        assert_eq!(found, n.to_string());
        peak.parse::<u64>().unwrap()
    });
    println!("the most memory, in bytes: {peaks:?}");
    assert!(peaks[1] < peaks[0] + 16 * MIB && peaks[1] < 64 * MIB, "{peaks:?}");
}
