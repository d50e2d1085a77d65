//! Sources that lie: nothing of them becomes visible, and what was there stays: C25 to C28.

use backend_core::{AddOptions, Addressing, Content, ErrorKind, Evidence};

use crate::check::{Failure, Outcome, must_fail};
use crate::content::{Defect, LEAF, lying};
use crate::subject::Subject;

/// One that fits a single frame, and one of several chunks.
const LENS: [u64; 2] = [1000, LEAF + LEAF / 2];

pub(super) async fn c25_a_source_that_fails_leaves_nothing(subject: &Subject) -> Outcome {
    for len in LENS {
        for place in [0, len / 2, len - 1] {
            leaves_nothing(subject, len, Defect::Fails(place, ErrorKind::Denied), &[ErrorKind::Denied]).await?;
        }
        leaves_nothing(subject, len, Defect::Closed(ErrorKind::Denied), &[ErrorKind::Denied]).await?;
    }
    Ok(())
}

pub(super) async fn c26_a_source_of_another_length_leaves_nothing(subject: &Subject) -> Outcome {
    for len in LENS {
        for defect in [Defect::Ends(0), Defect::Ends(len / 2), Defect::Ends(len - 1), Defect::Overflows(1)] {
            leaves_nothing(subject, len, defect, &[ErrorKind::SourceChanged, ErrorKind::Integrity]).await?;
        }
    }
    Ok(())
}

pub(super) async fn c27_a_changed_source_leaves_nothing(subject: &Subject) -> Outcome {
    for len in LENS {
        for defect in [Defect::Fails(len / 2, ErrorKind::SourceChanged), Defect::Closed(ErrorKind::SourceChanged)] {
            leaves_nothing(subject, len, defect, &[ErrorKind::SourceChanged]).await?;
        }
    }
    Ok(())
}

/// Under a new name, and under the name of something that is there.
async fn leaves_nothing(subject: &Subject, len: u64, defect: Defect, kinds: &[ErrorKind]) -> Outcome {
    if !subject.offers().add {
        return Ok(());
    }
    let name = format!("{defect:?} of {len}").replace(['(', ')', ','], " ");
    let fresh = lying(&subject.content(&name, len), defect);
    let answer = subject.add_with(&name, &fresh, AddOptions::default()).await;
    must_fail(&name, answer, kinds)?;
    subject.lacks(&subject.at(&name, &fresh)?).await?;
    unharmed(subject, &name, len, defect).await
}

async fn unharmed(subject: &Subject, name: &str, len: u64, defect: Defect) -> Outcome {
    let kept = subject.content(&format!("kept from {name}"), 5000);
    let at = subject.add("kept", &kept).await?.at;
    let intruder = match subject.has_keys() {
        true => subject.content(&format!("intruder {name}"), len),
        false => kept.clone(),
    };
    let answer = subject.add_with("kept", &lying(&intruder, defect), AddOptions::default()).await;
    // A store of hashes may know without reading that it has the content.
    if answer.is_ok() && subject.has_keys() {
        return Err(Failure::new(format!("{name}: answered Ok in place of something else")));
    }
    subject.holds(&at, &kept).await
}

pub(super) async fn c28_only_compared_bytes_are_attested(subject: &Subject) -> Outcome {
    if !subject.offers().add {
        return Ok(());
    }
    for len in [1000, LEAF, LEAF + 1000] {
        let content = subject.content(&format!("flipped of {len}"), len);
        flipped(subject, &format!("flipped of {len}"), &content).await?;
        if subject.backend().info().needs.is_empty() {
            let content = subject.content(&format!("blindly {len}"), len).with_digests(Vec::new());
            flipped(subject, &format!("blindly {len}"), &content).await?;
        }
    }
    Ok(())
}

/// The middle byte is another one than the name, and the digest if there is one, say.
async fn flipped(subject: &Subject, name: &str, content: &Content) -> Outcome {
    let other = lying(content, Defect::Flips(content.len() / 2));
    let hashes = subject.addressing() == Addressing::Cid && subject.offers().block;
    match subject.add_with(name, &other, AddOptions::default()).await {
        Ok(meta) if meta.evidence < Evidence::Attested && !hashes => Ok(()),
        Ok(meta) => Err(Failure::new(format!("other bytes than the name says are {:?}", meta.evidence))),
        Err(err) if matches!(err.kind(), ErrorKind::Integrity | ErrorKind::SourceChanged) => {
            subject.lacks(&subject.at(name, content)?).await
        }
        Err(err) => Err(err.into()),
    }
}
