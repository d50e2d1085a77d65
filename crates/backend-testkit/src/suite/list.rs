//! Listings: complete, by prefix, by level, usable: C70 to C73.

use std::collections::{BTreeMap, BTreeSet};

use backend_core::{AddOptions, Addressing, Entry, ErrorKind, Evidence, ListOptions, StatOptions};
use futures::{StreamExt, TryStreamExt, stream};

use crate::check::{Outcome, ensure, must_fail};
use crate::subject::Subject;

pub(super) fn applies(subject: &Subject) -> bool {
    subject.offers().list && subject.offers().add
}

/// Stores something small under each name; what they are called, by id.
pub(super) async fn fill(subject: &Subject, names: impl IntoIterator<Item = String>) -> Outcome<BTreeSet<String>> {
    let adds = names.into_iter().map(|name| async move {
        let content = subject.content(&name, 20);
        subject.add_with(&name, &content, AddOptions::default()).await.map(|meta| meta.at.id.to_string())
    });
    Ok(stream::iter(adds).buffer_unordered(16).try_collect().await?)
}

/// How often each id is listed, and which prefixes are.
pub(super) async fn listed(subject: &Subject, opts: &ListOptions) -> Outcome<(BTreeMap<String, u32>, Vec<String>)> {
    let (mut contents, mut prefixes) = (BTreeMap::new(), Vec::new());
    for entry in subject.list(opts).await? {
        match entry {
            Entry::Content { meta, .. } => *contents.entry(meta.at.id.to_string()).or_default() += 1,
            Entry::Prefix(prefix) => prefixes.push(prefix),
            _ => {}
        }
    }
    Ok((contents, prefixes))
}

pub(super) async fn c70_a_listing_is_complete(subject: &Subject) -> Outcome {
    if !applies(subject) {
        return Ok(());
    }
    let n = if subject.is_small() { 40 } else { 2500 };
    let names = (0..n).map(|n| match n % 10 {
        9 => format!("deep/{}/{n}", n % 7),
        _ => format!("flat/{n}"),
    });
    let stored = fill(subject, names).await?;
    ensure!(stored.len() == n, "{n} contents were stored under {} names", stored.len());
    subject
        .until(async || {
            let (found, prefixes) = listed(subject, &subject.everything()).await?;
            ensure!(prefixes.is_empty(), "a deep listing has prefixes: {prefixes:?}");
            let missing = stored.iter().filter(|id| !found.contains_key(*id)).count();
            let twice = stored.iter().filter(|id| found.get(*id).is_some_and(|n| *n != 1)).count();
            ensure!(missing == 0 && twice == 0, "of {n}, {missing} are not listed and {twice} more than once");
            let surplus: Vec<_> = found.keys().filter(|id| !stored.contains(*id)).collect();
            ensure!(!subject.has_keys() || surplus.is_empty(), "nobody stored {surplus:?}");
            Ok(())
        })
        .await
}

async fn names_of(subject: &Subject, prefix: &str, shallow: bool) -> Outcome<(BTreeSet<String>, Vec<String>)> {
    let opts = ListOptions { prefix: Some(format!("{}{prefix}", subject.folder())), shallow, ..ListOptions::default() };
    let (contents, prefixes) = listed(subject, &opts).await?;
    let cut = |name: &String| name.strip_prefix(&subject.folder()).unwrap_or(name).to_owned();
    let mut prefixes: Vec<String> = prefixes.iter().map(cut).collect();
    prefixes.sort();
    Ok((contents.keys().map(cut).collect(), prefixes))
}

async fn names_are(subject: &Subject, asked: (&str, bool), names: &[&str], folders: &[&str]) -> Outcome {
    let (prefix, shallow) = asked;
    subject
        .until(async || {
            let (found, prefixes) = names_of(subject, prefix, shallow).await?;
            let wanted: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
            ensure!(found == wanted, "below {prefix:?} (shallow: {shallow}) are {found:?}, not {wanted:?}");
            ensure!(
                prefixes == folders,
                "below {prefix:?} (shallow: {shallow}) are the folders {prefixes:?}, not {folders:?}"
            );
            Ok(())
        })
        .await
}

pub(super) async fn c71_a_prefix_is_any_text(subject: &Subject) -> Outcome {
    if !subject.offers().list {
        return Ok(());
    }
    if subject.addressing() == Addressing::Cid {
        let answer = subject.backend().list(&ListOptions::prefix("a")).try_next().await;
        return must_fail("a prefix of CIDs", answer, &[ErrorKind::InvalidInput]).map(|_| ());
    }
    if !applies(subject) || !subject.has_keys() {
        return Ok(());
    }
    fill(subject, ["p/a", "p/ab", "p/b/c", "p/b2", "pa", "q"].map(str::to_owned)).await?;
    names_are(subject, ("p/a", false), &["p/a", "p/ab"], &[]).await?;
    names_are(subject, ("p/b", false), &["p/b/c", "p/b2"], &[]).await?;
    names_are(subject, ("p/", false), &["p/a", "p/ab", "p/b/c", "p/b2"], &[]).await?;
    names_are(subject, ("p", false), &["p/a", "p/ab", "p/b/c", "p/b2", "pa"], &[]).await?;
    names_are(subject, ("p/b/c", false), &["p/b/c"], &[]).await?;
    names_are(subject, ("p/b/c/", false), &[], &[]).await?;
    names_are(subject, ("no/such", false), &[], &[]).await
}

pub(super) async fn c72_a_shallow_listing_is_one_level(subject: &Subject) -> Outcome {
    if !applies(subject) {
        return Ok(());
    }
    let names = ["s/a", "s/d/1", "s/d/2", "s/e/f/g", "s/z", "s2"];
    let stored = fill(subject, names.map(str::to_owned)).await?;
    if !subject.has_keys() {
        let (found, prefixes) = listed(subject, &ListOptions { shallow: true, ..ListOptions::default() }).await?;
        ensure!(prefixes.is_empty(), "CIDs have no levels: {prefixes:?}");
        ensure!(stored.iter().all(|id| found.contains_key(id)), "a shallow listing of CIDs leaves some out");
        return Ok(());
    }
    names_are(subject, ("", true), &["s2"], &["s/"]).await?;
    names_are(subject, ("s/", true), &["s/a", "s/z"], &["s/d/", "s/e/"]).await?;
    names_are(subject, ("s/d", true), &[], &["s/d/"]).await?;
    names_are(subject, ("s/d/", true), &["s/d/1", "s/d/2"], &[]).await?;
    names_are(subject, ("s", true), &["s2"], &["s/"]).await
}

pub(super) async fn c73_what_is_listed_can_be_used(subject: &Subject) -> Outcome {
    if !applies(subject) {
        return Ok(());
    }
    let names: Vec<String> = (0..5).map(|n| format!("used/{n}")).collect();
    let stored = fill(subject, names).await?;
    let mut n = 0;
    for entry in subject.list(&subject.everything()).await? {
        let Entry::Content { meta, .. } = entry else { continue };
        if stored.contains(&meta.at.id.to_string()) {
            ensure!(meta.size.is_none_or(|size| size == 20), "20 bytes are listed as {:?}", meta.size);
            ensure!(meta.evidence <= Evidence::Attested, "a listing cannot know: {:?}", meta.evidence);
            ensure!(subject.is_there(&meta.at).await?, "{:?} is listed, and not there", meta.at);
            if let Some(listed) = meta.etag.as_deref().filter(|_| subject.offers().stat) {
                let told = subject.backend().stat(&meta.at, &StatOptions::default()).await?.etag;
                ensure!(told.as_deref() == Some(listed), "the etag is listed as {listed:?} and told as {told:?}");
            }
            n += 1;
        }
    }
    ensure!(n == stored.len(), "{n} of {} are listed", stored.len());
    Ok(())
}
