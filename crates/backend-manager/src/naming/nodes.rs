//! The inner nodes of content that is being named: in memory while they are few, else in an unlinked temporary file.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{Dag, Error, ErrorKind, Node, Nodes, Result};
use bytes::Bytes;
use ipld::preorder::{Preorder, Step};
use ipld::{Block, Cid, address};

use crate::trouble;

/// Above this many bytes the nodes go to a file.
const IN_MEMORY: usize = 4 << 20;
/// A page of nodes holds no more bytes than this, but at least one node.
const PAGE_BYTES: usize = 1 << 20;

#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    len: u32,
}

/// Takes nodes as they are made, children before parents, and gives them back root first. A node is found under both versions of its name.
#[derive(Debug)]
pub(crate) struct NodeSpool {
    folder: PathBuf,
    places: HashMap<Cid, Place>,
    memory: Vec<u8>,
    file: Option<File>,
    written: u64,
}

impl NodeSpool {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), places: HashMap::new(), memory: Vec::new(), file: None, written: 0 }
    }

    pub(crate) fn push(&mut self, block: Block) -> Result<()> {
        let name = address::to_v1(&block.cid);
        if self.places.contains_key(&name) {
            return Ok(());
        }
        let len = u32::try_from(block.data.len()).map_err(|_| Error::new(ErrorKind::Internal, "a node of 4 GiB"))?;
        let at = self.written + self.memory.len() as u64;
        self.memory.extend_from_slice(&block.data);
        self.places.insert(name, Place { at, len });
        if IN_MEMORY < self.memory.len() { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let failed = |err| trouble::file("put nodes aside in", &self.folder, err);
        let mut file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile_in(&self.folder).map_err(failed)?,
        };
        file.write_all(&self.memory).map_err(failed)?;
        self.written += self.memory.len() as u64;
        self.memory.clear();
        self.file = Some(file);
        Ok(())
    }

    /// What was put aside, to be found by name and in no order.
    pub(crate) fn unordered(mut self) -> Result<Dag> {
        let store = self.store()?;
        let inner = Inner { order: Vec::new(), places: self.places, store };
        Ok(Dag::new(Arc::new(Spooled { inner: Arc::new(inner), bytes: 0 })))
    }

    fn store(&mut self) -> Result<Store> {
        if self.file.is_none() {
            return Ok(Store::Memory(std::mem::take(&mut self.memory).into()));
        }
        self.flush()?;
        Ok(Store::File(self.file.take().ok_or_else(|| Error::new(ErrorKind::Internal, "the node file is gone"))?))
    }

    /// The nodes in pre-order from `root`. What is not among them is a leaf.
    pub(crate) fn finish(mut self, root: &Cid) -> Result<Dag> {
        if self.places.is_empty() {
            return Ok(Dag::empty());
        }
        let store = self.store()?;
        let mut order = Vec::with_capacity(self.places.len());
        let mut walk = Preorder::new(*root);
        loop {
            match walk.next().map_err(trouble::ipld)? {
                Step::Need(cid) => match self.places.get(&address::to_v1(&cid)) {
                    Some(place) => walk.feed(&cid, &store.read(*place)?).map_err(trouble::ipld)?,
                    None => walk.leaf(&cid).map_err(trouble::ipld)?,
                },
                Step::Node(block) => order.push(block.cid),
                Step::Done => break,
            }
        }
        let bytes = self.places.values().map(|place| u64::from(place.len)).sum();
        let nodes = Spooled { inner: Arc::new(Inner { order, places: self.places, store }), bytes };
        Ok(Dag::new(Arc::new(nodes)))
    }
}

#[derive(Debug)]
enum Store {
    Memory(Bytes),
    File(File),
}

impl Store {
    fn read(&self, place: Place) -> Result<Bytes> {
        let len = place.len as usize;
        match self {
            Store::Memory(bytes) => {
                let at = usize::try_from(place.at).unwrap_or(usize::MAX);
                Ok(bytes.slice(at..at + len))
            }
            Store::File(file) => {
                let mut data = vec![0; len];
                let read = file.read_exact_at(&mut data, place.at);
                read.map_err(|err| Error::new(ErrorKind::Internal, "cannot read nodes back").with_source(err))?;
                Ok(data.into())
            }
        }
    }
}

#[derive(Debug)]
struct Inner {
    order: Vec<Cid>,
    places: HashMap<Cid, Place>,
    store: Store,
}

impl Inner {
    fn node(&self, cid: &Cid) -> Result<Option<Bytes>> {
        self.places.get(&address::to_v1(cid)).map(|place| self.store.read(*place)).transpose()
    }

    fn page(&self, from: u64) -> Result<Vec<Node>> {
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(self.order.len());
        let (mut page, mut bytes) = (Vec::new(), 0);
        for cid in &self.order[from..] {
            if let Some(data) = self.node(cid)? {
                bytes += data.len();
                page.push((*cid, data));
            }
            if PAGE_BYTES <= bytes {
                break;
            }
        }
        Ok(page)
    }
}

#[derive(Debug)]
struct Spooled {
    inner: Arc<Inner>,
    bytes: u64,
}

impl Spooled {
    async fn on_disk<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> Result<T> + Send + 'static) -> Result<T> {
        if matches!(self.inner.store, Store::Memory(_)) {
            return work(&self.inner);
        }
        let inner = self.inner.clone();
        tokio::task::spawn_blocking(move || work(&inner)).await.map_err(trouble::lost)?
    }
}

#[async_trait]
impl Nodes for Spooled {
    fn count(&self) -> u64 {
        self.inner.order.len() as u64
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    async fn page(&self, from: u64) -> Result<Vec<Node>> {
        self.on_disk(move |inner| inner.page(from)).await
    }

    async fn find(&self, cid: &Cid) -> Result<Option<Bytes>> {
        let cid = *cid;
        self.on_disk(move |inner| inner.node(&cid)).await
    }
}
