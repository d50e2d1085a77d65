//! Reading: the whole, a range, or only what is known; under conditions.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use backend_core::{ByteRange, Error, ErrorKind, GetOptions as Get, Locator, Metadata, Result, StatOptions};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, GetResultPayload, ObjectMeta};

use crate::attributes::About;
use crate::error::to_object_store;
use crate::location;
use crate::store::Core;

/// 31 December 9999, in seconds since 1970: what comes later is no time, and no calendar is asked about it.
const LAST_SECOND: u64 = 253_402_214_400;

impl Core {
    pub(crate) async fn get(self: &Arc<Self>, path: &Path, opts: GetOptions) -> object_store::Result<GetResult> {
        let failed = |err| to_object_store(err, path);
        if let Some(range) = &opts.range {
            range.is_valid().map_err(|err| failed(invalid_range(err)))?;
        }
        let at = self.locator(path, opts.version.clone())?;
        if opts.head || matches!(opts.range, Some(GetRange::Suffix(0))) {
            return self.head(path, &at, &opts).await;
        }
        let ask = Get { range: opts.range.as_ref().map(range), if_match: self.tag(&opts), ..Get::default() };
        let fetched = self.backend.get(&at, &ask).await.map_err(failed)?;
        let told = fetched.meta.size.or(match ask.range {
            Some(ByteRange::Bounded(..)) => None,
            _ => Some(fetched.range.end),
        });
        let size = self.size(told, &at).await.map_err(failed)?;
        let meta = object(path, &fetched.meta, size, opts.version.as_deref());
        opts.check_preconditions(&meta)?;
        let wanted = match &opts.range {
            Some(range) => range.as_range(size).map_err(|err| failed(invalid_range(err)))?,
            None => 0..size,
        };
        if fetched.range != wanted {
            let why = format!("bytes {wanted:?} were asked for, and {:?} came", fetched.range);
            return Err(failed(Error::new(ErrorKind::Internal, why)));
        }
        let (attributes, path) = (About::of(&fetched.meta).attributes(), path.clone());
        let body = fetched.body.map_err(move |err| to_object_store(err, &path)).boxed();
        Ok(result(meta, wanted, attributes, body))
    }

    /// Only what is known, with an empty body.
    async fn head(&self, path: &Path, at: &Locator, opts: &GetOptions) -> object_store::Result<GetResult> {
        let failed = |err| to_object_store(err, path);
        let known = self.backend.stat(at, &StatOptions::default()).await.map_err(failed)?;
        let size = known.size.ok_or_else(unknown_size).map_err(failed)?;
        let meta = object(path, &known, size, opts.version.as_deref());
        opts.check_preconditions(&meta)?;
        let range = match &opts.range {
            Some(range) => range.as_range(size).map_err(|err| failed(invalid_range(err)))?,
            None => 0..size,
        };
        Ok(result(meta, range, About::of(&known).attributes(), stream::empty().boxed()))
    }

    /// Where `path` is, in this version if one is meant.
    pub(crate) fn locator(&self, path: &Path, version: Option<String>) -> object_store::Result<Locator> {
        let key = location::readable(path)?;
        if version.is_some() && !self.info().offers.versions {
            return Err(to_object_store(Error::unsupported("versions", &self.info().name), path));
        }
        Ok(Locator::new(key).with_version(version))
    }

    /// The one etag that the backend itself can compare: earlier, and without a race.
    fn tag(&self, opts: &GetOptions) -> Option<String> {
        let one = opts.if_match.as_ref().filter(|it| *it != "*" && !it.contains(','));
        one.filter(|_| self.info().offers.if_match).cloned()
    }

    /// How long the whole is. Of a range in its middle a backend need not say it.
    async fn size(&self, told: Option<u64>, at: &Locator) -> Result<u64> {
        match told {
            Some(size) => Ok(size),
            None => self.backend.stat(at, &StatOptions::default()).await?.size.ok_or_else(unknown_size),
        }
    }
}

fn range(range: &GetRange) -> ByteRange {
    match range {
        GetRange::Bounded(it) => it.clone().into(),
        GetRange::Offset(start) => ByteRange::From(*start),
        GetRange::Suffix(n) => ByteRange::Last(*n),
    }
}

pub(crate) fn invalid_range(err: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::InvalidRange, "the range is not within the object").with_source(err)
}

fn unknown_size() -> Error {
    Error::new(ErrorKind::Unsupported, "the backend does not say how long the object is")
}

/// What a backend knows of an object. When it does not say when it was written: 1970.
pub(crate) fn object(path: &Path, meta: &Metadata, size: u64, version: Option<&str>) -> ObjectMeta {
    ObjectMeta {
        location: path.clone(),
        last_modified: calendar(meta.modified.unwrap_or(SystemTime::UNIX_EPOCH)).into(),
        size,
        e_tag: meta.etag.clone(),
        version: meta.at.version.clone().or(version.map(str::to_owned)),
    }
}

/// The nearest time between 1970 and 9999: a calendar panics on others.
pub(crate) fn calendar(at: SystemTime) -> SystemTime {
    let last = SystemTime::UNIX_EPOCH + Duration::from_secs(LAST_SECOND);
    at.clamp(SystemTime::UNIX_EPOCH, last)
}

pub(crate) fn result(
    meta: ObjectMeta,
    range: std::ops::Range<u64>,
    attributes: object_store::Attributes,
    body: BoxStream<'static, object_store::Result<bytes::Bytes>>,
) -> GetResult {
    let extensions = object_store::Extensions::default();
    GetResult { payload: GetResultPayload::Stream(body), meta, range, attributes, extensions }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_beyond_the_calendar() {
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 60);
        let early = SystemTime::UNIX_EPOCH - Duration::from_secs(1 << 60);
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_000_000_123);
        assert!(calendar(far) < far && calendar(early) == SystemTime::UNIX_EPOCH && calendar(now) == now);
        let at = Locator::new(backend_core::Key::new("a").unwrap());
        let meta = Metadata { modified: Some(far), ..Metadata::new(at, backend_core::Evidence::Claimed) };
        assert_eq!(object(&Path::from("a"), &meta, 1, None).last_modified.timestamp(), LAST_SECOND as i64);
    }
}
