//! One server, our leaf, `sftp` and `rclone` in turns, each in a process of its own: a large file up and down, 2,000 small ones, and a large one over a long
//! wire. It prints a line of JSON for each comparison.
//! `cargo bench -p backend-sshfs --features real-servers --bench sftp -- MIB`; without a number, of 1 GiB.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that fails says so by panic; what it prints is its answer"
)]

mod far;
mod stage;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backend_core::Settings;
use backend_layers::SystemClock;
use backend_sshfs::Sshfs;
use backend_testkit::random;
use backend_testkit::real::{Client, obey};
use futures::TryStreamExt;
use serde_json::json;

use stage::Stage;

const TURNS: usize = 3;
const MANY: usize = 2_000;
const SMALL: u64 = 4096;
const PEERS: [&str; 3] = ["`sftp`", "`rclone` with 4 streams", "`rclone` with 64 streams"];

/// The best of several turns.
#[derive(Debug, Clone, Copy)]
struct Best {
    ours: Duration,
    peers: [Duration; 3],
    memory: f64,
}

impl Best {
    const NONE: Self = Self { ours: Duration::MAX, peers: [Duration::MAX; 3], memory: 0.0 };

    fn tell(&self, what: &str, mib: u64) {
        for (peer, taken) in PEERS.iter().zip(self.peers) {
            tell(&format!("SFTP, {mib} MiB {what}, against {peer}"), self.ours, taken, 1.0);
        }
        let what = format!("memory of a process that moves {mib} MiB {what} by SFTP, MiB");
        tell_memory(&what, self.memory);
    }
}

fn tell(what: &str, ours: Duration, peer: Duration, at_least: f64) {
    let ratio = peer.as_secs_f64() / ours.as_secs_f64();
    let seconds = |it: Duration| format!("{:.2} s", it.as_secs_f64());
    let line =
        json!({ "what": what, "ours": seconds(ours), "peer": seconds(peer), "ratio": ratio, "at_least": at_least });
    println!("{line}");
}

fn tell_memory(what: &str, most: f64) {
    println!(
        "{}",
        json!({ "what": what, "ours": format!("{most:.0} MiB"), "peer": "-", "ratio": most, "at_most": 64.0 })
    );
}

async fn written(path: &Path, seed: &str, len: u64) {
    let mut file = fs::File::create(path).unwrap();
    let mut frames = random(seed, len).open_all().await.unwrap();
    while let Some(frame) = frames.try_next().await.unwrap() {
        std::io::Write::write_all(&mut file, &frame).unwrap();
    }
}

fn large(stage: &Stage, from: &Path, mib: u64) {
    let (way, to) = (stage.near(), stage.path("got"));
    let (mut up, mut down) = (Best::NONE, Best::NONE);
    for _ in 0..TURNS {
        let ours = way.ours().up(from, &stage.stored("ours")).unwrap();
        let peers = [way.put(from), way.send(from, 4), way.send(from, 64)];
        up.count(ours.whole, peers, ours.memory);
        let ours = way.ours().down("ours", &to).unwrap();
        let peers = [way.get(&to), way.fetch(&to, 4), way.fetch(&to, 64)];
        down.count(ours.whole, peers, ours.memory);
    }
    up.tell("up", mib);
    down.tell("down", mib);
}

impl Best {
    fn count(&mut self, ours: Duration, peers: [Duration; 3], memory: f64) {
        self.ours = self.ours.min(ours);
        self.memory = self.memory.max(memory);
        for (best, peer) in self.peers.iter_mut().zip(peers) {
            *best = peer.min(*best);
        }
    }
}

async fn small(stage: &Stage) {
    let folder = stage.path("small");
    fs::create_dir(&folder).unwrap();
    for n in 0..MANY {
        written(&folder.join(n.to_string()), &n.to_string(), SMALL).await;
    }
    let mut best = Best::NONE;
    for turn in 0..TURNS {
        let ours = stage.near().ours().many(&folder, &format!("ours-{turn}")).unwrap();
        let peer = stage.near().send_all(&folder, &format!("rclone-{turn}"));
        best.count(ours.whole, [peer; 3], ours.memory);
    }
    let what = "SFTP, 2,000 files of 4 KiB up, synced, against `rclone`, which does not sync";
    tell(what, best.ours, best.peers[0], 1.5);
    tell_memory("memory of a process that sends 2,000 files of 4 KiB by SFTP, MiB", best.memory);
}

#[tokio::main]
async fn main() {
    let open = |client: Client| {
        let mut settings = Settings::new("bench", client.connection, Arc::new(SystemClock));
        settings.credentials = client.credentials;
        Sshfs::open(settings)
    };
    if let Some(answer) = obey(open).await.unwrap() {
        println!("{answer}");
        return;
    }
    let mib = std::env::args().skip(1).find_map(|it| it.parse().ok()).unwrap_or(1024);
    let stage = Stage::set();
    let file = stage.path("large");
    written(&file, "large", mib << 20).await;
    large(&stage, &file, mib);
    small(&stage).await;
    far::compare(&stage, &file, mib);
}
