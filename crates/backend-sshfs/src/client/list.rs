//! A listing as a stream: one page after the other.

use backend_core::{Entry, ListOptions, Result};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::Store;
use super::walk::Walk;

enum State {
    Start(Box<ListOptions>),
    Going(Box<Walk>),
}

impl Store {
    /// Everything that the options ask for, in the order of keys. The options were checked.
    pub(crate) fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        let store = self.clone();
        let pages = stream::try_unfold(State::Start(Box::new(opts.clone())), move |state| {
            let store = store.clone();
            async move { store.page(state).await }
        });
        pages.map_ok(|entries| stream::iter(entries).map(Ok)).try_flatten().boxed()
    }

    async fn page(&self, state: State) -> Result<Option<(Vec<Entry>, State)>> {
        let mut walk = match state {
            State::Going(walk) => walk,
            State::Start(opts) => Box::new(Walk::new(self, &opts).await?),
        };
        Ok(walk.page(self).await?.map(|entries| (entries, State::Going(walk))))
    }
}
