//! Listing by pages: names in order, never all of them in memory twice.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

use backend_core::{Entry, ListOptions, Result};
use futures::stream::{self, BoxStream, StreamExt};

use super::{State, Store};

/// Names that are looked at under one lock.
const PAGE: usize = 256;

/// Between a name and its version in a cursor; no key contains it.
const SEPARATOR: char = '\0';

/// A listing that stands behind `after`.
struct Walk {
    store: Arc<Store>,
    prefix: String,
    shallow: bool,
    versions: bool,
    after: Bound<String>,
    /// Only older versions of the first name are still to come.
    older_than: Option<(String, u64)>,
    ready: VecDeque<Entry>,
}

impl Store {
    /// What `opts` asks for. The caller has refused what is not offered.
    pub(crate) fn list(self: &Arc<Self>, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        let (after, older_than) = position(opts.after.as_deref());
        let walk = Walk {
            store: self.clone(),
            prefix: opts.prefix.clone().unwrap_or_default(),
            shallow: opts.shallow,
            versions: opts.versions,
            after,
            older_than,
            ready: VecDeque::new(),
        };
        stream::unfold(walk, |mut walk| async move { walk.next().map(|entry| (Ok(entry), walk)) }).boxed()
    }
}

fn position(after: Option<&str>) -> (Bound<String>, Option<(String, u64)>) {
    let Some(after) = after else { return (Bound::Unbounded, None) };
    let version = after.split_once(SEPARATOR).and_then(|(name, number)| Some((name.to_owned(), number.parse().ok()?)));
    match version {
        Some((name, number)) => (Bound::Included(name.clone()), Some((name, number))),
        None => (Bound::Excluded(after.to_owned()), None),
    }
}

impl Walk {
    fn next(&mut self) -> Option<Entry> {
        while self.ready.is_empty() && self.page() {}
        self.ready.pop_front()
    }

    /// Looks at some names under one lock; whether there may be more.
    fn page(&mut self) -> bool {
        let store = self.store.clone();
        let state = store.lock();
        for _ in 0..PAGE {
            match self.step(&state) {
                Some(behind) => self.after = behind,
                None => return false,
            }
        }
        true
    }

    /// Looks at the next name and says where to go on behind it.
    fn step(&mut self, state: &State) -> Option<Bound<String>> {
        let start = match &self.after {
            Bound::Unbounded => Bound::Included(self.prefix.as_str()),
            Bound::Included(at) | Bound::Excluded(at) if *at < self.prefix => Bound::Included(self.prefix.as_str()),
            bound => bound.as_ref().map(String::as_str),
        };
        let (name, history) = state.names.range::<str, _>((start, Bound::Unbounded)).next()?;
        let rest = name.strip_prefix(&self.prefix)?;
        if self.shallow
            && let Some((folder, _)) = rest.split_once('/')
        {
            let folder = format!("{}{folder}/", self.prefix);
            // Everything in it lies before the same text with the slash's successor.
            let behind = Bound::Included(format!("{}0", folder.trim_end_matches('/')));
            if self.versions || state.folder_is_visible(&folder) {
                self.ready.push_back(Entry::Prefix(folder));
            }
            return Some(behind);
        }
        let shown = history.visible().into_iter().take(usize::from(!self.versions));
        let all = history.newest_first().take(if self.versions { usize::MAX } else { 0 });
        for object in shown.chain(all) {
            let seen = self.older_than.as_ref().is_some_and(|(at, number)| at == name && object.revision >= *number);
            if !seen {
                let cursor = match self.versions {
                    true => format!("{name}{SEPARATOR}{}", object.revision),
                    false => name.clone(),
                };
                let meta = self.store.metadata(name, object, self.versions);
                self.ready.push_back(Entry::Content { meta, cursor: Some(cursor) });
            }
        }
        Some(Bound::Excluded(name.clone()))
    }
}
