//! Listing folder by folder, in the order of whole names: as many folders are in memory as lie above one another.

use backend_core::{Entry, Error, ErrorKind, Evidence, Key, ListOptions, Result};
use futures::stream::{self, BoxStream, StreamExt};

use super::place::ASIDE;
use super::{Folder, Node};

/// The most folders above one another: a key of 1024 bytes has no more.
const MAX_DEPTH: usize = 512;

struct Walk {
    folder: Folder,
    prefix: String,
    shallow: bool,
    after: Option<String>,
    is_begun: bool,
    above: Vec<std::vec::IntoIter<Node>>,
}

pub(super) fn list(folder: Folder, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
    let walk = Walk {
        folder,
        prefix: opts.prefix.clone().unwrap_or_default(),
        shallow: opts.shallow,
        after: opts.after.clone(),
        is_begun: false,
        above: Vec::new(),
    };
    stream::try_unfold(walk, |mut walk| async move { Ok(walk.next().await?.map(|entry| (entry, walk))) }).boxed()
}

impl Walk {
    async fn next(&mut self) -> Result<Option<Entry>> {
        if !self.is_begun {
            self.begin().await?;
        }
        loop {
            let Some(level) = self.above.last_mut() else { return Ok(None) };
            match level.next() {
                None => {
                    self.above.pop();
                }
                Some(node) if !self.is_wanted(&node) => {}
                Some(node) if !node.is_folder => return self.file(&node).map(Some),
                Some(node) if self.shallow => return Ok(Some(Entry::Prefix(node.text()))),
                Some(node) => self.enter(&node.name).await?,
            }
        }
    }

    /// The deepest folder that holds all names with this prefix.
    async fn begin(&mut self) -> Result<()> {
        self.is_begun = true;
        let start = self.prefix.rsplit_once('/').map(|(folder, _)| folder.to_owned()).unwrap_or_default();
        // A prefix that no name can have.
        if !start.is_empty() && Key::parse(&start).is_err() {
            return self.folder.recognise().await;
        }
        self.folder.recognise().await?;
        self.enter(&start).await
    }

    /// A folder that vanished has nothing in it.
    async fn enter(&mut self, name: &str) -> Result<()> {
        if MAX_DEPTH <= self.above.len() {
            return Err(Error::new(ErrorKind::Internal, "cannot list: the folders have no end"));
        }
        let mut nodes = self.folder.children(name).await?.unwrap_or_default();
        nodes.sort_by_cached_key(Node::text);
        self.above.push(nodes.into_iter());
        Ok(())
    }

    fn is_wanted(&self, node: &Node) -> bool {
        let text = node.text();
        let is_ours = node.name == ASIDE;
        let is_asked = text.starts_with(&self.prefix) || (node.is_folder && self.prefix.starts_with(&text));
        let is_new = match &self.after {
            Some(after) => *after < text || (node.is_folder && after.starts_with(&text)),
            None => true,
        };
        !is_ours && is_asked && is_new
    }

    fn file(&self, node: &Node) -> Result<Entry> {
        let key = Key::parse(&node.name)
            .map_err(|_| Error::new(ErrorKind::Internal, "cannot list: the store has a name that no key can have"))?;
        Ok(Entry::Content { meta: node.describe(&key, Evidence::Claimed), cursor: Some(node.name.clone()) })
    }
}
