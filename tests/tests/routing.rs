//! Which store is asked first, what is kept near, and what moves to colder places: with the real program.

#![expect(clippy::unwrap_used, reason = "a step of a journey that cannot be taken, fails it")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend_manager::catalog::Catalog;
use backend_testkit::s3::{FakeS3, Fault, Operation, Options, When};
use journeys::{Journey, noise};
use serde_json::Value;
use tokio::runtime::Runtime;

/// The name of no bytes at all.
const UNKNOWN: &str = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";

#[test]
fn a_route_is_explained_and_nothing_is_fetched() {
    let it = Journey::new();
    for name in ["attic", "cloud", "gone"] {
        it.backend(name);
    }
    it.ok(["backend", "update", "attic", "--set", "routing.hedge=false"]);
    it.ok(["backend", "update", "cloud", "--set", "routing.retrieval_cost_per_gb=0.09"]);
    let bytes = noise(1, 3 << 20);
    std::fs::write(it.path("film"), &bytes).unwrap();
    let cid = it.ok(["add", "film", "--to", "attic,cloud,gone", "--json"]).json().remove(0)["cid"].clone();
    it.ok(["backend", "update", "gone", "--set", "enabled=false"]);
    let received = || -> u64 {
        it.ok(["health", "--json"]).json().iter().map(|it| it["traffic"]["received"].as_u64().unwrap()).sum()
    };
    let first = received();
    // To look is to read the markers, each time.
    let before = received();
    let looking = before - first;
    let explained = it.ok(["route", "explain", "film", "--by", "cost", "--json"]).json().remove(0);
    assert_eq!((&explained["cid"], &explained["size"], &explained["by"]), (&cid, &(3 << 20).into(), &"cost".into()));
    let names: Vec<&str> =
        explained["candidates"].as_array().unwrap().iter().map(|it| it["backend"].as_str().unwrap()).collect();
    assert_eq!(names, ["attic", "cloud"], "{explained}");
    assert_eq!(explained["candidates"][1]["price_per_gb"], 0.09);
    assert_eq!(explained["candidates"][1]["price_stated"], true);
    assert_eq!(explained["left_out"][0]["backend"], "gone");
    assert!(explained["left_out"][0]["why"].as_str().unwrap().contains("switched off"), "{explained}");
    assert_eq!(received() - before, looking, "nothing was fetched");
    let served = it.ok(["get", "film", "-o", "out", "--by", "cost", "--json"]).json().remove(0)["served"].clone();
    assert_eq!(served, serde_json::json!({ "attic": 3 << 20 }));
    assert!(it.ok(["cat", "film"]).stdout == bytes);
    let text = it.ok(["route", "explain", "film"]).text();
    assert!(text.contains("measured") && text.contains("1. attic") && text.contains("switched off"), "{text}");
    let placed = it.ok(["route", "place", "1GiB", "--json"]).json().remove(0);
    assert_eq!((placed["candidates"].as_array().unwrap().len(), &placed["cid"]), (2, &serde_json::Value::Null));
    assert_eq!(it.run(["route", "explain", UNKNOWN]).code, Some(3));
    assert_eq!(it.run(["route", "explain", "film", "--by", "beauty"]).code, Some(2));
    let refused = it.run(["backend", "update", "cloud", "--set", "routing.retrieval_cost_per_gb=-1"]);
    assert!(refused.code != Some(0) && refused.stderr.contains("routing.retrieval_cost_per_gb"), "{}", refused.stderr);
}

/// A store, a cache, and a file of which there is one copy in the store.
fn with_a_cache() -> (Journey, String, Vec<u8>) {
    let it = Journey::new();
    it.backend("store");
    it.backend("near");
    it.ok([
        "backend",
        "update",
        "near",
        "--set",
        "role=cache",
        "--set",
        "cache.max_size=10MiB",
        "--set",
        "cache.admission=always",
        "--set",
        "routing.hedge=false",
    ]);
    let bytes = noise(7, 2 << 20);
    std::fs::write(it.path("film"), &bytes).unwrap();
    let receipt = it.ok(["add", "film", "--json"]).json().remove(0);
    assert_eq!(receipt["replicas"].as_array().unwrap().len(), 1, "a cache is no target: {receipt}");
    assert_eq!(receipt["replicas"][0]["backend"], "store");
    (it, receipt["cid"].as_str().unwrap().to_owned(), bytes)
}

fn cache_of(it: &Journey) -> serde_json::Value {
    it.run(["health", "near", "--json"]).json().remove(0)["cache"].clone()
}

#[test]
fn a_cache_serves_the_next_command_and_counts_for_nothing() {
    let (it, cid, bytes) = with_a_cache();
    assert!(it.ok(["cat", "film"]).stdout == bytes);
    let cache = cache_of(&it);
    assert_eq!((&cache["contents"], &cache["bytes"]), (&1.into(), &(2 << 20).into()), "{cache}");
    let served = |name: &str| it.ok(["get", "film", "-o", name, "--json"]).json().remove(0)["served"].clone();
    assert_eq!(served("one"), serde_json::json!({ "near": 2 << 20 }));
    let list = it.ok(["backend", "list", "--json"]).json();
    let roles: Vec<&str> = list.iter().map(|it| it["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["cache", "store"]);
    assert!(it.ok(["backend", "list"]).text().contains("enabled  cache"), "it is shown");
    journeys::flip(&journeys::stored(&it.path("near"), &cid), 1_234_567);
    assert!(it.ok(["cat", "film"]).stdout == bytes, "a wrong byte is caught");
    assert_eq!(it.ok(["stat", "film", "--json"]).json().remove(0)["state"], "safe");
    assert_eq!(it.run(["add", "film", "--to", "near"]).code, Some(8));
    std::fs::remove_dir_all(it.path("near")).unwrap();
    assert!(it.ok(["cat", "film"]).stdout == bytes, "a cache that is gone fails nobody");
    let wrong = it.run(["backend", "update", "store", "--set", "role=cache"]);
    assert!(wrong.code != Some(0) && wrong.stderr.contains("cache.max_size"), "{}", wrong.stderr);
}

#[test]
fn nothing_is_adopted_from_a_cache_or_kept_there() {
    let (it, cid, bytes) = with_a_cache();
    assert!(it.ok(["cat", "film"]).stdout == bytes);
    // It works with no store, so that it tells all that are known.
    it.ok(["pin", "rm", "film"]);
    let told = ["near", "store"].map(|name| it.path(name).join(".ipfs-kit/state").exists());
    assert_eq!(told, [false, true], "names stay at home");
    let refused =
        ["adopt near", "adopt near:", "migrate store --to near", "backup --to near", "sync store: near: --dry-run"];
    for words in refused {
        let answer = it.run(words.split(' '));
        assert_eq!(answer.code, Some(8), "{words:?}: {}", answer.stderr);
    }
    std::fs::remove_file(it.home().join("catalog.db")).unwrap();
    it.ok(["adopt", "--all"]);
    let stat = it.ok(["stat", &cid, "--json"]).json().remove(0);
    let copies: Vec<_> = stat["replicas"].as_array().unwrap().iter().map(|it| it["backend"].clone()).collect();
    assert_eq!(copies, ["store"], "{stat}");
}

#[test]
fn what_was_lost_everywhere_comes_back_from_a_cache() {
    let (it, cid, bytes) = with_a_cache();
    it.backend("other");
    assert!(it.ok(["cat", "film"]).stdout == bytes);
    let copy = journeys::stored(&it.path("store"), &cid);
    std::fs::remove_file(&copy).unwrap();
    assert_eq!(it.run(["scrub", "--older-than", "0s", "--json"]).json().pop().unwrap()["missing"], 1);
    let stat = || it.ok(["stat", "film", "--json"]).json().remove(0);
    assert_eq!(stat()["state"], "short", "what a cache has is no copy, and not nothing");
    assert!(it.ok(["cat", "film"]).stdout == bytes);
    it.ok(["reconcile"]);
    assert_eq!(stat()["state"], "safe");
    std::fs::remove_dir_all(it.path("near")).unwrap();
    assert!(it.ok(["cat", "film"]).stdout == bytes, "the copy that counts is there again");
    assert_eq!(it.ok(["verify", "film", "--json"]).json().pop().unwrap()["good"], 1);
}

#[test]
fn a_cache_whose_filling_was_killed_holds_nothing_that_nobody_knows() {
    for point in ["cache-reserved", "cache-written"] {
        let (it, cid, bytes) = with_a_cache();
        it.killed_at(point, ["cat", "film"]);
        assert_eq!(cache_of(&it)["contents"], 0, "{point}");
        it.ok(["reconcile"]);
        let left = Journey::files(&it.path("near"));
        assert!(!left.keys().any(|path| path.to_string_lossy().contains(&cid)), "{point}: {:?}", left.keys());
        assert_eq!(cache_of(&it)["bytes"], 0, "{point}");
        for _ in 0..2 {
            assert!(it.ok(["cat", "film"]).stdout == bytes);
        }
        assert_eq!(cache_of(&it)["contents"], 1, "{point}: it works again");
        it.ok(["rm", "film", "--yes"]);
        assert!(!journeys::stored(&it.path("near"), &cid).exists(), "what nobody wants is nowhere");
    }
}

/// One of the set-ups under `docs/examples`, with servers of S3 in the services' place: the same files, other variables.
struct Example {
    it: Journey,
    variables: Vec<(String, String)>,
    servers: Vec<(&'static str, Arc<FakeS3>)>,
    runtime: Runtime,
}

impl Example {
    fn of(name: &str, buckets: &[&'static str], folders: &[&str]) -> Self {
        let it = Journey::new();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples").join(name);
        for (path, bytes) in Journey::files(&from) {
            std::fs::create_dir_all(it.home().join(&path).parent().unwrap()).unwrap();
            std::fs::write(it.home().join(path), bytes).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (mut variables, mut servers) = (Vec::new(), Vec::new());
        for bucket in buckets {
            let server = runtime.block_on(FakeS3::start(Options::default())).unwrap();
            let (opts, upper) = (server.options(), bucket.to_uppercase());
            variables.extend([
                (format!("{upper}_ENDPOINT"), server.endpoint()),
                (format!("{upper}_BUCKET"), opts.bucket.clone()),
                (format!("{upper}_ACCESS_KEY_ID"), opts.access_key.clone()),
                (format!("{upper}_SECRET_ACCESS_KEY"), opts.secret_key.clone()),
            ]);
            servers.push((*bucket, server));
        }
        for folder in folders {
            std::fs::create_dir_all(it.path(folder)).unwrap();
            let path = it.path(folder).to_string_lossy().into_owned();
            variables.push((format!("{}_PATH", folder.to_uppercase()), path));
        }
        Self { it, variables, servers, runtime }
    }

    /// Runs the program with the variables; it must succeed.
    fn ok(&self, words: &[&str]) -> Vec<Value> {
        let (code, lines, stderr) = self.run(words);
        assert_eq!(code, Some(0), "{words:?}: {stderr}");
        lines
    }

    fn run(&self, words: &[&str]) -> (Option<i32>, Vec<Value>, String) {
        let mut command = self.it.command(words.iter().chain(&["--json"]));
        let output = command.envs(self.variables.iter().cloned()).output().unwrap();
        let lines =
            String::from_utf8_lossy(&output.stdout).lines().filter_map(|it| serde_json::from_str(it).ok()).collect();
        (output.status.code(), lines, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn add(&self, name: &str, bytes: &[u8], more: &[&str]) -> Vec<String> {
        std::fs::write(self.it.path(name), bytes).unwrap();
        let receipt = self.ok(&[&["add", name], more].concat()).remove(0);
        assert_eq!(receipt["partial"], false, "{receipt}");
        names(&receipt["replicas"])
    }

    /// Where the copies are.
    fn copies(&self, name: &str) -> Vec<String> {
        names(&self.ok(&["stat", name]).remove(0)["replicas"])
    }

    fn get(&self, name: &str, wanted: &[u8]) {
        self.ok(&["get", name, "-o", "out", "--force"]);
        assert!(std::fs::read(self.it.path("out")).unwrap() == wanted, "{name}");
    }

    /// As if everything had been added so many days earlier.
    fn grows_older(&self, days: i64) {
        let catalog = Catalog::open(&self.it.home().join("catalog.db")).unwrap();
        let older = catalog.write(move |conn| {
            let text = "UPDATE contents SET created_at = created_at - ?1";
            Ok(conn.execute(text, [days * 86_400_000]).is_ok_and(|n| 0 < n))
        });
        assert!(self.runtime.block_on(older).unwrap());
    }
}

fn names(replicas: &Value) -> Vec<String> {
    let mut names: Vec<String> =
        replicas.as_array().unwrap().iter().map(|it| it["backend"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn the_types_are_judged_for_a_purpose() {
    let it = Journey::new();
    let judged = it.ok(["backend", "types", "--for", "cache", "--json"]).json();
    let verdict = |kind: &str| judged.iter().find(|it| it["type"] == kind).unwrap()["verdict"].clone();
    assert_eq!((verdict("local"), verdict("gateway")), ("good".into(), "no".into()));
    assert_eq!(judged[0]["verdict"], "good", "the best first");
    let archival = it.ok(["backend", "types", "--for", "archival", "--json"]).json();
    let memory = archival.iter().find(|it| it["type"] == "memory").unwrap();
    assert!(memory["verdict"] == "no" && memory["lacks"].to_string().contains("durability low"), "{memory}");
    let unknown = it.run(["backend", "types", "--for", "archiving"]);
    assert!(unknown.code == Some(2) && unknown.stderr.contains("archival"), "{}", unknown.stderr);
}

#[test]
fn the_example_of_tiers_moves_what_grows_older() {
    let home = Example::of("tiering", &["warm", "cold"], &["hot", "near"]);
    assert!(home.ok(&["policy", "check"]).is_empty());
    let contents: Vec<Vec<u8>> = (0..3).map(|n| noise(n, 300_000 + n as usize * 1_000_000)).collect();
    for (n, bytes) in contents.iter().enumerate() {
        assert_eq!(home.add(&format!("f{n}"), bytes, &[]), ["hot", "warm"]);
    }
    for _ in 0..2 {
        home.get("f2", &contents[2]);
    }
    let near = home.ok(&["health", "near"]).remove(0);
    assert_eq!(near["cache"]["contents"], 1, "what was read twice is near: {near}");
    assert_eq!(home.ok(&["reconcile"]).pop().unwrap()["to_do"], 0, "nothing is old yet");
    for (days, wanted) in
        [(29, &["hot", "warm"][..]), (2, &["cold", "warm"]), (300, &["cold", "warm"]), (100, &["cold"])]
    {
        home.grows_older(days);
        home.ok(&["reconcile"]);
        for (n, bytes) in contents.iter().enumerate() {
            assert_eq!(home.copies(&format!("f{n}")), wanted, "{days} days later");
            home.get(&format!("f{n}"), bytes);
        }
        let again = home.ok(&["reconcile"]).pop().unwrap();
        assert_eq!((&again["to_do"], &again["done"]), (&0.into(), &0.into()), "{days}: {again}");
    }
    let objects = |at: usize| home.servers[at].1.keys().iter().filter(|key| key.contains("/c/")).count();
    assert_eq!((objects(0), objects(1)), (0, 3), "the warm bucket is empty");
    assert_eq!(home.add("young", &noise(9, 1000), &[]), ["hot", "warm"], "what is new begins where it should");
}

#[test]
fn the_example_of_many_clouds_survives_the_loss_of_one() {
    let home = Example::of("multi-cloud", &["aws", "backblaze", "hetzner"], &[]);
    assert!(home.ok(&["policy", "check"]).is_empty());
    let (plain, important) = (noise(1, 2_500_000), noise(2, 70_000));
    assert_eq!(home.add("plain", &plain, &[]), ["backblaze", "hetzner"]);
    assert_eq!(home.add("important", &important, &["--label", "keep=important"]), ["aws", "backblaze", "hetzner"]);
    let route = home.ok(&["route", "explain", "important", "--by", "cost"]).remove(0);
    let order: Vec<&str> =
        route["candidates"].as_array().unwrap().iter().map(|it| it["backend"].as_str().unwrap()).collect();
    assert_eq!(order, ["hetzner", "backblaze", "aws"]);
    let (_, hetzner) = home.servers.iter().find(|(name, _)| *name == "hetzner").unwrap();
    home.runtime.block_on(hetzner.down());
    home.get("plain", &plain);
    home.get("important", &important);
}

#[test]
fn a_provider_that_stands_still_is_left_for_another() {
    let home = Example::of("multi-cloud", &["backblaze", "hetzner"], &[]);
    std::fs::remove_file(home.it.home().join("backends/aws.yaml")).unwrap();
    std::fs::remove_file(home.it.home().join("policies/important.yaml")).unwrap();
    let bytes = noise(3, 4 << 20);
    assert_eq!(home.add("film", &bytes, &[]), ["backblaze", "hetzner"]);
    let cid = home.ok(&["stat", "film"]).remove(0)["cid"].as_str().unwrap().to_owned();
    let route = home.ok(&["route", "explain", "film"]).remove(0);
    let first = route["candidates"][0]["backend"].as_str().unwrap();
    let (_, server) = home.servers.iter().find(|(name, _)| *name == first).unwrap();
    let key = format!(".ipfs-kit/c/{}/{cid}", &cid[cid.len() - 2..]);
    server.fault(When::always(Operation::GetObject).key(key), Fault::HangBodyAt(1_500_000));
    let begun = Instant::now();
    let said = home.ok(&["get", "film", "-o", "out"]).remove(0);
    assert!(begun.elapsed() < Duration::from_secs(25), "its time-out of 30 s was not waited for");
    assert!(std::fs::read(home.it.path("out")).unwrap() == bytes);
    assert!(said["hedges"]["won"] == 1 && said["troubles"].as_array().unwrap().is_empty(), "{said}");
    assert_eq!(said["served"].as_object().unwrap().len(), 2, "the other one went on: {said}");
}

#[test]
fn the_example_by_size_puts_large_ones_elsewhere() {
    let home = Example::of("by-size", &["bucket"], &["disk", "nas"]);
    assert!(home.ok(&["policy", "check"]).is_empty());
    let (small, large) = (noise(1, 1_000_000), noise(2, 1 << 20));
    assert_eq!(home.add("small", &small, &[]), ["disk", "nas"]);
    assert_eq!(home.add("large", &large, &[]), ["bucket", "disk"]);
    home.get("small", &small);
    home.get("large", &large);
}
