//! Broken ways to add.

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Checkpoint, Condition, Content, Dag, Error, ErrorKind, Evidence, Key, Locator, Mend, Metadata,
    Progress, Removal, RemoveOptions, Result, ResumeToken, StatOptions,
};
use backend_testkit::{Defect, lying, small};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use crate::mutant::{How, Mutant};

pub(crate) async fn add(it: &Mutant, content: &Content, opts: &AddOptions) -> Result<Metadata> {
    if it.is(How::LogsToken) && opts.write.resume.is_some() {
        tracing::debug!(token = ?opts.write.resume.as_ref().map(ResumeToken::reveal), "going on");
    }
    let opts = &told(it, opts)?;
    before(it, content, opts).await?;
    let answer = store(it, content, opts).await;
    let meta = match answer {
        Ok(meta) => meta,
        Err(err) => return after_failure(it, content, opts, err).await,
    };
    Ok(match it.how {
        How::SaysVerified => Metadata { evidence: Evidence::Verified, ..meta },
        How::AttestsAll => Metadata { evidence: Evidence::Attested, ..meta },
        How::AlwaysNew => Metadata { existed: Some(false), ..meta },
        // The lie is in what is read; the answer names what was asked for.
        How::FoldsCase | How::TrimsKeys => match &opts.id {
            Some(_) => Metadata { at: Locator::new(asked(content, opts)), ..meta },
            None => meta,
        },
        _ => meta,
    })
}

fn asked(content: &Content, opts: &AddOptions) -> backend_core::ContentId {
    opts.id.clone().unwrap_or_else(|| (*content.cid()).into())
}

/// What becomes of the options.
fn told(it: &Mutant, opts: &AddOptions) -> Result<AddOptions> {
    let mut opts = opts.clone();
    match it.how {
        How::NoConditions => opts.condition = Condition::Always,
        How::DropsLabels => opts.write.labels.clear(),
        How::TrimsLabels => opts.write.labels.values_mut().for_each(|value| *value = value.trim().to_owned()),
        How::GuessesMedia => opts.content_type = Some("application/octet-stream".to_owned()),
        How::TellsNothing => opts.write.progress = Progress::new(),
        How::SendsFirst => opts.write.progress.moved(1),
        How::MendsAll => opts.mend = opts.mend.map(|_| Mend::all()),
        How::MendsHalf => opts.mend = opts.mend.map(|it| Mend::wrong(it.ranges().iter().take(1).cloned())),
        How::BeginsAgain => opts.write.resume = None,
        How::InventsKey if opts.id.is_none() => opts.id = Some(Key::new("invented")?.into()),
        How::IgnoresCheckpoint => {
            opts.write.checkpoint = opts.write.checkpoint.map(|keeper| Arc::new(Deaf(keeper)) as _);
        }
        _ => {}
    }
    Ok(opts)
}

async fn before(it: &Mutant, content: &Content, opts: &AddOptions) -> Result<()> {
    match it.how {
        How::LooksFirst => {
            drop(content.open(0..0).await?);
        }
        How::RemovesFirst => {
            let at = Locator::new(asked(content, opts));
            let _: Removal = it.inner.remove(&at, &RemoveOptions::default()).await?;
        }
        How::OneAtATime => {
            let mut busy = it.busy.lock().unwrap();
            if busy.contains(content.cid()) {
                return Err(Error::new(ErrorKind::Internal, "somebody else is at it"));
            }
            busy.push(*content.cid());
        }
        _ => {}
    }
    Ok(())
}

async fn store(it: &Mutant, content: &Content, opts: &AddOptions) -> Result<Metadata> {
    match it.how {
        How::KeepsFirst => {
            let there = it.inner.stat(&Locator::new(asked(content, opts)), &StatOptions::default()).await;
            if let Ok(meta) = there {
                return Ok(meta);
            }
        }
        How::FoldsCase | How::TrimsKeys => {
            if let Some(key) = opts.id.as_ref().and_then(|id| id.key()) {
                let opts = AddOptions { id: Some(it.key(key)?.into()), ..opts.clone() };
                return it.inner.add(content, &opts).await;
            }
        }
        How::KeepsWrong if opts.mend.is_some() => {
            return it.inner.stat(&Locator::new(asked(content, opts)), &StatOptions::default()).await;
        }
        How::FitsLength => return it.inner.add(&fitted(content).await?, opts).await,
        How::FlattensTrees => return it.inner.add(&flat(content), opts).await,
        How::BelievesNames => {
            // Stores what the name says nothing about, under the name.
            let honest = it.inner.add(content, opts).await;
            return honest.or_else(|_| Ok(Metadata::new(asked(content, opts), Evidence::Acknowledged)));
        }
        How::MixesParts if opts.write.resume.is_some() => {
            let opts = AddOptions { write: backend_core::Write { resume: None, ..opts.write.clone() }, ..opts.clone() };
            let mixed = lying(&flat(content), Defect::Flips(7));
            return it.inner.add(&mixed.with_digests(Vec::new()), &opts).await;
        }
        How::MixesWriters => return it.inner.add(&mixed(it, content).await?, opts).await,
        How::GoesOnAlone => {
            let (inner, content, opts) = (it.inner.clone(), content.clone(), opts.clone());
            let task = tokio::spawn(async move { inner.add(&content, &opts).await });
            return task.await.unwrap();
        }
        _ => {}
    }
    let answer = it.inner.add(content, opts).await;
    it.busy.lock().unwrap().retain(|cid| cid != content.cid());
    answer
}

async fn after_failure(it: &Mutant, content: &Content, opts: &AddOptions, err: Error) -> Result<Metadata> {
    match it.how {
        How::AllIsInternal => return Err(Error::new(ErrorKind::Internal, "something went wrong")),
        How::KeepsHalf => {
            it.inner
                .add(
                    &small(Bytes::from_static(b"half")),
                    &AddOptions { id: Some(asked(content, opts)), ..AddOptions::default() },
                )
                .await?;
        }
        _ => {}
    }
    Err(err)
}

/// The same bytes as a plain file, whatever they were.
fn flat(content: &Content) -> Content {
    Content::file(*content.cid(), content.len(), Dag::empty(), content.source().clone())
}

/// As many bytes as were announced, whatever the source has.
async fn fitted(content: &Content) -> Result<Content> {
    let frames: Vec<Bytes> = content.open_all().await?.try_collect().await?;
    let mut bytes = frames.concat();
    bytes.resize(content.len() as usize, 0);
    Ok(small(bytes))
}

/// Everybody writes into one buffer, frame by frame.
async fn mixed(it: &Mutant, content: &Content) -> Result<Content> {
    let mut body = content.open_all().await?;
    let mut at = 0;
    while let Some(frame) = body.next().await {
        let frame = frame?;
        let mut shared = it.shared.lock().unwrap();
        let end = at + frame.len();
        if shared.len() < end {
            shared.resize(end, 0);
        }
        shared[at..end].copy_from_slice(&frame);
        at = end;
    }
    let shared = it.shared.lock().unwrap().clone();
    Ok(small(shared))
}

/// Hears no refusal.
#[derive(Debug)]
struct Deaf(Arc<dyn Checkpoint>);

#[async_trait]
impl Checkpoint for Deaf {
    async fn save(&self, token: &ResumeToken, at: Option<&Locator>, sent: u64) -> Result<()> {
        let _ = self.0.save(token, at, sent).await;
        Ok(())
    }
}
