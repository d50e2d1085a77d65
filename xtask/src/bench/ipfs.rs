//! Our program against Kubo's own, with one and the same daemon: adding to it, and reading verified what its gateway gives anybody unverified.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::command::{Cost, cheaper, in_turns, once};
use super::large::file;
use super::{Line, Stage, Wanted, files, remove, times};
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

/// Each time to a new daemon: the second to come would have nothing to send.
fn add(stage: &Stage, what: &str, path: &Path) -> Result<Vec<Line>> {
    let ours = || {
        let daemon = Daemon::start(stage)?;
        let home = daemon.home(stage)?;
        sent(stage, &home, path)
    };
    let theirs = || {
        let mut add = Daemon::start(stage).and_then(|it| it.command().map(|command| (it, command)))?;
        add.1.args(["add", "-Q", "-r", "-H"]).arg(path);
        let (said, cost) = once(&add.1, &stage.path("note"))?;
        Ok((said.trim().to_owned(), cost))
    };
    let best = |one: (String, Cost), other: (String, Cost)| (one.0, cheaper(one.1, other.1));
    let ((our_name, ours), (their_name, theirs)) = in_turns(ours, theirs, best, best)?;
    if our_name != their_name {
        return Err(Failure::new(format!("{what}: ours is {our_name}, Kubo's is {their_name}: nothing to compare")));
    }
    Ok(vec![
        line(&format!("{what}, wall"), ours, theirs.text(), times(theirs.wall, ours.wall), 1.0),
        line(&format!("{what}, CPU of the client"), ours, theirs.text(), times(theirs.cpu, ours.cpu), 1.0),
        memory(&format!("{what}, memory of ours, MiB"), ours),
    ])
}

fn sent(stage: &Stage, home: &Path, path: &Path) -> Result<(String, Cost)> {
    let mut add = Command::new(&stage.ours);
    add.args(["add", "--json", "--hidden", "--to", "kubo"]).arg(path).env("IPFS_KIT_HOME", home);
    let (said, cost) = once(&add, &stage.path("note"))?;
    let receipt: serde_json::Value = serde_json::from_str(&said)
        .map_err(|err| Failure::new(format!("`ipfs-kit add --json` answered no JSON: {err}")))?;
    let cid = receipt.get("cid").and_then(|it| it.as_str());
    Ok((cid.ok_or_else(|| Failure::new("`ipfs-kit add --json` answered without a `cid`"))?.to_owned(), cost))
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
            first,
            plain.text(),
            times(plain.wall, first.wall),
            1.0,
        ),
        line("the same, against `curl` of its CAR", second, car.text(), times(car.wall, second.wall), 3.5),
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

fn line(what: &str, ours: Cost, peer: String, ratio: f64, wanted: f64) -> Line {
    Line { what: what.to_owned(), ours: ours.text(), peer, ratio, wanted: Wanted::AtLeast(wanted) }
}

fn memory(what: &str, ours: Cost) -> Line {
    let wanted = Wanted::AtMost(MOST_MIB);
    Line { what: what.to_owned(), ours: ours.text(), peer: "-".to_owned(), ratio: ours.rss_mib(), wanted }
}
