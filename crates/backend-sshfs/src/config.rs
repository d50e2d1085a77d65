//! What a user writes under `connection:` and `credentials:`. Nothing is read from disk before the first verb.

use std::path::PathBuf;

use backend_core::{Error, ErrorKind, Result, Secret, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most servers that may stand between us and the one that is meant.
const MAX_JUMPS: usize = 8;

/// `connection:` of an SFTP store.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// The server's name or address.
    pub host: String,
    /// Its port.
    #[serde(default = "ssh")]
    pub port: u16,
    /// The folder that is the store. Relative to the folder that the server opens for the user; empty: that folder itself.
    #[serde(default, alias = "remote_path")]
    pub path: String,
    /// Make the folder if it is missing when it is first used. Without it a missing folder is an error.
    #[serde(default)]
    pub create: bool,
    /// How the server proves who it is.
    #[serde(default)]
    pub host_key_check: HostKeyCheck,
    /// Lines as they stand in a `known_hosts` file: hashed names, `@cert-authority` and `@revoked` are understood.
    #[serde(default)]
    pub known_hosts: Vec<String>,
    /// Such a file. Read whenever a connection is made.
    #[serde(default)]
    pub known_hosts_file: Option<PathBuf>,
    /// Fingerprints of the keys that the server may have, such as `SHA256:…`. Where there is one, nothing else counts.
    #[serde(default)]
    pub host_keys: Vec<String>,
    /// Servers to go through, the nearest first: `user@host:port`; user and port may be left out.
    #[serde(default)]
    pub proxy_jump: Vec<String>,
    /// The socket of an SSH agent whose keys may be used.
    #[serde(default)]
    pub agent: Option<PathBuf>,
    /// So many connections are opened before sessions share one. More are made only where the server allows few sessions on each.
    #[serde(default = "connections")]
    pub connections: u32,
    /// After so many seconds of silence the server is asked whether it is there; after three questions without an answer the connection is given up.
    #[serde(default = "keepalive", alias = "keepalive_interval")]
    pub keepalive_s: u32,
    /// Whether an add waits until the server's disk has it, where the server offers that.
    #[serde(default)]
    pub sync: Sync,
}

/// `credentials:` of an SFTP store. What is given is tried in this order: certificate, key, agent, password, questions.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The user on the server.
    #[serde(default)]
    pub username: Secret,
    /// The password. It also answers a single question that the server asks without echo.
    #[serde(default)]
    pub password: Option<Secret>,
    /// The private key itself, as OpenSSH, PKCS#8 or PuTTY write it: ed25519 or ecdsa.
    #[serde(default)]
    pub private_key: Option<Secret>,
    /// A file that holds it.
    #[serde(default, alias = "key_path")]
    pub private_key_path: Option<PathBuf>,
    /// What the private key is encrypted with.
    #[serde(default)]
    pub passphrase: Option<Secret>,
    /// A certificate for the key: the text of a `-cert.pub` file.
    #[serde(default)]
    pub certificate: Option<Secret>,
    /// A file that holds it.
    #[serde(default)]
    pub certificate_path: Option<PathBuf>,
}

/// How a server proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostKeyCheck {
    /// Only a key that is known, is vouched for by a known authority, or has a fingerprint of `host_keys`.
    #[default]
    Strict,
    /// The key of a server that nothing is known of is written to `known_hosts_file`, and is from then on the only one that it may have.
    AcceptNew,
}

/// Whether an add waits until the disk has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// The server is asked to write it to its disk (`fsync@openssh.com`) before the content gets its name.
    #[default]
    Full,
    /// The server writes when it likes.
    Off,
}

/// Both sections, for the schema.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "it only carries the schema")]
pub(crate) struct Sections {
    connection: Connection,
    credentials: Credentials,
}

/// A server on the way, and the one that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) user: Option<String>,
    pub(crate) host: String,
    pub(crate) port: u16,
}

fn ssh() -> u16 {
    22
}

fn connections() -> u32 {
    4
}

fn keepalive() -> u32 {
    15
}

impl Connection {
    /// # Errors
    /// `InvalidConfig` that names the setting, and shows no value.
    pub(crate) fn from_settings(settings: &Settings) -> Result<(Self, Credentials)> {
        let connection: Connection = settings.connection()?;
        let credentials: Credentials = settings.credentials()?;
        let wrong = |key, why| Err(settings.wrong(key, why));
        if !is_host(&connection.host) {
            return wrong("connection.host", "expected a name or an address");
        }
        if connection.port == 0 {
            return wrong("connection.port", "expected a port");
        }
        if connection.path.chars().any(char::is_control) {
            return wrong("connection.path", "expected a path without control characters");
        }
        if !(1..=16).contains(&connection.connections) {
            return wrong("connection.connections", "expected 1 to 16");
        }
        if connection.keepalive_s == 0 {
            return wrong("connection.keepalive_s", "expected at least 1");
        }
        if credentials.username.is_empty() {
            return wrong("credentials.username", "it is missing");
        }
        if connection.host_key_check == HostKeyCheck::AcceptNew && connection.known_hosts_file.is_none() {
            return wrong("connection.known_hosts_file", "host_key_check accept_new needs a file to remember keys in");
        }
        if connection.host_keys.iter().any(|it| !it.starts_with("SHA256:")) {
            return wrong("connection.host_keys", "expected fingerprints that begin with SHA256:");
        }
        match connection.hops() {
            Some(_) => Ok((connection, credentials)),
            None => wrong("connection.proxy_jump", "expected at most eight of the form user@host:port"),
        }
    }

    /// The servers on the way, and the one that is meant, which is the last.
    pub(crate) fn hops(&self) -> Option<Vec<Hop>> {
        let jumps: Option<Vec<Hop>> = self.proxy_jump.iter().map(|it| hop(it)).collect();
        let mut hops = jumps.filter(|it| it.len() <= MAX_JUMPS)?;
        hops.push(Hop { user: None, host: self.host.clone(), port: self.port });
        Some(hops)
    }
}

fn hop(text: &str) -> Option<Hop> {
    let (user, place) = match text.rsplit_once('@') {
        Some((user, place)) => (Some(user.to_owned()), place),
        None => (None, text),
    };
    let bracketed = place.strip_prefix('[').and_then(|it| it.split_once(']'));
    let (host, port) = match (bracketed, place.rsplit_once(':')) {
        (Some((host, "")), _) => (host, None),
        (Some((host, rest)), _) => (host, Some(rest.strip_prefix(':')?)),
        // More than one colon without brackets: an address of version 6.
        (None, Some((host, port))) if !host.contains(':') => (host, Some(port)),
        _ => (place, None),
    };
    let port = port.map_or(Some(ssh()), |it| it.parse().ok().filter(|it| *it != 0))?;
    let is_user = user.as_deref().is_none_or(|it| !it.is_empty() && !it.chars().any(char::is_control));
    (is_host(host) && is_user).then(|| Hop { user, host: host.to_owned(), port })
}

/// Whether it can be a host: nothing that a `known_hosts` file or a log would misread.
fn is_host(text: &str) -> bool {
    let is_plain = |it: char| it.is_alphanumeric() || matches!(it, '.' | '-' | '_' | ':' | '%');
    !text.is_empty() && text.len() <= 255 && text.chars().all(is_plain)
}

pub(crate) fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, what)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use backend_testkit::TestClock;
    use serde_json::{Value, json};

    use super::*;

    fn check(connection: Value, credentials: Value, key: &str) {
        let mut settings = Settings::new("far", connection, Arc::clone(&TestClock::new()) as _);
        settings.credentials = credentials;
        let err = Connection::from_settings(&settings).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::InvalidConfig, "{err}");
        assert!(err.message().contains(key) && !err.message().contains("canary"), "{err}");
    }

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        let who = json!({ "username": "me" });
        let with = |key: &str, value: Value| json!({ "host": "h", key: value });
        check(json!({}), who.clone(), "host");
        check(json!({ "host": "canary here" }), who.clone(), "connection.host");
        check(json!({ "host": "h", "port": 0 }), who.clone(), "connection.port");
        check(with("path", json!("canary\n")), who.clone(), "connection.path");
        check(with("connections", json!(0)), who.clone(), "connection.connections");
        check(with("keepalive_s", json!(0)), who.clone(), "connection.keepalive_s");
        check(with("host_key_check", json!("canary")), who.clone(), "connection.host_key_check");
        check(with("host_key_check", json!("accept_new")), who.clone(), "connection.known_hosts_file");
        check(with("host_keys", json!(["MD5:canary"])), who.clone(), "connection.host_keys");
        check(with("proxy_jump", json!(["canary:0"])), who.clone(), "connection.proxy_jump");
        check(with("proxy_jump", json!(vec!["canary"; 9])), who, "connection.proxy_jump");
        check(json!({ "host": "h" }), json!({}), "credentials.username");
    }

    #[test]
    fn a_jump_is_a_user_a_host_and_a_port() {
        let cases = [
            ("gate", Some((None, "gate", 22))),
            ("me@gate:2022", Some((Some("me"), "gate", 2022))),
            ("[fe80::1]:5", Some((None, "fe80::1", 5))),
            ("[fe80::1]", Some((None, "fe80::1", 22))),
            ("fe80::1", Some((None, "fe80::1", 22))),
            ("@gate", None),
            ("gate:", None),
            ("", None),
            ("a b", None),
            ("[a]b", None),
        ];
        for (text, wanted) in cases {
            let found = hop(text).map(|it| (it.user, it.host, it.port));
            let wanted = wanted.map(|(user, host, port)| (user.map(str::to_owned), host.to_owned(), port));
            assert_eq!(found, wanted, "{text}");
        }
    }
}
