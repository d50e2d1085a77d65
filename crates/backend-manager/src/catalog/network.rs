//! Which file systems cannot carry the catalog: SQLite's write-ahead log needs shared memory that all its processes see, and network file systems
//! have none (<https://www.sqlite.org/wal.html>, "All processes using a database must be on the same host computer").

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use backend_core::{Error, ErrorKind, Result};

/// `statfs(2)` magic numbers of file systems whose other end is elsewhere (linux/magic.h and the file systems' own headers).
const NETWORKS: &[(u64, &str)] = &[
    (0x6969, "nfs"),
    (0x517B, "smb"),
    (0xFF53_4D42, "cifs"),
    (0xFE53_4D42, "smb2"),
    (0x0102_1997, "9p"),
    (0x5346_414F, "afs"),
    (0x6B41_4653, "kafs"),
    (0x7375_7245, "coda"),
    (0x564C, "ncp"),
    (0x00C3_6400, "ceph"),
    (0x0BD0_0BD0, "lustre"),
    (0x4750_4653, "gpfs"),
    (0x0116_1970, "gfs2"),
    (0x7461_636F, "ocfs2"),
    (0x1983_0326, "beegfs"),
    (0xAAD7_AAEA, "panfs"),
    (0x786F_4256, "vboxsf"),
    (0xBACB_ACBC, "vmhgfs"),
];
const FUSE: u64 = 0x6573_5546;

/// File systems in user space that keep their bytes on this machine. Any other one is taken for a network: sshfs, rclone, s3fs and their like
/// are many, and a wrong guess costs the catalog.
const LOCAL_FUSE: &[&str] = &[
    "fuseblk",
    "fuse.bindfs",
    "fuse.cryfs",
    "fuse.encfs",
    "fuse.fuse-overlayfs",
    "fuse.fuse2fs",
    "fuse.gocryptfs",
    "fuse.mergerfs",
    "fuse.ntfs-3g",
    "virtiofs",
];

/// Refuses a folder on a network file system.
///
/// # Errors
/// `InvalidConfig`, with the remedy.
pub(super) fn refuse(folder: &Path) -> Result<()> {
    let magic = rustix::fs::statfs(folder).map_err(|err| {
        let text = format!("cannot ask which file system the catalog is on: {}", folder.display());
        Error::new(ErrorKind::InvalidConfig, text).with_source(err)
    })?;
    let magic = u64::try_from(magic.f_type).unwrap_or_default();
    match network(magic, || mounted_as(folder)) {
        None => Ok(()),
        Some(name) => Err(Error::new(
            ErrorKind::InvalidConfig,
            format!(
                "the catalog cannot live on a network file system ({name}) at {}: set IPFS_KIT_HOME to a folder on a local disk",
                folder.display()
            ),
        )),
    }
}

/// The name of the network file system that a magic number stands for. `mounted_as` tells what kind of FUSE it is, when the mount table says.
fn network(magic: u64, mounted_as: impl FnOnce() -> Option<String>) -> Option<String> {
    if magic == FUSE {
        let name = mounted_as().unwrap_or_else(|| "fuse".into());
        return (!LOCAL_FUSE.contains(&name.as_str())).then_some(name);
    }
    // Some kernels answer the number sign-extended.
    let known = NETWORKS.iter().find(|(number, _)| *number == magic & 0xFFFF_FFFF);
    known.map(|(_, name)| (*name).to_owned())
}

/// The type in `/proc/self/mountinfo` (proc(5)) of the file system that a folder is on.
fn mounted_as(folder: &Path) -> Option<String> {
    let device = fs::metadata(folder).ok()?.dev();
    let device = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    type_of(&fs::read_to_string("/proc/self/mountinfo").ok()?, &device)
}

/// Third field: the device. After a field `-`: the type.
fn type_of(mountinfo: &str, device: &str) -> Option<String> {
    let line = mountinfo.lines().find(|line| line.split(' ').nth(2) == Some(device))?;
    line.split(' ').skip_while(|field| *field != "-").nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "29 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
99 29 0:52 / /mnt/far rw,nosuid - fuse.sshfs host:/home rw,user_id=0
98 29 0:53 / /mnt/disk rw master:3 - fuseblk /dev/sdb1 rw
";

    fn check(magic: u64, device: &str, want: Option<&str>) {
        let got = network(magic, || type_of(MOUNTS, device));
        assert_eq!(got.as_deref(), want, "{magic:#x} on {device}");
    }

    #[test]
    fn networks_are_told_from_disks() {
        check(0xEF53, "254:0", None); // ext4
        check(0x5846_5342, "254:0", None); // xfs
        check(0x0102_1994, "254:0", None); // tmpfs
        check(0x6969, "0:9", Some("nfs"));
        check(0xFF53_4D42, "0:9", Some("cifs"));
        check(0xFFFF_FFFF_FF53_4D42, "0:9", Some("cifs"));
        check(0xFE53_4D42, "0:9", Some("smb2"));
        check(0x0102_1997, "0:9", Some("9p"));
        check(FUSE, "0:52", Some("fuse.sshfs"));
        check(FUSE, "0:53", None);
        check(FUSE, "0:77", Some("fuse"));
    }

    #[test]
    fn a_temporary_folder_is_local() {
        refuse(&std::env::temp_dir()).unwrap();
    }
}
