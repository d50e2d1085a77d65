//! A WebDAV server of somebody else, in memory, behind a password.

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use base64::Engine as _;
use dav_server::DavHandler;
use dav_server::fakels::FakeLs;
use dav_server::memfs::MemFs;

use super::{Answer, SECRET, status};

pub(super) fn handler() -> DavHandler {
    let handler = DavHandler::builder().filesystem(MemFs::new()).locksystem(FakeLs::new());
    handler.strip_prefix("/dav/me").build_handler()
}

pub(super) async fn answer(handler: DavHandler, request: Request) -> Answer {
    let wanted = base64::engine::general_purpose::STANDARD.encode(format!("suite:{SECRET}"));
    let given = request.headers().get("authorization").and_then(|it| it.to_str().ok());
    if given != Some(&format!("Basic {wanted}")) {
        return status(StatusCode::UNAUTHORIZED);
    }
    handler.handle(request).await.map(Body::new)
}
