//! Connections: TLS with the system's authorities and the user's, and the names of this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use url::Url;

use crate::rules::{Rules, is_local};

/// What all requests go through. The system's authorities are read from its disk, so only where TLS or another host than the endpoint's may be asked for.
pub(super) fn client(rules: &Rules) -> SharedHttpClient {
    let is_plain = rules.endpoint.as_ref().is_some_and(|url| url.scheme() == "http");
    let is_below = rules.endpoint.as_ref().and_then(Url::domain).is_some_and(|it| is_local(it) && it != "localhost");
    if is_plain && rules.path_style && rules.keys.is_some() && !is_below {
        return Builder::new().build_http();
    }
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    let trusted = TrustStore::default().with_native_roots(true);
    let trusted = rules.certificates.iter().fold(trusted, |it, pem| it.with_pem_certificate(pem.as_bytes()));
    match TlsContext::builder().with_trust_store(trusted).build() {
        Ok(context) => builder.tls_context(context).build_with_resolver(Names),
        // Without the user's authorities their servers are refused, and say why.
        Err(_) => builder.build_with_resolver(Names),
    }
}

/// `localhost` and every name below it is this machine (RFC 6761, section 6.3). Not every system knows the names below it, and a bucket may be one.
#[derive(Debug, Clone)]
struct Names;

impl ResolveDns for Names {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            if is_local(name) {
                return Ok(vec![IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)]);
            }
            let found = tokio::net::lookup_host((name, 0)).await.map_err(ResolveDnsError::new)?;
            Ok(found.map(|it| it.ip()).collect())
        })
    }
}
