//! The conversation with the service: one SDK client, made at first use, and what every request has in common.

mod body;
mod get;
mod health;
mod hooks;
mod http;
mod labels;
mod learnt;
mod list;
mod mend;
mod object;
mod parts;
mod paths;
mod probe;
mod put;
mod remove;
mod token;
mod upload;
mod versions;

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client as Sdk;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Region, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient,
    StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use backend_core::{Clock, ErrorKind, Result, Settings};
use futures::FutureExt;
use tokio::sync::OnceCell;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use crate::failure::{Act, Failure, failure};
use crate::provider::{Checksum, is_aws};
use crate::rules::Rules;
use hooks::{Bounded, Nobody, Time};

pub(crate) use body::digest_of;
pub(crate) use labels::Kept;
pub(crate) use learnt::Learnt;
pub(crate) use token::Token;

/// For so long a bucket that was seen is believed to be there: a 404 to a HEAD does not say which of the two is missing.
const RECOGNISED: Duration = Duration::from_secs(60);

/// One bucket of one service.
pub(crate) struct Client {
    pub(crate) rules: Rules,
    pub(crate) learnt: Learnt,
    pub(crate) clock: Arc<dyn Clock>,
    connect_timeout: Duration,
    base: OnceCell<Base>,
    live: Mutex<Option<Live>>,
    /// When the bucket was last seen.
    seen: Mutex<Option<Duration>>,
    /// Where names are paths: what was last seen to be a folder, so that many names in one folder cost one look at it.
    folder: Mutex<Option<String>>,
}

/// What stays when the region changes.
struct Base {
    http: SharedHttpClient,
    credentials: SharedCredentialsProvider,
}

/// A client for the region in which the bucket is, as far as is known.
#[derive(Clone)]
struct Live {
    sdk: Sdk,
    region: String,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("bucket", &self.rules.bucket).finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(rules: Rules, settings: &Settings) -> Arc<Self> {
        Arc::new(Self {
            rules,
            learnt: settings.learnt(),
            clock: settings.clock.clone(),
            connect_timeout: settings.connect_timeout,
            base: OnceCell::new(),
            live: Mutex::default(),
            seen: Mutex::default(),
            folder: Mutex::default(),
        })
    }

    /// The same bucket, of which nothing was learnt.
    fn unlearnt(&self) -> Self {
        Self {
            rules: self.rules.clone(),
            learnt: Learnt::default(),
            clock: self.clock.clone(),
            connect_timeout: self.connect_timeout,
            base: OnceCell::new(),
            live: Mutex::default(),
            seen: Mutex::default(),
            folder: Mutex::default(),
        }
    }

    /// The full key of a name.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.rules.prefix)
    }

    /// Tries `attempt`, and once more where the service says that the bucket is in another region.
    pub(crate) async fn tried<T, F>(&self, attempt: impl Fn(Sdk) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>> + Send,
    {
        let live = self.live().await;
        let failed = match attempt(live.sdk.clone()).await {
            Ok(answer) => {
                self.recognise();
                return Ok(answer);
            }
            Err(failed) => failed,
        };
        if failed.says("NoSuchKey") {
            self.recognise();
        }
        match failed.region.clone().filter(|region| *region != live.region) {
            Some(region) => attempt(self.follow(&live, region).await).await,
            None => Err(failed),
        }
    }

    /// One request of the SDK. Nothing of it is logged: at its lowest levels the SDK tells session tokens. A subscriber of its own would be made known
    /// to every place that logs, under one lock, for each request.
    pub(crate) async fn told<T, E>(
        &self,
        act: Act,
        sending: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let answer = sending.boxed().with_subscriber(Dispatch::none()).await;
        answer.map_err(|err| failure(act, self.clock.now(), &err))
    }

    async fn live(&self) -> Live {
        if let Some(live) = self.live.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            return live.clone();
        }
        let base = self.base.get_or_init(|| self.base()).await;
        let mut slot = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert_with(|| self.build(base, self.rules.region.clone(), true)).clone()
    }

    /// The bucket's own region, from now on. The host is the configured one, or another of the vendor's; never one that an answer names.
    async fn follow(&self, from: &Live, region: String) -> Sdk {
        let base = self.base.get_or_init(|| self.base()).await;
        let mut slot = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.as_ref() {
            Some(live) if live.region != from.region => live.sdk.clone(),
            _ => {
                let is_vendor = self.rules.endpoint.as_ref().and_then(|url| url.host_str()).is_some_and(is_aws);
                slot.insert(self.build(base, region, !is_vendor)).sdk.clone()
            }
        }
    }

    /// Connections and credentials. Here the vendor's chain reads the environment, when no keys are configured.
    async fn base(&self) -> Base {
        let http = http::client(&self.rules);
        let credentials = match &self.rules.keys {
            Some(keys) => {
                let token = keys.token.as_ref().map(|token| token.reveal().to_owned());
                SharedCredentialsProvider::new(Credentials::new(
                    keys.id.reveal(),
                    keys.secret.reveal(),
                    token,
                    None,
                    "ipfs-kit",
                ))
            }
            None => self.chain(&http).await,
        };
        Base { http, credentials }
    }

    async fn chain(&self, http: &SharedHttpClient) -> SharedCredentialsProvider {
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.clone())
            .region(Region::new(self.rules.region.clone()))
            .retry_config(RetryConfig::disabled());
        let loader = match &self.rules.profile {
            Some(profile) => loader.profile_name(profile),
            None => loader,
        };
        let loaded = loader.load().with_subscriber(Dispatch::none()).await;
        loaded.credentials_provider().unwrap_or_else(|| SharedCredentialsProvider::new(Nobody))
    }

    fn build(&self, base: &Base, region: String, at_endpoint: bool) -> Live {
        let checksums = match self.rules.checksum {
            Checksum::WhenSupported => RequestChecksumCalculation::WhenSupported,
            Checksum::WhenRequired => RequestChecksumCalculation::WhenRequired,
        };
        let mut config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .http_client(base.http.clone())
            .credentials_provider(base.credentials.clone())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(self.connect_timeout).build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .force_path_style(self.rules.path_style)
            .request_checksum_calculation(checksums)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .time_source(Time(self.clock.clone()))
            .interceptor(Bounded);
        if let Some(url) = self.rules.endpoint.as_ref().filter(|_| at_endpoint) {
            config = config.endpoint_url(url.as_str().trim_end_matches('/'));
        }
        Live { sdk: Sdk::from_conf(config.build()), region }
    }

    fn recognise(&self) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.clock.monotonic());
    }

    /// Whether the bucket is there, when a 404 without words leaves it open (`HeadBucket`).
    ///
    /// # Errors
    /// `InvalidConfig` when it is not.
    pub(crate) async fn recognised(&self) -> Result<()> {
        const ACT: Act = Act::reads("look for the bucket");
        let now = self.clock.monotonic();
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_some_and(|seen| now.saturating_sub(seen) < RECOGNISED) {
            return Ok(());
        }
        let answer = self.tried(|sdk| self.told(ACT, sdk.head_bucket().bucket(&self.rules.bucket).send())).await;
        match answer {
            Ok(_) => Ok(()),
            Err(failed) if failed.is(ErrorKind::NotFound) => Err(crate::error::no_bucket()),
            // It is there, and not for us to look at.
            Err(failed) if failed.is(ErrorKind::Denied) => Ok(()),
            Err(failed) => Err(failed.into()),
        }
    }
}
