//! A listing that goes on behind the last entry it gave, if that entry said how.

use std::sync::Arc;

use backend_core::{Backend, Entry, Error, ListOptions, Result};
use futures::stream::{self, BoxStream, StreamExt};

use super::tries::{Doubt, Policy, Tries};

/// Where a listing stands.
enum Place {
    /// No entry was given: it can begin again.
    Begin,
    /// The last entry had this cursor.
    Behind(String),
    /// The last entry had none: going on would repeat entries or leave some out.
    Nowhere,
}

struct Listing {
    inner: Arc<dyn Backend>,
    opts: ListOptions,
    tries: Tries,
    /// Absent until it is asked for, and between two tries.
    entries: Option<BoxStream<'static, Result<Entry>>>,
    place: Place,
}

/// The listing of `inner`, gone on with after failures whose advice says so. The tries are renewed whenever the cursor has moved.
pub(super) fn going_on(
    inner: Arc<dyn Backend>,
    opts: ListOptions,
    policy: Policy,
) -> BoxStream<'static, Result<Entry>> {
    let tries = Tries::new(&policy, None, Doubt::Repeat);
    let listing = Listing { inner, opts, tries, entries: None, place: Place::Begin };
    stream::unfold(Some(listing), |listing| async move {
        let mut listing = listing?;
        match listing.next().await {
            Some(Ok(entry)) => Some((Ok(entry), Some(listing))),
            Some(Err(err)) => Some((Err(err), None)),
            None => None,
        }
    })
    .boxed()
}

impl Listing {
    async fn next(&mut self) -> Option<Result<Entry>> {
        loop {
            let entries = self.entries.get_or_insert_with(|| self.inner.list(&self.opts));
            let failed = match entries.next().await? {
                Ok(entry) => {
                    self.given(&entry);
                    return Some(Ok(entry));
                }
                Err(err) => err,
            };
            self.entries = None;
            if let Err(err) = self.again(failed).await {
                return Some(Err(err));
            }
        }
    }

    fn given(&mut self, entry: &Entry) {
        match (entry, &mut self.place) {
            // In the place of the one before: an entry costs no allocation here.
            (Entry::Content { cursor: Some(cursor), .. }, Place::Behind(before)) => before.clone_from(cursor),
            (Entry::Content { cursor: Some(cursor), .. }, place) => *place = Place::Behind(cursor.clone()),
            (_, place) => *place = Place::Nowhere,
        }
    }

    /// A cursor that did not move since the last failure renews nothing: a service that gives the same entry for ever is left.
    async fn again(&mut self, failed: Error) -> Result<()> {
        match &self.place {
            Place::Begin => {}
            Place::Nowhere => return Err(failed),
            Place::Behind(cursor) if self.opts.after.as_ref() == Some(cursor) => {}
            Place::Behind(cursor) => {
                self.opts.after = Some(cursor.clone());
                self.tries.renew();
            }
        }
        self.tries.again(failed).await
    }
}
