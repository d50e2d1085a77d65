//! Trees, and single blocks: C54 and C55.

use backend_core::{AddOptions, Addressing, Content, ErrorKind, GetOptions, Locator};
use bytes::Bytes;
use futures::TryStreamExt;
use ipld::{Block, Cid, address};

use crate::check::{Failure, Outcome, ensure, must_fail};
use crate::content::{LEAF, Watch, tree};
use crate::subject::Subject;

pub(super) async fn c54_a_tree_is_kept_by_its_blocks_or_refused(subject: &Subject) -> Outcome {
    if !subject.offers().add {
        return Ok(());
    }
    let made = tree(&subject.folder()).map_err(|err| Failure::new(format!("no tree: {err}")))?;
    let (content, watch) = Watch::over(&made.0);
    let answer = subject.add_with("tree", &content, AddOptions::default()).await;
    let takes = subject.addressing() == Addressing::Cid && subject.offers().block;
    match answer {
        Ok(meta) if takes => {
            subject.seen(&meta.at).await?;
            let file = subject.backend().get(&meta.at, &GetOptions::default()).await;
            must_fail("a tree as a file", file, &[ErrorKind::InvalidInput])?;
            every_block(subject, &content, &made.1).await?;
            Ok(())
        }
        answer => {
            must_fail("a tree", answer, &[ErrorKind::InvalidInput, ErrorKind::Unsupported])?;
            ensure!(watch.opened().is_empty(), "a tree is refused only after its source was opened");
            subject.lacks(&subject.at("tree", &content)?).await
        }
    }
}

pub(super) async fn c55_every_block_comes_by_its_cid(subject: &Subject) -> Outcome {
    if !(subject.offers().block && subject.offers().add) {
        return Ok(());
    }
    for len in [0, 1000, 2 * LEAF + 7] {
        let content = subject.content(&format!("blocks of {len}"), len);
        subject.add(&format!("blocks of {len}"), &content).await?;
        let whole: Vec<Bytes> = content.open_all().await?.try_collect().await?;
        let whole = Bytes::from(whole.concat());
        let leaf = LEAF as usize;
        let leaves: Vec<Block> = match len {
            0 => vec![Block::raw(whole)],
            _ => (0..whole.len())
                .step_by(leaf)
                .map(|at| Block::raw(whole.slice(at..whole.len().min(at + leaf))))
                .collect(),
        };
        every_block(subject, &content, &leaves).await?;
    }
    let absent = *subject.content("no such block", 10).cid();
    must_fail("a block that is not there", block(subject, absent).await, &[ErrorKind::NotFound])?;
    Ok(())
}

async fn every_block(subject: &Subject, content: &Content, leaves: &[Block]) -> Outcome {
    let nodes: Vec<(Cid, Bytes)> = content.dag().walk().try_collect().await?;
    let leaves = leaves.iter().map(|block| (block.cid, block.data.clone()));
    for (cid, data) in nodes.into_iter().chain(leaves) {
        let found = block(subject, cid).await?;
        ensure!(found == data, "the block {cid} is not itself");
        ensure!(address::verify(&cid, &found).is_ok(), "the block {cid} does not hash to its name");
    }
    let opts = GetOptions { range: Some((0..1).into()), ..GetOptions::block() };
    let answer = subject.backend().get(&Locator::new(*content.cid()), &opts).await;
    must_fail("a range of a block", answer, &[ErrorKind::InvalidInput])?;
    Ok(())
}

async fn block(subject: &Subject, cid: Cid) -> backend_core::Result<Bytes> {
    let fetched = subject.backend().get(&Locator::new(cid), &GetOptions::block()).await?;
    let range = fetched.range.clone();
    let frames: Vec<Bytes> = fetched.body.try_collect().await?;
    let data = Bytes::from(frames.concat());
    match range == (0..data.len() as u64) {
        true => Ok(data),
        false => {
            Err(backend_core::Error::new(ErrorKind::Internal, format!("a block of {} bytes is {range:?}", data.len())))
        }
    }
}
