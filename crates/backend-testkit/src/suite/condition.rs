//! Conditions hold at the moment of the write: C32 and C33.

use backend_core::{AddOptions, Condition, Effect, ErrorKind, StatOptions};
use futures::future::join_all;

use crate::check::{Failure, Outcome, ensure, must_fail};
use crate::content::Watch;
use crate::subject::Subject;

fn on(condition: Condition) -> AddOptions {
    AddOptions { condition, ..AddOptions::default() }
}

pub(super) async fn c32_if_absent_holds(subject: &Subject) -> Outcome {
    if !subject.offers().if_absent {
        return Ok(());
    }
    let first = subject.content("first", 5000);
    let second = if subject.has_keys() { subject.content("second", 6000) } else { first.clone() };
    let at = subject.add_with("if absent", &first, on(Condition::IfAbsent)).await?.at;
    subject.seen(&at).await?;
    for late in [&second, &first] {
        let answer = subject.add_with("if absent", late, on(Condition::IfAbsent)).await;
        let err = must_fail("IfAbsent over something", answer, &[ErrorKind::AlreadyExists])?;
        ensure!(err.effect() == Effect::None, "it refused, so nothing happened: {err:?}");
        subject.holds(&at, &first).await?;
    }
    one_winner(subject).await
}

async fn one_winner(subject: &Subject) -> Outcome {
    if !subject.has_keys() {
        return Ok(());
    }
    let contents: Vec<_> = (0..4).map(|n| subject.content(&format!("racer {n}"), 3000 + n)).collect();
    let watched: Vec<_> = contents.iter().map(|content| Watch::over(content).0).collect();
    let adds = watched.iter().map(|content| subject.add_with("raced", content, on(Condition::IfAbsent)));
    let mut winners = Vec::new();
    for (answer, content) in join_all(adds).await.into_iter().zip(&contents) {
        match answer {
            Ok(meta) => winners.push((meta.at, content)),
            Err(err) if err.kind() == ErrorKind::AlreadyExists => {}
            Err(err) => return Err(err.into()),
        }
    }
    match winners.as_slice() {
        [(at, content)] => {
            subject.seen(at).await?;
            subject.holds(at, content).await
        }
        others => Err(Failure::new(format!("{} of 4 writers found the name absent", others.len()))),
    }
}

pub(super) async fn c33_if_match_holds_for_add(subject: &Subject) -> Outcome {
    let offers = subject.offers();
    if !(offers.if_match && offers.add && offers.stat && subject.has_keys()) {
        return Ok(());
    }
    let [first, second, third] = [5000, 6000, 7000].map(|len| subject.content("matched", len));
    let wrong = || on(Condition::IfMatch("no such etag".to_owned()));
    must_fail("IfMatch over nothing", subject.add_with("if match", &first, wrong()).await, &[ErrorKind::Precondition])?;
    let at = subject.add("if match", &first).await?.at;
    let tag = async || subject.backend().stat(&at, &StatOptions::default()).await.map(|meta| meta.etag);
    let Some(old) = tag().await? else { return Err(Failure::new("if_match is offered, but there is no etag")) };
    let err =
        must_fail("a wrong etag", subject.add_with("if match", &second, wrong()).await, &[ErrorKind::Precondition])?;
    ensure!(err.effect() == Effect::None, "it refused, so nothing happened: {err:?}");
    subject.holds(&at, &first).await?;
    subject.add_with("if match", &second, on(Condition::IfMatch(old.clone()))).await?;
    subject.until(async || subject.holds(&at, &second).await).await?;
    let stale = subject.add_with("if match", &third, on(Condition::IfMatch(old))).await;
    must_fail("an etag of what is no more", stale, &[ErrorKind::Precondition])?;
    subject.holds(&at, &second).await
}
