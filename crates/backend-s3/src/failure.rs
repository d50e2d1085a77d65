//! A failed request: what of it is known, and whether the service may have done it all the same.

use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use backend_core::{Effect, Error, ErrorKind, RetryAdvice, timestamp};

use crate::error::{is_code, meaning};
use crate::rules::is_region;

/// The longest pause that a service is believed to need.
const MAX_PAUSE: Duration = Duration::from_secs(3600);
/// The most characters of a cause that are shown.
const MAX_CAUSE: usize = 300;
/// The most bytes of an answer that are looked through for a region or a time.
const MAX_LOOKED: usize = 64 << 10;

/// What is asked, and whether a lost answer may mean that something changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Act {
    pub(crate) what: &'static str,
    changes: bool,
}

impl Act {
    /// It changes nothing.
    pub(crate) const fn reads(what: &'static str) -> Self {
        Self { what, changes: false }
    }

    /// It may change what is stored.
    pub(crate) const fn writes(what: &'static str) -> Self {
        Self { what, changes: true }
    }
}

/// A failed request: what a caller is told, and what the leaf itself looks at.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Where the bucket is, as the service says.
    pub(crate) region: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
}

impl Failure {
    pub(crate) fn is(&self, kind: ErrorKind) -> bool {
        self.error.kind() == kind
    }

    pub(crate) fn says(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, region: None, status: None, code: None }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// What a failed request means. `now` is this machine's time, for the message about clocks.
pub(crate) fn failure<E>(act: Act, now: SystemTime, err: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let unsure = if act.changes { Effect::Unknown } else { Effect::None };
    let fail = |kind, words: &str| Error::new(kind, format!("{}: {words}", act.what)).with_source(cause(err));
    match err {
        SdkError::ServiceError(context) => answered(act, now, context.err().meta().code(), context.raw()),
        SdkError::TimeoutError(_) => fail(ErrorKind::Timeout, "no answer in time").with_effect(unsure).into(),
        SdkError::ResponseError(_) => {
            fail(ErrorKind::Unavailable, "the answer cannot be read").with_effect(unsure).into()
        }
        SdkError::DispatchFailure(_) if finds::<CredentialsError>(err) => {
            fail(ErrorKind::Unauthenticated, "no credentials were found").into()
        }
        SdkError::DispatchFailure(lost) => {
            let kind = if lost.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Unavailable };
            let connected = !chain(err).any(|cause| cause.to_string().contains("(Connect)"));
            let effect = if connected { unsure } else { Effect::None };
            let words = if connected { "the connection broke" } else { "the service cannot be reached" };
            fail(kind, words).with_effect(effect).into()
        }
        _ => fail(ErrorKind::Internal, "the request could not be made").into(),
    }
}

/// What the service answered, by its code, else by its status.
fn answered(act: Act, now: SystemTime, code: Option<&str>, raw: &HttpResponse) -> Failure {
    let status = raw.status().as_u16();
    let code = code.filter(|code| is_code(code));
    let (kind, words) = meaning(code, status);
    let shown = code.map_or_else(|| status.to_string(), str::to_owned);
    let mut message = format!("{}: {words} ({shown})", act.what);
    if matches!(code, Some("RequestTimeTooSkewed")) {
        message = format!("{}: {}", act.what, skew(now, raw));
    }
    let is_refusal = kind == ErrorKind::Unsupported || (kind == ErrorKind::RateLimited && code.is_some());
    let is_doubtful = 500 <= status || (status < 300 && kind != ErrorKind::Precondition);
    let lost = act.changes && is_doubtful && !is_refusal;
    let mut error = Error::new(kind, message).with_effect(if lost { Effect::Unknown } else { Effect::None });
    let is_conflict = matches!(code, Some("InvalidObjectState"));
    error = match pause(raw).filter(|_| matches!(kind, ErrorKind::RateLimited | ErrorKind::Unavailable)) {
        Some(pause) => error.with_advice(RetryAdvice::After(pause)),
        None if is_conflict => error.with_advice(RetryAdvice::Never),
        None => error,
    };
    let region = region(kind, raw);
    Failure { error, region, status: Some(status), code: code.map(str::to_owned) }
}

fn pause(raw: &HttpResponse) -> Option<Duration> {
    let seconds = raw.headers().get("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_PAUSE))
}

/// Where the bucket is: a header, or `<Region>` of the answer to a signature for another one.
fn region(kind: ErrorKind, raw: &HttpResponse) -> Option<String> {
    if !matches!(kind, ErrorKind::InvalidConfig | ErrorKind::InvalidInput) {
        return None;
    }
    let told = raw.headers().get("x-amz-bucket-region").map(str::to_owned);
    told.or_else(|| element(raw, "Region")).filter(|region| is_region(region))
}

fn element(raw: &HttpResponse, name: &str) -> Option<String> {
    let body = raw.body().bytes()?;
    let text = std::str::from_utf8(&body[..body.len().min(MAX_LOOKED)]).ok()?;
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(value, _)| value.to_owned())
}

fn skew(now: SystemTime, raw: &HttpResponse) -> String {
    let told = element(raw, "ServerTime").and_then(|text| DateTime::from_str(&text, Format::DateTime).ok());
    let dated = || raw.headers().get("date").and_then(|text| DateTime::from_str(text, Format::HttpDate).ok());
    let theirs = told.or_else(dated).and_then(|time| SystemTime::try_from(time).ok());
    let Some(theirs) = theirs else {
        return format!("the clocks differ too much: this machine's says {}", timestamp(now));
    };
    let apart = now.duration_since(theirs).unwrap_or_else(|err| err.duration()).as_secs();
    let which = if theirs < now { "ahead" } else { "behind" };
    let (ours, theirs) = (timestamp(now), timestamp(theirs));
    format!("this machine's clock is {apart} s {which}: it says {ours}, the service's says {theirs}")
}

fn chain<'a>(err: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(err), |&err| err.source()).take(12)
}

fn finds<T: StdError + 'static>(err: &(dyn StdError + 'static)) -> bool {
    chain(err).any(|cause| cause.is::<T>())
}

/// The causes as one line: this machine's words about a connection, escaped because a few of them quote the other side.
fn cause(err: &(dyn StdError + 'static)) -> Told {
    let words: Vec<String> = chain(err).map(ToString::to_string).collect();
    Told(words.join(": ").chars().take(MAX_CAUSE).flat_map(char::escape_debug).collect())
}

#[derive(Debug)]
struct Told(String);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Told {}
