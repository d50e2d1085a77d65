//! Names content as the program names it, from one pass over its bytes in bounded memory.

use std::collections::HashMap;
use std::sync::Arc;

use backend_core::{ByteStream, Content, Dag, Digest, DigestKind, Error, ErrorKind, Node, Open, Result};
use bytes::Bytes;
use futures::TryStreamExt;
use ipld::import::{Entry, FileBuilder, LeafHasher};
use ipld::preorder::{Preorder, Step};
use ipld::profile::{Profile, UNIXFS_V1_2025};
use ipld::{Block, Cid};
use sha2::{Digest as _, Sha256};

/// How the DAG is built: the manager's default, so that the same bytes have the same name.
const PROFILE: Profile = UNIXFS_V1_2025;
/// Inner nodes in memory, bytes: enough for a TiB.
const MAX_NODES: usize = 64 << 20;

/// Content that has its name and no source yet.
#[derive(Debug)]
pub(crate) struct Named {
    entry: Entry,
    dag: Dag,
    digests: Vec<Digest>,
}

impl Named {
    /// Bytes in all.
    pub(crate) fn len(&self) -> u64 {
        self.entry.size
    }

    /// The content, which `source` gives again as often as wanted.
    pub(crate) fn content(self, source: Arc<dyn Open>) -> Content {
        Content::file(self.entry.cid, self.entry.size, self.dag, source).with_digests(self.digests)
    }
}

/// Names the bytes of `body`. `needs`: whole-file digests that the backend wants to be given.
///
/// # Errors
/// `Unsupported` for a digest other than SHA-256 and CRC-64/NVME; `TooLarge` above a TiB or so; the body's own.
pub(crate) async fn name(mut body: ByteStream, needs: &[DigestKind]) -> Result<Named> {
    if let Some(kind) = needs.iter().find(|kind| !matches!(kind, DigestKind::Sha256 | DigestKind::Crc64Nvme)) {
        let why = format!("this backend wants to be given a digest ({kind:?}) that is not computed here");
        return Err(Error::new(ErrorKind::Unsupported, why));
    }
    let mut builder = Builder::new(needs);
    while let Some(frame) = body.try_next().await? {
        let mut rest = frame;
        while !rest.is_empty() {
            let chunk = rest.split_to(rest.len().min(builder.missing()));
            builder.update(&chunk)?;
            // Hashing a chunk is short, hashing a body is not: others are let in.
            tokio::task::yield_now().await;
        }
    }
    builder.finish()
}

struct Builder {
    file: FileBuilder,
    /// The chunk that is being filled.
    chunk: LeafHasher,
    filled: usize,
    whole: Option<Sha256>,
    crc: Option<crc_fast::Digest>,
    nodes: Nodes,
}

#[derive(Default)]
struct Nodes {
    blocks: HashMap<Cid, Bytes>,
    bytes: usize,
}

impl Nodes {
    fn push(&mut self, block: Block) {
        self.bytes += block.data.len();
        self.blocks.insert(block.cid, block.data);
    }
}

impl Builder {
    fn new(needs: &[DigestKind]) -> Self {
        let chunk = LeafHasher::new(&PROFILE, u64::from(PROFILE.chunk));
        let whole = needs.contains(&DigestKind::Sha256).then(Sha256::new);
        let crc = || crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme);
        let crc = needs.contains(&DigestKind::Crc64Nvme).then(crc);
        Self { file: FileBuilder::new(PROFILE), chunk, filled: 0, whole, crc, nodes: Nodes::default() }
    }

    /// How many bytes the chunk still takes; at least one.
    fn missing(&self) -> usize {
        PROFILE.chunk as usize - self.filled
    }

    fn update(&mut self, bytes: &[u8]) -> Result<()> {
        self.chunk.update(bytes);
        self.filled += bytes.len();
        if let Some(whole) = &mut self.whole {
            whole.update(bytes);
        }
        if let Some(crc) = &mut self.crc {
            crc.update(bytes);
        }
        if self.missing() == 0 { self.close() } else { Ok(()) }
    }

    fn close(&mut self) -> Result<()> {
        let next = LeafHasher::new(&PROFILE, u64::from(PROFILE.chunk));
        let leaf = std::mem::replace(&mut self.chunk, next).finish().map_err(failed)?;
        self.filled = 0;
        let nodes = &mut self.nodes;
        self.file.push(leaf, &mut |block| nodes.push(block));
        match nodes.bytes <= MAX_NODES {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::TooLarge, "the content is too large to be named in memory")),
        }
    }

    fn finish(mut self) -> Result<Named> {
        if 0 < self.filled {
            self.close()?;
        }
        let mut nodes = self.nodes;
        let entry = self.file.finish(&mut |block| nodes.push(block));
        // The name of a single raw chunk is the digest of all of it.
        let whole = match self.whole {
            Some(whole) => Some(Bytes::copy_from_slice(&whole.finalize())),
            None => nodes.blocks.is_empty().then(|| Bytes::copy_from_slice(entry.cid.hash().digest())),
        };
        let whole = whole.map(|value| Digest { kind: DigestKind::Sha256, value });
        let crc = self.crc.map(|crc| Bytes::copy_from_slice(&crc.finalize().to_be_bytes()));
        let crc = crc.map(|value| Digest { kind: DigestKind::Crc64Nvme, value });
        Ok(Named { entry, dag: outboard(entry.cid, &nodes.blocks)?, digests: whole.into_iter().chain(crc).collect() })
    }
}

/// The inner nodes, root first.
fn outboard(root: Cid, nodes: &HashMap<Cid, Bytes>) -> Result<Dag> {
    let mut walk = Preorder::new(root);
    let mut sorted: Vec<Node> = Vec::with_capacity(nodes.len());
    loop {
        match walk.next().map_err(failed)? {
            Step::Done => return Ok(Dag::from_nodes(sorted)),
            Step::Node(block) => sorted.push((block.cid, block.data)),
            Step::Need(cid) => match nodes.get(&cid) {
                Some(node) => walk.feed(&cid, node).map_err(failed)?,
                None => walk.leaf(&cid).map_err(failed)?,
            },
        }
    }
}

fn failed(err: ipld::Error) -> Error {
    Error::new(ErrorKind::Internal, "the content cannot be named").with_source(err)
}

#[cfg(test)]
mod tests {
    use backend_testkit::{LEAF, random, small};

    use super::*;

    /// The name is the one that the testkit gives the same bytes.
    async fn check(len: u64, needs: &[DigestKind]) {
        let wanted = random("naming", len);
        let named = name(wanted.open_all().await.unwrap(), needs).await.unwrap();
        let made = named.content(wanted.source().clone());
        assert_eq!((made.cid(), made.len()), (wanted.cid(), wanted.len()));
        let nodes = |dag: &Dag| dag.walk().try_collect::<Vec<Node>>();
        assert_eq!(nodes(made.dag()).await.unwrap(), nodes(wanted.dag()).await.unwrap());
        let known = made.digest(DigestKind::Sha256);
        match !needs.contains(&DigestKind::Sha256) && LEAF < len {
            true => assert_eq!(known, None),
            false => assert_eq!(known, wanted.digest(DigestKind::Sha256), "{len}"),
        }
        let crc = made.digest(DigestKind::Crc64Nvme);
        assert_eq!(crc, wanted.digest(DigestKind::Crc64Nvme).filter(|_| needs.contains(&DigestKind::Crc64Nvme)));
    }

    #[tokio::test]
    async fn names_are_the_importer_s() {
        let leaf = LEAF;
        for len in [0, 1, leaf - 1, leaf, leaf + 1, 5 * leaf + 3, 1025 * leaf] {
            check(len, &[]).await;
        }
        check(3 * leaf, &[DigestKind::Sha256]).await;
        check(3 * leaf + 1, &[DigestKind::Crc64Nvme]).await;
        check(3 * leaf, &[DigestKind::Crc64Nvme, DigestKind::Sha256]).await;
    }

    #[tokio::test]
    async fn a_digest_that_nobody_computes_is_refused() {
        let body = small("x").open_all().await.unwrap();
        let err = name(body, &[DigestKind::Sha256, DigestKind::Md5]).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Unsupported);
    }
}
