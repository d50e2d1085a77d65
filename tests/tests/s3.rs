//! Content on an S3 store, with the real program: uploads that die and go on, writers that race, copies that fail in the middle of a read.

#![expect(clippy::unwrap_used, reason = "a step of a journey that cannot be taken, fails it")]

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend_testkit::s3::{FakeS3, Fault, Operation, Options, Request, When};
use journeys::{Journey, flip, noise, stored};
use tokio::runtime::Runtime;

const MIB: usize = 1 << 20;
/// The part that the backend is told to send, in bytes.
const PART: usize = 5 * MIB;
/// A client sends this many bytes of parts at once, at most: what is lost when it dies. The leaf's own bound is lower.
const IN_FLIGHT: u64 = 8 * PART as u64;

/// A server, and what its orders are awaited in.
struct Bed {
    server: Arc<FakeS3>,
    runtime: Runtime,
}

fn bed() -> Bed {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(FakeS3::start(Options { on_disk: true, ..Options::default() })).unwrap();
    Bed { server, runtime }
}

impl Bed {
    /// Makes the bucket known as the backend `s3`.
    fn known_to(&self, it: &Journey) {
        let opts = self.server.options();
        let settings = [
            format!("connection.endpoint_url={}", self.server.endpoint()),
            format!("connection.bucket={}", opts.bucket),
            format!("connection.part_size={PART}"),
            "connection.provider=aws".to_owned(),
            "connection.path_style=true".to_owned(),
            format!("credentials.access_key_id={}", opts.access_key),
            format!("credentials.secret_access_key={}", opts.secret_key),
        ];
        let mut words = vec!["backend", "create", "s3", "--type", "s3"];
        for setting in &settings {
            words.extend(["--set", setting]);
        }
        it.ok(words);
    }
}

/// Where content lies in the bucket.
fn key_of(cid: &str) -> String {
    format!(".ipfs-kit/c/{}/{cid}", &cid[cid.len() - 2..])
}

/// The numbers of the parts of `key` that the server has taken.
fn kept(requests: &[Request], key: &str) -> BTreeSet<String> {
    let of_key = requests.iter().filter(|it| it.operation == Operation::UploadPart && it.key == key);
    let done = of_key.filter(|it| it.status == Some(200));
    done.filter_map(|it| it.query("partNumber")).map(str::to_owned).collect()
}

/// How an upload dies.
enum Death {
    /// By its own hand, at a fault point.
    At(&'static str),
    /// By kill -9, while this happens to its last part and all others have arrived; with `HangAfter`, that one, too.
    During(Fault),
}

impl Bed {
    /// Adds `big` until it dies.
    fn dies(&self, it: &Journey, death: &Death, key: &str, n_parts: usize) {
        let words = ["add", "big", "--to", "s3"];
        let fault = match death {
            Death::At(point) => return it.killed_at(point, words),
            Death::During(fault) => fault.clone(),
        };
        let arrived = if fault == Fault::HangAfter { n_parts } else { n_parts - 1 };
        self.server.fault(When::nth(Operation::UploadPart, n_parts as u64).key(key), fault);
        let mut child = it.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let patience = Instant::now() + Duration::from_secs(60);
        while kept(&self.server.requests(), key).len() < arrived {
            assert!(Instant::now() < patience && child.try_wait().unwrap().is_none(), "it did not get so far");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None);
        self.server.heal();
    }
}

#[test]
fn an_upload_that_was_killed_goes_on_in_another_process() {
    let bytes = noise(21, 64 * MIB + 77);
    let n_parts = bytes.len().div_ceil(PART);
    let cases = [
        ("before the first part", Death::At("after-checkpoint:1"), None),
        ("when a part was certain", Death::At("after-checkpoint:2"), None),
        ("while the last part is sent", Death::During(Fault::Hang), Some(1)),
        ("when the last part had arrived", Death::During(Fault::HangAfter), Some(0)),
    ];
    for (when, death, left) in cases {
        let (bed, it) = (bed(), Journey::new());
        bed.known_to(&it);
        std::fs::write(it.path("big"), &bytes).unwrap();
        let key = key_of(&it.ok(["cid", "big"]).text());
        bed.dies(&it, &death, &key, n_parts);
        assert_eq!((bed.server.uploads(), bed.server.keys().contains(&key)), (1, false), "{when}");
        let before = kept(&bed.server.requests(), &key);
        let sent = bed.server.bytes_received();
        bed.server.forget();
        // The server dies, too.
        bed.runtime.block_on(bed.server.down());
        bed.runtime.block_on(bed.server.up()).unwrap();
        let receipt = it.ok(["add", "big", "--to", "s3", "--json"]).json().remove(0);
        // The backend asked for the sum of the whole, and the service has compared it.
        assert_eq!(receipt["replicas"][0]["evidence"], "attested", "{when}: {receipt}");
        let again = kept(&bed.server.requests(), &key);
        assert!(before.is_disjoint(&again), "{when}: parts that were there were sent again: {before:?} {again:?}");
        match left {
            Some(left) => assert_eq!(again.len(), left, "{when}"),
            // What was on its way may have arrived, or not.
            None => assert!(before.len() + again.len() <= n_parts, "{when}"),
        }
        assert_eq!(bed.server.count(Operation::CreateMultipartUpload), 0, "{when}: the upload was begun anew");
        let all = sent + bed.server.bytes_received();
        assert!(all <= bytes.len() as u64 + IN_FLIGHT + 2 * MIB as u64, "{when}: {all} bytes were sent");
        assert!(bed.server.object(&key).unwrap() == bytes, "{when}");
        assert!(it.ok(["cat", "big"]).stdout == bytes, "{when}");
        assert_eq!(bed.server.uploads(), 0, "{when}");
        let verified = it.ok(["verify", "--json"]).json().pop().unwrap();
        assert_eq!((&verified["good"], &verified["bad"]), (&1.into(), &0.into()), "{when}");
    }
}

#[test]
fn of_sixteen_programs_one_writes() {
    let bed = bed();
    let homes: Vec<Journey> = (0..16).map(|_| Journey::new()).collect();
    for (n, it) in homes.iter().enumerate() {
        bed.known_to(it);
        std::fs::write(it.path("mine"), noise(n as u64, 10_000)).unwrap();
    }
    // The marker of the store is there before they race for the key.
    homes[0].ok(["backend", "test", "s3", "--write"]);
    let words = ["add", "mine", "--to", "s3", "--key", "shared/name", "--if-absent"];
    let spawn = |it: &Journey| it.command(words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let racers: Vec<_> = homes.iter().map(spawn).collect();
    let ends: Vec<_> = racers.into_iter().map(|it| it.wait_with_output().unwrap()).collect();
    let winners: Vec<usize> = (0..16).filter(|n| ends[*n].status.success()).collect();
    let said: Vec<_> = ends.iter().map(|it| String::from_utf8_lossy(&it.stderr)).collect();
    assert_eq!(winners.len(), 1, "{winners:?} {said:?}");
    assert!(bed.server.object("shared/name").unwrap() == noise(winners[0] as u64, 10_000));
}

#[test]
fn two_stores_fail_in_one_read_and_it_is_right() {
    let (bed, it) = (bed(), Journey::new());
    bed.known_to(&it);
    let disk = it.backend("disk");
    let bytes = noise(22, 5 * MIB + 7);
    std::fs::write(it.path("big"), &bytes).unwrap();
    let receipt = it.ok(["add", "big", "--to", "s3,disk", "--json"]).json().remove(0);
    assert_eq!(receipt["partial"], false, "{receipt}");
    let cid = receipt["cid"].as_str().unwrap();
    // As if S3 had answered at once for long, and the disk not.
    let catalog = rusqlite::Connection::open(it.home().join("catalog.db")).unwrap();
    let latency = "INSERT INTO health (backend_id, power, latency_us) SELECT id, 0, CASE name WHEN 's3' THEN 1000 ELSE 1000000 END FROM backends
        WHERE TRUE ON CONFLICT (backend_id, power) DO UPDATE SET latency_us = excluded.latency_us";
    assert_eq!(catalog.execute(latency, []).unwrap(), 2);
    // S3 is read first and breaks off within the third chunk; the disk goes on there, and is wrong in the fourth.
    bed.server.fault(When::next(Operation::GetObject).key(key_of(cid)), Fault::CutBodyAt(2 * MIB as u64 + 1000));
    flip(&stored(&disk, cid), 3 * MIB + 5);
    let out = it.path("out");
    let said = it.ok(["get", cid, "-o", out.to_str().unwrap(), "--json"]).json().pop().unwrap();
    assert!(std::fs::read(&out).unwrap() == bytes);
    let mut met: Vec<_> =
        said["troubles"].as_array().unwrap().iter().map(|it| it["backend"].as_str().unwrap()).collect();
    met.sort_unstable();
    met.dedup();
    assert_eq!(met, ["disk", "s3"], "{said}");
}

/// The keys that the server has taken as a whole.
fn put(requests: &[Request]) -> BTreeSet<String> {
    let done = requests.iter().filter(|it| it.operation == Operation::PutObject && it.status == Some(200));
    done.map(|it| it.key.clone()).filter(|key| key.starts_with("p/")).collect()
}

#[test]
fn a_sync_that_was_killed_sends_nothing_twice_and_then_nothing() {
    let (bed, it) = (bed(), Journey::new());
    bed.known_to(&it);
    let src = it.path("src");
    std::fs::create_dir(&src).unwrap();
    std::fs::write(src.join("big"), noise(31, 22 * MIB)).unwrap();
    (0..40).for_each(|n| std::fs::write(src.join(format!("small{n}")), noise(n, 1000)).unwrap());
    let words = ["sync", "src", "s3:p", "--delete"];
    let large = ["sync", "src", "s3:p", "--min-size", "1MiB"];
    it.killed_at("sync-sent", ["sync", "src", "s3:p", "--max-size", "1MiB"]);
    it.killed_at("after-checkpoint:2", large);
    let (parts, whole) = (kept(&bed.server.requests(), "p/big"), put(&bed.server.requests()));
    assert_eq!((bed.server.uploads(), parts.is_empty(), whole.len()), (1, false, 40));
    bed.server.forget();
    it.ok(words);
    let requests = bed.server.requests();
    assert!(parts.is_disjoint(&kept(&requests, "p/big")) && whole.is_disjoint(&put(&requests)), "{parts:?} {whole:?}");
    assert_eq!((bed.server.count(Operation::CreateMultipartUpload), bed.server.uploads()), (0, 0));
    assert!(bed.server.object("p/big").unwrap() == noise(31, 22 * MIB));
    bed.server.forget();
    it.ok(words);
    let asked: Vec<_> =
        bed.server.requests().iter().filter(|it| it.key.starts_with("p/")).map(|it| it.operation).collect();
    assert!(asked.is_empty(), "nothing of what is there is touched: {asked:?}");
    // Killed again, and then the source is another: what was begun for the old one is given up, so that nobody pays for its parts.
    std::fs::write(src.join("big"), noise(32, 21 * MIB)).unwrap();
    it.killed_at("after-checkpoint:2", large);
    assert_eq!(bed.server.uploads(), 1);
    std::fs::write(src.join("big"), noise(33, 20 * MIB)).unwrap();
    std::fs::remove_file(src.join("small7")).unwrap();
    it.ok(words);
    assert_eq!(bed.server.uploads(), 0);
    assert!(bed.server.object("p/big").unwrap() == noise(33, 20 * MIB));
    let keys: BTreeSet<String> = bed.server.keys().into_iter().filter(|key| key.starts_with("p/")).collect();
    let wanted = Journey::files(&src).into_keys().map(|path| format!("p/{}", path.display())).collect();
    assert_eq!(keys, wanted);
}
