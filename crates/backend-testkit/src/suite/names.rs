//! Names as users give them: kept to the letter or refused before the first byte, and never mixed up: C37 and C38.

use std::collections::BTreeSet;

use backend_core::{AddOptions, Content, Entry, ErrorKind, Key, Locator};

use crate::check::{Outcome, ensure};
use crate::content::Watch;
use crate::subject::Subject;

/// Every kind of text that a key may be, short ones.
const HOSTILE: &[&str] = &[
    "plain",
    "with space",
    " leading",
    "trailing ",
    "..a",
    "a..",
    "...",
    "a/...b/c",
    ".hidden",
    "-rf",
    "~",
    "~root",
    "$HOME",
    "${HOME}",
    "$(id)",
    "`id`",
    "a;b",
    "a&b",
    "a|b",
    "a>b",
    "a*b",
    "a?b",
    "[a]",
    "{a,b}",
    "!a",
    "#a",
    "a#b",
    "a%b",
    "%2e%2e",
    "%2F",
    "%00",
    "a+b",
    "a=b",
    "a:b",
    "C:",
    "a\\b",
    "..\\a",
    "\\\\host\\share",
    "'a'",
    "\"a\"",
    "a\u{301}",
    "größe",
    "名前",
    "🦀",
    "\u{200b}zero width",
    "\u{202e}right to left",
    "\u{feff}mark",
    "\u{fffd}",
    "NUL",
    "con.txt",
    "a.",
    "index.html",
    ".ipfs-kitty/a",
    "ipfs-kit/a",
    "x/.ipfs-kit/a",
    "@",
    "a@b",
    "<a>",
    "a,b",
    "a^b",
    "0",
    "null",
    "a~1",
    ".git/config",
];

pub(super) async fn c37_hostile_names_are_kept_or_refused(subject: &Subject) -> Outcome {
    if !subject.offers().add || !subject.has_keys() {
        return Ok(());
    }
    let most = subject.backend().info().limits.max_key.saturating_sub(subject.folder().len());
    let segment = "s".repeat(255);
    let umlauts = "ö".repeat(127);
    let deep = "d/".repeat(60) + "end";
    let long: Vec<String> =
        ["k".repeat(most), format!("{}/{}", "l".repeat(200), "m".repeat(most.saturating_sub(201)))].into();
    let folders = vec!["f".repeat(200); most / 201].join("/");
    // Where keys are short, some of these cannot be made.
    let is_key = |name: &String| !name.is_empty() && !name.ends_with('/') && name.len() <= most;
    let made = [segment, umlauts, deep, folders].into_iter().chain(long).filter(is_key);
    let names: Vec<String> = HOSTILE.iter().map(|name| (*name).to_owned()).chain(made).collect();
    let mut kept = BTreeSet::new();
    for name in &names {
        if let Some(key) = store(subject, name).await? {
            kept.insert(key);
        }
    }
    ensure!(kept.contains(subject.key("plain")?.as_str()), "not even a plain name is taken");
    for name in &names {
        let content = subject.content(name, 100);
        let at = Locator::new(subject.key(name)?);
        match kept.contains(at.id.to_string().as_str()) {
            true => subject.holds(&at, &content).await?,
            false => ensure!(!is_listed(subject, &at).await?, "{name:?} was refused, but is listed"),
        }
    }
    letter_by_letter(subject, &kept).await
}

/// The key, if it was taken.
async fn store(subject: &Subject, name: &str) -> Outcome<Option<String>> {
    let key = subject.key(name)?;
    let (content, watch) = Watch::over(&subject.content(name, 100));
    match subject.add_with(name, &content, AddOptions::default()).await {
        Ok(meta) => {
            ensure!(meta.at.id.key() == Some(&key), "{key:?} was stored as {:?}", meta.at.id);
            subject.seen(&meta.at).await?;
            Ok(Some(key.to_string()))
        }
        Err(err) if err.kind() == ErrorKind::InvalidInput => {
            ensure!(watch.opened().is_empty(), "{name:?} is refused only after the source was opened: {err:?}");
            Ok(None)
        }
        Err(err) => Err(err.into()),
    }
}

async fn is_listed(subject: &Subject, at: &Locator) -> Outcome<bool> {
    match subject.offers().list {
        true => Ok(listed(subject).await?.contains(&at.id.to_string())),
        false => Ok(false),
    }
}

async fn listed(subject: &Subject) -> Outcome<BTreeSet<String>> {
    let entries = subject.list(&subject.everything()).await?;
    let names = entries.iter().filter_map(|entry| match entry {
        Entry::Content { meta, .. } => Some(meta.at.id.to_string()),
        _ => None,
    });
    Ok(names.collect())
}

async fn letter_by_letter(subject: &Subject, kept: &BTreeSet<String>) -> Outcome {
    if !subject.offers().list {
        return Ok(());
    }
    subject
        .until(async || {
            let listed = listed(subject).await?;
            let (missing, surplus): (Vec<_>, Vec<_>) =
                (kept.difference(&listed).collect(), listed.difference(kept).collect());
            ensure!(missing.is_empty() && surplus.is_empty(), "not listed: {missing:?}; listed instead: {surplus:?}");
            Ok(())
        })
        .await
}

pub(super) async fn c38_near_names_do_not_meet(subject: &Subject) -> Outcome {
    if !subject.offers().add || !subject.has_keys() {
        return Ok(());
    }
    let near = [
        ("file", "file/below"),
        ("folder/below", "folder"),
        ("Twin", "twin"),
        ("STRASSE", "straße"),
        ("caf\u{e9}", "cafe\u{301}"),
        ("end", "end "),
        ("dot", "dot."),
        ("back/slash", "back\\slash"),
        ("percent%41", "percentA"),
    ];
    for (first, second) in near {
        pair(subject, first, second).await?;
    }
    Ok(())
}

/// What was taken is what is read, whatever happened to the other one.
async fn pair(subject: &Subject, first: &str, second: &str) -> Outcome {
    let mut taken: Vec<(Key, Content)> = Vec::new();
    for name in [first, second] {
        let (content, watch) = Watch::over(&subject.content(&format!("near {name}"), 100 + name.len() as u64));
        match subject.add_with(name, &content, AddOptions::default()).await {
            Ok(meta) => {
                subject.seen(&meta.at).await?;
                taken.push((subject.key(name)?, content));
            }
            Err(err) if matches!(err.kind(), ErrorKind::InvalidInput | ErrorKind::AlreadyExists) => {
                ensure!(watch.opened().is_empty(), "{name:?} is refused only after the source was opened: {err:?}");
            }
            Err(err) => return Err(err.into()),
        }
    }
    ensure!(taken.first().is_some_and(|(key, _)| key.as_str().ends_with(first)), "{first:?} alone is refused");
    for (key, content) in taken {
        subject.holds(&Locator::new(key), &content).await?;
    }
    Ok(())
}
