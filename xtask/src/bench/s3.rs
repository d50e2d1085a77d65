//! S3 beside raw aws-sdk-s3, object_store and OpenDAL: measured by `peers`, a workspace of its own, which prints a line of JSON for each comparison.

use std::process::Command;

use serde::Deserialize;

use super::{Line, Stage, Wanted};
use crate::failure::{Failure, Result};
use crate::{run, services};

/// What `peers` prints. It must reach one bound.
#[derive(Debug, Deserialize)]
struct Compared {
    what: String,
    ours: String,
    peer: String,
    ratio: f64,
    at_least: Option<f64>,
    at_most: Option<f64>,
}

pub(super) fn rows(stage: &Stage) -> Result<Vec<Line>> {
    services::find(&stage.tree, "s3s-fs")?;
    compared(&run::answer(peers(stage).arg("s3"))?)
}

/// `ipfs-kit sync` beside rclone's, onto SeaweedFS.
pub(super) fn sync(stage: &Stage) -> Result<Vec<Line>> {
    for service in ["rclone", "seaweedfs"] {
        services::find(&stage.tree, service)?;
    }
    compared(&run::answer(peers(stage).arg("sync").arg(&stage.ours))?)
}

fn peers(stage: &Stage) -> Command {
    let mut peers: Command = run::cargo();
    // Its own target folder: nothing there is built as it is here.
    peers.env_remove("CARGO_TARGET_DIR").current_dir(stage.tree.path("peers"));
    peers.args(["run", "--quiet", "--release", "--locked", "--"]);
    peers
}

/// The lines that a program of comparisons has printed.
pub(super) fn compared(said: &str) -> Result<Vec<Line>> {
    let lines: Result<Vec<Line>> = said.lines().map(parsed).collect();
    match lines {
        Ok(lines) if lines.is_empty() => Err(Failure::new("nothing was compared")),
        lines => lines,
    }
}

/// One line of what a program that compares has said.
fn parsed(text: &str) -> Result<Line> {
    let it: Compared =
        serde_json::from_str(text).map_err(|err| Failure::new(format!("a comparison said {text:?}: {err}")))?;
    let wanted = match (it.at_least, it.at_most) {
        (Some(bound), None) => Wanted::AtLeast(bound),
        (None, Some(bound)) => Wanted::AtMost(bound),
        _ => return Err(Failure::new(format!("a comparison gave no one bound: {text:?}"))),
    };
    Ok(Line { what: it.what, ours: it.ours, peer: it.peer, ratio: it.ratio, wanted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_has_one_bound() {
        let text = |bounds: &str| format!(r#"{{"what":"put","ours":"1 s","peer":"2 s","ratio":2.0{bounds}}}"#);
        assert_eq!(parsed(&text(r#","at_least":1.0"#)).unwrap().wanted, Wanted::AtLeast(1.0));
        assert_eq!(parsed(&text(r#","at_most":96"#)).unwrap().wanted, Wanted::AtMost(96.0));
        assert!(parsed(&text("")).is_err());
        assert!(parsed(&text(r#","at_most":1,"at_least":1"#)).is_err());
        assert!(parsed("put: 2 s").is_err());
    }
}
