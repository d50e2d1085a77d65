//! What the server holds, and what tests look at behind its back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use s3s::auth::{S3Auth, SecretKey};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::host::SingleDomain;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};

use super::blob::Spool;
use super::bucket::{Bucket, NULL, Version, Versioning};
use super::fault::Script;
use super::log::Log;
use super::options::{Options, Versions};

/// The name under which buckets are hosts: `bucket.localhost:port`.
pub(super) const DOMAIN: &str = "localhost";

/// All that requests share.
pub(super) struct Shared {
    pub(super) service: Service,
    pub(super) s3: S3Service,
    pub(super) script: Script,
    pub(super) log: Log,
}

/// The storage.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) opts: Arc<Options>,
    state: Arc<Mutex<State>>,
    pub(super) spool: Option<Arc<Spool>>,
}

/// What changes.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) buckets: BTreeMap<String, Bucket>,
    serial: u64,
}

/// The one pair of keys that is known.
struct Keys {
    id: String,
    secret: SecretKey,
}

#[async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match access_key == self.id {
            true => Ok(self.secret.clone()),
            false => {
                Err(s3_error!(InvalidAccessKeyId, "The AWS Access Key Id you provided does not exist in our records."))
            }
        }
    }
}

impl Shared {
    pub(super) fn new(opts: Options) -> io::Result<Self> {
        let auth = Keys { id: opts.access_key.clone(), secret: opts.secret_key.clone().into() };
        let service = Service::new(opts)?;
        let mut builder = S3ServiceBuilder::new(service.clone());
        builder.set_auth(auth);
        // The times of requests are judged by `refusal`, which has a clock of its own.
        let mut config = S3Config::default();
        config.presigned_url_max_skew_time_secs = u32::MAX;
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        builder.set_host(SingleDomain::new(DOMAIN).map_err(io::Error::other)?);
        Ok(Self { service, s3: builder.build(), script: Script::default(), log: Log::default() })
    }
}

impl State {
    /// The bucket that a request means.
    pub(super) fn bucket(&mut self, name: &str) -> S3Result<&mut Bucket> {
        self.buckets.get_mut(name).ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist"))
    }

    /// A text that was never given before, and sorts behind all that were.
    pub(super) fn unique(&mut self, what: &str) -> String {
        self.serial += 1;
        let scattered = self.serial.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("{what}{:012}{scattered:016x}", self.serial)
    }

    /// The id of the next version of this bucket.
    pub(super) fn version_id(&mut self, bucket: &str) -> String {
        match self.buckets.get(bucket).map(|bucket| bucket.versioning) {
            Some(Versioning::Enabled) => self.unique("v"),
            _ => NULL.to_owned(),
        }
    }
}

impl Service {
    /// Under which name a key is kept.
    pub(super) fn name<'a>(&self, key: &'a str) -> Cow<'a, str> {
        match self.opts.backslash_is_slash {
            true => Cow::Owned(key.replace('\\', "/")),
            false => Cow::Borrowed(key),
        }
    }

    fn new(opts: Options) -> io::Result<Self> {
        let spool = opts.on_disk.then(Spool::new).transpose()?.map(Arc::new);
        let versioning = match opts.versions {
            Versions::On => Versioning::Enabled,
            Versions::Off | Versions::Unknown => Versioning::Never,
        };
        let mut state = State::default();
        state.buckets.insert(opts.bucket.clone(), Bucket::new(versioning));
        Ok(Self { opts: Arc::new(opts), state: Arc::new(Mutex::new(state)), spool })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bucket of the options, while there is one.
    fn ours<T>(&self, with: impl FnOnce(&mut Bucket) -> T) -> Option<T> {
        self.lock().buckets.get_mut(&self.opts.bucket).map(with)
    }

    pub(super) fn peek(&self, key: &str) -> Option<Bytes> {
        let object = self.ours(|bucket| bucket.current(key).cloned()).flatten()?;
        object.blob.whole().ok()
    }

    pub(super) fn keys(&self) -> Vec<String> {
        let visible = |bucket: &mut Bucket| {
            bucket.keys.keys().filter(|key| bucket.current(key).is_some()).cloned().collect::<Vec<_>>()
        };
        self.ours(visible).unwrap_or_default()
    }

    pub(super) fn corrupt(&self, key: &str, at: u64) -> bool {
        let flip = |bucket: &mut Bucket| {
            let version: &mut Version = bucket.keys.get_mut(key)?.last_mut()?;
            let object = Arc::make_mut(version.held.as_mut()?);
            object.blob = object.blob.flipped(at).ok()??;
            Some(())
        };
        self.ours(flip).flatten().is_some()
    }

    pub(super) fn lose(&self, key: &str) -> bool {
        self.ours(|bucket| bucket.keys.remove(key).is_some()).unwrap_or_default()
    }

    pub(super) fn uploads(&self) -> usize {
        self.ours(|bucket| bucket.uploads.len()).unwrap_or_default()
    }

    pub(super) fn expire_uploads(&self) {
        self.ours(|bucket| bucket.uploads.clear());
    }
}
