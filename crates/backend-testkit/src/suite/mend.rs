//! What is wrong is mended, and what is good is not sent again: C39.

use std::ops::Range;

use backend_core::{AddOptions, Content, Error, ErrorKind, GetOptions, Mend};
use bytes::Bytes;
use futures::TryStreamExt;

use crate::check::{Outcome, ensure, must_fail};
use crate::content::{Defect, LEAF, Watch, damaged, lying};
use crate::subject::Subject;

/// The smallest part that any service must be sent (S3).
const PART: u64 = 5 << 20;

/// A copy of so many bytes, wrong there.
struct Damage {
    name: &'static str,
    there: u64,
    wrong: Vec<Range<u64>>,
}

fn damages(len: u64, half: u64) -> Vec<Damage> {
    vec![
        Damage { name: "one chunk", there: len, wrong: vec![half..half + LEAF] },
        Damage { name: "first and last", there: len, wrong: vec![0..LEAF, half + LEAF..len] },
        Damage { name: "cut short", there: half + 3, wrong: vec![half..len] },
        Damage { name: "too long", there: len + 70_000, wrong: vec![len..len + 70_000] },
    ]
}

pub(super) async fn c39_what_is_wrong_is_mended(subject: &Subject) -> Outcome {
    if !subject.offers().add {
        return Ok(());
    }
    let (len, half) = match subject.is_small() {
        true => (2 * LEAF + LEAF / 2, LEAF),
        false => (14 * LEAF + LEAF / 2, 7 * LEAF),
    };
    for damage in damages(len, half) {
        mended(subject, len, &damage).await?;
    }
    for damage in damages(len, half).into_iter().take(1) {
        unharmed(subject, len, &damage).await?;
    }
    Ok(())
}

fn opts(damage: &Damage) -> AddOptions {
    AddOptions { mend: Some(Mend::wrong(damage.wrong.iter().cloned())), ..AddOptions::default() }
}

/// Stores the damaged copy under the name, or on a store that hashes all what is whole: nobody can put a wrong copy there.
async fn put(subject: &Subject, name: &str, len: u64, damage: &Damage) -> Outcome<(Content, Content)> {
    let content = subject.content(name, len);
    let copy = match subject.has_keys() {
        true => damaged(&subject.seed(name), len, damage.there, &damage.wrong),
        false => content.clone(),
    };
    subject.add(name, &copy).await?;
    Ok((content, copy))
}

async fn mended(subject: &Subject, len: u64, damage: &Damage) -> Outcome {
    let name = format!("mended, {}", damage.name);
    let (content, _) = put(subject, &name, len, damage).await?;
    let (watched, watch) = Watch::over(&content);
    let meta = subject.add_with(&name, &watched, opts(damage)).await?;
    subject.until(async || subject.holds(&meta.at, &content).await).await?;
    let asked: u64 = watch.ranges().iter().map(|range| range.end - range.start).sum();
    let wrong: u64 = damage.wrong.iter().map(|range| range.end.min(len) - range.start.min(len)).sum();
    let most = if subject.offers().mend { wrong + PART * damage.wrong.len() as u64 } else { len };
    ensure!(
        asked <= most,
        "{name}: {asked} bytes were asked of the source, of which {wrong} were wrong ({:?})",
        watch.ranges()
    );
    Ok(())
}

/// The source fails in the middle of what is wrong.
async fn unharmed(subject: &Subject, len: u64, damage: &Damage) -> Outcome {
    let name = format!("unharmed, {}", damage.name);
    let (content, copy) = put(subject, &name, len, damage).await?;
    let Some(wrong) = damage.wrong.first() else { return Ok(()) };
    let fails = lying(&content, Defect::Fails(wrong.start + LEAF / 2, ErrorKind::Denied));
    let answer = subject.add_with(&name, &fails, opts(damage)).await;
    match answer {
        // A store of hashes may know that it has the content.
        Ok(_) if !subject.has_keys() => {}
        answer => drop(must_fail(&name, answer, &[ErrorKind::Denied])?),
    }
    if !subject.offers().get || !subject.has_keys() {
        return Ok(());
    }
    let at = subject.at(&name, &content)?;
    for good in [0..wrong.start, wrong.end..len] {
        let body = subject.backend().get(&at, &GetOptions::default()).await?.body;
        let found = part(body, &good).await?;
        let stays = part(copy.open_all().await?, &good).await?;
        ensure!(found == stays, "{name}: what was good between {} and {} is not what it was", good.start, good.end);
    }
    Ok(())
}

async fn part(body: backend_core::ByteStream, range: &Range<u64>) -> Result<Vec<u8>, Error> {
    let frames: Vec<Bytes> = body.try_collect().await?;
    let all = frames.concat();
    let (start, end) = ((range.start as usize).min(all.len()), (range.end as usize).min(all.len()));
    Ok(all[start..end].to_vec())
}
