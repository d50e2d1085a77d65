//! Labels are kept as they are, or refused: C34.

use std::collections::BTreeMap;

use backend_core::{AddOptions, ErrorKind, StatOptions, Write};

use crate::check::{Outcome, ensure};
use crate::subject::Subject;

pub(super) async fn c34_labels_are_kept(subject: &Subject) -> Outcome {
    let offers = subject.offers();
    if !(offers.labels && offers.add && offers.stat) {
        return Ok(());
    }
    let plain = [("owner", "suite"), ("year", "2026")];
    ensure!(keep(subject, "plain", &plain).await?, "labels are offered, but plain ones are refused");
    let long = "x".repeat(300);
    let hostile: [&[(&str, &str)]; 6] = [
        &[("owner", "größer, \"quoted\" & <tagged>; a=b")],
        &[("owner", "")],
        &[("owner", " spaces around ")],
        &[("owner", "two\nlines")],
        &[("Größe", "7"), ("a/b", "8"), ("a b", "9")],
        &[("owner", &long)],
    ];
    for (n, labels) in hostile.iter().enumerate() {
        keep(subject, &format!("hostile {n}"), labels).await?;
    }
    Ok(())
}

/// Whether they were taken; then they are there, each as it was.
async fn keep(subject: &Subject, name: &str, labels: &[(&str, &str)]) -> Outcome<bool> {
    let labels: BTreeMap<String, String> = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let content = subject.content(name, 1000);
    let write = Write { labels: labels.clone(), ..Write::default() };
    let answer = subject.add_with(name, &content, AddOptions { write, ..AddOptions::default() }).await;
    let at = match answer {
        Ok(meta) => meta.at,
        Err(err) if err.kind() == ErrorKind::InvalidInput => {
            subject.lacks(&subject.at(name, &content)?).await?;
            return Ok(false);
        }
        Err(err) => return Err(err.into()),
    };
    subject.seen(&at).await?;
    subject.holds(&at, &content).await?;
    let found = subject.backend().stat(&at, &StatOptions::default()).await?.labels;
    ensure!(found == labels, "the labels {labels:?} became {found:?}");
    Ok(true)
}
