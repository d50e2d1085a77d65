//! Older versions: C64 and C65.

use backend_core::{Entry, ErrorKind, GetOptions, ListOptions, Locator, Removal, RemoveOptions, StatOptions};

use crate::check::{Outcome, ensure, must_fail};
use crate::subject::Subject;

fn applies(subject: &Subject) -> bool {
    let offers = subject.offers();
    offers.versions && offers.add && offers.list && offers.get && subject.has_keys()
}

async fn versions(subject: &Subject) -> Outcome<Vec<Locator>> {
    let listed = subject.list(&ListOptions { versions: true, ..subject.everything() }).await?;
    let places = listed.into_iter().filter_map(|entry| match entry {
        Entry::Content { meta, .. } => Some(meta.at),
        _ => None,
    });
    Ok(places.collect())
}

pub(super) async fn c64_older_versions_stay_readable(subject: &Subject) -> Outcome {
    if !applies(subject) {
        return Ok(());
    }
    let (old, new) = (subject.content("old", 1000), subject.content("new", 2000));
    let at = subject.add("kept", &old).await?.at.with_version(None);
    subject.add("kept", &new).await?;
    subject.until(async || subject.holds(&at, &new).await).await?;
    let listed = versions(subject).await?;
    ensure!(listed.len() == 2, "two versions were stored, {listed:?} are listed");
    ensure!(listed.iter().all(|at| at.version.is_some()), "a listed version has no version: {listed:?}");
    let mut older = Vec::new();
    for place in &listed {
        let meta = subject.backend().stat(place, &StatOptions::default()).await?;
        let content = if meta.size == Some(old.len()) { &old } else { &new };
        subject.holds(place, content).await?;
        older.extend((content.len() == old.len()).then(|| place.clone()));
    }
    ensure!(older.len() == 1, "the older version is there {} times", older.len());
    if !subject.offers().remove {
        return Ok(());
    }
    let removal = subject.backend().remove(&at, &RemoveOptions::default()).await?;
    ensure!(removal == Removal::Hidden, "what stays readable as an older version is {removal:?}");
    subject.gone(&at).await?;
    subject.holds(&older[0], &old).await?;
    let all = RemoveOptions { all_versions: true, ..RemoveOptions::default() };
    let removal = subject.backend().remove(&at, &all).await?;
    ensure!(matches!(removal, Removal::Erased | Removal::Scheduled(_)), "every version was removed: {removal:?}");
    subject
        .until(async || {
            let left = versions(subject).await?;
            ensure!(left.is_empty(), "every version was removed, {left:?} are left");
            Ok(())
        })
        .await
}

pub(super) async fn c65_a_version_that_is_not_there_is_not_found(subject: &Subject) -> Outcome {
    if !applies(subject) {
        return Ok(());
    }
    let content = subject.content("versioned", 1000);
    let at = subject.add("versioned", &content).await?.at.with_version(Some("no-such-version".to_owned()));
    must_fail("stat", subject.backend().stat(&at, &StatOptions::default()).await, &[ErrorKind::NotFound])?;
    must_fail("get", subject.backend().get(&at, &GetOptions::default()).await, &[ErrorKind::NotFound])?;
    Ok(())
}
