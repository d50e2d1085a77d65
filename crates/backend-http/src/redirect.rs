//! Where an answer points to, and whether we go there: same method, at most five times, never down to plain http, and without our papers
//! as soon as the origin is another.

use backend_core::Result;
use http::header::LOCATION;
use http::{HeaderMap, Method, StatusCode};

use crate::endpoint::Origin;
use crate::error::lie;
use crate::request::Request;

/// The most redirects of one request.
pub(crate) const MOST: usize = 5;

/// Whether redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Redirects {
    /// `GET` and `HEAD` always; other methods by 307 and 308 if their body can be sent again. What is not followed is the answer.
    #[default]
    Follow,
    /// A redirect is the answer.
    Never,
}

/// The request that an answer leads to; `None` when it stands as it is.
///
/// # Errors
/// `Internal` for a redirect that is followed by nobody: from https to http, to another scheme, or, on a socket, to another origin.
pub(crate) fn next(
    request: &Request,
    status: StatusCode,
    headers: &HeaderMap,
    is_socket: bool,
) -> Result<Option<Request>> {
    let Some(location) = headers.get(LOCATION).filter(|_| follows(request, status)) else { return Ok(None) };
    let from = Origin::of(&request.url)?;
    let bad = |why: &str| lie(format!("{from}: a redirect {why}"));
    let location = location.to_str().map_err(|_| bad("has no readable address"))?;
    let mut url = request.url.join(location).map_err(|_| bad("has no readable address"))?;
    let to = Origin::of(&url).map_err(|_| bad("leads away from http"))?;
    if from.is_encrypted() && !to.is_encrypted() {
        return Err(bad("leads from https down to http"));
    }
    if is_socket && from != to {
        return Err(bad("leads away from the socket"));
    }
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.map_err(|()| bad("has no readable address"))?;
    url.set_fragment(None);
    let mut next = Request { url, ..request.clone() };
    if from != to {
        next.leave();
    }
    Ok(Some(next))
}

fn follows(request: &Request, status: StatusCode) -> bool {
    let reads = matches!(request.method, Method::GET | Method::HEAD);
    match (request.redirects, status.as_u16()) {
        (Redirects::Never, _) => false,
        (Redirects::Follow, 301..=303) => reads,
        (Redirects::Follow, 307 | 308) => request.body.can_repeat(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use backend_core::{ErrorKind, Secret};

    use super::*;
    use crate::auth::{Auth, Credential};

    fn step(from: &str, to: &str, is_socket: bool) -> Result<Option<Request>> {
        let url: url::Url = from.parse().unwrap();
        let credential = Credential::new(Origin::of(&url).unwrap(), Auth::Bearer(Secret::new("canary")));
        let request = Request { credential: Some(credential), ..Request::new(Method::GET, url) };
        let headers = [(LOCATION, to.parse().unwrap())].into_iter().collect();
        next(&request, StatusCode::FOUND, &headers, is_socket)
    }

    #[test]
    fn papers_go_with_the_origin_alone() {
        let cases = [
            ("https://a.example/x", "/y", "https://a.example/y", true),
            ("https://a.example/x/", "y?z#f", "https://a.example/x/y?z", true),
            ("https://a.example/x", "//A.example:443/y", "https://a.example/y", true),
            ("https://a.example/x", "https://a.example:444/y", "https://a.example:444/y", false),
            ("https://a.example/x", "https://b.a.example/y", "https://b.a.example/y", false),
            ("https://a.example/x", "https://me:pw@b.example/", "https://b.example/", false),
            ("http://a.example/x", "https://a.example/y", "https://a.example/y", false),
        ];
        for (from, to, wanted, keeps) in cases {
            let next = step(from, to, false).unwrap().unwrap();
            assert_eq!((next.url.as_str(), next.credential.is_some()), (wanted, keeps), "{to}");
        }
    }

    #[test]
    fn nobody_goes_down_or_away() {
        for (to, is_socket) in [
            ("http://a.example/y", false),
            ("http://b.example/", false),
            ("file:///etc/passwd", false),
            ("data:text/plain,x", false),
            ("https://", false),
            ("https://b.example/", true),
        ] {
            assert_eq!(step("https://a.example/x", to, is_socket).unwrap_err().kind(), ErrorKind::Internal, "{to}");
        }
        assert!(step("https://a.example/x", "/y", true).unwrap().is_some());
    }
}
