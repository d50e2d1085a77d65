//! `backend-s3` behind all layers, opened with what a probe has learnt, as the program opens it. Naming is not part of it: that is the manager's.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Backend, ByteStream, Content, Dag, Entry, Error, ErrorKind, GetOptions, Key, ListOptions, Locator,
    Open, Settings,
};
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_testkit::real::{SECRET, USER};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};

use super::Client;
use crate::Result;

/// As the manager reads files.
const FRAME: u64 = 256 << 10;
/// Contents are named before they get here; what they are called does not matter to the service.
const NAME: &str = "bafybeicgdqbrxsehhhoxfupeoqdouo4ca2nopo2zbzcdmagc7wnlmbpjke";

pub(super) struct Ours(Arc<dyn Backend>);

pub(super) async fn open(endpoint: &str, bucket: &str) -> Result<Ours> {
    let open = |learnt: Value| {
        let connection =
            json!({ "endpoint_url": endpoint, "bucket": bucket, "region": "us-east-1", "path_style": true });
        let mut settings = Settings::new("peers", connection, Arc::new(SystemClock));
        settings.credentials = json!({ "access_key_id": USER, "secret_access_key": SECRET });
        settings.learnt = learnt;
        backend_s3::open(settings)
    };
    let leaf = open(open(Value::Null)?.probe().await?)?;
    Ok(Ours(stack(leaf, &Operational::default(), &Gates::default(), Arc::new(SystemClock))))
}

impl Ours {
    async fn add(&self, key: &str, content: Content) -> Result<()> {
        let opts = AddOptions { id: Some(Key::new(key)?.into()), ..AddOptions::default() };
        self.0.add(&content, &opts).await?;
        Ok(())
    }
}

#[async_trait]
impl Client for Ours {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.add(key, Content::bytes(NAME.parse()?, bytes)).await
    }

    async fn put_file(&self, key: &str, file: &Path) -> Result<()> {
        let source = Source { file: Arc::new(File::open(file)?), path: file.to_owned() };
        let len = source.file.metadata()?.len();
        self.add(key, Content::file(NAME.parse()?, len, Dag::empty(), Arc::new(source))).await
    }

    async fn get(&self, key: &str) -> Result<u64> {
        let at = Locator::new(Key::new(key)?);
        let mut body = self.0.get(&at, &GetOptions::default()).await?.body;
        let mut len = 0;
        while let Some(frame) = body.try_next().await? {
            len += frame.len() as u64;
        }
        Ok(len)
    }

    async fn list(&self, prefix: &str) -> Result<u64> {
        let mut listing = self.0.list(&ListOptions::prefix(prefix));
        let mut found = 0;
        while let Some(entry) = listing.try_next().await? {
            found += u64::from(matches!(entry, Entry::Content { .. }));
        }
        Ok(found)
    }
}

/// A file, opened at any range.
struct Source {
    file: Arc<File>,
    path: PathBuf,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

#[async_trait]
impl Open for Source {
    async fn open(&self, range: Range<u64>) -> backend_core::Result<ByteStream> {
        let file = self.file.clone();
        let frames = stream::try_unfold((file, range), |(file, range)| async move {
            if range.is_empty() {
                return Ok(None);
            }
            let (from, len) = (range.start, (range.end - range.start).min(FRAME));
            let shared = file.clone();
            let read = tokio::task::spawn_blocking(move || {
                let mut frame = vec![0; len as usize];
                shared.read_exact_at(&mut frame, from).map(|()| Bytes::from(frame))
            });
            let failed = |err: std::io::Error| Error::new(ErrorKind::Internal, format!("cannot read: {err}"));
            let frame = read.await.map_err(|err| failed(err.into()))?.map_err(failed)?;
            Ok(Some((frame, (file, from + len..range.end))))
        });
        Ok(frames.boxed())
    }
}
