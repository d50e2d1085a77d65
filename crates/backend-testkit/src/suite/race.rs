//! Several at once: C30 and C31.

use backend_core::{AddOptions, Content, Locator};
use futures::future::join_all;

use super::whole::one_entry;
use crate::check::{Failure, Outcome};
use crate::content::{LEAF, Watch};
use crate::subject::Subject;

const WRITERS: usize = 6;

pub(super) async fn c30_of_two_writers_one_whole_content_remains(subject: &Subject) -> Outcome {
    if !subject.offers().add || !subject.has_keys() {
        return Ok(());
    }
    for round in 0..3 {
        // The last one is the shortest, so that it does not cover what others have written.
        let lens = [LEAF + 1000, 70_000, 1000];
        let contents: Vec<Content> =
            (0..WRITERS).map(|n| subject.content(&format!("writer {n} of {round}"), lens[n % lens.len()])).collect();
        let name = format!("contested {round}");
        let watched: Vec<Content> = contents.iter().map(|content| Watch::over(content).0).collect();
        let adds = watched.iter().map(|content| subject.add_with(&name, content, AddOptions::default()));
        for answer in join_all(adds).await {
            answer?;
        }
        let at = Locator::new(subject.key(&name)?);
        subject.seen(&at).await?;
        one_of(subject, &at, &contents).await?;
        one_entry(subject, &at).await?;
    }
    Ok(())
}

async fn one_of(subject: &Subject, at: &Locator, contents: &[Content]) -> Outcome {
    let mut last = Failure::new("nobody wrote");
    for content in contents {
        match subject.holds(at, content).await {
            Ok(()) => return Ok(()),
            Err(failure) => last = failure,
        }
    }
    Err(Failure::new(format!("{at:?} is none of the contents that were written to it; the last one: {last:?}")))
}

pub(super) async fn c31_two_adds_of_one_content_agree(subject: &Subject) -> Outcome {
    if !subject.offers().add {
        return Ok(());
    }
    for len in [1000, LEAF + 1000] {
        let content = subject.content(&format!("shared {len}"), len);
        let (watched, _) = Watch::over(&content);
        let name = format!("shared {len}");
        let adds = (0..WRITERS).map(|_| subject.add_with(&name, &watched, AddOptions::default()));
        for answer in join_all(adds).await {
            let at = answer?.at;
            subject.seen(&at).await?;
            subject.holds(&at, &content).await?;
            one_entry(subject, &at).await?;
        }
    }
    Ok(())
}
