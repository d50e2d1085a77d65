//! Finding again what was stored, and not finding what was not: C15 to C18.

use backend_core::{AddOptions, Effect, ErrorKind, Evidence, Locator, Metadata, StatOptions, Status};

use crate::check::{Outcome, ensure, must_fail};
use crate::subject::Subject;

pub(super) async fn c15_what_add_answered_is_found_again(subject: &Subject) -> Outcome {
    if !subject.offers().add {
        return Ok(());
    }
    let content = subject.content("found", 70_000);
    let added = subject.add("found", &content).await?;
    subject.holds(&added.at, &content).await?;
    modest(&added, content.len())?;
    if !subject.offers().stat {
        return Ok(());
    }
    let found = subject.backend().stat(&added.at, &StatOptions::default()).await?;
    modest(&found, content.len())?;
    ensure!(found.at.id == added.at.id, "it was stored as {:?} and is found as {:?}", added.at, found.at);
    ensure!(found.status == Status::Stored, "it is stored, but its status is {:?}", found.status);
    let (then, now) = (&added.etag, &found.etag);
    ensure!(then.is_none() || now.is_none() || then == now, "nobody wrote, but the etag went from {then:?} to {now:?}");
    subject.holds(&found.at, &content).await
}

fn modest(meta: &Metadata, len: u64) -> Outcome {
    ensure!(meta.evidence <= Evidence::Attested, "a leaf cannot know what it says: {:?}", meta.evidence);
    ensure!(meta.size.is_none_or(|size| size == len), "{len} bytes are said to be {:?}", meta.size);
    Ok(())
}

pub(super) async fn c16_what_is_absent_is_not_found(subject: &Subject) -> Outcome {
    let content = subject.content("never stored", 70_000);
    let at = subject.at("never/stored", &content)?;
    subject.lacks(&at).await?;
    if subject.offers().stat {
        let answer = subject.backend().stat(&at, &StatOptions::default()).await;
        let err = must_fail("stat", answer, &[ErrorKind::NotFound])?;
        ensure!(err.effect() == Effect::None, "asking has an effect: {err:?}");
    }
    if subject.offers().add && subject.has_keys() {
        subject.add("never/stored/below", &content).await?;
        let above = subject.key("never")?;
        subject.lacks(&Locator::new(above)).await?;
    }
    Ok(())
}

pub(super) async fn c17_the_handle_may_be_left_out(subject: &Subject) -> Outcome {
    let offers = subject.offers();
    if !(offers.add && offers.stat && offers.list) {
        return Ok(());
    }
    let content = subject.content("handle", 1000);
    let added = subject.add_with("handle", &content, AddOptions::default()).await?;
    let bare = Locator::new(added.at.id.clone());
    subject.seen(&bare).await?;
    let found = subject.backend().stat(&bare, &StatOptions::default()).await?;
    ensure!(found.at.handle == added.at.handle, "looked up, {:?} is {:?}", added.at, found.at);
    subject.holds(&found.at, &content).await
}

pub(super) async fn c18_what_is_whole_is_counted_whole(subject: &Subject) -> Outcome {
    let offers = subject.offers();
    if !(offers.add && offers.stat) {
        return Ok(());
    }
    let content = subject.content("counted", 300_000);
    let added = subject.add("counted", &content).await?;
    let count = StatOptions { count: true, ..StatOptions::default() };
    let found = subject.backend().stat(&added.at, &count).await?;
    modest(&found, content.len())?;
    ensure!(found.status == Status::Stored, "all of it is there, but its status is {:?}", found.status);
    let is_all = found.present.is_none_or(|present| content.len() <= present);
    ensure!(is_all, "of {} bytes {:?} are said to be there", content.len(), found.present);
    let absent = subject.at("never/counted", &subject.content("never counted", 1000))?;
    must_fail("stat", subject.backend().stat(&absent, &count).await, &[ErrorKind::NotFound]).map(drop)
}
