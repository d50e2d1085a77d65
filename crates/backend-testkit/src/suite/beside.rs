//! What goes along with the bytes: C35 and C36.

use backend_core::{AddOptions, Progress, StatOptions, Write};

use crate::check::{Outcome, ensure};
use crate::content::LEAF;
use crate::subject::Subject;

pub(super) async fn c35_a_media_type_is_kept_or_dropped(subject: &Subject) -> Outcome {
    if !(subject.offers().add && subject.offers().stat) {
        return Ok(());
    }
    for (n, media) in ["text/plain; charset=utf-8", "application/x-suite+json", "image/png"].into_iter().enumerate() {
        let name = format!("typed {n}");
        let content = subject.content(&name, 1000);
        let opts = AddOptions { content_type: Some(media.to_owned()), ..AddOptions::default() };
        let at = subject.add_with(&name, &content, opts).await?.at;
        subject.seen(&at).await?;
        let found = subject.backend().stat(&at, &StatOptions::default()).await?.content_type;
        ensure!(found.as_ref().is_none_or(|found| found == media), "{media} became {found:?}");
    }
    Ok(())
}

pub(super) async fn c36_progress_is_told(subject: &Subject) -> Outcome {
    if !subject.offers().add {
        return Ok(());
    }
    for len in [1000, 2 * LEAF + 5] {
        let name = format!("watched {len}");
        let progress = Progress::new();
        let write = Write { progress: progress.clone(), ..Write::default() };
        subject.add_with(&name, &subject.content(&name, len), AddOptions { write, ..AddOptions::default() }).await?;
        ensure!(len <= progress.bytes(), "{len} bytes were stored, {} are told", progress.bytes());
    }
    Ok(())
}
