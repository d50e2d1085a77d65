//! The daemon as a user has it: started, asked, stopped; and what is said of backends beside it.
#![expect(clippy::unwrap_used, reason = "a step of a journey that cannot be taken, fails it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use journeys::{Journey, noise, program};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A daemon that runs.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// Where it answers.
    at: String,
}

impl Running {
    fn start(it: &Journey, words: &[&str]) -> Self {
        let mut child = it.command(words).arg("--json").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let started = event(&mut lines);
        assert_eq!(started["event"], "started");
        Self { child, lines, at: started["listen"].as_str().unwrap().to_owned() }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.at).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// How it ends, and how long that takes.
    fn ended(mut self) -> (ExitStatus, Duration, Value) {
        let start = Instant::now();
        let last = event(&mut self.lines);
        let status = self.child.wait().unwrap();
        (status, start.elapsed(), last)
    }

    /// Waits until a metric shows what is wanted; a minute at the most.
    fn until(&self, line: &str) {
        let start = Instant::now();
        loop {
            let page = self.get("/metrics");
            if page.lines().any(|it| it == line) {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{line} is never shown: {page}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn event(lines: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_default()
}

/// The words of the unit, without the program's path, and with a port that is free.
fn unit_words() -> Vec<String> {
    let unit = std::fs::read_to_string(contrib("ipfs-kit.service")).unwrap();
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/ipfs-kit ")).unwrap();
    line.split(' ').map(|word| word.replace("9464", "0")).collect()
}

fn contrib(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../contrib").join(name)
}

fn start(it: &Journey) -> Running {
    let words = unit_words();
    Running::start(it, &words.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn as_its_unit_starts_it_it_answers_and_ends_when_it_is_asked() {
    let it = Journey::new();
    it.backend("usb");
    std::fs::write(it.path("x"), noise(1, 100_000)).unwrap();
    it.ok(["add", "x"]);
    let running = start(&it);
    assert!(running.get("/healthz").ends_with("\r\n\r\nok\n"));
    running.until("ipfs_kit_replicas{backend=\"usb\",state=\"present\"} 1");
    running.until("ipfs_kit_power{backend=\"usb\",power=\"reads\",state=\"up\"} 1");
    running.until("ipfs_kit_chore_failures_total{chore=\"probe\"} 0");
    running.signal(Signal::TERM);
    let (status, took, last) = running.ended();
    assert_eq!((status.code(), &last["event"]), (Some(0), &"stopped".into()));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn one_that_is_killed_is_followed_by_another_one() {
    let it = Journey::new();
    it.backend("usb");
    let first = start(&it);
    first.until("ipfs_kit_chore_failures_total{chore=\"probe\"} 0");
    let second = start(&it);
    second.until("ipfs_kit_chore_failures_total{chore=\"count\"} 0");
    first.signal(Signal::KILL);
    drop(first);
    second.until("ipfs_kit_chore_failures_total{chore=\"probe\"} 0");
    second.signal(Signal::INT);
    assert_eq!(second.ended().0.code(), Some(0));
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let Ok(found) = Command::new("systemd-analyze").arg("--version").output() else {
        assert!(std::env::var_os("CI").is_none(), "CI must have systemd-analyze");
        println!("not run: there is no systemd-analyze on this machine");
        return;
    };
    assert!(found.status.success());
    let it = Journey::new();
    let unit = std::fs::read_to_string(contrib("ipfs-kit.service")).unwrap();
    let here = it.path("ipfs-kit.service");
    std::fs::write(&here, unit.replace("/usr/local/bin/ipfs-kit", program().to_str().unwrap())).unwrap();
    let answer = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&here).output().unwrap();
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    let about: Vec<&str> = said.lines().filter(|line| line.contains("ipfs-kit.service")).collect();
    assert!(about.is_empty(), "{said}");
}

#[test]
fn the_container_runs_words_that_the_program_takes() {
    let text = std::fs::read_to_string(contrib("Containerfile")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("CMD ")).unwrap();
    let words: Vec<String> = serde_json::from_str(line).unwrap();
    let it = Journey::new();
    let running = Running::start(
        &it,
        &words.iter().map(String::as_str).map(|it| if it == "0.0.0.0:9464" { "0" } else { it }).collect::<Vec<_>>(),
    );
    running.signal(Signal::TERM);
    assert_eq!(running.ended().0.code(), Some(0));
    assert_eq!(it.run(["run", "--listen", "nowhere"]).code, Some(2));
}

#[test]
fn what_cannot_be_read_is_told_and_quotas_warn() {
    let it = Journey::new();
    let usb = it.backend("usb");
    it.backend("disk");
    let quotas = ["--set", "policies.storage_quota_gb=0.001", "--set", "policies.traffic_quota_gb_monthly=0.001"];
    it.ok(["backend", "update", "usb"].into_iter().chain(quotas));
    std::fs::write(it.path("x"), noise(1, 900_000)).unwrap();
    it.ok(["add", "x", "--to", "usb"]);
    let health = it.ok(["health", "usb", "--usage", "--json"]).json().remove(0);
    assert_eq!((&health["reads"]["state"], &health["storage"]["level"]), (&"up".into(), &"warn".into()), "{health}");
    assert_eq!((&health["probe"]["reads"], &health["traffic"]["level"]), (&"works".into(), &"warn".into()), "{health}");
    assert!(it.ok(["backend", "list"]).text().contains("nearly used up"), "the month's traffic outlives the process");
    std::fs::write(it.path("y"), noise(2, 900_000)).unwrap();
    let full = it.run(["add", "y", "--to", "usb"]);
    assert!(full.code != Some(0) && full.stderr.contains("may hold 1073741 bytes"), "{}", full.stderr);

    std::fs::rename(&usb, it.path("elsewhere")).unwrap();
    let gone = it.run(["health", "--json"]);
    assert_eq!(gone.code, Some(5), "{}", gone.text());
    let states: Vec<Value> = gone.json();
    assert_eq!((&states[0]["name"], &states[0]["probe"]["reads"]), (&"disk".into(), &"works".into()));
    assert!(states[1]["probe"]["reads"].as_str().unwrap().starts_with("fails"), "{}", states[1]);
    std::fs::rename(it.path("elsewhere"), &usb).unwrap();
    assert_eq!(it.run(["health", "nobody"]).code, Some(3));
}

#[test]
fn whoever_watches_is_told_again_and_again() {
    let it = Journey::new();
    it.backend("usb");
    let words = ["health", "usb", "--watch", "--interval", "1", "--json"];
    let mut child = it.command(words).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..2 {
        assert_eq!(event(&mut lines)["reads"]["state"], "up");
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn backends_are_found_by_what_they_can() {
    let it = Journey::new();
    it.backend("usb");
    let web = "name: web\ntype: gateway\nconnection: { endpoints: [http://127.0.0.1:1] }\n";
    std::fs::write(it.home().join("backends/web.yaml"), web).unwrap();
    let names = |words: &[&str]| {
        let lines = it.ok(["backend", "list", "--json"].iter().chain(words)).json();
        lines.iter().map(|line| line["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["usb", "web"]);
    assert_eq!(names(&["--can", "remove"]), ["usb"]);
    assert_eq!(names(&["--can", "block"]), ["web"]);
    assert_eq!(names(&["--can", "block", "--can", "remove"]), [""; 0]);
    assert_eq!(it.run(["backend", "list", "--can", "fly"]).code, Some(2));
}
