//! Content on four real services of which one is destroyed and one rots, while it is read and the daemon is left alone, or killed again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use backend_testkit::real::{Kubo, KuboOptions, SECRET, Server, Sshd, USER};
use journeys::{Journey, noise};
use serde_json::Value;

const MIB: usize = 1 << 20;

/// How much there is, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Files of 4 to 64 KiB.
    pub(crate) small: usize,
    /// Files of 1 to 4 MiB.
    pub(crate) middle: usize,
    /// Files of `large_bytes`.
    pub(crate) large: usize,
    pub(crate) large_bytes: usize,
    pub(crate) patience: Duration,
}

/// What happens to the daemon meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Daemon {
    LeftAlone,
    /// Killed -9 after so long, and begun again.
    Killed(Duration),
}

struct House {
    it: Journey,
    _kubo: Kubo,
    _s3: Server,
    sshd: Sshd,
    /// Every file's bytes, by folder and name.
    files: BTreeMap<String, PathBuf>,
    roots: BTreeMap<String, String>,
}

/// Two backends each, by the first letters of the folder's name: here, bucket, node, disk.
const PAIRS: [(&str, &str); 4] =
    [("hb", "here,bucket"), ("hn", "here,node"), ("nd", "node,disk"), ("bd", "bucket,disk")];

/// The proof: it finds all that is wrong, nothing else, and mends it; readers see right bytes all the while.
pub(crate) fn proof(size: Size, daemon: Daemon) {
    let mut house = house(size);
    let damaged = house.rot();
    house.sshd.kill();
    std::fs::remove_dir_all(house.sshd.data()).unwrap();
    house.age();
    let begun = Instant::now();
    let (over, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| house.read_at_random(&over, &reads));
        let ended = house.attend(daemon, &damaged, begun + size.patience);
        over.store(true, Ordering::Relaxed);
        if let Err(text) = ended {
            panic!("{text}");
        }
    });
    let took = begun.elapsed();
    house.check(&damaged);
    let report = house.report();
    let sum: u64 = std::fs::read_dir(house.it.path("here")).map(|_| house.bytes()).unwrap();
    println!(
        "{} files, {sum} bytes, {} damaged: safe again after {took:?}, {} reads meanwhile; {}",
        house.files.len(),
        damaged.len(),
        reads.load(Ordering::Relaxed),
        report["counts"]
    );
}

fn house(size: Size) -> House {
    let it = Journey::new();
    let (kubo, s3, sshd) =
        (Server::kubo(&KuboOptions::default()).unwrap(), Server::s3s_fs().unwrap(), Server::sshd().unwrap());
    it.backend("here");
    s3.bucket("house").unwrap();
    let bucket = [
        format!("connection.endpoint_url=http://127.0.0.1:{}", s3.port()),
        "connection.bucket=house".to_owned(),
        "connection.region=us-east-1".to_owned(),
        format!("credentials.access_key_id={USER}"),
        format!("credentials.secret_access_key={SECRET}"),
    ];
    create(&it, ("bucket", "s3"), &bucket);
    create(&it, ("node", "ipfs"), &[format!("connection.api_url={}", kubo.api())]);
    let disk = [
        "connection.host=127.0.0.1".to_owned(),
        format!("connection.port={}", sshd.port()),
        format!("connection.path={}", sshd.data().join("store").display()),
        "connection.create=true".to_owned(),
        format!("connection.known_hosts_file={}", sshd.file("known_hosts").display()),
        format!("credentials.username={}", sshd.user()),
        format!("credentials.private_key_path={}", sshd.file("id").display()),
        "operational.retry_count=1".to_owned(),
    ];
    create(&it, ("disk", "sshfs"), &disk);
    let mut house = House { it, _kubo: kubo, _s3: s3, sshd, files: BTreeMap::new(), roots: BTreeMap::new() };
    for (n, (folder, pair)) in PAIRS.into_iter().enumerate() {
        house.it.ok([
            "policy",
            "set",
            folder,
            "--replicas",
            "2",
            "--prefer",
            pair,
            "--match",
            &format!("name={folder}"),
        ]);
        house.fill(folder, n, size);
        let receipt = house.it.ok(["add", folder, "--json"]).json().remove(0);
        assert_eq!(receipt["partial"], false, "{receipt}");
        house.roots.insert(folder.to_owned(), receipt["cid"].as_str().unwrap().to_owned());
    }
    house
}

fn create(it: &Journey, (name, kind): (&str, &str), settings: &[String]) {
    let mut words = vec!["backend", "create", name, "--type", kind];
    settings.iter().for_each(|setting| words.extend(["--set", setting.as_str()]));
    it.ok(words);
}

impl House {
    /// A quarter of the files.
    fn fill(&mut self, folder: &str, quarter: usize, size: Size) {
        let path = self.it.path(folder);
        std::fs::create_dir(&path).unwrap();
        let small = (0..size.small / 4).map(|n| 4096 + (n * 7919) % (60 << 10));
        let middle = (0..size.middle / 4).map(|n| MIB + (n * 104_729) % (3 * MIB));
        let large = (0..size.large / 4).map(|_| size.large_bytes);
        for (n, len) in small.chain(middle).chain(large).enumerate() {
            let name = format!("f{n:05}");
            std::fs::write(path.join(&name), noise((quarter * 1_000_000 + n) as u64, len)).unwrap();
            self.files.insert(format!("{folder}/{name}"), path.join(&name));
        }
    }

    /// One of a hundred copies on `here` is not what it was: flipped, cut, gone, or taken for another. Answers of which contents.
    fn rot(&self) -> BTreeSet<String> {
        let store = self.it.path("here/.ipfs-kit/c");
        let mut copies: Vec<PathBuf> =
            Journey::files(&store).into_keys().map(|it| store.join(it)).filter(|it| it.is_file()).collect();
        copies.sort();
        let every = (copies.len() / 100).max(4);
        let chosen: Vec<&PathBuf> = copies.iter().step_by(copies.len() / every).take(every).collect();
        let mut swap: Option<&PathBuf> = None;
        for (n, path) in chosen.iter().enumerate() {
            let bytes = std::fs::read(path).unwrap();
            match n % 4 {
                0 => journeys::flip(path, bytes.len() / 2),
                1 => std::fs::write(path, &bytes[..bytes.len() / 3]).unwrap(),
                2 => std::fs::remove_file(path).unwrap(),
                _ => match swap.take() {
                    None => swap = Some(path),
                    Some(other) => {
                        std::fs::write(path, std::fs::read(other).unwrap()).unwrap();
                        std::fs::write(other, bytes).unwrap();
                    }
                },
            }
        }
        // One that found nobody to be swapped with is as it was.
        let name = |path: &&&PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        chosen.iter().filter(|it| Some(**it) != swap).map(|it| name(&it)).collect()
    }

    /// Nobody has looked at anything for a day.
    fn age(&self) {
        let catalog = rusqlite::Connection::open(self.it.home().join("catalog.db")).unwrap();
        catalog.busy_timeout(Duration::from_secs(30)).unwrap();
        catalog
            .execute("UPDATE replicas SET checked_at = checked_at - 86400000 WHERE 86400000 < checked_at", [])
            .unwrap();
    }

    fn daemon(&self) -> Child {
        let words = ["run", "--every", "1s", "--grace", "5s", "--scrub-every", "2s", "--older-than", "12h", "--quiet"];
        self.it.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Until all is well, or `deadline`.
    fn attend(&self, daemon: Daemon, damaged: &BTreeSet<String>, deadline: Instant) -> Result<(), String> {
        let mut child = self.daemon();
        let mut killed = Instant::now();
        loop {
            thread::sleep(Duration::from_millis(500));
            if let Daemon::Killed(after) = daemon
                && after < killed.elapsed()
            {
                child.kill().unwrap();
                child.wait().unwrap();
                child = self.daemon();
                killed = Instant::now();
            }
            let missing = self.seen().symmetric_difference(damaged).count();
            let is_well = missing == 0 && self.is_well();
            if is_well || deadline < Instant::now() {
                // SIGTERM: a daemon that is asked to stop does so within ten seconds.
                let _ = rustix::process::kill_process(
                    rustix::process::Pid::from_child(&child),
                    rustix::process::Signal::TERM,
                );
                let asked = Instant::now();
                let code = child.wait().unwrap();
                if !is_well {
                    return Err(format!("{missing} are not seen, or wrongly; {}", self.standing()));
                }
                let took = asked.elapsed();
                return match code.code() == Some(0) && took < Duration::from_secs(12) {
                    true => Ok(()),
                    false => Err(format!("it did not stop as it should: {code:?} after {took:?}")),
                };
            }
        }
    }

    fn report(&self) -> Value {
        self.it.run(["report", "--json"]).json().pop().unwrap_or_default()
    }

    fn seen(&self) -> BTreeSet<String> {
        let report = self.report();
        let events = report["events"].as_array().cloned().unwrap_or_default();
        let bad = events.iter().filter(|it| it["what"] == "corrupt" || it["what"] == "missing");
        bad.filter_map(|it| it["cid"].as_str().map(str::to_owned)).collect()
    }

    fn standing(&self) -> Value {
        self.it.run(["reconcile", "--dry-run", "--grace", "5s", "--json"]).json().pop().unwrap_or_default()
    }

    fn is_well(&self) -> bool {
        let standing = self.standing();
        let unmet = ["short", "lost", "unsatisfiable"].iter().any(|it| standing["standing"][*it].is_u64());
        !unmet && standing["to_do"] == 0
    }

    /// Whoever reads gets right bytes, always: each content had a copy that could have answered.
    fn read_at_random(&self, over: &AtomicBool, reads: &AtomicU64) {
        let names: Vec<(&String, &PathBuf)> = self.files.iter().collect();
        let mut at = 7;
        while !over.load(Ordering::Relaxed) {
            at = (at * 7919 + 13) % names.len();
            let (name, path) = names[at];
            let (folder, file) = name.split_once('/').unwrap();
            let answer = self.it.run(["cat", &format!("{}/{file}", self.roots[folder])]);
            assert_eq!(answer.code, Some(0), "{name}: {}", answer.stderr);
            assert!(answer.stdout == std::fs::read(path).unwrap(), "{name}: other bytes came");
            reads.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn bytes(&self) -> u64 {
        self.files.values().map(|path| std::fs::metadata(path).map_or(0, |it| it.len())).sum()
    }

    /// All copies that count were read back and are right; no act is missing in the report.
    fn check(&self, damaged: &BTreeSet<String>) {
        let verified = self.it.run(["verify", "--json"]).json().pop().unwrap();
        assert_eq!(verified["bad"], 0, "{verified}");
        let report = self.report();
        let repaired: BTreeSet<String> = report["events"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| it["what"] == "repaired")
            .filter_map(|it| it["cid"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(repaired.intersection(damaged).count(), damaged.len(), "every repair stands in the report");
        for (folder, root) in &self.roots {
            self.it.ok(["get", root, "-o", &format!("back-{folder}")]);
            let (ours, back) = (self.it.path(folder), self.it.path(&format!("back-{folder}")));
            assert!(same(&ours, &back), "{folder}");
            std::fs::remove_dir_all(back).unwrap();
        }
    }
}

fn same(one: &Path, other: &Path) -> bool {
    let names = |path: &Path| -> BTreeSet<PathBuf> {
        std::fs::read_dir(path).unwrap().map(|it| it.unwrap().file_name().into()).collect()
    };
    names(one) == names(other)
        && names(one).iter().all(|it| std::fs::read(one.join(it)).unwrap() == std::fs::read(other.join(it)).unwrap())
}
