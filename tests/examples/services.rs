//! What each service gives by this program, on one machine: `services PROGRAM` prints the table that is kept as `docs/PERFORMANCE.md`.
//! `cargo xtask performance` runs it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that fails says so by panic; what it prints is its answer"
)]

#[path = "../tests/street/mod.rs"]
mod street;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use journeys::{Journey, noise};
use street::{KEYED, Street};

const LARGE: usize = 256 << 20;
const SMALL: usize = 4096;
const MANY: usize = 1000;
const ROUNDS: usize = 2;
/// GNU time: the kernel's account of a finished child.
const TIME: &str = "/usr/bin/time";
/// What runs each of them.
const SERVERS: [(&str, &str); 7] = [
    ("disk", "a folder"),
    ("bucket", "rclone serve s3"),
    ("shelf", "OpenSSH"),
    ("web", "vsftpd by TLS"),
    ("dav", "rclone serve webdav"),
    ("blobs", "azurite"),
    ("node", "Kubo"),
];

/// What a run took and held.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    cpu: f64,
    rss_mib: f64,
}

impl Cost {
    fn best(self, other: Self) -> Self {
        Self {
            seconds: self.seconds.min(other.seconds),
            cpu: self.cpu.min(other.cpu),
            rss_mib: self.rss_mib.max(other.rss_mib),
        }
    }
}

fn main() {
    let program = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| panic!("services PROGRAM")));
    let program = program.canonicalize().unwrap();
    let street = Street::new();
    println!("# What each service gives\n");
    println!(
        "Written by `cargo xtask performance`: the released program against a real server of each kind, client and server on one machine of two"
    );
    println!(
        "cores, by loopback. So it tells what the protocol and both programs cost, and nothing of a network. The best of {ROUNDS} runs; memory is the most."
    );
    println!("Every byte is hashed on the way up, and each chunk is compared with its name on the way down.\n");
    println!(
        "| service | run by | 256 MiB up | down | CPU s a GiB, up and down | 4 KiB files a second, up | down | memory, MiB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for name in KEYED.into_iter().chain(["node"]) {
        row(&street, &program, name);
    }
}

fn row(street: &Street, program: &Path, name: &str) {
    let (kind, _) = street.settings(name);
    let [mut up, mut down, mut in_files, mut out_files] = [None; 4];
    for round in 0..ROUNDS {
        // New content each time: what is there already is not sent.
        let it = street.known_to(Journey::by(program.to_owned()), &[name]);
        it.ok(["backend", "test", name, "--write"]);
        let large = noise(round as u64, LARGE);
        std::fs::write(it.path("large"), &large).unwrap();
        std::fs::create_dir(it.path("small")).unwrap();
        for n in 0..MANY {
            let from = (n * 8192 + round * 97) % (LARGE - SMALL);
            std::fs::write(it.path("small").join(format!("{n:04}")), &large[from..from + SMALL]).unwrap();
        }
        drop(large);
        best(&mut up, cost(&it, &["add", "large", "--to", name]));
        best(&mut down, cost(&it, &["get", "large", "-o", "out"]));
        assert!(std::fs::metadata(it.path("out")).unwrap().len() == LARGE as u64);
        let prefix = format!("{}:files-{round}", if name == "node" { "catalog" } else { name });
        let more: &[&str] = if name == "node" { &["--to", name] } else { &[] };
        best(&mut in_files, cost(&it, &[&["copy", "small", &prefix], more].concat()));
        best(&mut out_files, cost(&it, &["copy", &prefix, "back"]));
        assert!(Journey::files(&it.path("back")) == Journey::files(&it.path("small")));
    }
    let [up, down, in_files, out_files] = [up, down, in_files, out_files].map(Option::unwrap);
    let server = SERVERS.iter().find(|it| it.0 == name).unwrap().1;
    let rate = |it: Cost| (LARGE >> 20) as f64 / it.seconds;
    let files = |it: Cost| MANY as f64 / it.seconds;
    let gib = (1 << 30) as f64 / LARGE as f64;
    let rss = [up, down, in_files, out_files].into_iter().map(|it| it.rss_mib).fold(0.0, f64::max);
    println!(
        "| `{kind}` | {server} | {:.0} MiB/s | {:.0} MiB/s | {:.1}, {:.1} | {:.0} | {:.0} | {rss:.0} |",
        rate(up),
        rate(down),
        up.cpu * gib,
        down.cpu * gib,
        files(in_files),
        files(out_files),
    );
}

fn best(so_far: &mut Option<Cost>, cost: Cost) {
    *so_far = Some(so_far.map_or(cost, |it| it.best(cost)));
}

/// What a run of the program cost that ended well.
fn cost(it: &Journey, words: &[&str]) -> Cost {
    let (note, ours) = (it.path("note"), it.command(words));
    let mut timed = Command::new(TIME);
    timed.arg("-o").arg(&note).args(["-f", "%U %S %M"]).arg(ours.get_program()).args(ours.get_args());
    timed.env_clear().envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    timed.current_dir(ours.get_current_dir().unwrap());
    let begun = Instant::now();
    let answer = timed.output().unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    assert!(answer.status.success(), "{words:?}: {}", String::from_utf8_lossy(&answer.stderr));
    let account = std::fs::read_to_string(&note).unwrap();
    let numbers: Vec<f64> = account.split_whitespace().map(|it| it.parse().unwrap()).collect();
    Cost { seconds, cpu: numbers[0] + numbers[1], rss_mib: numbers[2] / 1024.0 }
}
