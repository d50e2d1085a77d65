//! What is asked: an address, a method, headers, a body, and how far redirects may lead.

use std::fmt;

use backend_core::{Progress, Secret};
use http::{HeaderMap, Method};
use url::Url;

use crate::auth::{Credential, Redactor};
use crate::body::Body;
use crate::error::address;
use crate::redirect::Redirects;

/// One request. Secrets belong into `credential` (or `secrets`), never into `headers`.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The address. A name and password in it are not sent.
    pub url: Url,
    /// Headers beside those that the client writes itself. `Authorization` and `Cookie` in it do not survive a redirect to another origin.
    pub headers: HeaderMap,
    /// Who we are; attached only at its own origin.
    pub credential: Option<Credential>,
    /// What is sent.
    pub body: Body,
    /// Whether redirects are followed.
    pub redirects: Redirects,
    /// Whether the service may have changed something when it fails half-way; by default for every method but `GET`, `HEAD` and `OPTIONS`.
    pub changes: bool,
    /// Ticked for every frame that is sent.
    pub progress: Progress,
    /// What else must not be seen in a message, although a server may echo it: a token in the address, a signed link.
    pub secrets: Vec<Secret>,
}

impl Request {
    /// A request without a body and without a credential.
    pub fn new(method: Method, url: Url) -> Self {
        let changes = !matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            credential: None,
            body: Body::Empty,
            redirects: Redirects::Follow,
            changes,
            progress: Progress::default(),
            secrets: Vec::new(),
        }
    }

    /// With more pairs in the query of the address.
    #[must_use]
    pub fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.url = crate::endpoint::with_query(self.url, pairs);
        self
    }

    pub(crate) fn redactor(&self) -> Redactor {
        let own = self.credential.iter().flat_map(Credential::secrets);
        let password = self.url.password().map(Secret::new);
        Redactor::new(own.chain(password).chain(self.secrets.iter().cloned()).collect())
    }

    /// What must not travel to another origin.
    pub(crate) fn leave(&mut self) {
        use http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN, PROXY_AUTHORIZATION, REFERER};
        for name in [AUTHORIZATION, COOKIE, HOST, ORIGIN, PROXY_AUTHORIZATION, REFERER] {
            self.headers.remove(name);
        }
        let sensitive: Vec<_> =
            self.headers.iter().filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name.clone()).collect();
        for name in sensitive {
            self.headers.remove(name);
        }
        self.credential = None;
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &address(&self.url))
            .field("headers", &self.headers.keys().map(http::HeaderName::as_str).collect::<Vec<_>>())
            .field("credential", &self.credential)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_printed() {
        let url = "https://me:canary@a.example/x?token=canary#canary".parse().unwrap();
        let mut request = Request::new(Method::GET, url);
        request.headers.insert("cookie", "canary".parse().unwrap());
        request.secrets.push(Secret::new("canary"));
        assert!(!format!("{request:?}").contains("canary"), "{request:?}");
    }
}
