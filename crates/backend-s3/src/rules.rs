//! What follows from the configuration: checked once, before anything is sent.

use std::time::Duration;

use backend_core::{Capabilities, DigestKind, OWN_PREFIX, Result, Secret, Settings};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::{Host, Url};

use crate::client::Learnt;
use crate::config::{Connection, Credentials, Encryption, Labels, OFFERS};
use crate::provider::{Checksum, Provider, Row, row_of};

/// S3 takes no smaller part, but the last.
const MIN_PART: u64 = 5 << 20;
/// S3 takes no larger part.
const MAX_PART: u64 = 5 << 30;
/// Signature version 4 allows no later end of a link.
const MAX_LINK: u64 = 7 * 24 * 3600;

/// The setting, and what is wrong with it: never its value.
type Checked<T> = Result<T, (&'static str, &'static str)>;

/// A key and who it is.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) id: Secret,
    pub(crate) secret: Secret,
    pub(crate) token: Option<Secret>,
}

/// Both sections, checked, with everything that follows from them.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) bucket: String,
    /// Empty, or ending with a slash.
    pub(crate) prefix: String,
    pub(crate) endpoint: Option<Url>,
    pub(crate) region: String,
    pub(crate) row: &'static Row,
    pub(crate) path_style: bool,
    /// PEM, each of at least one certificate.
    pub(crate) certificates: Vec<String>,
    pub(crate) checksum: Checksum,
    pub(crate) storage_class: Option<String>,
    pub(crate) encryption: Option<Encryption>,
    pub(crate) kms_key_id: Option<String>,
    pub(crate) customer_key: Option<Secret>,
    pub(crate) labels: Labels,
    pub(crate) part_size: Option<u64>,
    pub(crate) link_expiry: Duration,
    pub(crate) profile: Option<String>,
    pub(crate) keys: Option<Keys>,
}

impl Rules {
    /// Reads and checks both sections. No environment, no network.
    ///
    /// # Errors
    /// `InvalidConfig` that names the key.
    pub(crate) fn read(settings: &Settings) -> Result<Self> {
        let connection: Connection = settings.connection()?;
        let credentials: Credentials = settings.credentials()?;
        Self::of(connection, credentials).map_err(|(key, why)| settings.wrong(key, why))
    }

    fn of(connection: Connection, credentials: Credentials) -> Checked<Self> {
        let endpoint = connection.endpoint_url.as_deref().filter(|text| !text.is_empty());
        let endpoint = endpoint.map(|text| endpoint_of(text, connection.allow_http)).transpose()?;
        let row = row_of(connection.provider, endpoint.as_ref().and_then(Url::host_str));
        let region = connection.region.unwrap_or_else(|| row.region.to_owned());
        check_place(&connection.bucket, &region, row, endpoint.as_ref())?;
        let customer_key = credentials.customer_key.filter(|key| !key.is_empty());
        check_encryption(connection.server_side_encryption, connection.kms_key_id.as_ref(), customer_key.as_ref())?;
        if customer_key.is_some() && endpoint.as_ref().is_some_and(|url| url.scheme() == "http" && !is_here(url)) {
            return Err(("credentials.customer_key", "it would be sent by http, where anybody can read it"));
        }
        check_certificates(&connection.ca_certificates)?;
        if connection.part_size.is_some_and(|len| !(MIN_PART..=MAX_PART).contains(&len)) {
            return Err(("connection.part_size", "expected 5 MiB to 5 GiB"));
        }
        if !(1..=MAX_LINK).contains(&connection.link_expiry) {
            return Err(("connection.link_expiry", "expected 1 to 604800 seconds"));
        }
        Ok(Self {
            prefix: prefix_of(connection.prefix.as_deref())?,
            bucket: connection.bucket,
            endpoint,
            region,
            row,
            path_style: connection.path_style.unwrap_or(row.path_style),
            certificates: connection.ca_certificates,
            checksum: connection.checksum.unwrap_or(row.checksum),
            storage_class: connection.storage_class,
            encryption: connection.server_side_encryption,
            kms_key_id: connection.kms_key_id,
            customer_key,
            labels: connection.labels,
            part_size: connection.part_size,
            link_expiry: Duration::from_secs(connection.link_expiry),
            profile: connection.profile,
            keys: keys_of(credentials.access_key_id, credentials.secret_access_key, credentials.session_token)?,
        })
    }

    /// The digest that makes a service compare the whole, where a probe has seen it do so.
    pub(crate) fn needs(&self, learnt: &Learnt) -> Vec<DigestKind> {
        let is_compared = self.checksum == Checksum::WhenSupported && (learnt.crc64 || learnt.put_crc64);
        if is_compared { vec![DigestKind::Crc64Nvme] } else { Vec::new() }
    }

    /// Whether the service puts parts together of what it has. With a key of the customer's every copy would have to show it twice.
    pub(crate) fn copies(&self, learnt: &Learnt) -> bool {
        learnt.copies && self.customer_key.is_none()
    }

    /// What an instance offers, by what an earlier probe has learnt.
    pub(crate) fn offers(&self, learnt: &Learnt) -> Capabilities {
        Capabilities {
            mend: self.copies(learnt),
            if_absent: learnt.put_if_absent && learnt.complete_if_absent,
            if_match: learnt.put_if_match && learnt.complete_if_match && learnt.get_if_match && learnt.delete_if_match,
            versions: learnt.versions,
            labels: self.labels == Labels::Metadata || learnt.tags,
            link: self.customer_key.is_none(),
            ..OFFERS
        }
    }
}

fn endpoint_of(text: &str, allow_http: bool) -> Checked<Url> {
    const KEY: &str = "connection.endpoint_url";
    let url = Url::parse(text).map_err(|_| (KEY, "expected an address such as https://s3.example"))?;
    if url.host().is_none() {
        return Err((KEY, "it names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err((KEY, "expected a scheme, a host, a port and a path, and nothing else"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here(&url) || allow_http => Ok(url),
        "http" => Err((KEY, "what is sent by http can be read by anybody: set allow_http if that is meant")),
        _ => Err((KEY, "expected https or http")),
    }
}

/// Whether an address is of this machine.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_local(name),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Whether a name is of this machine (RFC 6761, section 6.3).
pub(crate) fn is_local(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Looked at here, because the SDK panics at what is none.
fn check_certificates(texts: &[String]) -> Checked<()> {
    let mut roots = RootCertStore::empty();
    for pem in texts {
        let before = roots.len();
        let are_whole =
            CertificateDer::pem_slice_iter(pem.as_bytes()).all(|it| it.is_ok_and(|it| roots.add(it).is_ok()));
        if !are_whole || roots.len() == before {
            return Err(("connection.ca_certificates", "a text is not PEM of an X.509 certificate"));
        }
    }
    Ok(())
}

fn check_place(bucket: &str, region: &str, row: &Row, endpoint: Option<&Url>) -> Checked<()> {
    let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '.' | '_');
    let edge = |it: char| it.is_ascii_alphanumeric();
    if !(3..=255).contains(&bucket.len()) || !bucket.chars().all(plain) || !bucket.starts_with(edge) {
        return Err(("connection.bucket", "expected 3 to 255 letters, digits, dots, hyphens and underscores"));
    }
    if !is_region(region) {
        return Err(("connection.region", "expected lower-case letters, digits and hyphens"));
    }
    match endpoint.is_none() && row.provider != Provider::Aws {
        true => Err(("connection.endpoint_url", "this provider needs one")),
        false => Ok(()),
    }
}

/// Whether a text, also one that a service says, can be a region: it becomes part of a host name.
pub(crate) fn is_region(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
}

fn check_encryption(
    how: Option<Encryption>,
    kms_key_id: Option<&String>,
    customer_key: Option<&Secret>,
) -> Checked<()> {
    let decoded = customer_key.map(|key| BASE64.decode(key.reveal()));
    match (how, decoded) {
        (Some(Encryption::Customer), Some(Ok(key))) if key.len() == 32 => Ok(()),
        (Some(Encryption::Customer), _) => Err(("credentials.customer_key", "expected 32 bytes in base64")),
        (_, Some(_)) => Err(("credentials.customer_key", "it is used only with server_side_encryption: customer")),
        (Some(Encryption::Kms), None) => Ok(()),
        (_, None) if kms_key_id.is_some() => {
            Err(("connection.kms_key_id", "it is used only with server_side_encryption: kms"))
        }
        (_, None) => Ok(()),
    }
}

fn prefix_of(text: Option<&str>) -> Checked<String> {
    const KEY: &str = "connection.prefix";
    let text = text.unwrap_or_default().trim_end_matches('/');
    if text.is_empty() {
        return Ok(String::new());
    }
    if 512 < text.len() {
        return Err((KEY, "expected at most 512 bytes"));
    }
    match backend_core::Key::new(text) {
        Ok(key) => Ok(format!("{key}/")),
        Err(_) if text.starts_with(OWN_PREFIX) => Err((KEY, "that folder is this program's own")),
        Err(_) => Err((KEY, "expected a path without empty, . and .. segments and control characters")),
    }
}

fn keys_of(id: Option<Secret>, secret: Option<Secret>, token: Option<Secret>) -> Checked<Option<Keys>> {
    let given = |secret: Option<Secret>| secret.filter(|it| !it.is_empty());
    match (given(id), given(secret), given(token)) {
        (Some(id), Some(secret), token) => Ok(Some(Keys { id, secret, token })),
        (None, None, None) => Ok(None),
        (Some(_), None, _) => Err(("credentials.secret_access_key", "it is missing beside access_key_id")),
        (None, _, _) => Err(("credentials.access_key_id", "it is missing beside the rest of the key")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(connection: Value, credentials: Value) -> Result<Rules, &'static str> {
        let connection = serde_json::from_value(connection).unwrap();
        let credentials = serde_json::from_value(credentials).unwrap();
        Rules::of(connection, credentials).map_err(|(key, _)| key)
    }

    const BROKEN: &str = "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n";

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        let pair = || json!({ "access_key_id": "a", "secret_access_key": "b" });
        let cases = [
            (json!({ "bucket": "b" }), pair(), "connection.bucket"),
            (json!({ "bucket": "arn:aws:s3:::x" }), pair(), "connection.bucket"),
            (json!({ "bucket": "a/b" }), pair(), "connection.bucket"),
            (json!({ "bucket": "bbb", "region": "evil.example/" }), pair(), "connection.region"),
            (json!({ "bucket": "bbb", "endpoint": "http://s3.example" }), pair(), "connection.endpoint_url"),
            (json!({ "bucket": "bbb", "endpoint": "https://u:p@s3.example" }), pair(), "connection.endpoint_url"),
            (json!({ "bucket": "bbb", "endpoint": "ftp://s3.example" }), pair(), "connection.endpoint_url"),
            (json!({ "bucket": "bbb", "provider": "minio" }), pair(), "connection.endpoint_url"),
            (json!({ "bucket": "bbb", "part_size": 1 }), pair(), "connection.part_size"),
            (json!({ "bucket": "bbb", "ca_certificates": [""] }), pair(), "connection.ca_certificates"),
            (json!({ "bucket": "bbb", "ca_certificates": [BROKEN] }), pair(), "connection.ca_certificates"),
            (json!({ "bucket": "bbb", "link_expiry": 604_801 }), pair(), "connection.link_expiry"),
            (json!({ "bucket": "bbb", "prefix": "a/../b" }), pair(), "connection.prefix"),
            (json!({ "bucket": "bbb", "kms_key_id": "x" }), pair(), "connection.kms_key_id"),
            (json!({ "bucket": "bbb", "server_side_encryption": "customer" }), pair(), "credentials.customer_key"),
            (json!({ "bucket": "bbb" }), json!({ "access_key_id": "a" }), "credentials.secret_access_key"),
            (json!({ "bucket": "bbb" }), json!({ "session_token": "a" }), "credentials.access_key_id"),
        ];
        for (connection, credentials, key) in cases {
            assert_eq!(check(connection.clone(), credentials).err(), Some(key), "{connection}");
        }
    }

    #[test]
    fn a_customers_key_never_leaves_this_machine_by_http() {
        let key = || json!({ "customer_key": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" });
        let at = |endpoint: &str| json!({ "bucket": "bbb", "endpoint_url": endpoint, "allow_http": true, "server_side_encryption": "customer" });
        assert_eq!(check(at("http://nas"), key()).err(), Some("credentials.customer_key"));
        for endpoint in ["https://nas", "http://127.0.0.1:9"] {
            assert!(check(at(endpoint), key()).is_ok(), "{endpoint}");
        }
    }

    #[test]
    fn files_of_ipfs_kit_py_are_understood() {
        let demo = json!({ "bucket": "ipfs-kit-demo", "endpoint": null, "region": "us-east-1" });
        assert!(check(demo, json!({})).is_ok_and(|rules| rules.keys.is_none() && rules.endpoint.is_none()));
        let old = json!({ "bucket_name": "ipfs-kit-backup", "endpoint": "https://s3.amazonaws.com" });
        let keys = json!({ "access_key": "AK", "secret_key": "SK" });
        let rules = check(old, keys).ok().unwrap();
        assert_eq!((rules.row.provider, rules.keys.is_some()), (Provider::Aws, true));
    }

    #[test]
    fn http_is_taken_on_this_machine_or_when_it_is_meant() {
        for endpoint in ["http://127.0.0.1:9000", "http://localhost:9000/s3", "http://b.LOCALHOST", "http://[::1]:1"] {
            assert!(check(json!({ "bucket": "bbb", "endpoint_url": endpoint }), json!({})).is_ok(), "{endpoint}");
        }
        for endpoint in ["http://localhost.example", "http://notlocalhost"] {
            let refused = check(json!({ "bucket": "bbb", "endpoint_url": endpoint }), json!({})).err();
            assert_eq!(refused, Some("connection.endpoint_url"), "{endpoint}");
        }
        let meant = json!({ "bucket": "bbb", "endpoint_url": "http://nas", "allow_http": true });
        assert!(check(meant, json!({})).is_ok());
    }
}
