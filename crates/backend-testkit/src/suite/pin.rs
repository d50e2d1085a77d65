//! Pinning, where the service fetches and holds a CID by itself: C80.

use backend_core::{ContentId, Entry, ErrorKind, ListOptions, Pin, Write};

use crate::check::{Outcome, ensure, must_fail};
use crate::subject::Subject;

pub(super) async fn c80_pinning_is_by_cid_and_merges(subject: &Subject) -> Outcome {
    let offers = subject.offers();
    if !offers.pin {
        return Ok(());
    }
    let key: ContentId = subject.key("pinned")?.into();
    must_fail("pinning a key", subject.backend().pin(&key, &Pin::default()).await, &[ErrorKind::InvalidInput])?;
    if !offers.add {
        return Ok(());
    }
    let content = subject.content("pinned", 1000);
    subject.add("pinned", &content).await?;
    let id = ContentId::from(*content.cid());
    for label in ["first", "second"] {
        let labels = match offers.labels {
            true => [(label.to_owned(), "suite".to_owned())].into(),
            false => Default::default(),
        };
        let write = Write { name: Some(label.to_owned()), labels, ..Write::default() };
        subject.backend().pin(&id, &Pin { write, ..Pin::default() }).await?;
    }
    if offers.list {
        let pinned = subject.list(&ListOptions { pinned: true, ..ListOptions::default() }).await?;
        let mut found = pinned.into_iter().filter_map(|entry| match entry {
            Entry::Content { meta, .. } if meta.at.id == id => Some(meta),
            _ => None,
        });
        let Some(meta) = found.next() else {
            return Err(crate::Failure::new("what is pinned is not listed as pinned"));
        };
        ensure!(!offers.labels || 2 <= meta.labels.len(), "pinning again wiped labels: {:?} are left", meta.labels);
    }
    subject.holds(&id.into(), &content).await
}
