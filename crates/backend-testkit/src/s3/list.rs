//! Keys are listed, page by page (S3 API, ListObjectsV2 and ListObjects).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    ChecksumAlgorithm, CommonPrefix, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input,
    ListObjectsV2Output, Object as Entry, ObjectStorageClass,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::attributes::strong;
use super::bucket::{Bucket, Object, Version};
use super::state::Service;
use super::sums;

/// What `encoding-type=url` leaves as it is. A space becomes a plus.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

/// What is asked for in a listing.
pub(super) struct Ask<'a> {
    pub(super) prefix: &'a str,
    pub(super) delimiter: Option<&'a str>,
    /// Only what is behind this name.
    pub(super) after: &'a str,
    /// Nor what begins with `after`, which was a prefix of the page before.
    pub(super) skip_below: bool,
    pub(super) max: usize,
}

/// One page. Keys and prefixes count alike.
#[derive(Default)]
pub(super) struct Page {
    pub(super) keys: Vec<String>,
    pub(super) prefixes: Vec<String>,
    /// The last name of it, where more follow.
    pub(super) next: Option<Next>,
}

/// Where the next page begins.
#[derive(Clone)]
pub(super) struct Next {
    pub(super) name: String,
    pub(super) is_prefix: bool,
}

impl Page {
    /// The page of those keys that `visible` admits.
    pub(super) fn of(bucket: &Bucket, ask: &Ask<'_>, visible: impl Fn(&str) -> bool) -> Self {
        let mut page = Self::default();
        let mut last: Option<Next> = None;
        let from = ask.after.max(ask.prefix).to_owned();
        for (key, _) in bucket.keys.range(from..) {
            if !key.starts_with(ask.prefix) {
                break;
            }
            let below = ask.skip_below && key.starts_with(ask.after);
            let folded = last.as_ref().is_some_and(|last| last.is_prefix && key.starts_with(&last.name));
            if (!ask.after.is_empty() && key.as_str() <= ask.after) || below || folded || !visible(key) {
                continue;
            }
            if ask.max <= page.keys.len() + page.prefixes.len() {
                page.next = last;
                return page;
            }
            let name = ask.group(key);
            match &name {
                Some(name) => page.prefixes.push(name.clone()),
                None => page.keys.push(key.clone()),
            }
            last = Some(Next { is_prefix: name.is_some(), name: name.unwrap_or_else(|| key.clone()) });
        }
        page
    }
}

impl Ask<'_> {
    /// The common prefix that a key goes into, if any.
    fn group(&self, key: &str) -> Option<String> {
        let delimiter = self.delimiter.filter(|it| !it.is_empty())?;
        let rest = key.get(self.prefix.len()..)?;
        let end = rest.find(delimiter)? + self.prefix.len() + delimiter.len();
        key.get(..end).map(str::to_owned)
    }
}

/// How names are written in an answer.
#[derive(Clone, Copy)]
pub(super) struct Writing {
    url: bool,
}

impl Writing {
    pub(super) fn of(asked: Option<&EncodingType>) -> Self {
        Self { url: asked.is_some_and(|it| it.as_str() == EncodingType::URL) }
    }

    pub(super) fn name(self, name: &str) -> String {
        match self.url {
            true => utf8_percent_encode(name, PLAIN).to_string().replace(' ', "+"),
            false => name.to_owned(),
        }
    }

    pub(super) fn prefixes(self, prefixes: &[String]) -> Option<Vec<CommonPrefix>> {
        let entry = |prefix: &String| CommonPrefix { prefix: Some(self.name(prefix)) };
        Some(prefixes.iter().map(entry).collect())
    }

    fn entry(self, key: &str, version: &Version, object: &Object) -> Entry {
        Entry {
            checksum_algorithm: algorithms(object),
            checksum_type: object.sums.checksum_type.clone(),
            e_tag: strong(&object.etag),
            key: Some(self.name(key)),
            last_modified: Some(version.time()),
            size: i64::try_from(object.blob.len()).ok(),
            storage_class: Some(ObjectStorageClass::from(object.attributes.class())),
            ..Entry::default()
        }
    }
}

pub(super) fn algorithms(object: &Object) -> Option<Vec<ChecksumAlgorithm>> {
    let told = sums::ALL.into_iter().filter(|it| it.of(&object.sums).is_some());
    let names: Vec<_> = told.map(|it| ChecksumAlgorithm::from_static(it.name())).collect();
    (!names.is_empty()).then_some(names)
}

impl Service {
    /// How many entries a page has, of what was asked for.
    pub(super) fn page_size(&self, asked: Option<i32>) -> S3Result<usize> {
        match asked.map(usize::try_from) {
            None => Ok(self.opts.max_keys),
            Some(Ok(max)) => Ok(max.min(self.opts.max_keys)),
            Some(Err(_)) => {
                Err(s3_error!(InvalidArgument, "Argument maxKeys must be an integer between 0 and 2147483647"))
            }
        }
    }

    fn page(&self, bucket: &str, ask: &Ask<'_>, writing: Writing) -> S3Result<(Page, Vec<Entry>)> {
        let mut state = self.lock();
        let bucket = state.bucket(bucket)?;
        let page = match ask.max {
            0 => Page::default(),
            _ => Page::of(bucket, ask, |key| bucket.current(key).is_some()),
        };
        let entry = |key: &String| {
            let version = bucket.newest(key)?;
            Some(writing.entry(key, version, version.held.as_ref()?))
        };
        let entries = page.keys.iter().filter_map(entry).collect();
        Ok((page, entries))
    }

    pub(super) fn list_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let writing = Writing::of(input.encoding_type.as_ref());
        let max = self.page_size(input.max_keys)?;
        let begun = input.continuation_token.as_deref().map(Next::of_token).transpose()?;
        let ask = Ask {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: input.delimiter.as_deref(),
            after: begun.as_ref().map_or(input.start_after.as_deref().unwrap_or_default(), |next| next.name.as_str()),
            skip_below: begun.as_ref().is_some_and(|next| next.is_prefix),
            max,
        };
        let (page, contents) = self.page(&input.bucket, &ask, writing)?;
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket.clone()),
            prefix: Some(writing.name(ask.prefix)),
            max_keys: i32::try_from(max).ok(),
            key_count: i32::try_from(page.keys.len() + page.prefixes.len()).ok(),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.as_ref().map(Next::token),
            contents: Some(contents),
            common_prefixes: writing.prefixes(&page.prefixes),
            delimiter: input.delimiter.as_deref().map(|it| writing.name(it)),
            start_after: input.start_after.as_deref().map(|it| writing.name(it)),
            continuation_token: input.continuation_token,
            encoding_type: input.encoding_type,
            ..ListObjectsV2Output::default()
        }))
    }

    pub(super) fn list_v1(&self, req: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = req.input;
        let writing = Writing::of(input.encoding_type.as_ref());
        let max = self.page_size(input.max_keys)?;
        let (after, delimiter) = (input.marker.as_deref().unwrap_or_default(), input.delimiter.as_deref());
        let ask = Ask {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter,
            after,
            skip_below: delimiter.is_some_and(|it| !it.is_empty() && !after.is_empty() && after.ends_with(it)),
            max,
        };
        let (page, contents) = self.page(&input.bucket, &ask, writing)?;
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket.clone()),
            prefix: Some(writing.name(ask.prefix)),
            marker: Some(writing.name(ask.after)),
            max_keys: i32::try_from(max).ok(),
            is_truncated: Some(page.next.is_some()),
            // Only told with a delimiter; without one, clients go on behind the last key.
            next_marker: page.next.as_ref().filter(|_| delimiter.is_some()).map(|next| writing.name(&next.name)),
            contents: Some(contents),
            common_prefixes: writing.prefixes(&page.prefixes),
            delimiter: delimiter.map(|it| writing.name(it)),
            encoding_type: input.encoding_type,
            ..ListObjectsOutput::default()
        }))
    }
}

impl Next {
    fn token(&self) -> String {
        format!("{}{}", if self.is_prefix { "p" } else { "k" }, sums::hex(self.name.as_bytes()))
    }

    fn of_token(token: &str) -> S3Result<Self> {
        let wrong = || s3_error!(InvalidArgument, "The continuation token provided is incorrect");
        let hex = token.get(1..).ok_or_else(wrong)?;
        let byte = |at: usize| hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
        let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
        match token.get(..1) {
            Some("p") => Ok(Self { name, is_prefix: true }),
            Some("k") => Ok(Self { name, is_prefix: false }),
            _ => Err(wrong()),
        }
    }
}
