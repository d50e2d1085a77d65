//! A folder of a WebDAV server (RFC 4918): names are files in folders, and a write is a file put aside and then moved into its place.

mod place;
mod tree;
mod walk;

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use backend_core::{
    AddOptions, ByteRange, Clock, Content, Entry, Error, ErrorKind, Evidence, Facts, Fetched, GetOptions, Key,
    ListOptions, Locator, Metadata, Removal, Result, ResumeToken, Settings,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::stream::{self, BoxStream, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use object_store::client::{HttpRequest, HttpRequestBody, HttpResponse};
use object_store::http::{HttpBuilder, HttpStore};
use object_store::path::Path;
use object_store::{ClientOptions, GetRange, ObjectStore, RetryConfig};
use percent_encoding::percent_decode_str;
use url::Url;

use super::Service;
use super::bucket::whole;
use super::call::Call;
use super::wire::Wire;
use crate::config::{Webdav, WebdavCredentials, address, wrong};
use crate::error::unexpected;
use tree::Node;

/// The longest name of a file or folder that file systems behind such servers take.
const MAX_SEGMENT: usize = 255;

/// An opened folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    wire: Wire,
    /// Reads the bytes.
    store: HttpStore,
    /// The folder, without a slash at its end unless it is the root.
    home: Url,
    /// Its path as it is meant, with a slash at its end.
    path: String,
    authorization: Option<HeaderValue>,
    clock: Arc<dyn Clock>,
    /// Folders that are known to be there.
    known: Mutex<HashSet<String>>,
    is_swept: AtomicBool,
}

impl Folder {
    /// A folder of which nothing is asked yet.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let connection: Webdav = settings.connection()?;
        let credentials: WebdavCredentials = settings.credentials()?;
        let mut home = address(&settings.name, "connection.url", &connection.url, connection.allow_http)?;
        let bare = home.path().trim_end_matches('/').to_owned();
        home.set_path(&bare);
        let decoded = percent_decode_str(&bare).decode_utf8();
        let decoded = decoded.map_err(|_| wrong(&settings.name, "connection.url", "its path is no UTF-8"))?;
        let path = format!("{decoded}/");
        let wire = Wire::new(settings, home.clone())?;
        let once = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        let store = HttpBuilder::new()
            .with_url(home.as_str())
            .with_retry(once)
            .with_client_options(ClientOptions::new().with_allow_http(true))
            .with_http_connector(wire.clone())
            .build()
            .map_err(|_| wrong(&settings.name, "connection.url", "it cannot be used"))?;
        let shared = Shared {
            wire,
            store,
            home,
            path,
            authorization: authorization(&settings.name, &credentials)?,
            clock: settings.clock.clone(),
            known: Mutex::default(),
            is_swept: AtomicBool::new(false),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The address of `name` below the folder; the folder's own, if it is empty.
    fn url(&self, name: &str) -> Url {
        let mut url = self.shared.home.clone();
        if !name.is_empty()
            && let Ok(mut segments) = url.path_segments_mut()
        {
            segments.pop_if_empty().extend(name.split('/'));
        }
        url
    }

    fn signed(&self, call: Call) -> Call {
        match &self.shared.authorization {
            Some(value) => call.header("authorization", value.clone()),
            None => call,
        }
    }

    /// One request. Answers with a status among `expected` too, besides success.
    async fn ask(
        &self,
        call: Call,
        what: &str,
        (method, name): (&str, &str),
        headers: &[(&'static str, &str)],
        expected: &[u16],
    ) -> Result<HttpResponse> {
        self.ask_with(call, what, (method, name), headers, expected, HttpRequestBody::empty()).await
    }

    async fn ask_with(
        &self,
        call: Call,
        what: &str,
        (method, name): (&str, &str),
        headers: &[(&'static str, &str)],
        expected: &[u16],
        body: HttpRequestBody,
    ) -> Result<HttpResponse> {
        let request = self.request(method, name, headers, body);
        self.signed(call)
            .run(what, async {
                let answer = self.shared.wire.send(request.ok_or(())?).await.map_err(drop)?;
                let status = answer.status();
                if status.is_success() || expected.contains(&status.as_u16()) { Ok(answer) } else { Err(()) }
            })
            .await
    }

    fn request(
        &self,
        method: &str,
        name: &str,
        headers: &[(&'static str, &str)],
        body: HttpRequestBody,
    ) -> Option<HttpRequest> {
        let mut request = HttpRequest::new(body);
        *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
        *request.uri_mut() = self.url(name).as_str().parse::<Uri>().ok()?;
        let pairs = headers
            .iter()
            .map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?)));
        *request.headers_mut() = pairs.collect::<Option<HeaderMap>>()?;
        Some(request)
    }

    /// The file that `key` names. What is absent is absent only if the folder itself is there.
    async fn file(&self, key: &Key) -> Result<Node> {
        match self.find(key.as_str()).await? {
            Some(node) if !node.is_folder && node.name == key.as_str() => Ok(node),
            _ => Err(Error::new(ErrorKind::NotFound, "it is not there")),
        }
    }

    async fn fetch(
        &self,
        key: &Key,
        node: &Node,
        range: std::ops::Range<u64>,
        is_all: bool,
    ) -> Result<backend_core::ByteStream> {
        let range_asked = (!is_all).then(|| GetRange::Bounded(range.clone()));
        let opts = object_store::GetOptions { range: range_asked, ..object_store::GetOptions::default() };
        let path = Path::parse(key.as_str()).map_err(|_| Error::new(ErrorKind::InvalidInput, "no such names"))?;
        let call = self.signed(Call::content());
        let got = call.run("read the content", self.shared.store.get_opts(&path, opts)).await?;
        match got.range == range && got.meta.size == node.size {
            true => Ok(whole(got.into_stream(), range.end - range.start)),
            false => Err(Error::new(ErrorKind::Unavailable, "the content changed while it was asked for")),
        }
    }
}

fn authorization(name: &str, credentials: &WebdavCredentials) -> Result<Option<HeaderValue>> {
    let text = match credentials {
        WebdavCredentials { username: None, password: None, bearer: None } => return Ok(None),
        WebdavCredentials { username: None, password: None, bearer: Some(bearer) } => {
            format!("Bearer {}", bearer.reveal())
        }
        WebdavCredentials { username: Some(user), password: Some(password), bearer: None } if !user.contains(':') => {
            format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.reveal())))
        }
        _ => return Err(wrong(name, "credentials", "expected username and password, or bearer alone")),
    };
    let value = HeaderValue::from_str(&text);
    let mut value = value.map_err(|_| wrong(name, "credentials", "it has characters that no header can have"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

#[async_trait]
impl Service for Folder {
    async fn look(&self) -> Result<String> {
        self.recognise().await?;
        Ok(self.shared.home.to_string())
    }

    async fn stat(&self, key: &Key, _: bool) -> Result<Metadata> {
        Ok(self.file(key).await?.describe(key, Evidence::Acknowledged))
    }

    async fn get(&self, key: &Key, opts: &GetOptions) -> Result<Fetched> {
        // The size comes first: not every server can be asked for every range, and some show a folder as a page.
        let node = self.file(key).await?;
        let range = opts.range.unwrap_or(ByteRange::From(0)).within(node.size)?;
        let meta = node.describe(key, Evidence::Acknowledged);
        let is_all = range == (0..node.size);
        let body = match range.is_empty() {
            true => stream::empty().boxed(),
            false => self.fetch(key, &node, range.clone(), is_all).await?,
        };
        Ok(Fetched { meta, range, body })
    }

    fn admit(&self, key: &Key, _: &AddOptions) -> Result<()> {
        match key.as_str().split('/').any(|segment| MAX_SEGMENT < segment.len()) {
            true => Err(Error::new(ErrorKind::InvalidInput, "a part of the name has more than 255 bytes")),
            false => Ok(()),
        }
    }

    async fn add(&self, content: &Content, key: &Key, opts: &AddOptions) -> Result<Metadata> {
        let existed = self.place(content, key, opts).await?;
        let mut meta = Metadata::new(Locator::new(key.clone()), Evidence::Acknowledged);
        meta.size = Some(content.len());
        meta.existed = Some(existed);
        Ok(meta)
    }

    async fn discard(&self, _: &ResumeToken) -> Result<()> {
        Err(unexpected("give up an upload", "there are none here"))
    }

    async fn remove(&self, key: &Key, _: Option<&str>) -> Result<Removal> {
        // Removing a folder would remove all that lies below.
        match self.file(key).await {
            Err(err) if err.kind() == ErrorKind::NotFound => return Ok(Removal::Absent),
            found => found?,
        };
        let asked = ("DELETE", key.as_str());
        let answer = self.ask(Call::write(None), "remove the content", asked, &[], &[404, 410]).await?;
        match answer.status().is_success() {
            // Some servers have a trash, and none says so.
            true => Ok(Removal::Hidden),
            false => Ok(Removal::Absent),
        }
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        walk::list(self.clone(), opts)
    }

    async fn probe(&self) -> Result<Facts> {
        Err(unexpected("try conditions", "there are none here"))
    }
}
