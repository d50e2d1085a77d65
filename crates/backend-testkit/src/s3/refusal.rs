//! What is refused before a signature is looked at: another region, a wrong clock, a missing session, trailers.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Method, Response, header};
use s3s::dto::{Timestamp, TimestampFormat};

use super::answer::Answer;
use super::get::http_date;
use super::log::Request;
use super::options::{Misplaced, Options, Trailers};

/// An error of S3 as an answer; without a body where `HEAD` has none.
pub(super) fn error(method: &Method, status: u16, code: &str, more: &str) -> Response<Answer> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{code}, as the test wants it</Message>{more}\
         <RequestId>FAKE0000</RequestId></Error>"
    );
    let mut answer = Response::new(Answer::text(if *method == Method::HEAD { String::new() } else { text }));
    *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    answer
}

/// The server's clock.
pub(super) fn now(opts: &Options) -> SystemTime {
    let off = Duration::from_secs(opts.clock_ahead_s.unsigned_abs());
    match opts.clock_ahead_s < 0 {
        true => SystemTime::now() - off,
        false => SystemTime::now() + off,
    }
}

/// `Date`, by the server's clock.
pub(super) fn date(opts: &Options) -> Option<HeaderValue> {
    http_date(&Timestamp::from(now(opts)))
}

/// The refusal of a request, if it is one of ours.
pub(super) fn of(opts: &Options, method: &Method, request: &Request, endpoint: &str) -> Option<Response<Answer>> {
    misplaced(opts, method, request, endpoint)
        .or_else(|| skewed(opts, method, request))
        .or_else(|| sessionless(opts, method, request))
        .or_else(|| trailing(opts, method, request))
}

/// `key/day/region/s3/aws4_request` of a signed request.
fn scope(request: &Request) -> Option<Vec<&str>> {
    let presigned = request.query("X-Amz-Credential");
    let signed = || request.header("authorization")?.split_once("Credential=")?.1.split(',').next();
    let parts: Vec<&str> = presigned.or_else(signed)?.trim().split('/').collect();
    (4 < parts.len()).then_some(parts)
}

fn misplaced(opts: &Options, method: &Method, request: &Request, endpoint: &str) -> Option<Response<Answer>> {
    let (kind, scope) = (opts.misplaced?, scope(request)?);
    // From the end: a key id may hold a slash.
    let region = scope.get(scope.len() - 3)?;
    if *region == opts.region {
        return None;
    }
    let expected = &opts.region;
    let mut answer = match kind {
        Misplaced::Malformed => {
            error(method, 400, "AuthorizationHeaderMalformed", &format!("<Region>{expected}</Region>"))
        }
        Misplaced::Redirect => {
            let more = format!(
                "<Region>{expected}</Region><Bucket>{}</Bucket><Endpoint>{endpoint}</Endpoint>",
                request.bucket
            );
            error(method, 301, "PermanentRedirect", &more)
        }
    };
    if let Ok(region) = HeaderValue::from_str(expected) {
        answer.headers_mut().insert("x-amz-bucket-region", region);
    }
    Some(answer)
}

/// The time of a request, as it tells it itself: `20261127T114500Z`.
fn told_time(request: &Request) -> Option<Timestamp> {
    let text = request.query("X-Amz-Date").or_else(|| request.header("x-amz-date"))?;
    let part = |from: usize, to: usize| text.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(9, 11)?, part(11, 13)?, part(13, 15)?);
    Timestamp::parse(TimestampFormat::DateTime, &format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok()
}

fn skewed(opts: &Options, method: &Method, request: &Request) -> Option<Response<Answer>> {
    // A presigned request may be old: it tells itself for how long it holds, and `s3s` looks at that.
    let presigned = request.query("X-Amz-Date").is_some();
    let (told, now) = (told_time(request)?, now(opts));
    let early = Timestamp::from(now - opts.max_skew);
    let late = Timestamp::from(now + opts.max_skew);
    let good = (presigned || early <= told) && told <= late;
    let mut stamp = Vec::new();
    Timestamp::from(now).format(TimestampFormat::DateTime, &mut stamp).ok()?;
    let more = format!("<ServerTime>{}</ServerTime>", String::from_utf8_lossy(&stamp));
    (!good).then(|| error(method, 403, "RequestTimeTooSkewed", &more))
}

fn sessionless(opts: &Options, method: &Method, request: &Request) -> Option<Response<Answer>> {
    let wanted = opts.session_token.as_deref()?;
    let told = request.header("x-amz-security-token").or_else(|| request.query("X-Amz-Security-Token"));
    match told {
        Some(told) if told == wanted => None,
        Some(_) => Some(error(method, 400, "InvalidToken", "")),
        None => Some(error(method, 403, "InvalidAccessKeyId", "")),
    }
}

fn trailing(opts: &Options, method: &Method, request: &Request) -> Option<Response<Answer>> {
    let trails = request.header("x-amz-content-sha256").is_some_and(|it| it.ends_with("-TRAILER"));
    (trails && opts.trailers == Trailers::Refused).then(|| error(method, 400, "XAmzContentSHA256Mismatch", ""))
}

/// What every answer says.
pub(super) fn sign(opts: &Options, headers: &mut HeaderMap, serial: u64) {
    if let Some(date) = date(opts) {
        headers.insert(header::DATE, date);
    }
    if let Ok(id) = HeaderValue::from_str(&format!("FAKE{serial:012}")) {
        headers.insert("x-amz-request-id", id);
    }
    headers.insert(header::SERVER, HeaderValue::from_static("FakeS3"));
}
