//! What the service counts: C85 and C86.

use backend_core::{Removal, RemoveOptions, Scope};

use crate::check::{Outcome, ensure};
use crate::subject::Subject;

pub(super) async fn c85_usage_is_sane(subject: &Subject) -> Outcome {
    if !subject.offers().usage {
        return Ok(());
    }
    let usage = subject.backend().usage().await?;
    let told = [usage.used, usage.free, usage.limit, usage.objects].iter().any(Option::is_some);
    ensure!(told, "usage is offered and says nothing: {usage:?}");
    if let (Some(used), Some(limit)) = (usage.used, usage.limit) {
        ensure!(used <= limit, "more is used than there may be: {usage:?}");
    }
    if let (Some(free), Some(limit)) = (usage.free, usage.limit) {
        ensure!(free <= limit, "more is free than there may be: {usage:?}");
    }
    Ok(())
}

pub(super) async fn c86_usage_follows_what_is_stored(subject: &Subject) -> Outcome {
    let offers = subject.offers();
    if !(offers.usage && offers.add) {
        return Ok(());
    }
    let before = subject.backend().usage().await?;
    let (Scope::Store, Some(used)) = (before.scope, before.used) else { return Ok(()) };
    let content = subject.content("counted", 70_000);
    let at = subject.add("counted", &content).await?.at;
    subject
        .until(async || {
            let now = subject.backend().usage().await?;
            ensure!(
                now.used.is_some_and(|now| used < now),
                "70000 bytes more, but usage went from {before:?} to {now:?}"
            );
            Ok(())
        })
        .await?;
    if offers.remove && subject.backend().remove(&at, &RemoveOptions::default()).await? == Removal::Erased {
        subject
            .until(async || {
                let now = subject.backend().usage().await?;
                ensure!(
                    now.used.is_some_and(|now| now <= used),
                    "the bytes are erased, but usage is {now:?}, before {before:?}"
                );
                Ok(())
            })
            .await?;
    }
    Ok(())
}
