//! Who we are to one origin: credentials that are attached there and nowhere else, and that are never printed.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use backend_core::{Error, ErrorKind, Result, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::endpoint::Origin;

/// A secret shorter than this is not looked for in messages: every second word would be blotted out.
const SHORTEST_REDACTED: usize = 4;

/// How a service wants to be shown who we are.
#[derive(Debug, Clone)]
pub enum Auth {
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer(Secret),
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A header of the service's own.
    Header {
        /// Which header.
        name: HeaderName,
        /// Its whole value.
        value: Secret,
    },
}

impl Auth {
    fn header(&self) -> Result<(HeaderName, HeaderValue)> {
        let (name, text) = match self {
            Auth::Bearer(token) => (AUTHORIZATION, format!("Bearer {}", token.reveal())),
            Auth::Basic { user, password } => {
                let pair = STANDARD.encode(format!("{user}:{}", password.reveal()));
                (AUTHORIZATION, format!("Basic {pair}"))
            }
            Auth::Header { name, value } => (name.clone(), value.reveal().to_owned()),
        };
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| Error::new(ErrorKind::InvalidConfig, "a credential has characters that no header may have"))?;
        value.set_sensitive(true);
        Ok((name, value))
    }

    fn secrets(&self) -> Vec<Secret> {
        match self {
            Auth::Bearer(token) => vec![token.clone()],
            Auth::Basic { user, password } => {
                let pair = STANDARD.encode(format!("{user}:{}", password.reveal()));
                vec![password.clone(), Secret::new(pair)]
            }
            Auth::Header { value, .. } => vec![value.clone()],
        }
    }

    /// One text for each credential; only ever hashed.
    fn text(&self) -> String {
        match self {
            Auth::Bearer(token) => format!("bearer {}", token.reveal()),
            Auth::Basic { user, password } => format!("basic {user}:{}", password.reveal()),
            Auth::Header { name, value } => format!("header {name}:{}", value.reveal()),
        }
    }
}

/// An [`Auth`] and the only origin that it is shown to. Cheap to clone.
#[derive(Clone)]
pub struct Credential(Arc<Inner>);

struct Inner {
    origin: Origin,
    auth: Auth,
}

impl Credential {
    /// Binds `auth` to `origin`.
    pub fn new(origin: Origin, auth: Auth) -> Self {
        Self(Arc::new(Inner { origin, auth }))
    }

    /// Whom it is for.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// How it is shown.
    pub fn auth(&self) -> &Auth {
        &self.0.auth
    }

    /// Writes it into `headers`, if `origin` is the one it is for; answers whether it was.
    pub(crate) fn attach(&self, origin: &Origin, headers: &mut HeaderMap) -> Result<bool> {
        if *origin != self.0.origin {
            return Ok(false);
        }
        let (name, value) = self.0.auth.header()?;
        headers.insert(name, value);
        Ok(true)
    }

    pub(crate) fn secrets(&self) -> Vec<Secret> {
        self.0.auth.secrets()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credential").field(&self.0.origin).field(&self.0.auth).finish()
    }
}

/// For `Info.gate`: the host, and a hash of the credential. The hash is keyed by a random number of this process, so that nobody can guess
/// a weak password by it; equal within the process exactly for equal host and credential.
pub fn gate(origin: &Origin, auth: Option<&Auth>) -> String {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    let text = auth.map(Auth::text).unwrap_or_default();
    let hash = KEY.get_or_init(RandomState::new).hash_one(text);
    match auth {
        Some(_) => format!("{}#{hash:016x}", origin.host()),
        None => origin.host().to_owned(),
    }
}

/// Blots secrets out of a text that a server wrote.
#[derive(Clone, Default)]
pub(crate) struct Redactor(Vec<Secret>);

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl Redactor {
    pub(crate) fn new(mut secrets: Vec<Secret>) -> Self {
        secrets.retain(|secret| SHORTEST_REDACTED <= secret.reveal().len());
        // The longest first: one may be part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.reveal().len()));
        Self(secrets)
    }

    pub(crate) fn clean(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.reveal(), "***"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::of(&text.parse().unwrap()).unwrap()
    }

    fn check(auth: Auth, wanted: (&str, &str)) {
        let credential = Credential::new(origin("https://a.example"), auth);
        let mut headers = HeaderMap::new();
        for other in ["http://a.example", "https://a.example:444", "https://b.example", "https://x.a.example"] {
            assert!(!credential.attach(&origin(other), &mut headers).unwrap(), "{other}");
        }
        assert!(headers.is_empty());
        assert!(credential.attach(&origin("https://A.example:443"), &mut headers).unwrap());
        assert_eq!(headers[wanted.0], wanted.1);
        assert!(!format!("{credential:?} {headers:?}").contains("canary"));
    }

    #[test]
    fn credentials_go_to_their_origin_and_are_not_printed() {
        check(Auth::Bearer(Secret::new("canary")), ("authorization", "Bearer canary"));
        let basic = Auth::Basic { user: "me".into(), password: Secret::new("canary") };
        check(basic, ("authorization", "Basic bWU6Y2FuYXJ5"));
        let own = Auth::Header { name: HeaderName::from_static("x-key"), value: Secret::new("canary") };
        check(own, ("x-key", "canary"));
    }

    #[test]
    fn a_line_break_in_a_token_is_refused_without_showing_it() {
        let credential = Credential::new(origin("https://a.example"), Auth::Bearer(Secret::new("canary\r\nx: y")));
        let err = credential.attach(credential.origin(), &mut HeaderMap::new()).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::InvalidConfig);
        assert!(!format!("{err:?}").contains("canary"));
    }

    #[test]
    fn gates_are_equal_for_equal_credentials_only() {
        let (one, other) = (Auth::Bearer(Secret::new("canary")), Auth::Bearer(Secret::new("another")));
        let at = origin("https://a.example");
        assert_eq!(gate(&at, Some(&one)), gate(&at, Some(&one.clone())));
        let all = [gate(&at, None), gate(&at, Some(&one)), gate(&at, Some(&other))];
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
        assert!(!all.concat().contains("canary"));
        assert_ne!(gate(&at, Some(&one)), gate(&origin("https://b.example"), Some(&one)));
    }

    #[test]
    fn longer_secrets_are_blotted_out_whole() {
        let redactor = Redactor::new(vec![Secret::new("abcd"), Secret::new("abcdefgh"), Secret::new("a")]);
        assert_eq!(redactor.clean("is abcdefgh, abcd, a"), "is ***, ***, a");
    }
}
