//! FTP beside lftp and rclone on one vsftpd: measured by an example of the leaf, which prints a line of JSON for each comparison.

use super::s3::compared;
use super::{Line, Stage};
use crate::failure::Result;
use crate::{run, services};

pub(super) fn rows(stage: &Stage) -> Result<Vec<Line>> {
    for service in ["vsftpd", "lftp", "rclone"] {
        services::find(&stage.tree, service)?;
    }
    let mut peers = run::cargo();
    peers.current_dir(stage.tree.root()).args(["run", "--quiet", "--release", "--locked", "-p", "backend-ftp"]);
    peers.args(["--features", "real-servers", "--example", "peers"]);
    compared(&run::answer(&mut peers)?)
}
