//! What is not offered is answered with `Unsupported`: C04 and C05.

use std::collections::BTreeMap;

use backend_core::{
    AddOptions, ByteRange, Condition, ErrorKind, GetOptions, ListOptions, Pin, RemoveOptions, ResumeToken, StatOptions,
    Status, Write,
};

use crate::check::{Outcome, ensure, must_fail};
use crate::subject::Subject;

const UNSUPPORTED: &[ErrorKind] = &[ErrorKind::Unsupported];

pub(super) async fn c04_verbs_that_are_not_offered_say_so(subject: &Subject) -> Outcome {
    let (backend, offers) = (subject.backend(), subject.offers());
    let content = subject.content("unoffered", 100);
    let at = subject.at("unoffered", &content)?;
    if !offers.stat {
        must_fail("stat", backend.stat(&at, &StatOptions::default()).await, UNSUPPORTED)?;
    }
    if !offers.get {
        must_fail("get", backend.get(&at, &GetOptions::default()).await, UNSUPPORTED)?;
    }
    if !offers.add {
        must_fail("add", subject.add_with("unoffered", &content, AddOptions::default()).await, UNSUPPORTED)?;
    }
    if !offers.resume {
        must_fail("discard", backend.discard(&ResumeToken::new("suite")?).await, UNSUPPORTED)?;
    }
    if !offers.remove {
        must_fail("remove", backend.remove(&at, &RemoveOptions::default()).await, UNSUPPORTED)?;
    }
    if !offers.pin {
        must_fail("pin", backend.pin(&(*content.cid()).into(), &Pin::default()).await, UNSUPPORTED)?;
    }
    if !offers.usage {
        must_fail("usage", backend.usage().await, UNSUPPORTED)?;
    }
    listing(subject, "list", offers.list, ListOptions::default()).await
}

pub(super) async fn c05_options_that_are_not_offered_say_so(subject: &Subject) -> Outcome {
    let offers = subject.offers();
    if offers.add {
        adding(subject).await?;
    }
    let content = subject.content("there", 100);
    let at = match offers.add {
        true => subject.add("there", &content).await?.at,
        false => subject.at("there", &content)?,
    };
    let at = at.with_version(None);
    let get = async |wanted: bool, what: &str, opts: GetOptions| match wanted {
        true => must_fail(what, subject.backend().get(&at, &opts).await, UNSUPPORTED).map(|_| ()),
        false => Ok(()),
    };
    get(offers.get && !offers.range, "a range", GetOptions::range(ByteRange::Bounded(1, 2))).await?;
    get(offers.get && !offers.if_match, "get if_match", GetOptions { if_match: tag(), ..GetOptions::default() })
        .await?;
    if offers.get && !offers.block {
        let at = backend_core::Locator::new(*content.cid());
        must_fail("a block", subject.backend().get(&at, &GetOptions::block()).await, UNSUPPORTED)?;
    }
    if offers.stat && !offers.link {
        must_fail(
            "a link",
            subject.backend().stat(&at, &StatOptions { link: true, ..StatOptions::default() }).await,
            UNSUPPORTED,
        )?;
    }
    if offers.stat && !offers.versions {
        let at = at.clone().with_version(tag());
        must_fail("a version", subject.backend().stat(&at, &StatOptions::default()).await, UNSUPPORTED)?;
    }
    if offers.remove && !offers.if_match {
        let opts = RemoveOptions { if_match: tag(), ..RemoveOptions::default() };
        must_fail("remove if_match", subject.backend().remove(&at, &opts).await, UNSUPPORTED)?;
    }
    if offers.add {
        subject.holds(&at, &content).await?;
    }
    let list = ListOptions::default;
    if offers.list {
        listing(subject, "list pinned", offers.pin, ListOptions { pinned: true, ..list() }).await?;
        listing(subject, "list query", offers.search, ListOptions { query: tag(), ..list() }).await?;
        waiting(subject).await?;
        listing(subject, "list versions", offers.versions, ListOptions { versions: true, ..list() }).await?;
    }
    Ok(())
}

fn tag() -> Option<String> {
    Some("suite".to_owned())
}

async fn listing(subject: &Subject, what: &str, offered: bool, opts: ListOptions) -> Outcome {
    use futures::TryStreamExt;
    if !offered {
        let answer = subject.backend().list(&opts).try_next().await;
        must_fail(what, answer, UNSUPPORTED)?;
    }
    Ok(())
}

/// What is stored does not wait: a store that fetches nothing by itself has nothing in this state.
async fn waiting(subject: &Subject) -> Outcome {
    if subject.offers().pin {
        return Ok(());
    }
    let queued = ListOptions { status: Some(Status::Queued), ..subject.everything() };
    match subject.list(&queued).await {
        Ok(entries) => ensure!(entries.is_empty(), "stored content is listed as queued: {entries:?}"),
        Err(_) => {
            listing(subject, "list queued", false, queued).await?;
        }
    }
    Ok(())
}

async fn adding(subject: &Subject) -> Outcome {
    let offers = subject.offers();
    let labels: BTreeMap<String, String> = [("owner".to_owned(), "suite".to_owned())].into();
    let write = Write::default;
    let cases = [
        (offers.if_absent, "if_absent", AddOptions { condition: Condition::IfAbsent, ..AddOptions::default() }),
        (
            offers.if_match,
            "if_match",
            AddOptions { condition: Condition::IfMatch("suite".into()), ..AddOptions::default() },
        ),
        (offers.labels, "labels", AddOptions { write: Write { labels, ..write() }, ..AddOptions::default() }),
        (
            offers.resume,
            "resume",
            AddOptions {
                write: Write { resume: Some(ResumeToken::new("suite")?), ..write() },
                ..AddOptions::default()
            },
        ),
    ];
    for (offered, what, opts) in cases {
        if !offered {
            let content = subject.content(what, 100);
            must_fail(what, subject.add_with(what, &content, opts).await, UNSUPPORTED)?;
            let there = subject.is_there(&subject.at(what, &content)?).await?;
            ensure!(!there, "{what} is not offered, but the content was stored");
        }
    }
    Ok(())
}
