//! SFTP beside `sftp` and `rclone`, on OpenSSH's own server: measured by a bench of the leaf, which prints a line of JSON for each comparison.

use super::s3::compared;
use super::{Line, Stage};
use crate::failure::Result;
use crate::{run, services};

pub(super) fn rows(stage: &Stage) -> Result<Vec<Line>> {
    for service in ["sshd", "rclone"] {
        services::find(&stage.tree, service)?;
    }
    let mut bench = run::cargo();
    bench.args([
        "bench",
        "--quiet",
        "--locked",
        "-p",
        "backend-sshfs",
        "--features",
        "real-servers",
        "--bench",
        "sftp",
    ]);
    compared(&run::answer(bench.current_dir(stage.tree.root()))?)
}
