//! Content comes back as it went in: C20 to C24.

use backend_core::{AddOptions, Addressing, Content, ContentId, Entry, ErrorKind, Evidence, Locator, StatOptions};

use crate::check::{Outcome, ensure, must_fail};
use crate::content::{LEAF, Watch};
use crate::subject::Subject;

/// Bytes of the large content: more than any buffer should hold.
const LARGE: u64 = 64 << 20;

fn fits(subject: &Subject, len: u64) -> bool {
    let limits = &subject.backend().info().limits;
    limits.min_size <= len && limits.max_size.is_none_or(|max| len <= max)
}

async fn round(subject: &Subject, len: u64) -> Outcome {
    if !subject.offers().add || !fits(subject, len) {
        return Ok(());
    }
    let name = format!("of {len} bytes");
    let content = subject.content(&name, len);
    let added = subject.add(&name, &content).await?;
    ensure!(added.size.is_none_or(|size| size == len), "{len} bytes are said to be {:?}", added.size);
    // Of no bytes there is one content only: others may have stored it.
    ensure!(len == 0 || added.existed != Some(true), "nobody stored these {len} bytes before, but they existed");
    ensure!(added.evidence <= Evidence::Attested, "a leaf cannot know what it says: {:?}", added.evidence);
    subject.holds(&added.at, &content).await
}

pub(super) async fn c20_every_size_comes_back_whole(subject: &Subject) -> Outcome {
    for len in [0, 1, 65_535, 65_536, LEAF - 1, LEAF, LEAF + 1] {
        round(subject, len).await?;
    }
    match subject.is_small() {
        true => Ok(()),
        false => round(subject, (5 << 20) + 1).await,
    }
}

pub(super) async fn c21_large_content_streams(subject: &Subject) -> Outcome {
    match subject.is_small() {
        true => Ok(()),
        false => round(subject, LARGE).await,
    }
}

pub(super) async fn c22_the_same_content_again_is_ok(subject: &Subject) -> Outcome {
    if !subject.offers().add {
        return Ok(());
    }
    let content = subject.content("again", 70_000);
    let first = subject.add("again", &content).await?;
    let second = subject.add("again", &content).await?;
    ensure!(second.existed != Some(false), "it was stored before, but is said not to have existed");
    subject.holds(&first.at, &content).await?;
    subject.holds(&second.at, &content).await?;
    one_entry(subject, &second.at).await
}

/// Where names are ours or hashes, one name is one entry.
pub(super) async fn one_entry(subject: &Subject, at: &Locator) -> Outcome {
    if !subject.offers().list || subject.addressing() == Addressing::Assigned {
        return Ok(());
    }
    let listed = subject.list(&subject.everything()).await?;
    let same = |entry: &&Entry| matches!(entry, Entry::Content { meta, .. } if meta.at.id == at.id);
    let n = listed.iter().filter(same).count();
    ensure!(n == 1, "{at:?} is listed {n} times");
    Ok(())
}

pub(super) async fn c23_another_content_replaces(subject: &Subject) -> Outcome {
    if !subject.offers().add || !subject.has_keys() {
        return Ok(());
    }
    let (long, short) = (subject.content("long", 70_000), subject.content("short", 10));
    let mut tags = Vec::new();
    for content in [&long, &short, &long] {
        let added = subject.add("replaced", content).await?;
        subject.until(async || subject.holds(&added.at, content).await).await?;
        if subject.offers().stat {
            tags.extend(subject.backend().stat(&added.at, &StatOptions::default()).await?.etag);
        }
    }
    let distinct = tags.windows(2).all(|pair| pair[0] != pair[1]);
    ensure!(distinct, "other bytes have the same etag: {tags:?}");
    Ok(())
}

pub(super) async fn c24_an_id_fits_the_store(subject: &Subject) -> Outcome {
    if !subject.offers().add {
        return Ok(());
    }
    let (content, other) = (subject.content("named", 1000), subject.content("other", 1000));
    let key: ContentId = subject.key("named")?.into();
    let (own, foreign) = (ContentId::from(*content.cid()), ContentId::from(*other.cid()));
    let wrong = match subject.addressing() {
        Addressing::Key => vec![None, Some(own.clone()), Some(foreign)],
        Addressing::Cid => vec![Some(key.clone()), Some(foreign)],
        _ => vec![Some(foreign)],
    };
    for id in wrong {
        refused(subject, &content, id).await?;
    }
    let meaningless = match subject.addressing() {
        Addressing::Key => own,
        Addressing::Cid => key,
        _ => return Ok(()),
    };
    if subject.offers().stat {
        let answer = subject.backend().stat(&meaningless.into(), &StatOptions::default()).await;
        must_fail("stat by an id of the wrong kind", answer, &[ErrorKind::InvalidInput])?;
    }
    Ok(())
}

async fn refused(subject: &Subject, content: &Content, id: Option<ContentId>) -> Outcome {
    let (content, watch) = Watch::over(content);
    let what = format!("adding as {id:?}");
    let answer = subject.backend().add(&content, &AddOptions { id, ..AddOptions::default() }).await;
    must_fail(&what, answer, &[ErrorKind::InvalidInput])?;
    ensure!(watch.opened().is_empty(), "{what} is refused only after the source was opened");
    Ok(())
}
