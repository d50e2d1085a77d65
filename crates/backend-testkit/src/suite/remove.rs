//! Removal: C60 to C63.

use backend_core::{ErrorKind, Removal, RemoveOptions, StatOptions};

use crate::check::{Failure, Outcome, ensure, must_fail};
use crate::subject::Subject;

fn applies(subject: &Subject) -> bool {
    subject.offers().remove && subject.offers().add
}

pub(super) async fn c60_what_is_removed_is_gone(subject: &Subject) -> Outcome {
    if !applies(subject) {
        return Ok(());
    }
    let content = subject.content("removed", 70_000);
    for _ in 0..2 {
        let at = subject.add("removed", &content).await?.at;
        subject.holds(&at, &content).await?;
        let removal = subject.backend().remove(&at, &RemoveOptions::default()).await?;
        ensure!(removal != Removal::Absent, "it was there, but was called absent");
        // What is scheduled or released may stay visible for as long as the service says.
        if matches!(removal, Removal::Erased | Removal::Hidden) {
            subject.gone(&at).await?;
            let again = subject.backend().remove(&at, &RemoveOptions::default()).await?;
            ensure!(again == Removal::Absent, "it was gone, but removing it is {again:?}");
        }
    }
    Ok(())
}

pub(super) async fn c61_removing_what_is_absent_is_ok(subject: &Subject) -> Outcome {
    if !subject.offers().remove {
        return Ok(());
    }
    let content = subject.content("never there", 1000);
    let at = subject.at("never/there", &content)?;
    for _ in 0..2 {
        let removal = subject.backend().remove(&at, &RemoveOptions::default()).await?;
        ensure!(removal == Removal::Absent, "nothing was there, but removing it is {removal:?}");
    }
    Ok(())
}

pub(super) async fn c62_if_match_holds_for_remove(subject: &Subject) -> Outcome {
    if !(applies(subject) && subject.offers().if_match && subject.offers().stat) {
        return Ok(());
    }
    let content = subject.content("matched", 1000);
    let at = subject.add("matched", &content).await?.at;
    let on = |tag: &str| RemoveOptions { if_match: Some(tag.to_owned()), ..RemoveOptions::default() };
    let answer = subject.backend().remove(&at, &on("no such etag")).await;
    must_fail("a wrong etag", answer, &[ErrorKind::Precondition])?;
    subject.holds(&at, &content).await?;
    let found = subject.backend().stat(&at, &StatOptions::default()).await?.etag;
    let Some(tag) = found else { return Err(Failure::new("if_match is offered, but there is no etag")) };
    let removal = subject.backend().remove(&at, &on(&tag)).await?;
    ensure!(removal != Removal::Absent, "it was there, but was called absent");
    Ok(())
}

pub(super) async fn c63_neighbours_stay(subject: &Subject) -> Outcome {
    if !applies(subject) {
        return Ok(());
    }
    let names = ["box/near", "box/near2", "box/nearby/below", "box/other", "bo"];
    let mut stored = Vec::new();
    for name in names {
        let content = subject.content(name, 1000);
        stored.push((subject.add(name, &content).await?.at, content));
    }
    let (gone, rest) = (&stored[0], &stored[1..]);
    subject.backend().remove(&gone.0, &RemoveOptions::default()).await?;
    if subject.has_keys() {
        let folder = subject.key("box/nearby")?;
        let removal = subject.backend().remove(&backend_core::Locator::new(folder), &RemoveOptions::default()).await?;
        ensure!(removal == Removal::Absent, "a name with names below it was removed: {removal:?}");
    }
    for (at, content) in rest {
        subject.holds(at, content).await?;
    }
    Ok(())
}
