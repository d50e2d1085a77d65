//! Files into a folder of this machine: each whole or absent, none through a link, none outside.

use backend_core::{Error, ErrorKind, Result};
use futures::StreamExt;
use futures::stream;

use super::bytes::{digest_of, name_of};
use super::compare::{Compare, ComparedBy};
use super::report::{Action, FileEvent};
use super::root::Root;
use super::run::{Job, Run};
use super::source::{self, profile_of};
use super::spot::{Before, Spot};
use crate::fault;
use crate::trouble;

/// Files of one group that are written at a time.
const AT_A_TIME: usize = 8;

/// Writes a group. What becomes of each file is told to `run`. `root` is absent in a rehearsal for a folder that is not there.
pub(super) async fn group(run: &Run<'_>, root: Option<&Root>, jobs: Vec<Job>) {
    let size = jobs.iter().filter_map(|job| job.source.size).sum();
    let shown = run.opts.traffic.begin(Job::shown(&jobs), size);
    let each = jobs.into_iter().map(|job| {
        let sent = shown.sent.clone();
        async move {
            match Box::pin(one(run, root, &job, &sent)).await {
                Ok(event) => run.tell(&event),
                Err(err) => run.failed(&job.source, &err),
            }
        }
    });
    stream::iter(each).buffer_unordered(AT_A_TIME).collect::<()>().await;
}

async fn one(run: &Run<'_>, root: Option<&Root>, job: &Job, sent: &backend_core::Progress) -> Result<FileEvent> {
    source::admit(&job.source.path)?;
    let by = match (job.by, root) {
        (Some(by), _) => by,
        (None, None) => ComparedBy::Nothing,
        (None, Some(root)) => {
            let spot = root.find(&job.source.path)?;
            match is_same(run, job, &spot).await? {
                Some(true) => {
                    let is_late = run.opts.compare == Compare::Times && !run.rehearses();
                    if let Some(modified) = job.source.modified.filter(|_| is_late) {
                        spot.touch(modified)?;
                    }
                    return Ok(FileEvent::new(&job.source, Action::Unchanged).by(ComparedBy::Checksum));
                }
                Some(false) => ComparedBy::Checksum,
                None => ComparedBy::Nothing,
            }
        }
    };
    let Some(root) = root.filter(|_| !run.rehearses()) else {
        return Ok(FileEvent::new(&job.source, Action::WouldCopy).by(by));
    };
    let spot = root.make(&job.source.path)?;
    let mut partial = spot.begin()?;
    let lost = || Error::new(ErrorKind::Internal, "the file that is written is gone");
    let (file, modified) = run.source.write(&job.source, partial.file.take().ok_or_else(lost)?, sent).await?;
    let size = file.metadata().map_err(|err| trouble::file("look at", &spot.shown(), err))?.len();
    partial.file = Some(file);
    fault::point("sync-partial");
    let before = if job.target.is_some() { Before::File } else { Before::Nothing };
    spot.appear(partial, before, modified)?;
    fault::point("sync-whole");
    let event = FileEvent::new(&job.source, Action::Copied).by(by);
    Ok(FileEvent { size: Some(size), ..event })
}

/// Whether the bytes of both sides are the same; `None` when the source would have to be fetched to see it.
async fn is_same(run: &Run<'_>, job: &Job, spot: &Spot) -> Result<Option<bool>> {
    let (path, spool) = (spot.shown(), run.manager.spool_folder());
    if let Some(known) = &job.source.known {
        return Ok(Some(name_of(spot.read()?, path, profile_of(known), spool).await? == known.cid));
    }
    if let Some(digest) = run.source.digest(&job.source).await? {
        let found = digest_of(spot.read()?, path, digest.kind).await?;
        return Ok(Some(found == digest));
    }
    if run.source.is_remote() {
        return Ok(None);
    }
    let taken = run.source.contents(&[&job.source], &[], &backend_core::Progress::new()).await?;
    let Some(taken) = taken.into_iter().next() else { return Ok(None) };
    let taken = taken?;
    Ok(Some(name_of(spot.read()?, path, taken.profile, spool).await? == *taken.content.cid()))
}
