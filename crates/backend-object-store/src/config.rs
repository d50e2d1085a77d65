//! What a user writes under `connection:` and `credentials:`, for each of the three kinds.

use std::path::PathBuf;

use backend_core::{Error, ErrorKind, Key, Result, Secret};
use schemars::JsonSchema;
use serde::Deserialize;
use url::{Host, Url};

/// `connection:` of a Google Cloud Storage bucket.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gcs {
    /// The bucket. It is never made by us.
    pub bucket: String,
    /// All keys lie below this name.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Another address of the XML API, such as an emulator's.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Allow `http` to a host that is not this machine.
    #[serde(default)]
    pub allow_http: bool,
}

/// `credentials:` of a Google Cloud Storage bucket: exactly one of them.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GcsCredentials {
    /// A service account's key file (JSON). It is read when the backend is first used.
    pub service_account_path: Option<PathBuf>,
    /// A service account's key: the JSON text itself.
    pub service_account_key: Option<Secret>,
    /// An application credentials file (JSON), as `gcloud auth application-default login` writes it. It is read when the backend is first used.
    pub application_credentials: Option<PathBuf>,
    /// A token for the `Authorization` header. It is not renewed.
    pub bearer: Option<Secret>,
    /// No credentials: a public bucket, or an emulator.
    pub anonymous: bool,
}

/// `connection:` of an Azure Blob Storage container.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Azure {
    /// The storage account. Absent: the emulator's.
    #[serde(default)]
    pub account: Option<String>,
    /// The container. It is never made by us.
    pub container: String,
    /// All keys lie below this name.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Another address of the blob service: with the account in its path where it is not in its host.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Azurite: its well-known account and key, and `http://127.0.0.1:10000/devstoreaccount1`, unless others are given.
    #[serde(default)]
    pub use_emulator: bool,
    /// Allow `http` to a host that is not this machine.
    #[serde(default)]
    pub allow_http: bool,
}

/// `credentials:` of an Azure Blob Storage container: exactly one kind of them.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AzureCredentials {
    /// The account's key, in base64.
    pub access_key: Option<Secret>,
    /// A shared access signature: `sv=…&sig=…`.
    pub sas_token: Option<Secret>,
    /// The directory of an application that has a client secret.
    pub tenant_id: Option<String>,
    /// The application's id.
    pub client_id: Option<String>,
    /// The application's secret.
    pub client_secret: Option<Secret>,
    /// A token for the `Authorization` header. It is not renewed.
    pub bearer: Option<Secret>,
    /// No credentials: a public container.
    pub anonymous: bool,
}

/// `connection:` of a folder of a WebDAV server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webdav {
    /// The folder's address. It is never made by us.
    pub url: String,
    /// Allow `http` to a host that is not this machine.
    #[serde(default)]
    pub allow_http: bool,
}

/// `credentials:` of a WebDAV server: a name and a password, or a token, or nothing.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebdavCredentials {
    /// The user, for `Basic`.
    pub username: Option<String>,
    /// The password, for `Basic`.
    pub password: Option<Secret>,
    /// A token, for `Bearer`.
    pub bearer: Option<Secret>,
}

macro_rules! sections {
    ($name:ident, $connection:ident, $credentials:ident) => {
        /// The shape of the two sections, for the schema.
        #[derive(Debug, JsonSchema)]
        #[expect(dead_code, reason = "only its schema is used")]
        pub(crate) struct $name {
            connection: $connection,
            credentials: $credentials,
        }
    };
}

sections!(GcsSections, Gcs, GcsCredentials);
sections!(AzureSections, Azure, AzureCredentials);
sections!(WebdavSections, Webdav, WebdavCredentials);

/// What is wrong with a setting: names the setting, never its value.
pub(crate) fn wrong(name: &str, setting: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("{name}: {setting}: {why}"))
}

/// An address that credentials may be sent to.
pub(crate) fn address(name: &str, setting: &str, text: &str, allow_http: bool) -> Result<Url> {
    let fail = |why| Err(wrong(name, setting, why));
    let Ok(url) = Url::parse(text) else { return fail("expected an address such as https://host/path") };
    let has_more = !url.username().is_empty() || url.password().is_some() || url.query().is_some();
    match url.scheme() {
        "http" | "https" if url.host().is_none() => fail("it has no host"),
        "http" | "https" if has_more || url.fragment().is_some() => fail("credentials and queries do not belong here"),
        "https" => Ok(url),
        "http" if allow_http || is_loopback(&url) => Ok(url),
        "http" => fail("http would show the credentials to everybody; set allow_http if that is wanted"),
        _ => fail("expected http or https"),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

/// `prefix` as the text that every name of ours begins with: nothing, or with its slash.
pub(crate) fn prefix(name: &str, given: Option<&str>) -> Result<String> {
    match given.map(|it| it.trim_end_matches('/')) {
        None | Some("") => Ok(String::new()),
        Some(text) if text.len() <= MAX_PREFIX && Key::parse(text).is_ok() => Ok(format!("{text}/")),
        Some(_) => Err(wrong(name, "connection.prefix", "expected a name such as a/b, of at most 512 bytes")),
    }
}

/// The most bytes of a prefix: keys need room as well.
const MAX_PREFIX: usize = 512;

/// Exactly one way to say who we are.
pub(crate) fn exactly_one(name: &str, ways: &[(&str, bool)]) -> Result<()> {
    let given: Vec<&str> = ways.iter().filter(|(_, is_given)| *is_given).map(|(way, _)| *way).collect();
    let all: Vec<&str> = ways.iter().map(|(way, _)| *way).collect();
    match given.as_slice() {
        [_] => Ok(()),
        [] => Err(wrong(name, "credentials", &format!("expected one of {}", all.join(", ")))),
        more => Err(wrong(name, "credentials", &format!("only one of {} can be used", more.join(", ")))),
    }
}

/// A bucket's or a container's name: it stands in addresses.
pub(crate) fn plain(name: &str, setting: &str, text: &str) -> Result<()> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.' | '$');
    match !text.is_empty() && text.len() <= 222 && text.chars().all(is_plain) && !text.starts_with('.') {
        true => Ok(()),
        false => Err(wrong(name, setting, "expected letters, digits, dashes, dots and underscores")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_sent_in_the_clear() {
        let check = |text: &str, allow| address("x", "connection.url", text, allow).is_ok();
        assert!(check("https://cloud.example/dav", false) && check("http://127.0.0.1:1/", false));
        assert!(check("http://localhost/", false) && check("http://[::1]:80/", false));
        assert!(!check("http://cloud.example/", false) && check("http://cloud.example/", true));
        for text in ["ftp://a/", "https://u:canary@a/", "https://a/?sig=canary", "words", "https://", "data:,x"] {
            let err = address("x", "connection.url", text, true).unwrap_err();
            assert!(err.kind() == ErrorKind::InvalidConfig && !err.message().contains("canary"), "{text}: {err}");
        }
    }

    #[test]
    fn a_prefix_is_a_name() {
        assert_eq!(prefix("x", None).unwrap(), "");
        assert_eq!(prefix("x", Some("a/b/")).unwrap(), "a/b/");
        for text in ["/a", "a//b", "..", "a\n", &"x".repeat(513)] {
            assert!(prefix("x", Some(text)).is_err(), "{text:?}");
        }
    }

    #[test]
    fn there_is_one_way_to_say_who_we_are() {
        assert!(exactly_one("x", &[("a", true), ("b", false)]).is_ok());
        assert!(exactly_one("x", &[("a", false), ("b", false)]).is_err());
        assert!(exactly_one("x", &[("a", true), ("b", true)]).is_err());
    }
}
