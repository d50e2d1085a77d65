//! `bench`: what the README promises, measured against its peers in one run.
//!
//! Absolute numbers of a shared machine drift by a factor of two; ratios that were measured side by side do not. So each row runs ours and its peer
//! in turns, takes the best of each, and states the ratio and what it must be.

mod command;
mod criterion;
mod files;
mod ftp;
mod ipfs;
mod keep;
mod large;
mod machine;
mod peers;
mod performance;
mod s3;
mod sftp;
mod start;

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

pub use performance::performance;
use tempfile::TempDir;

use crate::failure::{Failure, Result};
use crate::oracle::{self, Oracle};
use crate::services;
use crate::tree::Tree;

/// One line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    what: String,
    ours: String,
    peer: String,
    /// How many times better than the peer, or the measured value itself.
    ratio: f64,
    wanted: Wanted,
}

/// What a line must reach.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

impl Wanted {
    fn is_met(self, value: f64) -> bool {
        match self {
            Wanted::AtLeast(bound) => bound <= value,
            Wanted::AtMost(bound) => value <= bound,
        }
    }

    fn text(self) -> String {
        match self {
            Wanted::AtLeast(bound) => format!(">= {bound}"),
            Wanted::AtMost(bound) => format!("<= {bound}"),
        }
    }
}

/// What every row is given.
#[derive(Debug)]
struct Stage {
    tree: Tree,
    /// Our program, as released.
    ours: PathBuf,
    kubo: PathBuf,
    folder: TempDir,
}

impl Stage {
    fn set(tree: &Tree) -> Result<Self> {
        let kubo = services::find(tree, "kubo")?;
        Ok(Self { tree: tree.clone(), ours: oracle::program(tree)?, kubo, folder: oracle::scratch(tree)? })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A repository of Kubo that holds nothing.
    fn empty_repo(&self) -> Result<Oracle> {
        let repo = self.path("repo");
        remove(&repo)?;
        Oracle::new(&self.kubo, &repo, "unixfs-v1-2025")
    }

    /// A home of ours that holds nothing, and is not there yet.
    fn empty_home(&self) -> Result<PathBuf> {
        let home = self.path("home");
        remove(&home)?;
        Ok(home)
    }
}

fn remove(path: &std::path::Path) -> Result<()> {
    match path.exists() {
        true => std::fs::remove_dir_all(path).map_err(|err| Failure::at(path, "remove", err)),
        false => Ok(()),
    }
}

type Row = fn(&Stage) -> Result<Vec<Line>>;

const ROWS: [(&str, Row); 18] = [
    ("import", criterion::import),
    ("layers", criterion::layers),
    ("manager", criterion::manager),
    ("catalog", criterion::catalog),
    ("cid", large::cid),
    ("add", large::add),
    ("get", large::get),
    ("files", files::many),
    ("names", files::names),
    ("plan", keep::plan),
    ("scrub", keep::scrub),
    ("start", start::times),
    ("size", start::size),
    ("s3", s3::rows),
    ("ftp", ftp::rows),
    ("ipfs", ipfs::rows),
    ("sftp", sftp::rows),
    ("sync", s3::sync),
];

/// The names of the rows, in the order of the table.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|(name, _)| *name)
}

/// Measures the rows of these names, or all, and answers the page; `begin` hears of each before it runs.
///
/// # Errors
/// If there is no such row, Kubo was not provisioned, or a program fails.
pub fn page(tree: &Tree, wanted: &[String], mut begin: impl FnMut(&str)) -> Result<String> {
    if let Some(unknown) = wanted.iter().find(|it| names().all(|name| name != it.as_str())) {
        return Err(Failure::new(format!("no row {unknown:?}; there are: {}", names().collect::<Vec<_>>().join(", "))));
    }
    let stage = Stage::set(tree)?;
    let mut lines = Vec::new();
    for (name, row) in ROWS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|it| it == name)) {
        begin(name);
        lines.extend(row(&stage)?);
    }
    Ok(written(&lines, &machine::description()))
}

fn written(lines: &[Line], machine: &str) -> String {
    let mut page = String::from(
        "# Benchmarks\n\nWritten by `cargo xtask bench --save`. Ours and the peer ran in turns on one machine, ",
    );
    page.push_str("the best of each counts; read the ratios, not the absolute numbers.\n\n");
    let _ = writeln!(page, "Machine: {machine}.\n");
    page.push_str(
        "| what | ours | peer | ratio or value | must be | reached |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for line in lines {
        let reached = if line.wanted.is_met(line.ratio) { "yes" } else { "**no**" };
        let (ratio, wanted) = (rounded(line.ratio), line.wanted.text());
        let _ = writeln!(page, "| {} | {} | {} | {ratio} | {wanted} | {reached} |", line.what, line.ours, line.peer);
    }
    page
}

fn rounded(value: f64) -> String {
    match value < 100.0 {
        true => format!("{value:.2}"),
        false => format!("{value:.0}"),
    }
}

/// A duration with three digits.
fn shown(it: Duration) -> String {
    let seconds = it.as_secs_f64();
    match seconds {
        _ if seconds < 1e-3 => format!("{:.3} us", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

/// How many times faster ours is.
fn times(peer: Duration, ours: Duration) -> f64 {
    peer.as_secs_f64() / ours.as_secs_f64().max(f64::EPSILON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_what_was_not_reached() {
        let line = |ratio, wanted| Line { what: "a".into(), ours: "1".into(), peer: "2".into(), ratio, wanted };
        let page = written(&[line(0.79, Wanted::AtLeast(0.8)), line(63.5, Wanted::AtMost(64.0))], "a toaster");
        assert!(page.contains("| a | 1 | 2 | 0.79 | >= 0.8 | **no** |\n| a | 1 | 2 | 63.50 | <= 64 | yes |"), "{page}");
        assert!(page.contains("Machine: a toaster."));
    }

    #[test]
    fn durations_have_the_unit_that_fits() {
        let shown = [1e-7, 4e-3, 2.5].map(|it| shown(Duration::from_secs_f64(it)));
        assert_eq!(shown, ["0.100 us", "4.00 ms", "2.50 s"]);
    }
}
