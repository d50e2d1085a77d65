//! Which names of a tree a listing visits, and where it stops. Paths of folders end with a slash: so names sort as keys do.

use backend_core::{Key, ListOptions};

use crate::path::Own;

/// Entries that are answered at a time.
pub const PAGE: usize = 256;
/// Names that are passed over at a time, so that a page comes to an end.
pub const MAX_STEPS: usize = 4096;
/// Where file systems keep what they found in no folder; only their owner may look into it, and nothing of ours is there.
pub const LOST: &str = "lost+found/";

/// What is wanted of the store.
#[derive(Debug, Clone)]
pub struct Wanted {
    prefix: String,
    after: Option<String>,
    shallow: bool,
    own: Own,
}

impl Wanted {
    /// What `opts` ask for of a store on which `own` is no content.
    pub fn of(opts: &ListOptions, own: Own) -> Self {
        let prefix = opts.prefix.clone().unwrap_or_default();
        Self { prefix, after: opts.after.clone(), shallow: opts.shallow, own }
    }

    /// All that lies in `folder`, which ends with a slash.
    pub fn below(folder: &str, own: Own) -> Self {
        Self { prefix: folder.to_owned(), after: None, shallow: false, own }
    }

    /// The deepest folder that holds everything that is wanted, with a slash at its end; empty for the root. `None` if no key can lie there: text such as
    /// `..` or `//` must never reach a file system.
    pub fn start(&self) -> Option<String> {
        let start = self.prefix.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        self.is_possible(&start).then_some(start)
    }

    /// Whether the file, or anything in the folder, may be wanted.
    pub fn wants(&self, path: &str) -> bool {
        let is_folder = path.ends_with('/');
        let in_prefix = path.starts_with(&self.prefix) || (is_folder && self.prefix.starts_with(path));
        let can_be = if is_folder { self.is_possible(path) } else { !self.own.holds(path) };
        in_prefix && self.is_after(path, is_folder) && can_be
    }

    /// Whether a shallow listing answers this folder as one prefix.
    pub fn stops_at(&self, folder: &str) -> bool {
        self.shallow && self.prefix.len() < folder.len() && folder.starts_with(&self.prefix)
    }

    fn is_after(&self, path: &str, is_folder: bool) -> bool {
        match &self.after {
            None => true,
            Some(after) if is_folder && after.starts_with(path) => !self.stops_at(path),
            Some(after) => after.as_str() < path,
        }
    }

    /// Whether keys may lie below `folder`.
    fn is_possible(&self, folder: &str) -> bool {
        folder.is_empty() || (Key::parse(format!("{folder}x")).is_ok() && !self.own.holds(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Own = Own(&[".ipfs-kit/tmp"]);

    fn wanted(prefix: &str, after: Option<&str>, shallow: bool) -> Wanted {
        Wanted { prefix: prefix.to_owned(), after: after.map(str::to_owned), shallow, own: OWN }
    }

    #[test]
    fn only_what_may_hold_something_is_entered() {
        let deep = wanted("a/b", Some("a/b/5"), false);
        let cases = [
            ("a/", true),
            ("a/b/", true),
            ("a/bc", true),
            ("a/b", false),
            ("a/a/", false),
            ("a/b/4", false),
            ("b/", false),
        ];
        for (path, is_wanted) in cases {
            assert_eq!(deep.wants(path), is_wanted, "{path}");
        }
        let shallow = wanted("a/", Some("a/b/"), true);
        assert!(!shallow.wants("a/b/") && shallow.wants("a/c/") && shallow.stops_at("a/c/") && !shallow.stops_at("a/"));
        let all = wanted("", None, false);
        assert!(all.wants(".ipfs-kit/") && !all.wants(".ipfs-kit/tmp/") && all.wants(".ipfs-kit/store"));
        assert!(!all.wants(".ipfs-kit/tmp") && !all.wants(".IPFS-KIT/tmp/x") && !all.wants(&"x/".repeat(600)));
    }

    #[test]
    fn a_prefix_that_cannot_be_asks_nothing() {
        for prefix in ["../x", "a//", "a/../b/", "/", "a\r\nDELE b/", ".ipfs-kit/tmp/x"] {
            assert_eq!(wanted(prefix, None, false).start(), None, "{prefix}");
        }
        for (prefix, start) in [("", ""), ("a", ""), ("a/b/", "a/b/"), ("a/b/c", "a/b/")] {
            assert_eq!(wanted(prefix, None, false).start().as_deref(), Some(start), "{prefix}");
        }
    }
}
