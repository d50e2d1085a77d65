//! The store of blocks: what was put under a CID, found by its multihash as in Kubo.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ipld::{Block, Cid, address, dagpb};

/// By multihash: the name it was put under, and the bytes.
type Map = BTreeMap<Vec<u8>, (Cid, Bytes)>;

/// Blocks that are shared by everything that serves them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Blocks(Arc<Mutex<Map>>);

impl Blocks {
    /// No blocks.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Map> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts bytes under a name, unseen.
    pub fn put(&self, cid: &Cid, data: impl Into<Bytes>) {
        self.lock().insert(cid.hash().to_bytes(), (address::to_v1(cid), data.into()));
    }

    /// Puts blocks under their names.
    pub fn extend(&self, blocks: impl IntoIterator<Item = Block>) {
        blocks.into_iter().for_each(|block| self.put(&block.cid, block.data));
    }

    /// The bytes under a name; an identity CID holds its own.
    pub fn get(&self, cid: &Cid) -> Option<Bytes> {
        match address::inline(cid) {
            Some(bytes) => Some(Bytes::copy_from_slice(bytes)),
            None => self.lock().get(&cid.hash().to_bytes()).map(|(_, data)| data.clone()),
        }
    }

    /// Whether there are bytes under a name.
    pub fn has(&self, cid: &Cid) -> bool {
        self.get(cid).is_some()
    }

    /// Takes a block away; whether there was one.
    pub fn delete(&self, cid: &Cid) -> bool {
        self.lock().remove(&cid.hash().to_bytes()).is_some()
    }

    /// Makes the bytes under a name others, of the same length; whether there were any.
    pub fn corrupt(&self, cid: &Cid) -> bool {
        let mut blocks = self.lock();
        let Some((_, data)) = blocks.get_mut(&cid.hash().to_bytes()) else { return false };
        let mut bytes = data.to_vec();
        let middle = bytes.len() / 2;
        match bytes.get_mut(middle) {
            Some(byte) => *byte ^= 1,
            None => return false,
        }
        *data = bytes.into();
        true
    }

    /// All names, in version 1.
    pub fn cids(&self) -> Vec<Cid> {
        self.lock().values().map(|(cid, _)| *cid).collect()
    }

    /// How many blocks there are.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// The sum of their lengths in bytes.
    pub fn bytes(&self) -> u64 {
        self.lock().values().map(|(_, data)| data.len() as u64).sum()
    }

    /// What a block links to. Only dag-pb has links here.
    pub fn links(&self, cid: &Cid) -> Vec<Cid> {
        let node = self.get(cid).filter(|_| cid.codec() == address::DAG_PB);
        let node = node.and_then(|data| dagpb::PbNode::decode(&data).ok());
        node.map(|node| node.links.into_iter().map(|link| link.cid).collect()).unwrap_or_default()
    }

    /// All blocks below `root`, itself first, each once, parents before children, in the order of the links.
    ///
    /// # Errors
    /// The first one that is missing.
    pub fn walk(&self, root: &Cid) -> Result<Vec<(Cid, Bytes)>, Cid> {
        match self.walk_until(root) {
            (all, None) => Ok(all),
            (_, Some(gone)) => Err(gone),
        }
    }

    /// The same, as far as the first one that is missing.
    pub(super) fn walk_until(&self, root: &Cid) -> (Vec<(Cid, Bytes)>, Option<Cid>) {
        let (mut pending, mut seen, mut found) = (vec![*root], HashSet::new(), Vec::new());
        while let Some(cid) = pending.pop() {
            if !seen.insert(cid.hash().to_bytes()) {
                continue;
            }
            let Some(data) = self.get(&cid) else { return (found, Some(cid)) };
            pending.extend(self.links(&cid).into_iter().rev());
            found.push((cid, data));
        }
        (found, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_by_their_hash_and_can_be_spoilt() {
        let blocks = Blocks::new();
        let block = Block::of(address::DAG_PB, Bytes::from_static(b"\x0a\x02\x08\x01"));
        blocks.extend([block.clone()]);
        let old = Cid::new_v0(*block.cid.hash()).unwrap();
        assert_eq!(blocks.get(&old), Some(block.data.clone()));
        assert!(blocks.corrupt(&old) && blocks.get(&block.cid) != Some(block.data));
        assert_eq!((blocks.count(), blocks.bytes(), blocks.cids()), (1, 4, vec![block.cid]));
        assert!(blocks.delete(&old) && !blocks.has(&block.cid) && !blocks.delete(&old));
    }

    #[test]
    fn a_walk_names_the_first_block_that_is_missing() {
        let blocks = Blocks::new();
        let (content, leaves) = crate::tree("walk").unwrap();
        blocks.extend(leaves.clone());
        assert_eq!(blocks.walk(content.cid()).unwrap_err(), *content.cid());
        let nodes: Vec<_> =
            futures::executor::block_on(futures::TryStreamExt::try_collect(content.dag().walk())).unwrap();
        nodes.iter().for_each(|(cid, data)| blocks.put(cid, data.clone()));
        assert_eq!(blocks.walk(content.cid()).unwrap().len(), nodes.len() + leaves.len());
        blocks.delete(&leaves[1].cid);
        assert_eq!(blocks.walk(content.cid()).unwrap_err(), leaves[1].cid);
    }
}
