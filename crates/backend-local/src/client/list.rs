//! A listing as a stream: one page after the other from a blocking thread.

use std::sync::Arc;

use backend_core::{Entry, ListOptions, Result};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::walk::Walk;
use super::{Files, Store, blocking};

enum State {
    Start(Box<ListOptions>),
    Going(Walk),
}

impl Store {
    /// Everything that the options ask for, in the order of keys. The options were checked.
    pub(crate) fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        let files = self.files.clone();
        let pages = stream::try_unfold(State::Start(Box::new(opts.clone())), move |state| {
            let files = files.clone();
            blocking(move || page(&files, state))
        });
        pages.map_ok(|entries| stream::iter(entries).map(Ok)).try_flatten().boxed()
    }
}

fn page(files: &Arc<Files>, state: State) -> Result<Option<(Vec<Entry>, State)>> {
    let mut walk = match state {
        State::Going(walk) => walk,
        State::Start(opts) => Walk::new(files, &opts)?,
    };
    Ok(walk.page(files)?.map(|entries| (entries, State::Going(walk))))
}
