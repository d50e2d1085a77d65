//! `files/cp`, `files/ls`, `files/rm` and what `files/stat` finds: names that somebody gave in the node's own tree (kubo, `core/commands/files.go`).

use ipld::unixfs::{self, Node};
use ipld::{Cid, address};
use serde_json::{Value, json};

use super::answer::Answer;
use super::reads::not_here;
use super::rpc::{State, lock};
use super::wire::Head;

impl State {
    /// Where a path of the tree leads. Nothing is followed below an entry.
    pub(super) fn entry(&self, path: &str) -> Option<Cid> {
        lock(&self.files).get(path).copied()
    }

    fn is_folder(&self, path: &str) -> bool {
        let below = format!("{}/", path.trim_end_matches('/'));
        path == "/" || lock(&self.files).keys().any(|it| it.starts_with(&below))
    }

    /// Whether `force` replaces it.
    fn is_file(&self, cid: &Cid) -> bool {
        let node = self.blocks.get(cid).map(|data| unixfs::decode(cid, &data));
        !matches!(node, Some(Ok(Node::Directory(_) | Node::Shard(_))))
    }

    pub(super) fn copy(&self, head: &Head) -> Answer {
        let args: Vec<&str> = head.args().collect();
        let [from, to] = args[..] else {
            return Answer::Refused(400, "argument \"source\" is required\n".to_owned());
        };
        if !to.starts_with('/') {
            return Answer::Failed("paths must start with a leading slash".to_owned());
        }
        let Some(cid) = from.strip_prefix("/ipfs/").and_then(|it| address::parse(it).ok()) else {
            return Answer::Failed(format!("cp: cannot get node from path {from}: invalid path"));
        };
        // Only the root is looked for.
        if !self.blocks.has(&cid) {
            return Answer::Failed(format!("cp: cannot get node from path {from}: {}", not_here(&cid)));
        }
        let parent = to.rsplit_once('/').map_or("/", |(parent, _)| if parent.is_empty() { "/" } else { parent });
        if !head.is("parents") && !self.is_folder(parent) {
            return Answer::Failed("cp: file does not exist".to_owned());
        }
        let stands = self.entry(to).map(|it| self.is_file(&it)).or_else(|| self.is_folder(to).then_some(false));
        match (stands, head.is("force")) {
            (Some(false), true) => {
                return Answer::Failed(format!("cp: cannot unlink existing file: not a file: {to}"));
            }
            (Some(_), false) => {
                return Answer::Failed(format!(
                    "cp: cannot put node in path {to}: directory already has entry by that name"
                ));
            }
            _ => {}
        }
        lock(&self.files).insert(to.to_owned(), cid);
        Answer::Lines(Vec::new(), None)
    }

    pub(super) fn names(&self, head: &Head) -> Answer {
        let folder = head.args().next().unwrap_or("/").trim_end_matches('/').to_owned() + "/";
        if !self.is_folder(&folder) {
            return Answer::Failed("file does not exist".to_owned());
        }
        let files = lock(&self.files);
        let here = files.iter().filter_map(|(path, cid)| Some((path.strip_prefix(&folder)?, cid)));
        let entries = here.filter(|(name, _)| !name.contains('/')).map(|(name, cid)| {
            let hash = if head.is("long") { address::text(cid) } else { String::new() };
            json!({ "Name": name, "Type": 0, "Size": 0, "Hash": hash })
        });
        let entries: Vec<Value> = entries.collect();
        Answer::One(json!({ "Entries": if entries.is_empty() { Value::Null } else { entries.into() } }))
    }

    /// A failure comes with status 200, in a line and in the trailer.
    pub(super) fn unlink(&self, head: &Head) -> Answer {
        let Some(path) = head.args().next() else {
            return Answer::Refused(400, "argument \"path\" is required\n".to_owned());
        };
        let failed = |why: &str| {
            let line = Value::String(format!("{path}: {why}"));
            Answer::Lines(vec![line], Some("can't remove some files".to_owned()))
        };
        let (entry, is_folder) = (self.entry(path), self.is_folder(path));
        let is_file = entry.is_some_and(|it| self.is_file(&it));
        if path == "/" {
            return failed("cannot delete root");
        }
        match (entry, is_folder) {
            (None, false) if head.is("force") => {}
            (None, false) => return failed("file does not exist"),
            _ if !is_file && !head.is("recursive") => {
                return failed("path is a directory, use -r to remove directories");
            }
            _ => {
                let below = format!("{path}/");
                lock(&self.files).retain(|it, _| it != path && !it.starts_with(&below));
            }
        }
        Answer::Lines(Vec::new(), None)
    }
}
