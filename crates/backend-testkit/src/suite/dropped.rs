//! An add that is dropped stores nothing, then or later: C29.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use backend_core::{AddOptions, Locator};

use crate::check::{Outcome, ensure};
use crate::content::{Gate, Watch};
use crate::subject::Subject;

/// The most awaits at which an add is dropped.
const MAX_POLLS: usize = 48;

/// Other work that is done before the last look: whatever goes on behind the caller's back has had its chance.
const ROUNDS: usize = 6;

/// Polls `future` until it was pending `n` times, then drops it.
async fn dropped_after<F: Future>(n: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = n;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left <= 1 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

pub(super) async fn c29_a_dropped_add_never_appears(subject: &Subject) -> Outcome {
    if !subject.offers().add {
        return Ok(());
    }
    // One that is written at once, and one of several frames.
    for len in [1000, 160_000] {
        before_the_end(subject, len).await?;
        at_every_await(subject, len).await?;
    }
    Ok(())
}

/// Dropped while the source has not given its last byte: whatever then stores the content works behind the caller's back.
async fn before_the_end(subject: &Subject, len: u64) -> Outcome {
    let name = format!("{len} held back");
    let content = subject.content(&name, len);
    let (held, gate) = Gate::before_the_end(&content);
    let at = subject.at(&name, &content)?;
    {
        let mut add = pin!(subject.add_with(&name, &held, AddOptions::default()));
        let answer = poll_fn(|context| match add.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => gate.poll_reached(context).map(|()| None),
        });
        ensure!(answer.await.is_none(), "it answered before the source had given its last byte");
    }
    gate.open();
    for round in 0..ROUNDS {
        busy(subject, &format!("{name}, round {round}")).await?;
    }
    subject.lacks(&at).await
}

async fn at_every_await(subject: &Subject, len: u64) -> Outcome {
    let mut absent: Vec<Locator> = Vec::new();
    for n in 1..=MAX_POLLS {
        let name = format!("{len} dropped at {n}");
        let content = subject.content(&name, len);
        let (watched, _) = Watch::over(&content);
        let add = subject.add_with(&name, &watched, AddOptions::default());
        let at = subject.at(&name, &content)?;
        match dropped_after(n, add).await {
            Some(answer) => {
                let at = answer?.at;
                subject.seen(&at).await?;
                subject.holds(&at, &content).await?;
                break;
            }
            None => {
                busy(subject, &format!("{len} after {n}")).await?;
                match subject.is_there(&at).await? {
                    true => subject.holds(&at, &content).await?,
                    false => absent.push(at),
                }
            }
        }
    }
    for round in 0..ROUNDS {
        busy(subject, &format!("{len} round {round}")).await?;
    }
    for at in absent {
        ensure!(!subject.is_there(&at).await?, "{at:?} appeared after its add was dropped");
    }
    Ok(())
}

async fn busy(subject: &Subject, name: &str) -> Outcome {
    let content = subject.content(name, 200_000);
    let added = subject.add(name, &content).await?;
    subject.holds(&added.at, &content).await
}
