//! Listings that are broken off and gone on with: C74 and C75.

use backend_core::{Entry, ListOptions};
use futures::StreamExt;

use super::list::{applies, fill};
use crate::check::{Outcome, ensure};
use crate::subject::Subject;

fn line(entry: &Entry) -> (String, Option<String>) {
    match entry {
        Entry::Content { meta, cursor } => (meta.at.id.to_string(), cursor.clone()),
        other => (format!("{other:?}"), None),
    }
}

pub(super) async fn c74_a_listing_goes_on_behind_a_cursor(subject: &Subject) -> Outcome {
    if !applies(subject) {
        return Ok(());
    }
    let n = if subject.is_small() { 12 } else { 300 };
    // Names around a slash sort differently by text and by folder.
    fill(subject, (0..n).map(|n| ["a/b/", "a/b", "a.b/", "a/b/c/"][n % 4].to_owned() + &n.to_string())).await?;
    let all = subject.list(&subject.everything()).await?;
    let lines: Vec<_> = all.iter().map(line).collect();
    for at in [0, 1, lines.len() / 2, lines.len() - 2, lines.len() - 1] {
        let Some(cursor) = lines[at].1.clone() else { continue };
        let rest = subject.list(&ListOptions { after: Some(cursor), ..subject.everything() }).await?;
        let found: Vec<_> = rest.iter().map(|entry| line(entry).0).collect();
        let wanted: Vec<_> = lines[at + 1..].iter().map(|(id, _)| id.clone()).collect();
        ensure!(
            found == wanted,
            "behind entry {at} of {} come {} entries, not {}",
            lines.len(),
            found.len(),
            wanted.len()
        );
    }
    Ok(())
}

pub(super) async fn c75_a_listing_may_be_left(subject: &Subject) -> Outcome {
    if !applies(subject) {
        return Ok(());
    }
    let stored = fill(subject, (0..10).map(|n| format!("left/{n}"))).await?;
    let many = if subject.is_small() { 8 } else { 80 };
    for _ in 0..many {
        let mut listing = subject.backend().list(&subject.everything());
        ensure!(listing.next().await.transpose()?.is_some(), "the listing is empty");
    }
    let all = subject.list(&subject.everything()).await?;
    ensure!(stored.len() <= all.len(), "of {} only {} are listed after others were left", stored.len(), all.len());
    Ok(())
}
