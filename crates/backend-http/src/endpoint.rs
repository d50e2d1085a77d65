//! Where a service is: its base address, the origin that its credentials are bound to, and addresses below it.

use std::fmt;
use std::net::IpAddr;

use backend_core::{Error, ErrorKind, Result, Secret};
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::auth::{Auth, Credential, gate};
use crate::client::Plain;
use crate::request::Request;

/// What RFC 3986 calls unreserved stays as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Scheme, host and port: what RFC 6454 calls an origin, and what a credential belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an address.
    ///
    /// # Errors
    /// `InvalidConfig` when it is neither `http` nor `https`, or names no host.
    pub fn of(url: &Url) -> Result<Self> {
        match (url.scheme(), url.host_str(), url.port_or_known_default()) {
            (scheme @ ("http" | "https"), Some(host), Some(port)) => {
                Ok(Self { scheme: scheme.to_owned(), host: host.to_ascii_lowercase(), port })
            }
            _ => Err(Error::new(ErrorKind::InvalidConfig, "the address is not one of http or https")),
        }
    }

    /// The host, as it stands in an address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether what is sent there is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether it is this machine: `localhost` or a loopback address.
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

/// The base address of a service, and who we are there.
#[derive(Clone)]
pub struct Endpoint {
    base: Url,
    origin: Origin,
    credential: Option<Credential>,
}

impl Endpoint {
    /// Reads a base address. A name and a password in it become its [`Auth::Basic`] and are taken out; a query or fragment is refused.
    ///
    /// # Errors
    /// `InvalidConfig`, which never quotes the address: it may hold a secret.
    pub fn parse(text: &str, plain: Plain) -> Result<Self> {
        let bad = |why: &str| Error::new(ErrorKind::InvalidConfig, format!("the address of the service {why}"));
        let mut base = Url::parse(text.trim()).map_err(|err| bad(&format!("cannot be read: {err}")))?;
        let origin = Origin::of(&base).map_err(|_| bad("must begin with http:// or https://"))?;
        plain.allows(&origin)?;
        if base.query().is_some() || base.fragment().is_some() {
            return Err(bad("takes neither a query nor a fragment"));
        }
        let auth = userinfo(&base)?;
        let cleared = base.set_username("").and_then(|()| base.set_password(None));
        cleared.map_err(|()| bad("cannot have a name or a password"))?;
        let endpoint = Self { base, origin, credential: None };
        Ok(match auth {
            Some(auth) => endpoint.with_auth(auth),
            None => endpoint,
        })
    }

    /// With another credential.
    #[must_use]
    pub fn with_auth(mut self, auth: Auth) -> Self {
        self.credential = Some(Credential::new(self.origin.clone(), auth));
        self
    }

    /// Whom its credential is for.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The base address; it holds no secret.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Who we are there.
    pub fn credential(&self) -> Option<&Credential> {
        self.credential.as_ref()
    }

    /// For `Info.gate`.
    pub fn gate(&self) -> String {
        gate(&self.origin, self.credential.as_ref().map(Credential::auth))
    }

    /// The address of `segments` below the base, each encoded by itself.
    ///
    /// # Errors
    /// `InvalidInput` for the segments `.` and `..`: they would lead out of the base.
    pub fn url(&self, segments: &[&str]) -> Result<Url> {
        let mut path = self.base.path().trim_end_matches('/').to_owned();
        for segment in segments {
            if matches!(*segment, "." | "..") {
                return Err(Error::new(ErrorKind::InvalidInput, "a path has a segment . or .."));
            }
            path.push('/');
            path.push_str(&encode(segment));
        }
        let mut url = self.base.clone();
        url.set_path(&path);
        Ok(url)
    }

    /// A request to `segments` below the base, with the credential.
    ///
    /// # Errors
    /// As [`Endpoint::url`].
    pub fn request(&self, method: Method, segments: &[&str]) -> Result<Request> {
        let mut request = Request::new(method, self.url(segments)?);
        request.credential = self.credential.clone();
        Ok(request)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = crate::error::address(&self.base);
        f.debug_struct("Endpoint").field("base", &base).field("credential", &self.credential).finish()
    }
}

fn userinfo(url: &Url) -> Result<Option<Auth>> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decode = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        decoded.map(String::from).map_err(|_| {
            Error::new(ErrorKind::InvalidConfig, "the name or password in the address of the service is not UTF-8")
        })
    };
    let password = Secret::new(decode(url.password().unwrap_or_default())?);
    Ok(Some(Auth::Basic { user: decode(url.username())?, password }))
}

/// One segment of a path, or one value of a query, with everything encoded but what RFC 3986 calls unreserved.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// `url` with more pairs in its query, encoded by [`encode`].
#[must_use]
pub fn with_query(mut url: Url, pairs: &[(&str, &str)]) -> Url {
    let mut query = url.query().unwrap_or_default().to_owned();
    for (name, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&format!("{}={}", encode(name), encode(value)));
    }
    url.set_query((!query.is_empty()).then_some(&query));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Endpoint> {
        Endpoint::parse(text, Plain::Loopback)
    }

    #[test]
    fn segments_are_encoded_one_by_one_and_stay_below_the_base() {
        let endpoint = parse("https://a.example/base/").unwrap();
        let url = endpoint.url(&["ä b", "c/d?e#f%2F", "..x", "\\"]).unwrap();
        assert_eq!(url.as_str(), "https://a.example/base/%C3%A4%20b/c%2Fd%3Fe%23f%252F/..x/%5C");
        for out in ["..", "."] {
            assert_eq!(endpoint.url(&["a", out]).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        assert_eq!(parse("https://a.example").unwrap().url(&["x"]).unwrap().as_str(), "https://a.example/x");
        let url = with_query(url, &[("arg", "a b&c=d"), ("x", "+")]);
        assert_eq!(url.query(), Some("arg=a%20b%26c%3Dd&x=%2B"));
    }

    #[test]
    fn userinfo_becomes_a_credential_and_is_not_shown() {
        let endpoint = parse("https://me:can%61ry@a.example/x").unwrap();
        assert_eq!(endpoint.base().as_str(), "https://a.example/x");
        assert!(matches!(
            endpoint.credential().unwrap().auth(),
            Auth::Basic { user, password } if user == "me" && password.reveal() == "canary"
        ));
        assert!(!format!("{endpoint:?}").contains("canary"));
    }

    #[test]
    fn unusable_addresses_are_refused_without_quoting_them() {
        let cases = [
            "canary",
            "ftp://canary/",
            "https://a.example/?token=canary",
            "https://a.example/#canary",
            "http://canary.example/",
            "https://canary:99999/",
        ];
        for text in cases {
            let err = parse(text).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::InvalidConfig, "{text}");
            assert!(!format!("{err:?}").contains("token") && !err.message().contains("canary"), "{err:?}");
        }
        for text in ["http://127.0.0.1:5001", "http://localhost", "http://[::1]:80/"] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }
}
