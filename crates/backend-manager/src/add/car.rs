//! The sidecar: inner nodes as one CARv1, made as it is read, never held whole.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{ByteStream, Content, Dag, Digest, DigestKind, Open, Result};
use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt, TryStreamExt};
use ipld::import::{self, Entry, FileBuilder};
use ipld::profile::{Profile, UNIXFS_V1_2025};
use ipld::{Block, Cid, car};

use crate::naming::Hasher;

/// Small nodes are put together into frames of at least this size.
const FRAME: usize = 64 << 10;

/// The nodes of `dag` as content: a CARv1 with the root `root`, named like any other file, with the digests that its store `needs`.
pub(crate) async fn car_content(dag: &Dag, root: &Cid, needs: &[DigestKind]) -> Result<Content> {
    let source = CarSource { dag: dag.clone(), root: *root };
    let mut nodes = Vec::new();
    let frames = write_car(&source.dag, root);
    let (entry, len) = name_stream(&UNIXFS_V1_2025, frames, &mut |block| nodes.push((block.cid, block.data))).await?;
    // Children were made before their parents; pre-order wants the root first.
    nodes.reverse();
    let digests = digests(&source, len, needs).await?;
    Ok(Content::file(entry.cid, len, Dag::from_nodes(nodes), Arc::new(source)).with_digests(digests))
}

/// The name of what a stream brings, and its length. One chunk is in memory at a time.
pub(crate) async fn name_stream(
    profile: &Profile,
    mut frames: ByteStream,
    sink: &mut (dyn FnMut(Block) + Send),
) -> Result<(Entry, u64)> {
    let (mut builder, mut chunk, mut len) = (FileBuilder::new(*profile), BytesMut::new(), 0);
    let most = profile.chunk as usize;
    while let Some(frame) = frames.next().await {
        let mut frame = frame?;
        len += frame.len() as u64;
        while !frame.is_empty() {
            chunk.extend_from_slice(&frame.split_to(frame.len().min(most - chunk.len())));
            if chunk.len() == most {
                builder.push(import::leaf(profile, &chunk), &mut |block| sink(block));
                chunk.clear();
            }
        }
    }
    if !chunk.is_empty() {
        builder.push(import::leaf(profile, &chunk), &mut |block| sink(block));
    }
    Ok((builder.finish(&mut |block| sink(block)), len))
}

/// A second pass: some functions want the length before the first byte.
async fn digests(source: &CarSource, len: u64, needs: &[DigestKind]) -> Result<Vec<Digest>> {
    let mut all = Hasher::all(needs, len)?;
    let mut frames = write_car(&source.dag, &source.root);
    while !all.is_empty()
        && let Some(frame) = frames.next().await
    {
        let frame = frame?;
        all.iter_mut().for_each(|it| it.update(&frame));
    }
    all.into_iter().map(Hasher::finish).collect()
}

/// Header, then each node, root first.
pub(crate) fn write_car(dag: &Dag, root: &Cid) -> ByteStream {
    let head = stream::once({
        let head = car::header(&[*root]);
        async move { Ok(head) }
    });
    let sections = dag.walk().map_ok(|(cid, data)| {
        let mut section = BytesMut::from(&car::section(&cid, data.len())[..]);
        section.extend_from_slice(&data);
        section.freeze()
    });
    let pieces = head.chain(sections).boxed();
    stream::try_unfold(pieces, |mut pieces| async move {
        let mut frame = BytesMut::new();
        while frame.len() < FRAME {
            match pieces.next().await {
                Some(piece) => frame.extend_from_slice(&piece?),
                None => break,
            }
        }
        Ok((!frame.is_empty()).then(|| (frame.freeze(), pieces)))
    })
    .boxed()
}

#[derive(Debug)]
struct CarSource {
    dag: Dag,
    root: Cid,
}

#[async_trait]
impl Open for CarSource {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        let frames = write_car(&self.dag, &self.root);
        let cut = stream::try_unfold((frames, 0u64, range), |(mut frames, mut at, range)| async move {
            while at < range.end {
                let Some(frame) = frames.next().await else { break };
                let frame: Bytes = frame?;
                let (from, to) = (range.start.saturating_sub(at), range.end.saturating_sub(at));
                let (from, to) = (from.min(frame.len() as u64) as usize, to.min(frame.len() as u64) as usize);
                at += frame.len() as u64;
                if from < to {
                    return Ok(Some((frame.slice(from..to), (frames, at, range))));
                }
            }
            Ok(None)
        });
        Ok(cut.boxed())
    }
}
