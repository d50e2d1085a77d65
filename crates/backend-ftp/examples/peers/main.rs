//! Beside lftp and rclone, on one vsftpd, in turns, each in a process of its own: one large file up and down, many small ones, and a large one over a long
//! wire. `cargo xtask bench ftp` reads what it prints. Words: MiB of the large file, number of the small ones.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures, and no part of anything")]

mod far;
mod stage;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backend_core::Settings;
use backend_ftp::Ftp;
use backend_layers::SystemClock;
use backend_testkit::random;
use backend_testkit::real::{Client, obey};
use futures::TryStreamExt;
use serde_json::json;

use stage::Stage;

/// How often each is measured; the best counts.
const ROUNDS: usize = 3;
const SMALL: u64 = 4096;
const PEERS: [&str; 2] = ["lftp", "rclone"];

/// The best of several rounds.
#[derive(Debug, Clone, Copy)]
struct Best {
    ours: Duration,
    peers: [Duration; 2],
    memory: f64,
}

impl Best {
    const NONE: Self = Self { ours: Duration::MAX, peers: [Duration::MAX; 2], memory: 0.0 };

    fn count(&mut self, ours: Duration, peers: [Duration; 2], memory: f64) {
        self.ours = self.ours.min(ours);
        self.memory = self.memory.max(memory);
        for (best, peer) in self.peers.iter_mut().zip(peers) {
            *best = peer.min(*best);
        }
    }

    fn say(&self, what: &str) {
        for (peer, taken) in PEERS.iter().zip(self.peers) {
            say(&format!("FTP: {what}, {peer}"), self.ours, taken, 1.0);
        }
        say_memory(&format!("FTP: memory of a process that moves {what}, MiB"), self.memory);
    }
}

fn say(what: &str, ours: Duration, peer: Duration, at_least: f64) {
    let (ours, peer) = (ours.as_secs_f64(), peer.as_secs_f64());
    let line = json!({ "what": what, "ours": format!("{ours:.3} s"), "peer": format!("{peer:.3} s"),
                       "ratio": peer / ours, "at_least": at_least });
    println!("{line}");
}

fn say_memory(what: &str, most: f64) {
    println!(
        "{}",
        json!({ "what": what, "ours": format!("{most:.0} MiB"), "peer": "-", "ratio": most, "at_most": 64.0 })
    );
}

async fn written(path: &Path, seed: &str, len: u64) {
    let mut file = std::fs::File::create(path).unwrap();
    let mut frames = random(seed, len).open_all().await.unwrap();
    while let Some(frame) = frames.try_next().await.unwrap() {
        std::io::Write::write_all(&mut file, &frame).unwrap();
    }
}

fn large(stage: &Stage, from: &Path, mib: u64) {
    let (way, to) = (stage.near(), stage.path("back"));
    let (mut up, mut down) = (Best::NONE, Best::NONE);
    for _ in 0..ROUNDS {
        let ours = way.ours().up(from, &stage.stored("ours")).unwrap();
        up.count(ours.whole, [way.put(from), way.send(from)], ours.memory);
        let ours = way.ours().down("ours", &to).unwrap();
        down.count(ours.whole, [way.get(&to), way.fetch(&to)], ours.memory);
    }
    up.say(&format!("{mib} MiB up"));
    down.say(&format!("{mib} MiB down"));
}

async fn small(stage: &Stage, files: u64) {
    let folder = stage.path("small");
    std::fs::create_dir_all(&folder).unwrap();
    for n in 0..files {
        written(&folder.join(format!("f{n}")), &n.to_string(), SMALL).await;
    }
    let mut best = Best::NONE;
    for round in 0..ROUNDS {
        let ours = stage.near().ours().many(&folder, &format!("small{round}")).unwrap();
        let peer = stage.near().send_all(&folder, &format!("rclone{round}"));
        best.count(ours.whole, [peer; 2], ours.memory);
    }
    say(&format!("FTP: {files} files of 4 KiB up, rclone"), best.ours, best.peers[0], 1.5);
    say_memory(&format!("FTP: memory of a process that sends {files} files of 4 KiB, MiB"), best.memory);
}

#[tokio::main]
async fn main() {
    let open = |client: Client| {
        let mut settings = Settings::new("bench", client.connection, Arc::new(SystemClock));
        settings.credentials = client.credentials;
        Ftp::open(settings)
    };
    if let Some(answer) = obey(open).await.unwrap() {
        println!("{answer}");
        return;
    }
    let mut words = std::env::args().skip(1).map(|it| it.parse::<u64>().unwrap());
    let (mib, files) = (words.next().unwrap_or(1024), words.next().unwrap_or(2000));
    let stage = Stage::set();
    let file = stage.path("large");
    written(&file, "large", mib << 20).await;
    large(&stage, &file, mib);
    small(&stage, files).await;
    far::compare(&stage, &file, mib);
}
