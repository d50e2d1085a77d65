//! What is there, page by page (`ListObjectsV2`, or `ListObjects` where that is better): memory for one page, whatever the bucket holds.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{CommonPrefix, EncodingType, Object};
use backend_core::{Entry, Evidence, Key, ListOptions, Locator, Metadata, Result};
use futures::stream::{self, BoxStream, StreamExt};
use percent_encoding::percent_decode_str;

use super::Client;
use super::object::bared;
use crate::error::lie;
use crate::failure::Act;
use crate::provider::Listing;

const LIST: Act = Act::reads("list the bucket");

/// Where a page begins.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Mark {
    /// The full key behind which it begins.
    pub(super) key: Option<String>,
    /// And the version of it.
    pub(super) version: Option<String>,
    /// The service's own word, which goes before the key.
    pub(super) token: Option<String>,
}

/// One line of a page, under its full key.
#[derive(Debug)]
pub(super) enum Line {
    Object {
        key: String,
        size: Option<u64>,
        etag: Option<String>,
        modified: Option<SystemTime>,
        version: Option<String>,
    },
    /// It hides what is older, and is no content.
    Marker {
        key: String,
        version: Option<String>,
    },
    Prefix(String),
}

impl Line {
    pub(super) fn key(&self) -> &str {
        match self {
            Line::Object { key, .. } | Line::Marker { key, .. } | Line::Prefix(key) => key,
        }
    }
}

/// What one request answers, in the order of keys.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) lines: Vec<Line>,
    /// Where the next one begins, if there is one.
    pub(super) next: Option<Mark>,
}

/// What a page is asked for.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// The full prefix.
    pub(super) prefix: String,
    pub(super) shallow: bool,
    pub(super) versions: bool,
    pub(super) most: Option<i32>,
}

impl Client {
    /// A listing as the contract wants it.
    pub(crate) fn list(self: &Arc<Self>, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        let ask = Ask {
            prefix: self.key(opts.prefix.as_deref().unwrap_or_default()),
            shallow: opts.shallow,
            versions: opts.versions,
            most: None,
        };
        let mark = opts.after.as_deref().map(|after| self.mark(after, opts.versions)).unwrap_or_default();
        let walk = Walk { client: self.clone(), ask, next: Some(mark), lines: VecDeque::new() };
        stream::try_unfold(walk, |mut walk| async move { Ok(walk.step().await?.map(|entry| (entry, walk))) }).boxed()
    }

    /// Where a cursor points to: a name, and behind a line break a version of it.
    fn mark(&self, cursor: &str, versions: bool) -> Mark {
        let (name, version) = match cursor.split_once('\n') {
            Some((name, version)) if versions => (name, Some(version.to_owned())),
            _ => (cursor, None),
        };
        Mark { key: Some(self.key(name)), version, token: None }
    }

    pub(super) async fn page(&self, ask: &Ask, mark: &Mark) -> Result<Page> {
        match (ask.versions, self.rules.row.listing) {
            (true, _) => self.page_of_versions(ask, mark).await,
            (false, Listing::V2) => self.page_v2(ask, mark).await,
            (false, Listing::V1) => self.page_v1(ask, mark).await,
        }
    }

    pub(super) fn encoding(&self) -> Option<EncodingType> {
        (self.rules.row.encodes && !self.learnt.unescaped).then_some(EncodingType::Url)
    }

    async fn page_v2(&self, ask: &Ask, mark: &Mark) -> Result<Page> {
        let answer = self.tried(|sdk| {
            let request = sdk.list_objects_v2().bucket(&self.rules.bucket).prefix(&ask.prefix);
            let request = request.set_delimiter(ask.shallow.then(|| "/".to_owned())).set_max_keys(ask.most);
            let request = request.set_continuation_token(mark.token.clone()).set_encoding_type(self.encoding());
            let after = mark.key.clone().filter(|_| mark.token.is_none());
            self.told(LIST, request.set_start_after(after).send())
        });
        let mut page = answer.await?;
        let texts = Texts(page.encoding_type() == Some(&EncodingType::Url));
        let lines = texts.lines(page.contents.take().unwrap_or_default(), page.common_prefixes())?;
        let token = page.next_continuation_token().map(str::to_owned);
        let next = match page.is_truncated() == Some(true) {
            false => None,
            true if token.is_none() || token == mark.token => return Err(lie("a listing that does not go on")),
            true => Some(Mark { token, ..Mark::default() }),
        };
        Ok(Page { lines, next })
    }

    async fn page_v1(&self, ask: &Ask, mark: &Mark) -> Result<Page> {
        let answer = self.tried(|sdk| {
            let request = sdk.list_objects().bucket(&self.rules.bucket).prefix(&ask.prefix);
            let request = request.set_delimiter(ask.shallow.then(|| "/".to_owned())).set_max_keys(ask.most);
            self.told(LIST, request.set_marker(mark.key.clone()).set_encoding_type(self.encoding()).send())
        });
        let mut page = answer.await?;
        let texts = Texts(page.encoding_type() == Some(&EncodingType::Url));
        let lines = texts.lines(page.contents.take().unwrap_or_default(), page.common_prefixes())?;
        // `NextMarker` comes only with a delimiter; without, the last key is it.
        let key = match page.next_marker() {
            Some(marker) => Some(texts.decoded(marker)?),
            None => lines.last().map(|line| line.key().to_owned()),
        };
        let next = match page.is_truncated() == Some(true) {
            false => None,
            true if key.is_none() || key <= mark.key => return Err(lie("a listing that does not go on")),
            true => Some(Mark { key, ..Mark::default() }),
        };
        Ok(Page { lines, next })
    }

    /// A line as the contract wants it. What lies outside of our folder, or can be no key, is not ours to list.
    fn entry(&self, line: Line, versions: bool) -> Option<Entry> {
        let name = line.key().strip_prefix(self.rules.prefix.as_str())?.to_owned();
        match line {
            Line::Marker { .. } => None,
            Line::Prefix(_) => Key::parse(name.strip_suffix('/')?).ok().map(|_| Entry::Prefix(name)),
            Line::Object { size, etag, modified, version, .. } => {
                let key = Key::parse(name.clone()).ok()?;
                let cursor = version.as_ref().filter(|_| versions).map(|version| format!("{name}\n{version}"));
                let at = Locator::new(key).with_version(version.filter(|_| versions));
                let meta = Metadata { size, etag, modified, ..Metadata::new(at, Evidence::Claimed) };
                Some(Entry::Content { meta, cursor: cursor.or(Some(name)) })
            }
        }
    }
}

/// A listing under way.
struct Walk {
    client: Arc<Client>,
    ask: Ask,
    next: Option<Mark>,
    lines: VecDeque<Line>,
}

impl Walk {
    async fn step(&mut self) -> Result<Option<Entry>> {
        loop {
            while let Some(line) = self.lines.pop_front() {
                if let Some(entry) = self.client.entry(line, self.ask.versions) {
                    return Ok(Some(entry));
                }
            }
            let Some(mark) = self.next.take() else { return Ok(None) };
            let page = self.client.page(&self.ask, &mark).await?;
            self.next = page.next;
            self.lines = page.lines.into();
        }
    }
}

/// Texts of an answer, which the service has escaped if it says so.
pub(super) struct Texts(pub(super) bool);

impl Texts {
    pub(super) fn decoded(&self, text: &str) -> Result<String> {
        self.unescaped(text.to_owned())
    }

    /// As HTML forms are: a space is a plus sign. Most keys have nothing of that, and stay where they are.
    fn unescaped(&self, text: String) -> Result<String> {
        if !self.0 || !text.contains(['+', '%']) {
            return Ok(text);
        }
        let spaced = text.replace('+', " ");
        let decoded = percent_decode_str(&spaced).decode_utf8();
        decoded.map(|text| text.into_owned()).map_err(|_| lie("a listed key that is no UTF-8"))
    }

    /// Objects and prefixes, which come apart, in the order of keys: a cursor between them is right only so.
    fn lines(&self, objects: Vec<Object>, prefixes: &[CommonPrefix]) -> Result<Vec<Line>> {
        let mut lines = Vec::with_capacity(objects.len() + prefixes.len());
        for object in objects {
            lines.push(Line::Object {
                size: object.size().and_then(|size| u64::try_from(size).ok()),
                modified: object.last_modified().and_then(time),
                etag: object.e_tag.map(bared),
                key: self.unescaped(object.key.unwrap_or_default())?,
                version: None,
            });
        }
        self.and_prefixes(lines, prefixes)
    }

    pub(super) fn and_prefixes(&self, mut lines: Vec<Line>, prefixes: &[CommonPrefix]) -> Result<Vec<Line>> {
        if prefixes.is_empty() {
            return Ok(lines);
        }
        for prefix in prefixes {
            lines.push(Line::Prefix(self.decoded(prefix.prefix().unwrap_or_default())?));
        }
        lines.sort_by(|one, other| one.key().cmp(other.key()));
        Ok(lines)
    }
}

pub(super) fn time(time: &DateTime) -> Option<SystemTime> {
    SystemTime::try_from(*time).ok()
}
