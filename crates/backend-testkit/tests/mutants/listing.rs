//! Broken ways to list and to remove.

use backend_core::{Entry, Error, ErrorKind, ListOptions, Locator, Metadata, Removal, RemoveOptions, Result};
use futures::TryStreamExt;
use futures::stream::{self, BoxStream, StreamExt};

use crate::mutant::{How, Mutant};

pub(crate) async fn remove(it: &Mutant, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
    let mut opts = opts.clone();
    match it.how {
        How::NoConditions => opts.if_match = None,
        How::ErasesAll => opts.all_versions = true,
        How::RemovesBelow => {
            let prefix = ListOptions::prefix(at.id.to_string());
            let below: Vec<Entry> = it.inner.list(&prefix).try_collect().await?;
            for entry in below {
                let Entry::Content { meta, .. } = entry else { continue };
                if meta.at.id != at.id {
                    it.inner.remove(&meta.at, &RemoveOptions::default()).await?;
                }
            }
        }
        _ => {}
    }
    it.inner.remove(at, &opts).await
}

pub(crate) fn list(it: &Mutant, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
    if it.leaks(How::LeaksListings) {
        return stream::once(async { Err(Error::new(ErrorKind::Unavailable, "no connection is left")) }).boxed();
    }
    let mut asked = opts.clone();
    match it.how {
        How::PrefixIsFolder => asked.prefix = asked.prefix.map(|prefix| format!("{}/", prefix.trim_end_matches('/'))),
        How::NoPrefix => asked.prefix = None,
        How::ListsDeep => asked.shallow = false,
        How::ForgetsCursor => asked.after = None,
        // One byte before the cursor, so that its own entry comes again.
        How::RepeatsCursor => {
            asked.after = asked.after.map(|mut after| {
                after.pop();
                after
            })
        }
        _ => {}
    }
    let listed = it.inner.list(&asked);
    match it.how {
        How::ListsTwice => listed.flat_map(|entry| stream::iter(twice(entry))).boxed(),
        How::ListsBilled => listed.map_ok(billed).boxed(),
        _ => listed,
    }
}

fn twice(entry: Result<Entry>) -> Vec<Result<Entry>> {
    match entry {
        Ok(entry) => vec![Ok(entry.clone()), Ok(entry)],
        Err(err) => vec![Err(err)],
    }
}

fn billed(entry: Entry) -> Entry {
    match entry {
        Entry::Content { meta, cursor } => {
            Entry::Content { meta: Metadata { size: meta.size.map(|size| size + 14), ..meta }, cursor }
        }
        other => other,
    }
}
