//! What of a wrong copy may stay, and what is taken from the source instead.

use std::ops::Range;

use backend_core::{ByteStream, Content, Mend, Result, Run};
use futures::stream::{self, StreamExt};

use super::parts::Parts;

/// The good bytes under a name, if any are known to be there.
#[derive(Debug, Default)]
pub(crate) struct Good(Option<(Parts, Mend)>);

impl Good {
    /// `there` lies under the name, and `mend` says what is wrong with it.
    pub(crate) fn of(there: Parts, mend: &Mend) -> Self {
        Self(Some((there, mend.clone())))
    }

    /// The bytes behind the first `sent`, in order. Without good bytes it is one run, which may be empty: a source that has more than it should is found.
    pub(super) fn runs(&self, len: u64, sent: u64) -> Vec<(Range<u64>, Run)> {
        let Some((there, mend)) = &self.0 else { return vec![(sent..len, Run::Sent)] };
        let rest = mend.runs(len, there.len()).into_iter().filter(|(range, _)| sent < range.end);
        rest.map(|(range, run)| (range.start.max(sent)..range.end, run)).collect()
    }

    pub(super) async fn open(&self, content: &Content, range: Range<u64>, run: Run) -> Result<ByteStream> {
        match (&self.0, run) {
            (Some((there, _)), Run::Kept) => Ok(stream::iter(there.slices(range).map(Ok)).boxed()),
            _ => content.open(range).await,
        }
    }
}
