//! Listing: everything below a prefix, or one level of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use backend_core::{Entry, Error, ErrorKind, Key, ListOptions, Metadata, OWN_PREFIX, Result, StatOptions, Status};
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta};

use crate::error::to_object_store;
use crate::location;
use crate::read::object;
use crate::store::Core;

/// Looks at a time, at entries of which the listing says too little.
const LOOKS: usize = 8;

/// One line, as far as it concerns anybody.
enum Line {
    Object(ObjectMeta),
    Prefix(Path),
    Hidden,
}

impl Core {
    pub(crate) fn list(
        self: &Arc<Self>,
        prefix: Option<&Path>,
    ) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let objects = self.lines(prefix, false).try_filter_map(|line| async move {
            match line {
                Line::Object(meta) => Ok(Some(meta)),
                Line::Prefix(_) | Line::Hidden => Ok(None),
            }
        });
        objects.boxed()
    }

    pub(crate) async fn list_level(self: &Arc<Self>, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        let mut lines = self.lines(prefix, true);
        let (mut objects, mut prefixes) = (Vec::new(), BTreeSet::new());
        while let Some(line) = lines.try_next().await? {
            match line {
                Line::Object(meta) => objects.push(meta),
                Line::Prefix(path) => drop(prefixes.insert(path)),
                Line::Hidden => {}
            }
        }
        let extensions = object_store::Extensions::default();
        Ok(ListResult { common_prefixes: prefixes.into_iter().collect(), objects, extensions })
    }

    fn lines(self: &Arc<Self>, prefix: Option<&Path>, shallow: bool) -> BoxStream<'static, object_store::Result<Line>> {
        let below = location::below(prefix);
        let opts = ListOptions { prefix: (!below.is_empty()).then_some(below), shallow, ..ListOptions::default() };
        let (core, at) = (self.clone(), prefix.cloned().unwrap_or_default());
        let lines = self.backend.list(&opts).map(move |entry| {
            let core = core.clone();
            async move { core.line(entry?).await }
        });
        lines.buffered(LOOKS).map_err(move |err| to_object_store(err, &at)).boxed()
    }

    async fn line(&self, entry: Entry) -> Result<Line> {
        match entry {
            Entry::Prefix(text) if is_own(&text) => Ok(Line::Hidden),
            Entry::Prefix(text) => {
                let path = location::path(text.trim_end_matches('/'));
                Ok(Line::Prefix(path.ok_or_else(|| no_path(&text))?))
            }
            Entry::Content { meta, .. } => self.content(meta).await,
            _ => Err(Error::new(ErrorKind::Internal, "the listing has an entry of an unknown kind")),
        }
    }

    async fn content(&self, meta: Metadata) -> Result<Line> {
        let key = meta.at.id.key().cloned();
        let key = key.ok_or_else(|| Error::new(ErrorKind::Internal, "the listing names content without a key"))?;
        if key.is_own() || meta.status != Status::Stored {
            return Ok(Line::Hidden);
        }
        let path = location::path(key.as_str()).ok_or_else(|| no_path(key.as_str()))?;
        // Caches above compare size and time: those of a listing must be those of a look.
        let meta = match meta.size.is_some() && meta.modified.is_some() {
            true => meta,
            false => match self.backend.stat(&meta.at, &StatOptions::default()).await {
                Ok(known) => known,
                // It was removed meanwhile.
                Err(err) if err.kind() == ErrorKind::NotFound => return Ok(Line::Hidden),
                Err(err) => return Err(err),
            },
        };
        let size = meta
            .size
            .ok_or_else(|| Error::new(ErrorKind::Unsupported, "the backend does not say how long objects are"))?;
        Ok(Line::Object(object(&path, &meta, size, None)))
    }
}

/// Whether `text`, which may end with a slash, is our own folder or below it.
fn is_own(text: &str) -> bool {
    Key::parse(text.trim_end_matches('/')).is_ok_and(|key| key.is_own()) || text.starts_with(OWN_PREFIX)
}

fn no_path(name: &str) -> Error {
    let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    Error::new(ErrorKind::Internal, format!("the listing has a name that is no path: \"{shown}\""))
}
