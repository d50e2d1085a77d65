//! Hooks in the SDK: our clock, a bound on what an answer may hold, a payload's hash that is known beforehand.

use std::sync::Arc;
use std::time::SystemTime;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_runtime::auth::PayloadSigningOverride;
use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_types::body::SdkBody;
use backend_core::Clock;
use http_body_util::Limited;

/// The most bytes of an answer that is not content: a page of 1000 keys of 1024 bytes, each letter escaped, has 6 MiB.
const MAX_ANSWER: usize = 8 << 20;

/// The time of day, as the caller's clock says it.
#[derive(Debug)]
pub(super) struct Time(pub(super) Arc<dyn Clock>);

impl TimeSource for Time {
    fn now(&self) -> SystemTime {
        self.0.now()
    }
}

/// The end of an empty chain.
#[derive(Debug)]
pub(super) struct Nobody;

impl ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("none are configured")))
    }
}

/// Everything but content is read into memory by the SDK: no more than this of it.
#[derive(Debug)]
pub(super) struct Bounded;

impl Intercept for Bounded {
    fn name(&self) -> &'static str {
        "bounded"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let is_content = config.load::<Metadata>().is_some_and(|it| it.name() == "GetObject");
        let response = context.response_mut();
        if !(is_content && response.status().is_success()) {
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, MAX_ANSWER));
        }
        Ok(())
    }
}

/// Signs a body that is not in memory by its SHA-256, so that every service that checks signatures compares it.
#[derive(Debug)]
pub(super) struct Signed(pub(super) Option<String>);

impl Intercept for Signed {
    fn name(&self) -> &'static str {
        "signed"
    }

    fn modify_before_signing(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(hash) = &self.0 {
            config.interceptor_state().store_put(PayloadSigningOverride::Precomputed(hash.clone()));
        }
        Ok(())
    }
}
