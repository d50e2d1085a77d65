//! Asking and reading.

use std::time::{Duration, SystemTime};

use backend_core::{
    ByteRange, Error, ErrorKind, Evidence, Fetched, GetOptions, Key, Link, Locator, Metadata, Result, Secret,
};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use http::Method;
use object_store::path::Path;
use object_store::{Attributes, GetRange, ObjectMeta};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::call::Call;
use super::{Bucket, Store, labels};

/// No object reaches behind it, and every server can count so far.
const FAR: u64 = 1 << 50;
/// How long a link works.
const LINK: Duration = Duration::from_secs(3600);
/// What stands in the path of an address as it is.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How a range can be asked for.
enum Asked {
    All,
    So(GetRange),
    /// Only when the size is known.
    Sized(ByteRange),
}

impl Bucket {
    pub(super) async fn head(&self, key: &Key) -> Result<Metadata> {
        let opts = object_store::GetOptions { head: true, ..object_store::GetOptions::default() };
        let path = self.path(key)?;
        let got = Call::read().run("look at the content", self.store()?.plain().get_opts(&path, opts)).await?;
        Ok(self.described(key, &got.meta, &got.attributes))
    }

    pub(super) async fn read(&self, key: &Key, opts: &GetOptions) -> Result<Fetched> {
        let etag = self.checked(opts.if_match.as_deref())?;
        match self.asked(opts.range) {
            Asked::All => self.fetch(key, None, etag).await,
            Asked::Sized(range) => self.read_sized(key, range, etag, false).await,
            Asked::So(range) => match self.fetch(key, Some(range), etag).await {
                // Nothing of empty content can be asked for, and an end far behind confuses some servers.
                // Azurite answers 206 for a range behind the end.
                Err(err) if matches!(err.kind(), ErrorKind::InvalidRange | ErrorKind::Internal) => {
                    self.read_sized(key, opts.range.unwrap_or(ByteRange::From(0)), etag, true).await
                }
                fetched => fetched,
            },
        }
    }

    fn asked(&self, range: Option<ByteRange>) -> Asked {
        match range {
            None | Some(ByteRange::From(0)) => Asked::All,
            Some(ByteRange::Bounded(start, end)) if start < end && start < FAR && end <= FAR => {
                Asked::So(GetRange::Bounded(start..end))
            }
            Some(ByteRange::Bounded(start, end)) if start < end && start < FAR => Asked::So(GetRange::Offset(start)),
            Some(ByteRange::From(start)) if start < FAR => Asked::So(GetRange::Offset(start)),
            // Azure knows no suffixes.
            Some(ByteRange::Last(n)) if 0 < n && n < FAR && !self.is_azure() => Asked::So(GetRange::Suffix(n)),
            Some(range) => Asked::Sized(range),
        }
    }

    async fn read_sized(&self, key: &Key, range: ByteRange, etag: Option<&str>, was_refused: bool) -> Result<Fetched> {
        let meta = self.head(key).await?;
        if etag.is_some() && etag != meta.etag.as_deref() {
            return Err(Error::new(ErrorKind::Precondition, "what is stored does not have this etag"));
        }
        let range = range.within(meta.size.unwrap_or_default())?;
        match range.is_empty() {
            true => Ok(Fetched { meta, range, body: stream::empty().boxed() }),
            false if was_refused => {
                Err(Error::new(ErrorKind::Unavailable, "the content changed while it was asked for"))
            }
            false => self.fetch(key, Some(GetRange::Bounded(range)), meta.etag.clone().as_deref()).await,
        }
    }

    async fn fetch(&self, key: &Key, range: Option<GetRange>, etag: Option<&str>) -> Result<Fetched> {
        let path = self.path(key)?;
        let if_match = etag.filter(|_| self.is_azure()).map(str::to_owned);
        let opts = object_store::GetOptions { range, if_match, ..object_store::GetOptions::default() };
        let call = self.conditional(Call::content(), etag);
        let got = call.run("read the content", self.store()?.plain().get_opts(&path, opts)).await?;
        let meta = self.described(key, &got.meta, &got.attributes);
        let range = got.range.clone();
        let len = range.end.saturating_sub(range.start);
        Ok(Fetched { meta, range, body: whole(got.into_stream(), len) })
    }

    /// What the service says of an object. GCS compares generations, so they are its etags.
    fn described(&self, key: &Key, found: &ObjectMeta, attributes: &Attributes) -> Metadata {
        let mut meta = Metadata::new(Locator::new(key.clone()), Evidence::Acknowledged);
        meta.size = Some(found.size);
        meta.etag = if self.is_azure() { found.e_tag.clone() } else { found.version.clone() };
        meta.modified = Some(found.last_modified.into());
        (meta.content_type, meta.labels) = labels::from_attributes(attributes);
        meta
    }

    /// An address under which anybody can read for a while.
    pub(super) async fn link(&self, key: &Key) -> Result<Link> {
        let path = match self.store()? {
            // `object_store` puts a name into the address as it is: what it means there must be written out before.
            Store::Gcs(_) => {
                let encoded = utf8_percent_encode(self.path(key)?.as_ref(), IN_PATH).to_string();
                Path::parse(encoded).map_err(|_| Error::new(ErrorKind::InvalidInput, "no link can name it"))?
            }
            Store::Azure(_) => self.path(key)?,
        };
        let signer = self.store()?.signer();
        let url = Call::read().run("make a link", signer.signed_url(Method::GET, &path, LINK)).await?;
        // The signature is made with the machine's time, not with ours.
        Ok(Link { url: Secret::new(url.to_string()), until: SystemTime::now().checked_add(LINK) })
    }
}

/// A body that ends without an error only when all of it came.
pub(crate) fn whole(body: BoxStream<'static, object_store::Result<Bytes>>, len: u64) -> backend_core::ByteStream {
    let broken = |why: &str| Error::new(ErrorKind::Unavailable, format!("the content {why}"));
    stream::try_unfold((body, len), move |(mut body, left)| async move {
        loop {
            match body.try_next().await.map_err(|_| broken("broke off"))? {
                Some(frame) if left < frame.len() as u64 => return Err(broken("is longer than the service said")),
                Some(frame) if frame.is_empty() => {}
                Some(frame) => {
                    let left = left - frame.len() as u64;
                    return Ok(Some((frame, (body, left))));
                }
                None if 0 < left => return Err(broken("ended early")),
                None => return Ok(None),
            }
        }
    })
    .boxed()
}
