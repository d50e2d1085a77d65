//! Our program against Kubo's own, with one and the same daemon: adding to it, and reading verified what its gateway gives anybody unverified.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::command::{Cost, cheaper, in_turns, once};
use super::large::{cid_of, file};
use super::{Line, Stage, Wanted, files, remove, shown, times};
use crate::failure::{Failure, Result};
use crate::oracle::Oracle;
use crate::run;

/// The most memory for content of any size, MiB.
const MOST_MIB: f64 = 64.0;
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// Kubo with an empty repository, on free ports of this machine, without a network.
#[derive(Debug)]
struct Daemon {
    process: Child,
    repo: PathBuf,
    oracle: Oracle,
}

impl Daemon {
    fn start(stage: &Stage) -> Result<Self> {
        let repo = stage.path("daemon");
        remove(&repo)?;
        let oracle = Oracle::new(&stage.kubo, &repo, "unixfs-v1-2025")?;
        run::quietly(oracle.command().args(["config", "--json", "Addresses.Swarm", "[]"]))?;
        let mut daemon = oracle.command();
        daemon.args(["daemon", "--offline"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = daemon.spawn().map_err(|err| Failure::new(format!("cannot start a daemon: {err}")))?;
        let daemon = Self { process, repo, oracle };
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            // The test profile takes any free port; the daemon writes down which, when it listens.
            let said = daemon.api().and_then(|_| daemon.gateway()).and_then(|_| daemon.id());
            if said.is_ok() {
                return Ok(daemon);
            }
            std::thread::sleep(LOOK);
        }
        Err(Failure::new("the daemon is not ready after a minute"))
    }

    /// A multiaddr.
    fn api(&self) -> Result<String> {
        let path = self.repo.join("api");
        fs::read_to_string(&path).map(|it| it.trim().to_owned()).map_err(|err| Failure::at(&path, "read", err))
    }

    /// A URL.
    fn gateway(&self) -> Result<String> {
        let path = self.repo.join("gateway");
        fs::read_to_string(&path).map(|it| it.trim().to_owned()).map_err(|err| Failure::at(&path, "read", err))
    }

    /// What it has spent so far: fields 14 and 15 of its account (proc(5)), in ticks of which a second has a hundred.
    fn cpu(&self) -> Result<Duration> {
        let path = PathBuf::from(format!("/proc/{}/stat", self.process.id()));
        let stat = fs::read_to_string(&path).map_err(|err| Failure::at(&path, "read", err))?;
        let words = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().skip(11).take(2));
        let ticks: u64 = words.into_iter().flatten().filter_map(|it| it.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * 10))
    }

    fn id(&self) -> Result<()> {
        run::quietly(self.command()?.arg("id"))
    }

    /// `ipfs`, speaking to this daemon.
    fn command(&self) -> Result<Command> {
        let mut ipfs = self.oracle.command();
        ipfs.args(["--api", &self.api()?]);
        Ok(ipfs)
    }

    /// A home of ours that knows this daemon and nothing else.
    fn home(&self, stage: &Stage) -> Result<PathBuf> {
        let home = stage.empty_home()?;
        let mut create = Command::new(&stage.ours);
        create.args(["backend", "create", "kubo", "--type", "ipfs"]).env("IPFS_KIT_HOME", &home);
        create.arg("--set").arg(format!("connection.api_url={}", self.api()?));
        create.arg("--set").arg(format!("connection.gateway_url={}", self.gateway()?));
        run::quietly(&mut create)?;
        Ok(home)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It is gone already, or it is killed now.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(super) fn rows(stage: &Stage) -> Result<Vec<Line>> {
    let large = file(stage)?;
    let many = stage.path("many");
    remove(&many)?;
    files::fill(&many, files::MANY, files::SMALL).map_err(|err| Failure::at(&many, "fill", err))?;
    let mut lines = add(stage, "`add --to` Kubo of 1 GiB, against `ipfs add`", &large)?;
    lines.extend(add(stage, "`add --to` Kubo of 10,000 x 4 KiB, against `ipfs add`", &many)?);
    lines.extend(get(stage, &large)?);
    Ok(lines)
}

/// One `add`: what it was called, what the client spent, and what the daemon spent for it.
struct Added {
    name: String,
    client: Cost,
    daemon: Duration,
}

impl Added {
    fn both(&self) -> Duration {
        self.client.cpu + self.daemon
    }

    fn text(&self) -> String {
        format!("{}; daemon {} CPU", self.client.text(), shown(self.daemon))
    }

    fn best(one: Self, other: Self) -> Self {
        let daemon = one.daemon.min(other.daemon);
        Self { name: one.name, client: cheaper(one.client, other.client), daemon }
    }
}

/// Each time to a new daemon: the second to come would have nothing to send.
fn add(stage: &Stage, what: &str, path: &Path) -> Result<Vec<Line>> {
    let ours = || {
        let daemon = Daemon::start(stage)?;
        let home = daemon.home(stage)?;
        let before = daemon.cpu()?;
        let (name, client) = sent(stage, &home, path)?;
        Ok(Added { name, client, daemon: daemon.cpu()?.saturating_sub(before) })
    };
    let theirs = || {
        let daemon = Daemon::start(stage)?;
        let mut add = daemon.command()?;
        add.args(["add", "-Q", "-r", "-H"]).arg(path);
        let before = daemon.cpu()?;
        let (said, client) = once(&add, &stage.path("note"))?;
        Ok(Added { name: said.trim().to_owned(), client, daemon: daemon.cpu()?.saturating_sub(before) })
    };
    let (ours, theirs) = in_turns(ours, theirs, Added::best, Added::best)?;
    if ours.name != theirs.name {
        let both = format!("ours is {}, Kubo's is {}", ours.name, theirs.name);
        return Err(Failure::new(format!("{what}: {both}: nothing to compare")));
    }
    let row = |part: &str, ratio| line(&format!("{what}, {part}"), ours.text(), theirs.text(), ratio, 1.0);
    Ok(vec![
        row("wall", times(theirs.client.wall, ours.client.wall)),
        // `ipfs add` only sends: the daemon hashes. We hash ourselves, and the daemon compares.
        row("CPU of the client", times(theirs.client.cpu, ours.client.cpu)),
        row("CPU of client and daemon", times(theirs.both(), ours.both())),
        memory(&format!("{what}, memory of ours, MiB"), ours.client),
    ])
}

fn sent(stage: &Stage, home: &Path, path: &Path) -> Result<(String, Cost)> {
    let mut add = Command::new(&stage.ours);
    add.args(["add", "--json", "--hidden", "--to", "kubo"]).arg(path).env("IPFS_KIT_HOME", home);
    let (said, cost) = once(&add, &stage.path("note"))?;
    Ok((cid_of(&said)?, cost))
}

fn get(stage: &Stage, path: &Path) -> Result<Vec<Line>> {
    let daemon = Daemon::start(stage)?;
    let home = daemon.home(stage)?;
    let (cid, _) = sent(stage, &home, path)?;
    let out = stage.path("out");
    let size = fs::metadata(path).map_err(|err| Failure::at(path, "look at", err))?.len();
    let ours = || {
        let mut get = Command::new(&stage.ours);
        get.args(["get", &cid, "-o"]).arg(&out).env("IPFS_KIT_HOME", &home);
        taken(stage, &get, &out, size)
    };
    let curl = |query: &str| {
        let mut curl = Command::new("curl");
        curl.args(["-sSf", "-o"]).arg(&out).arg(format!("{}/ipfs/{cid}{query}", daemon.gateway()?));
        taken(stage, &curl, &out, size)
    };
    let (first, plain) = in_turns(ours, || curl(""), cheaper, cheaper)?;
    let (second, car) = in_turns(ours, || curl("?format=car"), cheaper, cheaper)?;
    Ok(vec![
        line(
            "verified `get` of 1 GiB from Kubo, against `curl` of its plain gateway",
            first.text(),
            plain.text(),
            times(plain.wall, first.wall),
            1.0,
        ),
        line("the same, against `curl` of its CAR", second.text(), car.text(), times(car.wall, second.wall), 3.5),
        memory("memory of it, MiB", first),
    ])
}

fn taken(stage: &Stage, command: &Command, out: &Path, size: u64) -> Result<Cost> {
    let (_, cost) = once(command, &stage.path("note"))?;
    let len = fs::metadata(out).map_err(|err| Failure::at(out, "look at", err))?.len();
    fs::remove_file(out).map_err(|err| Failure::at(out, "remove", err))?;
    match size <= len {
        true => Ok(cost),
        false => Err(Failure::new(format!("only {len} bytes came"))),
    }
}

fn line(what: &str, ours: String, peer: String, ratio: f64, wanted: f64) -> Line {
    Line { what: what.to_owned(), ours, peer, ratio, wanted: Wanted::AtLeast(wanted) }
}

fn memory(what: &str, ours: Cost) -> Line {
    let wanted = Wanted::AtMost(MOST_MIB);
    Line { what: what.to_owned(), ours: ours.text(), peer: "-".to_owned(), ratio: ours.rss_mib(), wanted }
}
