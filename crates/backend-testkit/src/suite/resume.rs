//! Uploads that are broken off: C40 to C44.

use std::sync::Arc;

use backend_core::{AddOptions, Content, ErrorKind, Metadata, Progress, Result, ResumeToken, Scope, Write};

use crate::check::{Failure, Outcome, ensure, must_fail};
use crate::content::{Defect, Watch, lying};
use crate::keeper::Keeper;
use crate::subject::Subject;

const MIB: u64 = 1 << 20;

fn applies(subject: &Subject) -> bool {
    subject.offers().resume && subject.offers().add
}

/// Bytes of the content, and where its source fails: behind the first part of most services.
fn lens(subject: &Subject) -> (u64, u64) {
    match subject.is_small() {
        true => (3 * MIB + 5, 2 * MIB + MIB / 2),
        false => (12 * MIB + 5, 11 * MIB),
    }
}

async fn send(
    subject: &Subject,
    name: &str,
    content: &Content,
    keeper: Option<Arc<Keeper>>,
    resume: Option<ResumeToken>,
) -> Result<Metadata> {
    let write = Write { checkpoint: keeper.map(|keeper| keeper as _), resume, ..Write::default() };
    subject.add_with(name, content, AddOptions { write, ..AddOptions::default() }).await
}

/// An upload whose source failed, and what is known of it.
async fn broken_off(subject: &Subject, name: &str, content: &Content) -> Outcome<Arc<Keeper>> {
    let broken = lying(content, Defect::Fails(lens(subject).1, ErrorKind::Denied));
    let keeper = Keeper::new();
    must_fail(name, send(subject, name, &broken, Some(keeper.clone()), None).await, &[ErrorKind::Denied])?;
    subject.lacks(&subject.at(name, content)?).await?;
    Ok(keeper)
}

fn token_of(keeper: &Keeper) -> Outcome<ResumeToken> {
    keeper.newest().ok_or_else(|| Failure::new("resume is offered, but no token was given to the checkpoint"))
}

pub(super) async fn c40_a_failed_checkpoint_ends_the_add(subject: &Subject) -> Outcome {
    if !applies(subject) {
        return Ok(());
    }
    let content = subject.content("not kept", lens(subject).0);
    let keeper = Keeper::failing(ErrorKind::QuotaExceeded);
    let answer = send(subject, "not kept", &content, Some(keeper), None).await;
    must_fail("a checkpoint that fails", answer, &[ErrorKind::QuotaExceeded])?;
    subject.lacks(&subject.at("not kept", &content)?).await?;
    // It can never be woken: the deadline is what ends a backend that obeys, and one that does not is done long before.
    let add = send(subject, "not kept", &content, Some(Keeper::hanging()), None);
    let answer = tokio::time::timeout(std::time::Duration::from_millis(500), add).await;
    ensure!(!matches!(answer, Ok(Ok(_))), "it went on before the checkpoint had answered");
    subject.lacks(&subject.at("not kept", &content)?).await
}

pub(super) async fn c41_an_upload_is_gone_on_with(subject: &Subject) -> Outcome {
    if !applies(subject) {
        return Ok(());
    }
    let content = subject.content("gone on with", lens(subject).0);
    let keeper = broken_off(subject, "gone on with", &content).await?;
    let token = token_of(&keeper)?;
    let certain = keeper.sent().last().copied().unwrap_or_default();
    ensure!(certain <= lens(subject).1, "{certain} bytes are certain, of {} that were there", lens(subject).1);
    let (watched, watch) = Watch::over(&content);
    let meta = send(subject, "gone on with", &watched, Some(Keeper::new()), Some(token)).await?;
    let begun = watch.opened().into_iter().min().unwrap_or(content.len());
    ensure!(certain <= begun, "it had {certain} bytes for certain, and began again at {begun}");
    subject.seen(&meta.at).await?;
    subject.holds(&meta.at, &content).await
}

pub(super) async fn c42_a_token_never_mixes_contents(subject: &Subject) -> Outcome {
    if !applies(subject) {
        return Ok(());
    }
    let len = lens(subject).0;
    let (first, second) = (subject.content("first", len), subject.content("second", len));
    let keeper = broken_off(subject, "mixed", &first).await?;
    for name in ["mixed", "elsewhere"] {
        match send(subject, name, &second, Some(Keeper::new()), Some(token_of(&keeper)?)).await {
            Ok(meta) => {
                subject.seen(&meta.at).await?;
                subject.holds(&meta.at, &second).await?;
            }
            Err(err) if err.kind() == ErrorKind::InvalidInput => {
                subject.lacks(&subject.at(name, &second)?).await?;
            }
            Err(err) => return Err(err.into()),
        }
    }
    twice_at_once(subject).await
}

/// Two processes found the same token.
async fn twice_at_once(subject: &Subject) -> Outcome {
    let content = subject.content("twice", lens(subject).0);
    let token = token_of(&*broken_off(subject, "twice", &content).await?)?;
    let (one, other) = (Watch::over(&content).0, Watch::over(&content).0);
    let sends = [&one, &other].map(|content| send(subject, "twice", content, Some(Keeper::new()), Some(token.clone())));
    let answers = futures::future::join_all(sends).await;
    ensure!(answers.iter().any(Result::is_ok), "neither of two came through: {answers:?}");
    let at = subject.at("twice", &content)?;
    subject.seen(&at).await?;
    subject.holds(&at, &content).await
}

pub(super) async fn c43_an_upload_can_be_given_up(subject: &Subject) -> Outcome {
    if !applies(subject) {
        return Ok(());
    }
    let before = used(subject).await?;
    let content = subject.content("given up", lens(subject).0);
    let token = token_of(&*broken_off(subject, "given up", &content).await?)?;
    for token in [&token, &token, &ResumeToken::new("no such upload")?] {
        subject.backend().discard(token).await?;
    }
    let after = used(subject).await?;
    ensure!(after <= before, "an upload was given up, and still takes room: {before:?} bytes, then {after:?}");
    let meta = send(subject, "given up", &content, Some(Keeper::new()), Some(token.clone())).await?;
    subject.seen(&meta.at).await?;
    subject.backend().discard(&token).await?;
    subject.holds(&meta.at, &content).await
}

async fn used(subject: &Subject) -> Outcome<Option<u64>> {
    if !subject.offers().usage {
        return Ok(None);
    }
    let usage = subject.backend().usage().await?;
    Ok(usage.used.filter(|_| usage.scope == Scope::Store))
}

pub(super) async fn c44_nothing_is_sent_before_the_checkpoint(subject: &Subject) -> Outcome {
    if !applies(subject) {
        return Ok(());
    }
    let content = subject.content("told first", lens(subject).0);
    let progress = Progress::new();
    let keeper = Keeper::watching(progress.clone());
    let write = Write { checkpoint: Some(keeper.clone()), progress, ..Write::default() };
    let meta = subject.add_with("told first", &content, AddOptions { write, ..AddOptions::default() }).await?;
    token_of(&keeper)?;
    ensure!(keeper.moved().first() == Some(&0), "{:?} bytes were sent before the checkpoint knew", keeper.moved());
    subject.seen(&meta.at).await?;
    subject.holds(&meta.at, &content).await
}
