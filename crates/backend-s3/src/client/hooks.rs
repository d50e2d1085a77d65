//! Hooks in the SDK: our clock, a bound on what an answer may hold, a payload's hash that is known beforehand.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
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
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::Limited;
use md5::{Digest as _, Md5};

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
        let operation = config.load::<Metadata>().map(Metadata::name).unwrap_or_default();
        let response = context.response_mut();
        if operation == "GetObject" && response.status().is_success() {
            return Ok(());
        }
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        let bounded = Limited::new(body, MAX_ANSWER);
        *response.body_mut() = match ROOTS.iter().find(|row| row.0 == operation) {
            Some((_, found, wanted)) => SdkBody::from_body_1_x(Renamed { inner: bounded, found, wanted, begun: false }),
            None => SdkBody::from_body_1_x(bounded),
        };
        Ok(())
    }
}

/// Operations, the root element that some services answer with (moto and what is built on it; rclone), and the one that the S3 API names. The SDK
/// reads no other; what lies within is the same.
const ROOTS: &[(&str, &str, &str)] = &[
    ("GetBucketVersioning", "<GetBucketVersioningResponse", "<VersioningConfiguration"),
    ("ListParts", "<ListPartsResponse", "<ListPartsResult"),
    ("CreateMultipartUpload", "<InitiateMultipartUpload>", "<InitiateMultipartUploadResult>"),
];

/// An answer whose root element has its right name.
struct Renamed {
    inner: Limited<SdkBody>,
    found: &'static str,
    wanted: &'static str,
    begun: bool,
}

impl Body for Renamed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        if std::mem::replace(&mut this.begun, true) {
            return Poll::Ready(frame);
        }
        Poll::Ready(
            frame.map(|frame| frame.map(|frame| frame.map_data(|data| renamed(&data, this.found, this.wanted)))),
        )
    }
}

/// The first frame of an answer, which holds its root.
fn renamed(data: &Bytes, found: &str, wanted: &str) -> Bytes {
    match std::str::from_utf8(data) {
        Ok(text) if text.contains(found) => {
            let end = (found.replacen('<', "</", 1), wanted.replacen('<', "</", 1));
            text.replacen(found, wanted, 1).replacen(&end.0, &end.1, 1).into_bytes().into()
        }
        _ => data.clone(),
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

/// Tells the MD5 of a body in memory: `DeleteObjects` wants it, or a newer checksum that some services do not know yet.
#[derive(Debug)]
pub(super) struct Summed;

impl Intercept for Summed {
    fn name(&self) -> &'static str {
        "summed"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        if let Some(bytes) = request.body().bytes() {
            let md5 = BASE64.encode(Md5::digest(bytes));
            request.headers_mut().insert("content-md5", md5);
        }
        Ok(())
    }
}
