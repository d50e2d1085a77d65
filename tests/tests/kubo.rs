//! Content on an IPFS node, with the real program: damage that the node does not see, folders in one import, kills, content of somebody else.

#![expect(clippy::unwrap_used, reason = "a step of a journey that cannot be taken, fails it")]

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use backend_testkit::kubo::{Kubo, Lie};
use futures::channel::oneshot;
use ipld::address;
use journeys::{Answer, Journey, flip, noise, stored};
use serde_json::json;
use tokio::runtime::Runtime;

const MIB: usize = 1 << 20;
/// The length of each file of a folder.
const FILE_LEN: usize = 100 << 10;
/// Blocks that a node writes at once.
const BATCH: usize = 128;
/// So many files that the node writes some while sockets do not hold the rest.
const MANY: usize = 300;

/// A node. It runs only while it is waited for, so that a test can stop it in the middle of an import.
struct Bed {
    node: Kubo,
    runtime: Runtime,
}

fn bed() -> Bed {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let node = runtime.block_on(Kubo::start()).unwrap();
    Bed { node, runtime }
}

impl Bed {
    /// Does `work` in a thread while the node runs.
    fn serve<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let (done, result) = oneshot::channel();
            scope.spawn(move || done.send(work()).is_ok());
            self.runtime.block_on(result).unwrap()
        })
    }

    fn run(&self, it: &Journey, words: &[&str]) -> Answer {
        self.serve(|| it.run(words))
    }

    fn ok(&self, it: &Journey, words: &[&str]) -> Answer {
        self.serve(|| it.ok(words))
    }

    /// Makes the node known as the backend `node`.
    fn known_to(&self, it: &Journey) {
        let setting = format!("connection.api_url={}", self.node.api_url());
        self.ok(it, &["backend", "create", "node", "--type", "ipfs", "--set", &setting]);
    }

    /// Lets the node run until this is so.
    fn until(&self, is_so: impl Fn(&Kubo) -> bool) {
        let patience = Instant::now() + Duration::from_secs(60);
        self.runtime.block_on(async {
            while !is_so(&self.node) {
                assert!(Instant::now() < patience, "it did not get so far");
                tokio::task::yield_now().await;
            }
        });
    }

    /// How many imports were asked for since the last look.
    fn imports(&self) -> usize {
        self.node.asked().iter().filter(|it| it.starts_with("dag/import")).count()
    }
}

/// A folder of so many files, in two folders below it; its CID.
fn folder(it: &Journey, n_files: usize) -> String {
    for n in 0..n_files {
        let below = it.path(&format!("photos/{}", n % 2));
        std::fs::create_dir_all(&below).unwrap();
        std::fs::write(below.join(format!("{n}.raw")), noise(n as u64, FILE_LEN)).unwrap();
    }
    it.ok(["cid", "photos"]).text()
}

/// How the node shows a pin of ours. The program gives it no name.
fn pin(cid: &str, name: &str) -> String {
    format!("recursive {cid} {name}")
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it was over before it was killed");
}

#[test]
fn a_block_that_the_node_spoilt_is_found_and_read_elsewhere() {
    let (bed, it) = (bed(), Journey::new());
    bed.known_to(&it);
    // Who served what is told below: a machine that is busy must not bring in the other copy.
    bed.ok(&it, &["backend", "update", "node", "--set", "routing.hedge=false"]);
    let disk = it.backend("local");
    let bytes = noise(31, 5 * MIB);
    std::fs::write(it.path("big"), &bytes).unwrap();
    let receipt = bed.ok(&it, &["add", "big", "--to", "local,node", "--json"]).json().remove(0);
    assert_eq!(receipt["partial"], false, "{receipt}");
    let cid = receipt["cid"].as_str().unwrap();
    assert_eq!(bed.node.pins(), [pin(cid, "big")]);
    let leaf = address::sha256(address::RAW, &bytes[3 * MIB..4 * MIB]);
    assert!(bed.node.blocks().corrupt(&leaf));
    // The copy on the disk is wrong elsewhere, so that none of the two is whole.
    flip(&stored(&disk, cid), MIB + 5);
    let out = it.path("out");
    let said = bed.ok(&it, &["get", cid, "-o", out.to_str().unwrap(), "--json"]).json().pop().unwrap();
    assert!(std::fs::read(&out).unwrap() == bytes);
    let troubles = said["troubles"].as_array().unwrap();
    assert_eq!(troubles.len(), 1, "{said}");
    let met = (&troubles[0]["backend"], &troubles[0]["kind"], &troubles[0]["offset"]);
    assert_eq!(met, (&"node".into(), &"integrity".into(), &(3 * MIB).into()), "{said}");
    assert_eq!(said["served"], json!({ "local": MIB, "node": 4 * MIB }), "each chunk but the one came from the node");
    let verdicts = bed.run(&it, &["verify", cid, "--json"]);
    assert_eq!(verdicts.code, Some(6));
    let of = |name: &str| verdicts.json().into_iter().find(|it| it["backend"] == name).unwrap();
    for (backend, offset) in [("node", 3 * MIB), ("local", MIB)] {
        let verdict = of(backend);
        assert_eq!(verdict["state"], "corrupt", "{verdict}");
        assert_eq!(verdict["bad_chunks"], json!([{ "offset": offset, "len": MIB }]), "{verdict}");
    }
    // What is known as bad is not asked for again, and the two together are still whole.
    let said = bed.ok(&it, &["get", cid, "-o", out.to_str().unwrap(), "--force", "--json"]).json().pop().unwrap();
    assert_eq!((std::fs::read(&out).unwrap() == bytes, &said["troubles"]), (true, &json!([])), "{said}");
    // Both have been read and are wrong: an add sends everything, though the node believes that it has it all.
    bed.ok(&it, &["add", "big", "--to", "local,node"]);
    bed.ok(&it, &["verify"]);
}

#[test]
fn a_block_that_the_node_lost_is_missed_and_sent_again() {
    let (bed, it) = (bed(), Journey::new());
    bed.known_to(&it);
    let bytes = noise(33, 3 * MIB);
    std::fs::write(it.path("big"), &bytes).unwrap();
    bed.ok(&it, &["add", "big", "--to", "node"]);
    let leaf = address::sha256(address::RAW, &bytes[MIB..2 * MIB]);
    assert!(bed.node.blocks().delete(&leaf));
    let verdicts = bed.run(&it, &["verify", "--json"]);
    assert_eq!((verdicts.code, &verdicts.json()[0]["state"]), (Some(6), &"missing".into()));
    let cat = bed.run(&it, &["cat", "big"]);
    assert!(cat.code == Some(3) && cat.stdout == bytes[..MIB], "what was handed over was verified: {}", cat.stderr);
    bed.ok(&it, &["add", "big", "--to", "node"]);
    assert!(bed.node.blocks().has(&leaf));
    bed.ok(&it, &["verify"]);
    assert!(bed.ok(&it, &["cat", "big"]).stdout == bytes);
}

#[test]
fn a_folder_goes_in_one_import_and_is_read_by_path() {
    let (bed, it) = (bed(), Journey::new());
    bed.known_to(&it);
    let cid = folder(&it, 12);
    let receipt = bed.ok(&it, &["add", "photos", "--to", "node", "--json"]).json().remove(0);
    assert_eq!((&receipt["partial"], &receipt["cid"]), (&false.into(), &cid.as_str().into()), "{receipt}");
    assert_eq!(bed.imports(), 1);
    assert_eq!(bed.node.pins(), [pin(&cid, "photos")]);
    assert!(bed.ok(&it, &["cat", &format!("{cid}/1/7.raw")]).stdout == noise(7, FILE_LEN));
    bed.ok(&it, &["get", "photos", "-o", "out"]);
    assert!(Journey::files(&it.path("out")) == Journey::files(&it.path("photos")));
    bed.ok(&it, &["verify"]);
    bed.ok(&it, &["add", "photos", "--to", "node"]);
    assert_eq!(bed.imports(), 0, "what is there is not sent again");
    bed.ok(&it, &["rm", "photos", "--yes"]);
    assert_eq!(bed.node.pins(), [""; 0]);
}

#[test]
fn an_import_that_was_killed_leaves_no_pin_and_is_done_anew() {
    for when in ["while it sends", "while it waits for the answer"] {
        let (bed, it) = (bed(), Journey::new());
        bed.known_to(&it);
        let cid = folder(&it, MANY);
        let mut adding = it.command(["add", "photos", "--to", "node"]);
        let child = adding.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        match when {
            "while it sends" => bed.until(|node| node.importing() == 1 && BATCH <= node.blocks().count()),
            _ => {
                bed.node.lie("dag/import", Lie::Stalls);
                bed.until(|node| node.asked().iter().any(|it| it.starts_with("dag/import")));
            }
        }
        kill(child);
        bed.until(|node| node.importing() == 0);
        assert_eq!((bed.node.pins(), bed.node.taken()), (Vec::new(), 0), "{when}");
        assert!(!bed.node.blocks().has(&address::parse(&cid).unwrap()), "{when}: the root is there");
        bed.node.asked();
        let receipt = bed.ok(&it, &["add", "photos", "--to", "node", "--json"]).json().remove(0);
        assert_eq!((&receipt["partial"], &receipt["replicas"][0]["state"]), (&false.into(), &"present".into()));
        assert_eq!((bed.imports(), bed.node.pins()), (1, vec![pin(&cid, "photos")]), "{when}");
        let verified = bed.ok(&it, &["verify", "--json"]).json().pop().unwrap();
        assert_eq!((&verified["bad"], &verified["unknown"]), (&0.into(), &0.into()), "{when}: {verified}");
    }
}

#[test]
fn an_import_whose_answer_was_not_recorded_is_not_sent_again() {
    let (bed, it) = (bed(), Journey::new());
    bed.known_to(&it);
    let cid = folder(&it, 12);
    bed.serve(|| it.killed_at("after-content", ["add", "photos", "--to", "node"]));
    assert_eq!((bed.imports(), bed.node.pins()), (1, vec![pin(&cid, "photos")]));
    let receipt = bed.ok(&it, &["add", "photos", "--to", "node", "--json"]).json().remove(0);
    assert_eq!((&receipt["partial"], &receipt["replicas"][0]["state"]), (&false.into(), &"present".into()));
    assert_eq!((bed.imports(), bed.node.pins()), (0, vec![pin(&cid, "photos")]));
}

#[test]
fn content_of_somebody_else_is_read_by_its_name() {
    let (bed, theirs, ours) = (bed(), Journey::new(), Journey::new());
    bed.known_to(&theirs);
    bed.known_to(&ours);
    let bytes = noise(32, 3 * MIB + 9);
    std::fs::write(theirs.path("big"), &bytes).unwrap();
    let big = bed.ok(&theirs, &["add", "big", "--to", "node", "--json"]).json().remove(0);
    let big = big["cid"].as_str().unwrap();
    let photos = folder(&theirs, 12);
    bed.ok(&theirs, &["add", "photos", "--to", "node"]);
    bed.node.asked();
    let said = bed.ok(&ours, &["get", big, "-o", "out", "--json"]).json().pop().unwrap();
    assert!(std::fs::read(ours.path("out")).unwrap() == bytes);
    assert_eq!(said["served"], json!({ "node": bytes.len() }), "{said}");
    bed.ok(&ours, &["get", &photos, "-o", "all"]);
    assert!(Journey::files(&ours.path("all")) == Journey::files(&theirs.path("photos")));
    let asked = bed.node.asked();
    assert!(
        asked.iter().all(|it| !it.starts_with("dag/import") && !it.starts_with("pin/add")),
        "reading keeps nothing"
    );
    assert_eq!(ours.ok(["ls", "--json"]).text(), "");
    // Nothing else stands beside it: what the node spoilt does not come out.
    let leaf = address::sha256(address::RAW, &bytes[..MIB]);
    assert!(bed.node.blocks().corrupt(&leaf));
    let refused = bed.run(&ours, &["cat", big]);
    assert_eq!((refused.code, refused.stdout.len()), (Some(6), 0), "{}", refused.stderr);
    let missing = bed.run(&ours, &["get", &ours.ok(["cid", "out"]).text(), "-o", "again"]);
    assert_eq!(missing.code, Some(6), "{}", missing.stderr);
    assert!(!ours.path("again").exists());
}

#[test]
fn a_lost_catalog_has_its_pins_from_the_node_and_its_names_from_a_disk() {
    let (bed, it) = (bed(), Journey::new());
    bed.known_to(&it);
    it.backend("disk");
    std::fs::create_dir_all(it.path("photos/sub")).unwrap();
    std::fs::write(it.path("photos/sub/large"), noise(1, 2 * MIB + 3)).unwrap();
    std::fs::write(it.path("photos/small"), noise(2, 30)).unwrap();
    std::fs::write(it.path("note"), b"a note").unwrap();
    bed.ok(&it, &["add", "photos", "--to", "node"]);
    bed.ok(&it, &["add", "note", "--to", "disk"]);
    for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        drop(std::fs::remove_file(it.home().join(name)));
    }
    let adopted = bed.ok(&it, &["adopt", "--all", "--json"]).json().remove(0);
    let copies: Vec<u64> =
        adopted["stores"].as_array().unwrap().iter().map(|it| it["copies"].as_u64().unwrap()).collect();
    assert!(copies.iter().all(|n| 0 < *n) && adopted["state"]["names"] == 2, "{adopted}");
    bed.ok(&it, &["get", "photos", "-o", "out"]);
    assert!(Journey::files(&it.path("out")) == Journey::files(&it.path("photos")));
    let again = bed.ok(&it, &["adopt", "node", "--json"]).json().remove(0);
    assert_eq!(again["stores"][0]["copies"], 0, "{again}");
    // Whose the pin was nobody knows any more: it stays, and copies of it are refused rather than made without its nodes.
    let moved = bed.run(&it, &["migrate", "node", "--to", "disk", "--kind", "copy", "--json"]);
    assert_eq!(moved.code, Some(7), "{moved:?}");
    assert!(moved.json().pop().unwrap()["failed"]["told"][0].as_str().unwrap().contains("only its root"), "{moved:?}");
    bed.ok(&it, &["reconcile", "--release", "unarmed"]);
    bed.ok(&it, &["rm", "photos", "--yes"]);
    bed.ok(&it, &["get", adopted_root(&it).as_str(), "-o", "still"]);
    assert!(Journey::files(&it.path("still")) == Journey::files(&it.path("photos")));
}

fn adopted_root(it: &Journey) -> String {
    it.ok(["cid", "photos"]).text()
}
