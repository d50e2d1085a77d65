//! Being ill is an answer, and asking changes nothing: C10 to C12.

use backend_core::{Entry, ErrorKind, Power};

use crate::check::{Outcome, ensure};
use crate::fixture::CANARY;
use crate::subject::Subject;

/// What a leaf learns of its service fits into one row of the catalog.
const MAX_FACTS: usize = 4096;

pub(super) async fn c10_health_is_an_answer(subject: &Subject) -> Outcome {
    let offers = subject.offers();
    let (first, second) = (subject.backend().health().await, subject.backend().health().await);
    for health in [&first, &second] {
        ensure!(!matches!(health.reads, Power::Fails(_)), "the fixture is not reached: {health:?}");
        ensure!(!offers.get || health.reads != Power::Off, "get is offered, but reads are off: {health:?}");
        ensure!(!offers.add || health.writes != Power::Off, "add is offered, but writes are off: {health:?}");
        ensure!(offers.get || offers.stat || health.reads == Power::Off, "nothing can be read: {health:?}");
        ensure!(offers.add || offers.pin || health.writes == Power::Off, "nothing can be written: {health:?}");
        ensure!(health.writes != Power::Works, "a probe cannot know that writes work: {health:?}");
    }
    ensure!(first.identity == second.identity, "it was {:?}, then {:?}", first.identity, second.identity);
    Ok(())
}

pub(super) async fn c11_health_changes_nothing(subject: &Subject) -> Outcome {
    if subject.offers().add {
        subject.add("beside", &subject.content("beside", 100)).await?;
    }
    let before = what_is_there(subject).await?;
    subject.backend().health().await;
    let after = what_is_there(subject).await?;
    ensure!(before == after, "health changed what is there from {before:?} to {after:?}");
    Ok(())
}

pub(super) async fn c12_a_probe_leaves_nothing_behind(subject: &Subject) -> Outcome {
    let before = what_is_there(subject).await?;
    let info = format!("{:?}", subject.backend().info());
    let facts = match subject.backend().probe().await {
        Err(err) if err.kind() == ErrorKind::Unsupported => return Ok(()),
        answer => answer?,
    };
    let text = facts.to_string();
    ensure!(text.len() <= MAX_FACTS, "the facts have {} bytes", text.len());
    ensure!(!text.contains(CANARY), "the facts tell a secret: {text}");
    ensure!(subject.backend().probe().await? == facts, "a second probe learnt other facts than {text}");
    ensure!(format!("{:?}", subject.backend().info()) == info, "the probe changed {info}");
    let after = what_is_there(subject).await?;
    ensure!(before == after, "the probe changed what is there from {before:?} to {after:?}");
    Ok(())
}

async fn what_is_there(subject: &Subject) -> Outcome<Vec<String>> {
    if !subject.offers().list {
        return Ok(Vec::new());
    }
    let listed = subject.list(&subject.everything()).await?;
    Ok(listed
        .iter()
        .map(|entry| match entry {
            Entry::Content { meta, .. } => format!("{:?} {:?}", meta.at, meta.etag),
            other => format!("{other:?}"),
        })
        .collect())
}
