//! Many files: ten thousand small ones added durably, and the names of a million.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::command::{cheaper, in_turns, once};
use super::large::added;
use super::{Line, Stage, Wanted, remove, times};
use crate::data::Sequence;
use crate::failure::{Failure, Result};

pub(super) const MANY: usize = 10_000;
pub(super) const SMALL: usize = 4096;
const NAMES: usize = 1_000_000;
/// The most memory for a directory of a million names.
const MOST_MIB: f64 = 256.0;

pub(super) fn many(stage: &Stage) -> Result<Vec<Line>> {
    let folder = stage.path("many");
    remove(&folder)?;
    fill(&folder, MANY, SMALL).map_err(|err| Failure::at(&folder, "fill", err))?;
    let ours = || {
        let home = stage.empty_home()?;
        added(stage, &home, &folder).map(|(_, cost)| cost)
    };
    let theirs = || {
        let mut add = stage.empty_repo()?.command();
        add.args(["add", "-r", "-Q"]).arg(&folder);
        once(&add, &stage.path("note")).map(|(_, cost)| cost)
    };
    let (ours, theirs) = in_turns(ours, theirs, cheaper, cheaper)?;
    let what =
        "10,000 files of 4 KiB added durably as one directory, against `ipfs add -r`, which does not sync".to_owned();
    let ratio = times(theirs.wall, ours.wall);
    Ok(vec![Line { what, ours: ours.text(), peer: theirs.text(), ratio, wanted: Wanted::AtLeast(3.0) }])
}

pub(super) fn names(stage: &Stage) -> Result<Vec<Line>> {
    let folder = stage.path("names");
    remove(&folder)?;
    fill(&folder, NAMES, 0).map_err(|err| Failure::at(&folder, "fill", err))?;
    let mut cid = Command::new(&stage.ours);
    cid.arg("cid").arg(&folder).env("IPFS_KIT_HOME", stage.path("home"));
    let (_, cost) = once(&cid, &stage.path("note"))?;
    remove(&folder)?;
    let (what, wanted) =
        ("memory of `cid` of a directory of 1,000,000 names, MiB".to_owned(), Wanted::AtMost(MOST_MIB));
    Ok(vec![Line { what, ours: cost.text(), peer: "-".to_owned(), ratio: cost.rss_mib(), wanted }])
}

pub(super) fn fill(folder: &Path, count: usize, len: usize) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut sequence = Sequence::new(count as u64);
    let mut content = vec![0; len];
    for n in 0..count {
        sequence.fill(&mut content);
        fs::write(folder.join(format!("file-{n:07}")), &content)?;
    }
    Ok(())
}
