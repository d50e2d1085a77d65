//! Files and directories of awkward sizes, names and shapes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

use crate::data;
use crate::failure::{Failure, Result};

const V0_CHUNK: u64 = 262_144;
const V1_CHUNK: u64 = 1_048_576;
const V0_WIDTH: u64 = 174;

/// Lengths at which a chunk, a node or a level begins or ends.
const LENGTHS: [u64; 13] = [
    0,
    1,
    31,
    V0_CHUNK - 1,
    V0_CHUNK,
    V0_CHUNK + 1,
    V1_CHUNK - 1,
    V1_CHUNK,
    V1_CHUNK + 1,
    3 * V1_CHUNK + 7,
    V0_WIDTH * V0_CHUNK,
    V0_WIDTH * V0_CHUNK + 1,
    // The first file of three levels under unixfs-v1-2025. It is sparse on the disk.
    (1 << 30) + 1,
];

/// Numbers of entries around which a directory becomes a HAMT, under the one profile or the other; the last is one of several levels.
const ENTRIES: [usize; 6] = [0, 5140, 5141, 6393, 6394, 20_000];

const LINKS: [(&str, &str); 4] =
    [("to-file", "a.txt"), ("to-folder", "sub"), ("dangling", "nowhere/at/all"), ("absolute", "/etc/hostname")];

const NAMES: [&[u8]; 7] =
    [b"a.txt", b".hidden", b"with space", "n\u{e4}me \u{2603}".as_bytes(), b"line\nbreak", b"-dash", b"back\\slash"];

/// Writes every sample below `folder`, and answers their paths.
pub(super) fn write(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |err| Failure::at(folder, "write samples to", err);
    let mut samples = Vec::new();
    for len in LENGTHS {
        let path = folder.join(format!("file-{len}"));
        file(&path, len).map_err(failed)?;
        samples.push(path);
    }
    for n_entries in ENTRIES {
        let path = folder.join(format!("flat-{n_entries}"));
        flat(&path, n_entries).map_err(failed)?;
        samples.push(path);
    }
    let tree = folder.join("tree");
    nested(&tree).map_err(failed)?;
    samples.push(tree);
    Ok(samples)
}

/// Distinct bytes; above a limit only at every sixteenth mebibyte, so that a huge file costs no room.
fn file(path: &Path, len: u64) -> std::io::Result<()> {
    const DENSE: u64 = 64 << 20;
    if len <= DENSE {
        return data::write(path, len, len);
    }
    let file = File::create(path)?;
    file.set_len(len)?;
    for at in (0..len).step_by(16 << 20) {
        file.write_all_at(&at.to_le_bytes()[..usize::try_from(8.min(len - at)).unwrap_or(0)], at)?;
    }
    Ok(())
}

/// `n_entries` files `f000000`…; each holds its own name.
fn flat(path: &Path, n_entries: usize) -> std::io::Result<()> {
    fs::create_dir(path)?;
    for n in 0..n_entries {
        let name = format!("f{n:06}");
        fs::write(path.join(&name), &name)?;
    }
    Ok(())
}

/// A tree with odd names, links, a folder that is sharded, and a path of thirty folders.
fn nested(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path.join("sub/empty"))?;
    for name in NAMES {
        fs::write(path.join(OsStr::from_bytes(name)), name)?;
    }
    data::write(&path.join("sub/large"), 2 * V1_CHUNK + 1, 7)?;
    fs::write(path.join(format!("sub/{}", "n".repeat(255))), "a name of 255 bytes")?;
    for (name, target) in LINKS {
        symlink(target, path.join(name))?;
    }
    flat(&path.join("sharded"), 7000)?;
    let deep: PathBuf = (0..30).map(|n| format!("level-{n}")).collect();
    fs::create_dir_all(path.join(&deep))?;
    fs::write(path.join(deep).join("bottom"), "deep")
}
