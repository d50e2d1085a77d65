//! Listing page by page: one page is in memory at a time.

use std::borrow::Cow;
use std::collections::VecDeque;

use backend_core::{Entry, Error, ErrorKind, Evidence, Key, ListOptions, Locator, Metadata, Result};
use futures::stream::{self, BoxStream, StreamExt};
use object_store::ObjectMeta;
use object_store::list::PaginatedListOptions;
use object_store::path::Path;

use super::super::call::Call;
use super::Bucket;
use crate::error::unexpected;

struct Walk {
    bucket: Bucket,
    /// What names begin with at the service.
    prefix: String,
    shallow: bool,
    /// Where to begin, as a name at the service.
    after: Option<String>,
    /// The service ignores where to begin: everything up to that name is passed over.
    skipping: bool,
    page: Option<String>,
    pages: usize,
    is_done: bool,
    ready: VecDeque<Entry>,
}

/// One line of a page: its whole name, and the object or, for a folder, nothing.
type Line = (String, Option<ObjectMeta>);

pub(super) fn list(bucket: Bucket, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
    let prefix = format!("{}{}", bucket.shared.prefix, opts.prefix.as_deref().unwrap_or_default());
    let after = opts.after.as_ref().map(|after| format!("{}{after}", bucket.shared.prefix));
    let walk = Walk {
        bucket,
        prefix,
        shallow: opts.shallow,
        after,
        skipping: false,
        page: None,
        pages: 0,
        is_done: false,
        ready: VecDeque::new(),
    };
    stream::try_unfold(walk, |mut walk| async move {
        loop {
            match walk.ready.pop_front() {
                Some(entry) => return Ok(Some((entry, walk))),
                None if walk.is_done => return Ok(None),
                None => walk.turn().await?,
            }
        }
    })
    .boxed()
}

impl Walk {
    async fn turn(&mut self) -> Result<()> {
        let opts = PaginatedListOptions {
            offset: self.after.clone(),
            delimiter: self.shallow.then_some(Cow::Borrowed("/")),
            page_token: self.page.clone(),
            ..PaginatedListOptions::default()
        };
        let prefix = Some(self.prefix.as_str()).filter(|it| !it.is_empty());
        let pages = self.bucket.store()?.pages();
        let answer = Call::read().run("list", pages.list_paginated(prefix, opts)).await;
        let answer = answer.map_err(|err| match err.kind() {
            ErrorKind::NotFound => Error::new(ErrorKind::InvalidConfig, "the bucket or container is not there"),
            _ => err,
        })?;
        let next = answer.page_token.filter(|it| !it.is_empty());
        if next.is_some() && next == self.page {
            return Err(unexpected("list", "the service answers the same page again and again"));
        }
        let lines = self.lines(answer.result.objects, answer.result.common_prefixes);
        self.pages += 1;
        if self.pages == 1 {
            self.ready.extend(self.namesake().await?);
        }
        for line in self.passed_over(lines) {
            if let Some(entry) = self.entry(line).await? {
                self.ready.push_back(entry);
            }
        }
        (self.page, self.is_done) = (next.clone(), next.is_none());
        match self.is_done && self.skipping {
            true => Err(Error::new(ErrorKind::Precondition, "the cursor has expired: nothing has its name any more")),
            false => Ok(()),
        }
    }

    /// The object whose whole name is the prefix: `object_store` takes it off Azure's listings.
    async fn namesake(&self) -> Result<Option<Entry>> {
        let is_behind = self.after.as_ref().is_some_and(|after| self.prefix <= *after);
        let text = self.prefix.strip_prefix(self.bucket.shared.prefix.as_str()).unwrap_or_default();
        let Ok(key) = Key::parse(text) else { return Ok(None) };
        if !self.bucket.is_azure() || is_behind {
            return Ok(None);
        }
        match self.bucket.head(&key).await {
            Ok(meta) => {
                let meta = Metadata { evidence: Evidence::Claimed, ..meta };
                Ok(Some(Entry::Content { meta, cursor: Some(text.to_owned()) }))
            }
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Objects come in the service's order. Folders come beside them: only with them are the lines put in order.
    fn lines(&self, objects: Vec<ObjectMeta>, folders: Vec<Path>) -> Vec<Line> {
        let folders = folders.into_iter().map(|folder| (format!("{folder}/"), None));
        let mut lines: Vec<Line> = folders.collect();
        let has_folders = !lines.is_empty();
        lines.extend(objects.into_iter().map(|object| (object.location.to_string(), Some(object))));
        if has_folders {
            lines.sort_by(|one, other| one.0.cmp(&other.0));
        }
        lines
    }

    /// A service that does not know where to begin begins at the beginning (Azurite).
    fn passed_over(&mut self, lines: Vec<Line>) -> Vec<Line> {
        let Some(after) = &self.after else { return lines };
        if self.pages == 1 {
            self.skipping = lines.first().is_some_and(|(name, _)| name <= after);
        }
        if !self.skipping {
            return lines;
        }
        let found = lines.iter().position(|(name, _)| name == after);
        match found {
            Some(at) => {
                self.skipping = false;
                lines.into_iter().skip(at + 1).collect()
            }
            None => Vec::new(),
        }
    }

    async fn entry(&self, (name, object): Line) -> Result<Option<Entry>> {
        let own = &self.bucket.shared.prefix;
        let Some(text) = name.strip_prefix(own.as_str()).filter(|_| name.starts_with(&self.prefix)) else {
            // `object_store` takes the slash off an object that stands for a folder.
            return match format!("{name}/").starts_with(&self.prefix) {
                true => Ok(None),
                false => Err(unexpected("list", "the service lists what was not asked for")),
            };
        };
        let Some(object) = object else { return Ok(Some(Entry::Prefix(text.to_owned()))) };
        let key = Key::parse(text)
            .map_err(|_| Error::new(ErrorKind::Internal, "cannot list: the store has a name that no key can have"))?;
        // The same, in the middle of a listing: nothing has this name then.
        if object.size == 0 && self.is_folder(&key).await? {
            return Ok(None);
        }
        let mut meta = Metadata::new(Locator::new(key), Evidence::Claimed);
        meta.size = Some(object.size);
        meta.etag = object.e_tag.filter(|_| self.bucket.is_azure()).map(quoted);
        meta.modified = Some(object.last_modified.into());
        Ok(Some(Entry::Content { meta, cursor: Some(text.to_owned()) }))
    }

    async fn is_folder(&self, key: &Key) -> Result<bool> {
        match self.bucket.head(key).await {
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(true),
            found => found.map(|_| false),
        }
    }
}

/// Azure lists an etag bare, and tells it quoted in every header (Blob service, "List Blobs" and "Get Blob").
fn quoted(etag: String) -> String {
    if etag.starts_with('"') { etag } else { format!("\"{etag}\"") }
}
