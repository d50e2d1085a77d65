//! Names in the node's own tree of files (Kubo RPC, `files/*`): an entry is a link to a root, and copies nothing.

use std::collections::HashMap;

use backend_core::{ContentId, ErrorKind, Metadata, Result};
use futures::TryStreamExt;
use ipld::{Cid, address};

use super::answers::{FileList, FileStat};
use super::rpc::{Does, Node, lines};
use crate::error;

/// The longest name of an entry, in bytes.
const MAX_NAME: usize = 255;

/// Why a name cannot be that of an entry.
fn wrong(name: &str) -> Option<&'static str> {
    match name {
        "" | "." | ".." => Some("it is no name"),
        name if MAX_NAME < name.len() => Some("it is too long"),
        name if name.contains(['/', '\0']) => Some("it has a slash in it"),
        _ => None,
    }
}

/// How many names of one content are told.
const TOLD: usize = 3;

/// The names that contents have in one folder: hints, for listings.
#[derive(Debug, Default)]
pub(crate) struct Links {
    folder: String,
    names: HashMap<Cid, Vec<String>>,
}

impl Links {
    /// The same, with the names that it has in the folder.
    pub(crate) fn told(&self, meta: Metadata) -> Metadata {
        let names = match &meta.at.id {
            ContentId::Cid(cid) => self.names.get(&address::to_v1(cid)),
            ContentId::Key(_) => None,
        };
        let Some(names) = names else { return meta };
        let paths: Vec<String> =
            names.iter().take(TOLD).map(|name| backend_http::shown(&format!("{}/{name}", self.folder))).collect();
        let more = if TOLD < names.len() { format!(" and {} more", names.len() - TOLD) } else { String::new() };
        let linked = format!("linked as {}{more}", paths.join(", "));
        Metadata { note: Some(meta.note.map_or(linked.clone(), |note| format!("{note}; {linked}"))), ..meta }
    }
}

impl Node {
    /// What is linked in `folder`; nothing where there is no such folder. A folder whose listing is longer than an answer of the node may be (1 MiB,
    /// some 6,000 names) tells no names.
    pub(crate) async fn links(&self, folder: &str) -> Result<Links> {
        let query = [("arg", folder), ("long", "true"), ("offline", "true")];
        let listed: FileList = match self.one("files/ls", &query).await {
            Ok(listed) => listed,
            Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::TooLarge | ErrorKind::Integrity) => {
                return Ok(Links::default());
            }
            Err(err) => return Err(err),
        };
        let mut names: HashMap<Cid, Vec<String>> = HashMap::new();
        for entry in listed.entries.unwrap_or_default() {
            if let Ok(cid) = address::parse(&entry.hash) {
                names.entry(address::to_v1(&cid)).or_default().push(entry.name);
            }
        }
        Ok(Links { folder: folder.trim_end_matches('/').to_owned(), names })
    }

    /// Links `cid`, which is on the node, as `name` in `folder`, and makes the folder. What stood there is not there any more.
    pub(crate) async fn link(&self, cid: &Cid, folder: &str, name: &str) -> Result<()> {
        if let Some(why) = wrong(name) {
            return Err(error::input(why));
        }
        let path = format!("{}/{name}", folder.trim_end_matches('/'));
        match self.copy(cid, &path).await {
            // Only files are replaced by `force`, and only by a Kubo that knows it.
            Err(err) if err.kind() == ErrorKind::AlreadyExists => {}
            done => return done,
        }
        let there: FileStat = self.one("files/stat", &[("arg", &path), ("offline", "true")]).await?;
        if address::parse(&there.hash).is_ok_and(|it| address::same(&it, cid)) {
            return Ok(());
        }
        self.change("files/rm", &[("arg", &path), ("recursive", "true")]).await?;
        self.copy(cid, &path).await
    }

    async fn copy(&self, cid: &Cid, path: &str) -> Result<()> {
        let from = format!("/ipfs/{}", address::text(cid));
        let query =
            [("arg", from.as_str()), ("arg", path), ("parents", "true"), ("force", "true"), ("offline", "true")];
        self.change("files/cp", &query).await
    }

    /// A command that answers nothing. `files/rm` tells its failures behind a status of 200.
    async fn change(&self, command: &str, query: &[(&str, &str)]) -> Result<()> {
        let mut lines = lines(self.send(self.request(command, query, Does::Change)?).await?);
        while lines.try_next().await?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path() {
        let long = "n".repeat(256);
        for name in ["", ".", "..", "a/b", "/", "../etc", "a\0", long.as_str()] {
            assert!(wrong(name).is_some(), "{name:?}");
        }
        for name in ["a", "...", ".hidden", "ä & b?arg=x", &long[..255]] {
            assert_eq!(wrong(name), None, "{name:?}");
        }
    }
}
