//! The one client: a connection, a request, redirects by hand, an answer. Any status is an answer.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use backend_core::{Clock, Error, ErrorKind, Result, Secret, Settings};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderValue};

use crate::endpoint::Origin;
use crate::error::{broken, lie};
use crate::redirect::{self, MOST};
use crate::request::Request;
use crate::response::{Context, Response};
use crate::sending::{Sending, State};
use crate::tls;

/// Where requests may go without encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plain {
    /// Nowhere.
    Never,
    /// To this machine: `localhost` and loopback addresses.
    #[default]
    Loopback,
    /// Everywhere: the user said so.
    Always,
}

impl Plain {
    /// Refuses an unencrypted origin that is not allowed.
    pub(crate) fn allows(self, origin: &Origin) -> Result<()> {
        let allowed = match self {
            _ if origin.is_encrypted() => true,
            Plain::Never => false,
            Plain::Loopback => origin.is_loopback(),
            Plain::Always => true,
        };
        match allowed {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::InvalidConfig, "unencrypted http is not allowed to this host")),
        }
    }
}

/// How connections are made.
#[derive(Clone)]
pub struct ClientOptions {
    /// How long making a connection may take, TLS included.
    pub connect_timeout: Duration,
    /// What time it is, for dates in `Retry-After`.
    pub clock: Arc<dyn Clock>,
    /// Where requests may go without encryption.
    pub plain: Plain,
    /// Send everything to this socket, whatever the host; redirects to another origin are then refused.
    pub unix_socket: Option<PathBuf>,
    /// Send everything through this proxy; its address may hold a password. No proxy is taken from the environment.
    pub proxy: Option<Secret>,
    /// Further root certificates, as PEM, beside those that are compiled in.
    pub roots: Vec<Bytes>,
}

impl ClientOptions {
    /// As the settings say; plain http to this machine only.
    pub fn new(settings: &Settings) -> Self {
        Self {
            connect_timeout: settings.connect_timeout,
            clock: settings.clock.clone(),
            plain: Plain::default(),
            unix_socket: None,
            proxy: None,
            roots: Vec::new(),
        }
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions").field("plain", &self.plain).field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

/// Sends requests. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    inner: reqwest::Client,
    clock: Arc<dyn Clock>,
    plain: Plain,
    is_socket: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("plain", &self.plain).finish_non_exhaustive()
    }
}

impl Client {
    /// A client without connections: opening does no I/O.
    ///
    /// # Errors
    /// `InvalidConfig` for a proxy or a root certificate that cannot be used.
    pub fn new(opts: &ClientOptions) -> Result<Self> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(&opts.roots)?)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("ipfs-kit/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(opts.connect_timeout);
        if let Some(proxy) = &opts.proxy {
            let proxy = reqwest::Proxy::all(proxy.reveal())
                .map_err(|_| Error::new(ErrorKind::InvalidConfig, "the address of the proxy cannot be used"))?;
            builder = builder.proxy(proxy);
        }
        builder = on_socket(builder, opts.unix_socket.as_ref())?;
        let inner = builder
            .build()
            .map_err(|err| Error::new(ErrorKind::Internal, "no HTTP client can be made").with_source(err))?;
        Ok(Self { inner, clock: opts.clock.clone(), plain: opts.plain, is_socket: opts.unix_socket.is_some() })
    }

    /// Sends a request and answers with what came back, whatever its status; the body is still to be read. When the service answers before
    /// the whole body was sent, that answer is given at once.
    ///
    /// # Errors
    /// What breaks the conversation, by one table; what the source of the body answers; a redirect that must not be followed.
    pub async fn send(&self, request: Request) -> Result<Response> {
        let mut request = request;
        // Collected before a redirect may drop the credential: the other side could still echo it.
        let redactor = request.redactor();
        for _ in 0..=MOST {
            let answer = self.once(&mut request).await?;
            let next = redirect::next(&request, answer.status(), answer.headers(), self.is_socket)?;
            let Some(next) = next else {
                let context = Context {
                    redactor,
                    advice: crate::retry_after::advice(answer.headers(), self.clock.now()),
                    origin: Origin::of(&request.url)?,
                    changes: request.changes,
                    is_head: request.method == http::Method::HEAD,
                    sent: answer.extensions().get::<Arc<State>>().cloned().unwrap_or_default(),
                };
                return Response::new(request.method, request.url, answer, context);
            };
            request = next;
        }
        Err(lie(format!("{}: more than {MOST} redirects", Origin::of(&request.url)?)))
    }

    async fn once(&self, request: &mut Request) -> Result<http::Response<reqwest::Body>> {
        let origin = Origin::of(&request.url)?;
        self.plain.allows(&origin)?;
        let mut wire = reqwest::Request::new(request.method.clone(), bare(&request.url));
        *wire.headers_mut() = request.headers.clone();
        wire.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(credential) = &request.credential {
            credential.attach(&origin, wire.headers_mut())?;
        }
        let state = Arc::<State>::default();
        if let Some(body) = Sending::open(&request.body, &request.progress, &state).await? {
            if let Some(len) = body.announced() {
                wire.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(len));
            }
            *wire.body_mut() = Some(reqwest::Body::wrap(body));
        }
        match self.inner.execute(wire).await {
            Ok(answer) => {
                let mut answer = http::Response::from(answer);
                answer.extensions_mut().insert(state);
                Ok(answer)
            }
            Err(err) => Err(state.fault(request.changes).unwrap_or_else(|| broken(&origin, request.changes, err))),
        }
    }
}

/// What is sent of an address: neither user nor password.
fn bare(url: &url::Url) -> url::Url {
    let mut url = url.clone();
    // They can fail only for addresses without a host, which no origin has.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

#[cfg(unix)]
fn on_socket(builder: reqwest::ClientBuilder, path: Option<&PathBuf>) -> Result<reqwest::ClientBuilder> {
    Ok(match path {
        Some(path) => builder.unix_socket(path.clone()),
        None => builder,
    })
}

#[cfg(not(unix))]
fn on_socket(builder: reqwest::ClientBuilder, path: Option<&PathBuf>) -> Result<reqwest::ClientBuilder> {
    match path {
        Some(_) => Err(Error::new(ErrorKind::InvalidConfig, "this system has no unix sockets")),
        None => Ok(builder),
    }
}
