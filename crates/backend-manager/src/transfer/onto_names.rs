//! Files as names of the catalog: added where their policy says, as by any add.

use backend_core::{Error, ErrorKind, Result};
use futures::StreamExt;
use futures::stream;
use rusqlite::Connection;

use super::compare::ComparedBy;
use super::entry::Entry;
use super::report::{Action, FileEvent};
use super::run::{Job, Run};
use super::source::Taken;
use crate::add::AddRequest;
use crate::catalog::contents;
use crate::catalog::marks::{self, Scope};
use crate::desired::Traits;
use crate::views::Activity;

/// Files of one group that are added at a time.
const AT_A_TIME: usize = 16;

/// Adds a group. What becomes of each file is told to `run`.
///
/// # Errors
/// What the catalog answers.
pub(super) async fn group(run: &Run<'_>, prefix: &str, jobs: Vec<Job>) -> Result<()> {
    let sources: Vec<&Entry> = jobs.iter().map(|job| &job.source).collect();
    // Which digests are wanted is known when a policy has chosen a target: what is missing then costs another reading.
    let taken = run.source.contents(&sources, &[], &backend_core::Progress::new()).await?;
    let each = jobs.iter().zip(taken).map(|(job, taken)| async move {
        let done = match taken {
            Ok(taken) => Box::pin(one(run, prefix, job, taken)).await,
            Err(err) => Err(err),
        };
        match done {
            Ok(event) => run.tell(&event),
            Err(err) => run.failed(&job.source, &err),
        }
    });
    stream::iter(each).buffer_unordered(AT_A_TIME).collect::<()>().await;
    Ok(())
}

async fn one(run: &Run<'_>, prefix: &str, job: &Job, taken: Taken) -> Result<FileEvent> {
    let name = name(prefix, &job.source.path)?;
    let (cid, size) = (*taken.content.cid(), taken.content.len());
    if job.target.as_ref().and_then(|it| it.known.as_ref()).is_some_and(|it| it.cid == cid) {
        if !run.rehearses() {
            remember(run, &name, cid, taken.modified).await?;
        }
        return Ok(FileEvent::new(&job.source, Action::Unchanged).by(ComparedBy::Checksum).named(cid, size));
    }
    if job.target.is_none() && run.manager.named(&name).await?.is_some() {
        let text = format!("{} is the name of a directory, or came meanwhile", job.source.shown());
        return Err(Error::new(ErrorKind::AlreadyExists, text));
    }
    let event = FileEvent::new(&job.source, Action::WouldCopy).by(job.decided_by()).named(cid, size);
    if run.rehearses() {
        return Ok(event);
    }
    let shown = run.opts.traffic.begin(job.source.shown(), size);
    let request = AddRequest { profile: taken.profile, name: Some(name.clone()), ..run.request() };
    let traits = Traits { name: Some(name.clone()), size: Some(size), ..Traits::default() };
    let targets = Box::pin(run.manager.targets(&request, traits)).await?;
    let missing: Vec<_> = targets.needs().into_iter().filter(|kind| taken.content.digest(*kind).is_none()).collect();
    let content = crate::naming::with_digests(taken.content, &missing).await?;
    let request = AddRequest { activity: Activity::storing(shown.sent.clone()), ..request };
    let receipt = Box::pin(run.manager.add_file(content, Some(name.clone()), &request, targets)).await?;
    remember(run, &name, cid, taken.modified).await?;
    match receipt.replicas.into_iter().find_map(|it| it.error) {
        Some(err) => Ok(FileEvent { action: Action::Failed, compared_by: None, ..event.because(&err) }),
        None => Ok(FileEvent { action: Action::Copied, ..event }),
    }
}

/// # Errors
/// `InvalidInput` for a path that cannot be a name: what is no text, and what no folder could hold later.
pub(super) fn name(prefix: &str, path: &[u8]) -> Result<String> {
    super::source::admit(path)?;
    // What is no key cannot be written to a store of keys some day.
    super::source::key(prefix, path).map(|key| key.as_str().to_owned())
}

async fn remember(run: &Run<'_>, name: &str, cid: ipld::Cid, modified: Option<i64>) -> Result<()> {
    let Some(modified) = modified else { return Ok(()) };
    let name = name.to_owned();
    let put = move |conn: &Connection| match contents::find(conn, &cid)? {
        Some(row) => marks::put(conn, Scope::Names, &name, row.number, modified),
        None => Ok(()),
    };
    run.manager.catalog().write(put).await
}
