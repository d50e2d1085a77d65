//! The comparison: one server, every client in turns, the best of each.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use backend_testkit::real::Server;
use serde_json::{Value, json};

use crate::Result;
use crate::case::{CASES, FILL, LARGE, LISTED, MEDIUM, noise};
use crate::clients::NAMES;
use crate::cost::Cost;

const BUCKET: &str = "peers";
const ROUNDS: usize = 2;
/// The most memory of ours in any case, MiB.
const MOST_MIB: f64 = 96.0;

/// Runs `cases`, or all, on a new server, and prints a line of JSON for each thing that was compared.
pub(crate) fn s3(name: &str, cases: &[&str]) -> Result<()> {
    let server = begun(name)?;
    let file = server.data().with_file_name("gibibyte");
    let is_wanted = |name: &str| cases.is_empty() || cases.contains(&name);
    if is_wanted("put1g") || is_wanted("get1g") {
        gibibyte(&file)?;
    }
    for (case, what) in CASES.iter().filter(|(case, _)| is_wanted(case)) {
        if *case == "list100k" {
            listing(case, what, name)?;
            continue;
        }
        if case.starts_with("get") && !is_wanted(&case.replace("get", "put")) {
            once("aws", &case.replace("get", "put"), &server, &file)?;
        }
        compare(case, what, &server, &file)?;
    }
    Ok(())
}

pub(crate) fn begun(name: &str) -> Result<Server> {
    let server = match name {
        "s3s-fs" => Server::s3s_fs()?,
        "rclone" => Server::rclone_s3()?,
        "moto" => Server::moto()?,
        "seaweedfs" => Server::seaweedfs()?,
        _ => return Err(format!("no server {name}").into()),
    };
    server.bucket(BUCKET)?;
    Ok(server)
}

/// On a server of its own. s3s-fs walks its whole disk for every page, and moto sorts its whole memory, so that a hundred pages would take their time,
/// and nobody else's; rclone does not.
fn listing(case: &str, what: &str, name: &str) -> Result<()> {
    let server = begun(if name == "seaweedfs" { name } else { "rclone" })?;
    match name {
        "seaweedfs" => once("aws", FILL, &server, Path::new("")).map(drop)?,
        _ => names(&server.data().join(BUCKET).join("listed"))?,
    }
    compare(case, what, &server, Path::new(""))
}

fn compare(case: &str, what: &str, server: &Server, file: &Path) -> Result<()> {
    let mut costs: BTreeMap<&str, Cost> = BTreeMap::new();
    for round in 0..ROUNDS {
        // Nobody is always the one that runs behind the slowest.
        for at in 0..NAMES.len() {
            let name = NAMES[(at + round) % NAMES.len()];
            let cost = once(name, case, server, file).map_err(|err| format!("{name}, {case}: {err}"))?;
            let best = costs.get(name).map_or(cost, |it| it.best(cost));
            costs.insert(name, best);
        }
    }
    let ours = costs.remove("ours").ok_or("ours was not measured")?;
    for (name, cost) in &costs {
        eprintln!("{case:9} {name:13} {}", text(*cost));
    }
    eprintln!("{case:9} ours          {}", text(ours));
    let best = |by: fn(&Cost) -> Duration| costs.iter().map(|(name, it)| (by(it), *name, *it)).min_by_key(|it| it.0);
    let (wall, by_wall, peer) = best(|it| it.wall).ok_or("no peer was measured")?;
    let (cpu, by_cpu, sparing) = best(|it| it.cpu).ok_or("no peer was measured")?;
    line(&format!("S3: {what}, wall"), ours, by_wall, peer, ratio(wall, ours.wall), "at_least", 1.0);
    line(&format!("S3: {what}, CPU of the client"), ours, by_cpu, sparing, ratio(cpu, ours.cpu), "at_least", 1.0);
    let rss = ours.rss_kib as f64 / 1024.0;
    line(&format!("S3: {what}, memory of ours, MiB"), ours, by_wall, peer, rss, "at_most", MOST_MIB);
    Ok(())
}

pub(crate) fn line(what: &str, ours: Cost, name: &str, peer: Cost, ratio: f64, bound: &str, value: f64) {
    let peer = format!("{} ({name})", text(peer));
    println!("{}", json!({ "what": what, "ours": text(ours), "peer": peer, "ratio": ratio, bound: value }));
}

pub(crate) fn ratio(peer: Duration, ours: Duration) -> f64 {
    // The kernel counts CPU time in ticks of 10 ms: less than one is one.
    peer.as_secs_f64().max(0.01) / ours.as_secs_f64().max(0.01)
}

pub(crate) fn text(it: Cost) -> String {
    let (wall, cpu) = (it.wall.as_secs_f64(), it.cpu.as_secs_f64());
    format!("{wall:.2} s, {cpu:.2} s CPU, {:.0} MiB", it.rss_kib as f64 / 1024.0)
}

fn once(client: &str, case: &str, server: &Server, file: &Path) -> Result<Cost> {
    let mut child = Command::new(env::current_exe()?);
    child.args(["case", client, case, &server.url(), BUCKET]).arg(file);
    let answer = child.output()?;
    if !answer.status.success() {
        return Err(format!("{}{}", String::from_utf8_lossy(&answer.stderr), server.log()).into());
    }
    let said: Value = serde_json::from_slice(&answer.stdout)?;
    let number = |name: &str| said.get(name).and_then(Value::as_f64).ok_or_else(|| format!("no {name}"));
    let seconds = |name: &str| number(name).map(Duration::from_secs_f64);
    Ok(Cost { wall: seconds("wall")?, cpu: seconds("cpu")?, rss_kib: number("rss_kib")? as u64 })
}

fn gibibyte(path: &Path) -> Result<()> {
    let block = noise(MEDIUM);
    let mut file = File::create(path)?;
    for n in 0..LARGE / MEDIUM as u64 {
        file.write_all(&n.to_le_bytes())?;
        file.write_all(&block[8..])?;
    }
    Ok(())
}

/// Made on the server's disk, where that is what it lists: a hundred thousand puts take longer.
fn names(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for n in 0..LISTED {
        fs::write(folder.join(format!("{n:06}")), b"x")?;
    }
    Ok(())
}
