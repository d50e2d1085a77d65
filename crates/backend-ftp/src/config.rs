//! What a user writes under `connection:` and `credentials:`.

use backend_core::{Result, Secret, Settings};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The most connections that may be asked for: servers allow far fewer.
const MAX_CONNECTIONS: u32 = 64;

/// `connection:` of an FTP store.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// The server's name or address, without scheme and port.
    pub host: String,
    /// The port; 21, and 990 where TLS is implicit, unless said otherwise.
    #[serde(default)]
    pub port: Option<u16>,
    /// The folder. It must exist; without a slash at its beginning it lies in the user's own folder.
    #[serde(default)]
    pub path: String,
    /// Whether and how the connections are encrypted.
    #[serde(default)]
    pub tls: Tls,
    /// Whether the server's certificate must be good. Without it anybody on the way can be the server.
    #[serde(default = "yes")]
    pub verify_tls: bool,
    /// Certificates of private authorities, as PEM, to be trusted beside the public ones.
    #[serde(default)]
    pub ca_certificates: Vec<String>,
    /// Who opens the data connections: we (true), or the server (false).
    #[serde(default = "yes")]
    pub passive: bool,
    /// The most connections at a time, 1 to 64. With 1, transfers take turns in pieces of 4 MiB.
    #[serde(default = "eight")]
    pub max_connections: u32,
    /// Names are UTF-8 there. Without it only names of ASCII are taken.
    #[serde(default = "yes")]
    pub utf8: bool,
}

/// Whether and how the connections are encrypted. `true` is taken for `explicit`, `false` for `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// Not at all: password and content can be read on the way.
    None,
    /// The connection begins plain and is encrypted before the login (RFC 4217, `AUTH TLS`).
    #[default]
    Explicit,
    /// It is encrypted from the first byte on.
    Implicit,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected none, explicit or implicit")]
enum Written {
    Bool(bool),
    Word(Word),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    None,
    Explicit,
    Implicit,
}

impl<'de> Deserialize<'de> for Tls {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::Bool(false) | Written::Word(Word::None) => Tls::None,
            Written::Bool(true) | Written::Word(Word::Explicit) => Tls::Explicit,
            Written::Word(Word::Implicit) => Tls::Implicit,
        })
    }
}

impl JsonSchema for Tls {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Tls".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ["none", "explicit", "implicit", true, false], "default": "explicit" })
    }
}

fn yes() -> bool {
    true
}

fn eight() -> u32 {
    8
}

/// `credentials:` of an FTP store. Without them the login is `anonymous`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Who logs in.
    #[serde(default)]
    pub username: Option<String>,
    /// The password; empty if there is none.
    #[serde(default)]
    pub password: Secret,
}

/// The shape of the two sections, for the schema.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct Sections {
    connection: Connection,
    credentials: Credentials,
}

impl Connection {
    /// The port, by default that of the kind of TLS (RFC 959; 990: IANA, `ftps`).
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls == Tls::Implicit { 990 } else { 21 })
    }

    /// Reads and checks both sections.
    ///
    /// # Errors
    /// `InvalidConfig` that names the key.
    pub fn from_settings(settings: &Settings) -> Result<(Self, Credentials)> {
        let connection: Self = settings.connection()?;
        let credentials: Credentials = settings.credentials()?;
        match fault(&connection, &credentials) {
            None => Ok((connection, credentials)),
            Some((key, why)) => Err(settings.wrong(key, why)),
        }
    }
}

fn fault(connection: &Connection, credentials: &Credentials) -> Option<(&'static str, &'static str)> {
    let host = &connection.host;
    let bad_host = host.is_empty() || host.contains(['/', '@', '[', ']']) || unsafe_text(host) || host.contains(' ');
    let username = credentials.username.as_deref().unwrap_or("anonymous");
    match () {
        () if bad_host => Some(("connection.host", "expected a name or an address, without scheme and port")),
        () if connection.port == Some(0) => Some(("connection.port", "expected 1 to 65535")),
        () if unsafe_text(&connection.path) => Some(("connection.path", "it has a control character")),
        () if connection.path.split('/').any(|it| it == "." || it == "..") => {
            Some(("connection.path", "it has a segment . or .."))
        }
        () if !(1..=MAX_CONNECTIONS).contains(&connection.max_connections) => {
            Some(("connection.max_connections", "expected 1 to 64"))
        }
        () if username.is_empty() || unsafe_text(username) => {
            Some(("credentials.username", "it is empty or has a control character"))
        }
        () if unsafe_text(credentials.password.reveal()) => {
            Some(("credentials.password", "it has a control character"))
        }
        () => None,
    }
}

/// A line's end in an argument would begin a command of its own (rclone GHSA-8c48-q9wj-3w37).
fn unsafe_text(text: &str) -> bool {
    text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use backend_core::ErrorKind;

    fn check(connection: Value, credentials: Value) -> Result<(Connection, Credentials)> {
        let mut settings = Settings::new("hosting", connection, backend_testkit::TestClock::new());
        settings.credentials = credentials;
        Connection::from_settings(&settings)
    }

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        let cases = [
            (json!({}), Value::Null, "host"),
            (json!({ "host": "ftp://canary" }), Value::Null, "connection.host"),
            (json!({ "host": "a\r\nDELE canary" }), Value::Null, "connection.host"),
            (json!({ "host": "h", "port": 0 }), Value::Null, "connection.port"),
            (json!({ "host": "h", "path": "/a\r\nDELE canary" }), Value::Null, "connection.path"),
            (json!({ "host": "h", "path": "/a/../canary" }), Value::Null, "connection.path"),
            (json!({ "host": "h", "max_connections": 0 }), Value::Null, "connection.max_connections"),
            (json!({ "host": "h", "tls": "canary" }), Value::Null, "connection.tls"),
            (json!({ "host": "h", "pasive": "canary" }), Value::Null, "pasive"),
            (json!({ "host": "h" }), json!({ "username": "a\ncanary" }), "credentials.username"),
            (json!({ "host": "h" }), json!({ "username": "a", "password": "canary\r\n" }), "credentials.password"),
            (json!({ "host": "h" }), json!({ "user": "canary" }), "user"),
        ];
        for (connection, credentials, key) in cases {
            let err = check(connection, credentials).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::InvalidConfig, "{err}");
            assert!(err.message().contains(key) && !err.message().contains("canary"), "{err}");
        }
    }

    #[test]
    fn tls_is_explicit_unless_said_otherwise() {
        let tls = |value: Value| check(json!({ "host": "h", "tls": value }), Value::Null).unwrap().0;
        assert_eq!(check(json!({ "host": "h" }), Value::Null).unwrap().0.tls, Tls::Explicit);
        assert_eq!((tls(json!(true)).tls, tls(json!(false)).tls), (Tls::Explicit, Tls::None));
        assert_eq!((tls(json!("implicit")).port(), tls(json!("none")).port()), (990, 21));
    }
}
