//! The one way out: over TLS by ring, without redirects, retries and proxies of its own, with bounded answers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend_core::{Error, ErrorKind, Result, Settings};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use http::{Method, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, Limited};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::call::Call;
use crate::error::Seen;

/// The most bytes of an answer that is not content: a page of a listing, or a folder of a WebDAV server.
const MAX_ANSWER: usize = 64 << 20;
/// The most bytes of a refusal that are looked at for its code.
const MAX_REFUSAL: usize = 64 << 10;
/// The longest code that is kept.
const MAX_CODE: usize = 64;
/// The longest pause that a service can ask for.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// Connections to one service. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    client: reqwest::Client,
    /// Where the service is: whatever else is asked gives tokens.
    home: Arc<Url>,
}

impl Wire {
    /// Connections to the service at `home`.
    ///
    /// # Errors
    /// `InvalidConfig` when TLS cannot be set up.
    pub(crate) fn new(settings: &Settings, home: Url) -> Result<Self> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(&settings.name)?)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(settings.connect_timeout)
            .build();
        let broken = |_| Error::new(ErrorKind::InvalidConfig, format!("{}: cannot set up TLS", settings.name));
        Ok(Self { client: client.map_err(broken)?, home: Arc::new(home) })
    }

    fn is_home(&self, url: &Url) -> bool {
        (url.scheme(), url.host_str(), url.port_or_known_default())
            == (self.home.scheme(), self.home.host_str(), self.home.port_or_known_default())
    }

    /// Sends a request of ours, or one of `object_store`'s.
    pub(crate) async fn send(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let call = Call::current();
        let url = Url::parse(&request.uri().to_string());
        let url = url.map_err(|err| refuse(&call, "the address is no address", err))?;
        let is_home = self.is_home(&url);
        if !is_home && url.scheme() != "https" {
            return Err(refuse(&call, "tokens are not asked for over http", std::fmt::Error));
        }
        let is_head = request.method() == Method::HEAD;
        let request = prepared(&call, request, url.clone(), is_home);
        let answer = self.client.execute(request).await.map_err(|err| {
            let seen = if err.is_connect() { Seen::Unreached } else { Seen::Broken };
            call.saw(seen);
            HttpError::new(HttpErrorKind::Unknown, std::fmt::Error)
        })?;
        judged(&call, answer.into(), &url, is_home, is_head).await
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        self.send(request).await
    }
}

/// Ring, and the roots that are compiled in. Without a configuration of its own `reqwest` panics where nobody has installed a provider.
fn tls(name: &str) -> Result<ClientConfig> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|_| Error::new(ErrorKind::InvalidConfig, format!("{name}: cannot set up TLS")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn refuse<E: std::error::Error + Send + Sync + 'static>(call: &Call, why: &'static str, err: E) -> HttpError {
    call.saw(Seen::Refused(why));
    HttpError::new(HttpErrorKind::Request, err)
}

/// What the call adds is for the service alone: tokens are asked for without it.
fn prepared(call: &Arc<Call>, request: HttpRequest, url: Url, is_home: bool) -> reqwest::Request {
    let (mut parts, body) = request.into_parts();
    let mut sent = reqwest::Request::new(parts.method.clone(), url);
    let streamed = if is_home && parts.method == Method::PUT { call.take_body() } else { None };
    let progress = call.progress.clone().filter(|_| is_home);
    let (len, body) = match streamed {
        Some((len, body)) => {
            let call = call.clone();
            let body = body.map(move |frame| {
                frame.map_err(|err| {
                    call.source_failed(err);
                    std::fmt::Error
                })
            });
            let ticked = body.inspect_ok(move |frame| tick(&progress, frame));
            (Some(len), reqwest::Body::wrap_stream(ticked))
        }
        None => {
            let len = body.size_hint().exact().filter(|len| 0 < *len);
            let ticked = body.map_frame(move |frame| {
                frame.data_ref().into_iter().for_each(|frame| tick(&progress, frame));
                frame
            });
            (len, reqwest::Body::wrap(ticked))
        }
    };
    if let Some(len) = len {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
    }
    if is_home {
        parts.headers.extend(call.headers.clone());
    }
    *sent.headers_mut() = parts.headers;
    *sent.body_mut() = (len.is_some()).then_some(body);
    sent
}

fn tick(progress: &Option<backend_core::Progress>, frame: &Bytes) {
    if let Some(progress) = progress {
        progress.moved(frame.len() as u64);
    }
}

async fn judged(
    call: &Arc<Call>,
    answer: http::Response<reqwest::Body>,
    url: &Url,
    is_home: bool,
    is_head: bool,
) -> std::result::Result<HttpResponse, HttpError> {
    let (mut parts, body) = answer.into_parts();
    let wait = wait(&parts.headers);
    let mut seen = Seen::Answer { status: parts.status.as_u16(), code: String::new(), wait, of_tokens: !is_home };
    if parts.status.is_success() {
        call.saw(seen);
        if overflows(&parts.headers) {
            return Err(refuse(call, "the service names an impossible range", std::fmt::Error));
        }
        return Ok(HttpResponse::from_parts(parts, bounded(body, call.is_content && is_home)));
    }
    if let Seen::Answer { status, code, .. } = &mut seen {
        *code = refusal(&parts.headers, body, is_head).await;
        if leads_into_folder(&parts.headers, parts.status, url) {
            (*status, *code) = (404, "IsFolder".to_owned());
            parts.status = StatusCode::NOT_FOUND;
        }
    }
    call.saw(seen);
    // Nobody needs the text: it may quote what must not be seen.
    parts.headers.remove(CONTENT_LENGTH);
    Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(Bytes::new())))
}

fn bounded(body: reqwest::Body, is_content: bool) -> HttpResponseBody {
    let broken = |_| HttpError::new(HttpErrorKind::Interrupted, std::fmt::Error);
    match is_content {
        true => HttpResponseBody::new(body.map_err(broken)),
        false => HttpResponseBody::new(
            Limited::new(body, MAX_ANSWER).map_err(|_| HttpError::new(HttpErrorKind::Decode, std::fmt::Error)),
        ),
    }
}

/// The service's own code, if it is a plain word: from the header (Azure), or out of the XML.
async fn refusal(headers: &HeaderMap, body: reqwest::Body, is_head: bool) -> String {
    let header = headers.get("x-ms-error-code").and_then(|it| it.to_str().ok());
    if header.is_some() || is_head {
        return header.map(plain).unwrap_or_default();
    }
    let Ok(body) = Limited::new(body, MAX_REFUSAL).collect().await else { return String::new() };
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    code.map(|(code, _)| plain(code)).unwrap_or_default()
}

fn plain(code: &str) -> String {
    match code.len() <= MAX_CODE && code.bytes().all(|it| it.is_ascii_alphanumeric()) {
        true => code.to_owned(),
        false => String::new(),
    }
}

fn wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_WAIT))
}

/// `object_store` adds 1 to the end of the range without looking.
fn overflows(headers: &HeaderMap) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let end = range.split(['-', '/']).nth(1).map(|it| it.trim().parse::<u64>());
    matches!(end, Some(Ok(u64::MAX)))
}

/// A server that has a folder there sends the reader to the same address with a slash.
fn leads_into_folder(headers: &HeaderMap, status: StatusCode, url: &Url) -> bool {
    let to = headers.get(LOCATION).and_then(|it| it.to_str().ok()).and_then(|it| url.join(it).ok());
    status.is_redirection() && to.is_some_and(|to| to.path() == format!("{}/", url.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_ranges_do_not_reach_the_parser() {
        let check =
            |text: &'static str| overflows(&HeaderMap::from_iter([(CONTENT_RANGE, HeaderValue::from_static(text))]));
        assert!(check("bytes 0-18446744073709551615/18446744073709551615"));
        assert!(!check("bytes 0-18446744073709551614/18446744073709551615") && !check("bytes 0-9/10") && !check("x"));
    }

    #[test]
    fn only_plain_codes_are_kept() {
        assert_eq!(plain("NoSuchKey"), "NoSuchKey");
        assert_eq!(plain("sig=canary"), "");
        assert_eq!(plain(&"a".repeat(65)), "");
    }

    #[test]
    fn a_folder_is_told_by_where_it_sends() {
        let url = Url::parse("https://a/dav/x").unwrap();
        let check = |to: &'static str| {
            let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(to))]);
            leads_into_folder(&headers, StatusCode::MOVED_PERMANENTLY, &url)
        };
        assert!(check("/dav/x/") && check("https://b/dav/x/") && !check("/dav/y/") && !check("/login"));
    }
}
