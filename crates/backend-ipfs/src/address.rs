//! Where a node listens: a URL, or a multiaddr as Kubo writes it into its `api` file.
//!
//! Source: multiformats multiaddr; Kubo, `Addresses.API` and `$IPFS_PATH/api`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

/// What every address of an RPC ends with; it may be written or left out.
const API: &str = "/api/v0";

/// An address that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// Over TCP: a URL without a slash at its end.
    Url(String),
    /// A socket of this machine.
    Unix(PathBuf),
}

impl Address {
    /// Reads `http://127.0.0.1:5001`, `/ip4/127.0.0.1/tcp/5001`, `/dns4/node/tcp/443/https` or `/unix/run/ipfs.sock`.
    ///
    /// # Errors
    /// What is wrong with it; never the text itself, which may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        match text.strip_prefix('/') {
            Some(rest) => multiaddr(rest),
            None => url(text),
        }
    }

    /// The same, for a gateway: `localhost` is its address in numbers, since Kubo sends that name on to one host for each CID.
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub(crate) fn gateway(text: &str) -> Result<Self, &'static str> {
        match Self::parse(text)? {
            Self::Url(url) => Ok(Self::Url(numbered(&url))),
            unix => Ok(unix),
        }
    }
}

fn url(text: &str) -> Result<Address, &'static str> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let rest = rest.ok_or("expected an http:// or https:// address, or a multiaddr such as /ip4/127.0.0.1/tcp/5001")?;
    let host = rest.split('/').next().unwrap_or_default();
    match host {
        "" => return Err("the address names no host"),
        host if host.contains('@') => return Err("a password does not belong into an address: use credentials"),
        _ if text.contains(['?', '#']) => return Err("an address takes neither query nor fragment"),
        _ if text.chars().any(|it| it.is_control() || it.is_whitespace()) => {
            return Err("the address has a space in it");
        }
        _ => {}
    }
    let text = text.trim_end_matches('/');
    Ok(Address::Url(text.strip_suffix(API).unwrap_or(text).trim_end_matches('/').to_owned()))
}

fn multiaddr(rest: &str) -> Result<Address, &'static str> {
    let mut parts = rest.split('/');
    let (kind, host) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let host = match kind {
        "unix" => return socket(rest),
        "ip4" => host.parse::<Ipv4Addr>().map_err(|_| "expected numbers behind /ip4/")?.to_string(),
        "ip6" => format!("[{}]", host.parse::<Ipv6Addr>().map_err(|_| "expected numbers behind /ip6/")?),
        "dns" | "dns4" | "dns6" if is_name(host) => host.to_owned(),
        "dns" | "dns4" | "dns6" => return Err("expected the name of a host behind /dns/"),
        _ => return Err("expected a multiaddr of /ip4, /ip6, /dns, /dns4, /dns6 or /unix"),
    };
    if parts.next() != Some("tcp") {
        return Err("expected /tcp/ and a port in the multiaddr");
    }
    let port: u16 = parts.next().and_then(|port| port.parse().ok()).ok_or("expected a port behind /tcp/")?;
    let rest: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    let scheme = match rest.as_slice() {
        [] | ["http"] => "http",
        ["https"] | ["tls", "http"] => "https",
        _ => return Err("expected nothing, /http or /https behind the port"),
    };
    Ok(Address::Url(format!("{scheme}://{host}:{port}")))
}

fn socket(rest: &str) -> Result<Address, &'static str> {
    let path = rest.strip_prefix("unix/").filter(|path| !path.is_empty() && !path.contains('\0'));
    path.map(|path| Address::Unix(format!("/{path}").into())).ok_or("expected a path behind /unix/")
}

fn is_name(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-' || it == b'.')
}

fn numbered(url: &str) -> String {
    for scheme in ["http://", "https://"] {
        let rest = url.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("localhost"));
        if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with([':', '/'])) {
            return format!("{scheme}127.0.0.1{rest}");
        }
    }
    url.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        match Address::parse(text) {
            Ok(Address::Url(url)) => url,
            Ok(Address::Unix(path)) => format!("unix {}", path.display()),
            Err(why) => format!("! {why}"),
        }
    }

    #[test]
    fn urls_and_multiaddrs_are_understood() {
        let cases = [
            ("http://127.0.0.1:5001", "http://127.0.0.1:5001"),
            ("http://127.0.0.1:5001/api/v0/", "http://127.0.0.1:5001"),
            ("https://node.example/ipfs-rpc/api/v0", "https://node.example/ipfs-rpc"),
            ("/ip4/127.0.0.1/tcp/5001", "http://127.0.0.1:5001"),
            ("/ip4/127.0.0.1/tcp/5001/http", "http://127.0.0.1:5001"),
            ("/ip6/::1/tcp/5001", "http://[::1]:5001"),
            ("/dns4/node.example/tcp/443/https", "https://node.example:443"),
            ("/dns/node/tcp/8443/tls/http", "https://node:8443"),
            ("/unix/run/ipfs/api.sock", "unix /run/ipfs/api.sock"),
        ];
        for (text, wanted) in cases {
            assert_eq!(check(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_an_address_is_refused_and_not_shown() {
        let cases = [
            "",
            "/",
            "127.0.0.1:5001",
            "ftp://x",
            "http://",
            "http://a:canary@host",
            "http://host?canary",
            "http://ho st",
            "/ip4/canary/tcp/5001",
            "/ip4/127.0.0.1",
            "/ip4/127.0.0.1/udp/5001",
            "/ip4/127.0.0.1/tcp/canary",
            "/ip4/127.0.0.1/tcp/5001/ws",
            "/dns//tcp/1",
            "/dns/a@canary/tcp/1",
            "/unix",
            "/unix/",
            "/p2p/canary",
        ];
        for text in cases {
            let why = check(text);
            assert!(why.starts_with('!') && !why.contains("canary"), "{text}: {why}");
        }
    }

    #[test]
    fn a_gateway_is_asked_by_number() {
        let gateway = |text| Address::gateway(text).unwrap();
        assert_eq!(gateway("http://localhost:8080/"), Address::Url("http://127.0.0.1:8080".to_owned()));
        assert_eq!(gateway("http://localhost.example"), Address::Url("http://localhost.example".to_owned()));
    }
}
