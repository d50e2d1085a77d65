//! The commands of one CID: blocks, files, DAGs.

use bytes::Bytes;
use ipld::unixfs::{self, Node};
use ipld::{Cid, address, car};
use serde_json::json;

use super::answer::Answer;
use super::rpc::State;
use super::wire::Head;

impl State {
    /// The commands of one CID each.
    pub(super) fn on_one(&self, command: &str, head: &Head) -> Answer {
        let name = if command.starts_with("pin/") || command.starts_with("cat") { "ipfs-path" } else { "root" };
        let Some(arg) = head.args().next() else {
            return Answer::Refused(400, format!("argument \"{name}\" is required\n"));
        };
        if command == "files/stat" && !arg.starts_with("/ipfs/") {
            return match self.entry(arg) {
                Some(cid) => self.file_stat(&cid, &cid.to_string()),
                None => Answer::Failed("file does not exist".to_owned()),
            };
        }
        let text = arg.strip_prefix("/ipfs/").unwrap_or(arg);
        let Ok(cid) = address::parse(text) else {
            return Answer::Failed(format!("invalid path \"{arg}\": path does not have enough components"));
        };
        match command {
            "block/get" => match self.blocks.get(&cid) {
                Some(bytes) => Answer::Bytes { media: "application/vnd.ipld.raw", bytes, told: None, failure: None },
                None => missing(&cid),
            },
            "block/stat" => match self.blocks.get(&cid) {
                Some(bytes) => Answer::One(json!({ "Key": text, "Size": bytes.len() })),
                None => missing(&cid),
            },
            "cat" => self.cat(&cid, head),
            "dag/export" => self.export(&cid),
            "dag/stat" => self.dag_stat(&cid, text, head),
            "files/stat" => self.file_stat(&cid, text),
            "pin/add" => self.pin_add(&cid, text, head),
            _ => self.pin_remove(text, head),
        }
    }

    fn file_stat(&self, cid: &Cid, text: &str) -> Answer {
        let Some(data) = self.blocks.get(cid) else { return missing(cid) };
        let below: u64 =
            self.blocks.walk(cid).map(|all| all.iter().map(|(_, data)| data.len() as u64).sum()).unwrap_or(0);
        let (size, kind, blocks) = match unixfs::decode(cid, &data) {
            Ok(Node::Raw(data)) => (data.len() as u64, "file", 0),
            Ok(Node::File(file)) => (file.size, "file", file.children.len()),
            Ok(Node::Symlink(target)) => (target.len() as u64, "file", 0),
            Ok(Node::Directory(links)) => (0, "directory", links.len()),
            Ok(Node::Shard(shard)) => (0, "directory", shard.slots.len()),
            Err(err) => return Answer::Failed(format!("not unixfs node (proto or raw): {err}")),
        };
        Answer::One(json!({ "Hash": text, "Size": size, "CumulativeSize": below, "Blocks": blocks, "Type": kind }))
    }

    fn dag_stat(&self, cid: &Cid, text: &str, head: &Head) -> Answer {
        let (all, gone) = self.blocks.walk_until(cid);
        if all.is_empty()
            && let Some(gone) = gone
        {
            return Answer::Failed(format!("error traversing DAG: {}", not_here(&gone)));
        }
        let (mut size, mut lines) = (0, Vec::new());
        for (n, (_, data)) in all.iter().enumerate() {
            size += data.len();
            let part = json!([{ "Cid": text, "Size": size, "NumBlocks": n + 1 }]);
            lines.push(json!({ "TotalSize": size, "DagStats": part }));
        }
        if let Some(gone) = gone {
            let told = if head.option("progress") == Some("false") { Vec::new() } else { lines };
            return Answer::Lines(told, Some(format!("error traversing DAG: {}", not_here(&gone))));
        }
        let whole = json!([{ "Cid": text, "Size": size, "NumBlocks": all.len() }]);
        let last = json!({ "UniqueBlocks": all.len(), "TotalSize": size, "Ratio": 1, "DagStats": whole });
        match head.option("progress") {
            Some("false") => Answer::Lines(vec![last], None),
            _ => Answer::Lines(lines.into_iter().chain([last]).collect(), None),
        }
    }

    fn cat(&self, cid: &Cid, head: &Head) -> Answer {
        for name in ["offset", "length"] {
            if head.option(name).is_some_and(|it| it.starts_with('-')) {
                return Answer::Failed(format!("cannot specify negative {name}"));
            }
        }
        let number = |name: &str| head.option(name).and_then(|it| it.parse::<usize>().ok());
        let mut plain = Vec::new();
        let failure = match self.plain(cid, &mut plain) {
            Ok(()) => None,
            Err(why) if plain.is_empty() => return Answer::Failed(why),
            Err(why) => Some(why),
        };
        let from = number("offset").unwrap_or(0).min(plain.len());
        let to = number("length").map_or(plain.len(), |len| from.saturating_add(len).min(plain.len()));
        let bytes = Bytes::from(plain).slice(from..to);
        Answer::Bytes { media: "text/plain", told: Some(bytes.len() as u64), bytes, failure }
    }

    fn plain(&self, cid: &Cid, out: &mut Vec<u8>) -> std::result::Result<(), String> {
        let data = self.blocks.get(cid).ok_or_else(|| not_here(cid))?;
        match unixfs::decode(cid, &data).map_err(|err| err.to_string())? {
            Node::Raw(data) | Node::Symlink(data) => out.extend_from_slice(&data),
            Node::File(file) => {
                out.extend_from_slice(&file.data);
                for child in &file.children {
                    self.plain(&child.cid, out).map_err(|_| "failed to fetch all nodes".to_owned())?;
                }
            }
            _ => return Err("this dag node is a directory".to_owned()),
        }
        Ok(())
    }

    fn export(&self, cid: &Cid) -> Answer {
        let Ok(all) = self.blocks.walk(cid) else { return missing(cid) };
        let mut bytes = car::header(&[*cid]).to_vec();
        for (cid, data) in all {
            bytes.extend_from_slice(&car::section(&cid, data.len()));
            bytes.extend_from_slice(&data);
        }
        Answer::Bytes { media: "application/vnd.ipld.car", bytes: bytes.into(), told: None, failure: None }
    }
}

/// Kubo's words for a block that is not there.
pub(super) fn not_here(cid: &Cid) -> String {
    format!("block was not found locally (offline): ipld: could not find {cid}")
}

fn missing(cid: &Cid) -> Answer {
    Answer::Failed(not_here(cid))
}
