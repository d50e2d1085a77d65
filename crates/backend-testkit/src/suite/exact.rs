//! Reading: exactly the bytes that were asked for: C50 to C53.

use backend_core::{ByteRange, Content, ErrorKind, GetOptions, Locator, StatOptions};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use crate::check::{Failure, Outcome, ensure, must_fail};
use crate::content::LEAF;
use crate::subject::Subject;

const LEN: u64 = 2 * LEAF + 100;

async fn stored(subject: &Subject, name: &str, len: u64) -> Outcome<Option<(Locator, Content)>> {
    if !(subject.offers().add && subject.offers().get) {
        return Ok(None);
    }
    let content = subject.content(name, len);
    let at = subject.add(name, &content).await?.at;
    Ok(Some((at, content)))
}

pub(super) async fn c50_a_range_is_exact(subject: &Subject) -> Outcome {
    if !subject.offers().range {
        return Ok(());
    }
    let Some((at, content)) = stored(subject, "ranges", LEN).await? else { return Ok(()) };
    let ranges = [
        ByteRange::Bounded(0, 1),
        ByteRange::Bounded(1, 2),
        ByteRange::Bounded(0, LEN),
        ByteRange::Bounded(65_535, 65_537),
        ByteRange::Bounded(LEAF - 1, LEAF + 1),
        ByteRange::Bounded(LEAF, 2 * LEAF),
        ByteRange::Bounded(LEN - 1, LEN),
        ByteRange::Bounded(LEN - 1, LEN + 1),
        ByteRange::Bounded(5, u64::MAX),
        ByteRange::From(0),
        ByteRange::From(LEAF),
        ByteRange::From(LEN - 1),
        ByteRange::Last(1),
        ByteRange::Last(LEAF + 3),
        ByteRange::Last(LEN + 5),
    ];
    for range in ranges {
        exact(subject, &at, &content, range).await?;
    }
    let Some((at, content)) = stored(subject, "empty", 0).await? else { return Ok(()) };
    exact(subject, &at, &content, ByteRange::From(0)).await
}

async fn exact(subject: &Subject, at: &Locator, content: &Content, asked: ByteRange) -> Outcome {
    let wanted = asked.within(content.len())?;
    let fetched = subject.backend().get(at, &GetOptions::range(asked)).await?;
    let (size, range) = (fetched.meta.size, fetched.range);
    ensure!(range == wanted, "asked for {asked}, answered {range:?} instead of {wanted:?}");
    ensure!(size.is_none_or(|size| size == content.len()), "{asked}: the whole is said to have {size:?} bytes");
    let found: Vec<Bytes> = fetched.body.try_collect().await?;
    let bytes: Vec<Bytes> = content.open(wanted.clone()).await?.try_collect().await?;
    let (found, bytes) = (found.concat(), bytes.concat());
    ensure!(found.len() == bytes.len(), "asked for {asked}, {} bytes came instead of {}", found.len(), bytes.len());
    ensure!(found == bytes, "asked for {asked}, other bytes came");
    Ok(())
}

pub(super) async fn c51_a_range_outside_is_refused(subject: &Subject) -> Outcome {
    if !subject.offers().range {
        return Ok(());
    }
    let Some((at, content)) = stored(subject, "outside", 1000).await? else { return Ok(()) };
    let outside = [
        ByteRange::Bounded(1000, 1001),
        ByteRange::Bounded(u64::MAX - 1, u64::MAX),
        ByteRange::From(1000),
        ByteRange::From(u64::MAX),
        ByteRange::Bounded(5, 5),
        ByteRange::Bounded(6, 5),
        ByteRange::Last(0),
    ];
    for range in outside {
        let answer = subject.backend().get(&at, &GetOptions::range(range)).await;
        must_fail(&format!("{range} of 1000 bytes"), answer, &[ErrorKind::InvalidRange])?;
    }
    subject.holds(&at, &content).await
}

pub(super) async fn c52_if_match_holds_for_get(subject: &Subject) -> Outcome {
    if !(subject.offers().if_match && subject.offers().stat) {
        return Ok(());
    }
    let Some((at, content)) = stored(subject, "matched", 1000).await? else { return Ok(()) };
    let found = subject.backend().stat(&at, &StatOptions::default()).await?.etag;
    let Some(tag) = found else { return Err(Failure::new("if_match is offered, but there is no etag")) };
    let get = async |tag: &str| {
        let opts = GetOptions { if_match: Some(tag.to_owned()), ..GetOptions::default() };
        subject.read(&at, &opts).await
    };
    let bytes = get(&tag).await?;
    ensure!(bytes.len() as u64 == content.len(), "by its etag, {} bytes came", bytes.len());
    must_fail("a wrong etag", get("no such etag").await, &[ErrorKind::Precondition])?;
    if subject.has_keys() {
        let other = subject.content("other", 2000);
        let at = subject.add("matched", &other).await?.at;
        subject.until(async || subject.holds(&at, &other).await).await?;
        must_fail("an etag of what is no more", get(&tag).await, &[ErrorKind::Precondition])?;
    }
    Ok(())
}

pub(super) async fn c53_a_body_may_be_left(subject: &Subject) -> Outcome {
    let Some((at, content)) = stored(subject, "left", LEN).await? else { return Ok(()) };
    // More than any service takes at a time: a body that is left gives back what it held.
    let many = if subject.is_small() { 8 } else { 80 };
    for n in 0..many {
        let mut fetched = subject.backend().get(&at, &GetOptions::default()).await?;
        if n % 2 == 0 {
            let frame = fetched.body.next().await.transpose()?;
            ensure!(frame.is_some_and(|frame| !frame.is_empty()), "the body has no first frame");
        }
    }
    subject.holds(&at, &content).await
}
