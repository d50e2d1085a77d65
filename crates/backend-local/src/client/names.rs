//! The names in one folder, sorted, in little memory.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::{Errno, Result};

/// Names of files and folders in the order of keys, each with one allocation shared by all: about 20 bytes more than the name itself.
#[derive(Debug, Default)]
pub(crate) struct Names {
    text: String,
    /// Where each name begins and how long it is. A folder's ends with a slash, so that the order is that of the keys in it.
    spans: Vec<(usize, u16)>,
}

impl Names {
    /// Reads the folder `at`. `wants` is asked for each name before it is kept; names that are no text can be no keys and are left out, as is whatever is
    /// neither a file nor a folder.
    pub(crate) fn read(at: BorrowedFd<'_>, mut wants: impl FnMut(&str) -> bool) -> Result<Self> {
        let mut names = Self::default();
        let mut name = String::new();
        for entry in Dir::read_from(at)? {
            let entry = entry?;
            let Ok(text) = entry.file_name().to_str() else { continue };
            if matches!(text, "." | "..") {
                continue;
            }
            name.clear();
            name.push_str(text);
            match file_type(at, &name, entry.file_type())? {
                Some(FileType::RegularFile) => {}
                Some(FileType::Directory) => name.push('/'),
                _ => continue,
            }
            if wants(&name) {
                names.push(&name);
            }
        }
        names.sort();
        Ok(names)
    }

    pub(crate) fn get(&self, at: usize) -> Option<&str> {
        self.spans.get(at).map(|span| slice(&self.text, *span))
    }

    fn push(&mut self, name: &str) {
        // A name has at most 255 bytes, and 1020 where a file system counts characters.
        let len = u16::try_from(name.len()).unwrap_or(u16::MAX);
        self.spans.push((self.text.len(), len));
        self.text.push_str(name);
    }

    fn sort(&mut self) {
        let text = &self.text;
        self.spans.sort_unstable_by(|one, other| slice(text, *one).cmp(slice(text, *other)));
    }
}

fn slice(text: &str, (start, len): (usize, u16)) -> &str {
    text.get(start..start + usize::from(len)).unwrap_or_default()
}

/// `None`: it is gone meanwhile.
fn file_type(at: BorrowedFd<'_>, name: &str, said: FileType) -> Result<Option<FileType>> {
    if said != FileType::Unknown {
        return Ok(Some(said));
    }
    match statat(at.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(seen) => Ok(Some(FileType::from_raw_mode(seen.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for path in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let at = std::fs::File::open(folder.path()).unwrap();
        let names = Names::read(at.as_fd(), |name| name != "unwanted").unwrap();
        (0..).map_while(|n| names.get(n).map(str::to_owned)).collect()
    }

    #[test]
    fn the_order_is_that_of_the_keys() {
        // "a/b" comes after "a.txt" and "a-b", because a slash comes after a dot and a minus, and before "a0".
        assert_eq!(check(&["a/b", "a0", "a.txt", "a-b", "ä", "unwanted"]), ["a-b", "a.txt", "a/", "a0", "ä"]);
    }
}
