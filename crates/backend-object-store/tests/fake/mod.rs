//! Servers in this process that speak as much of the three dialects as the leaf does, and refuse the rest.
//!
//! `tests/real.rs` runs the same suite on Azurite and on `rclone serve webdav`. Google's dialect has no server of somebody else that speaks it.

mod azure;
mod bucket;
mod dav;
mod gcs;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse;

pub(crate) use bucket::Bucket;

/// What the fakes want to be told.
pub(crate) const SECRET: &str = "canary-5f0c7e-secret";

/// A request, taken apart.
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Segments of the path, decoded; the rest of a name is one segment.
    pub(crate) bucket: String,
    pub(crate) name: String,
    pub(crate) query: HashMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).and_then(|it| it.to_str().ok()).map(str::to_owned)
    }

    pub(crate) fn ask(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// All of the body: an error if it breaks off.
    pub(crate) async fn bytes(self) -> Result<bytes::Bytes, Answer> {
        axum::body::to_bytes(self.body, 1 << 30).await.map_err(|_| status(StatusCode::BAD_REQUEST))
    }
}

pub(crate) type Answer = Response<Body>;

pub(crate) fn status(code: StatusCode) -> Answer {
    code.into_response()
}

fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Below `skip` segments come the bucket and the name.
fn taken_apart(request: Request, skip: usize) -> Asked {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_start_matches('/').to_owned();
    let mut segments = path.splitn(2 + skip, '/').skip(skip);
    let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    Asked {
        method: parts.method.to_string(),
        bucket: decode(segments.next().unwrap_or_default()),
        name: decode(segments.next().unwrap_or_default()),
        query: pairs.into_owned().collect(),
        headers: parts.headers,
        body,
    }
}

/// Serves until the test's runtime ends. The address.
pub(crate) async fn serve<F, Fut>(handler: F) -> String
where
    F: Fn(Request) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(move |request: Request| {
        let handler = handler.clone();
        async move { handler(request).await }
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

/// Google Cloud Storage's XML API, with one bucket.
pub(crate) async fn gcs(bucket: Arc<Bucket>) -> String {
    serve(move |request| {
        let bucket = bucket.clone();
        async move { gcs::answer(&bucket, taken_apart(request, 0)).await }
    })
    .await
}

/// Azure's blob service, with one container, below the account.
pub(crate) async fn azure(bucket: Arc<Bucket>) -> String {
    let home = serve(move |request| {
        let bucket = bucket.clone();
        async move { azure::answer(&bucket, taken_apart(request, 1)).await }
    });
    format!("{}/devstoreaccount1", home.await)
}

/// A WebDAV server, in memory, whose root is below `/dav/me`.
pub(crate) async fn webdav() -> String {
    let handler = dav::handler();
    let home = serve(move |request| dav::answer(handler.clone(), request));
    format!("{}/dav/me", home.await)
}
