//! What a user can set: where the node is, who we are to it, and whether the world can read what it holds.

use std::time::Duration;

use backend_core::{Capabilities, Exposure, Result, Secret, Settings};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;

use crate::address::Address;

/// What an instance offers.
pub(crate) const OFFERS: Capabilities = Capabilities {
    get: true,
    stat: true,
    add: true,
    mend: true,
    range: true,
    block: true,
    remove: true,
    list: true,
    pin: true,
    usage: true,
    ..Capabilities::NONE
};

/// `connection:` of a node.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Connection {
    /// Where the node's RPC is: a URL, or a multiaddr such as `/ip4/127.0.0.1/tcp/5001`, `/dns4/node/tcp/443/https` or `/unix/run/ipfs.sock`.
    pub api_url: String,
    /// The gateway of the same node. Blocks are then read through it, which is about twice as fast. There is no default, and a public gateway does not
    /// belong here: it serves what others hold.
    pub gateway_url: Option<String>,
    /// A folder of the node's own files (MFS), such as `/backup`. What is added under a name is then linked there by that name, in place of what stood
    /// there. Removing content leaves the link, and with it the content.
    pub mfs_path: Option<String>,
    /// How long a `pin` waits, in milliseconds, for a node that gets on with nothing, before it answers how far it is; 30 times as long for one that
    /// gets on. 1 to 3,600,000. It should be below `operational.timeout`, which is in seconds, and ends the wait with an error.
    pub pin_wait_ms: u64,
    /// The node serves nobody else: it is offline, or in a private network. Otherwise what it holds counts as public.
    pub private: bool,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            api_url: "http://127.0.0.1:5001".to_owned(),
            gateway_url: None,
            mfs_path: None,
            pin_wait_ms: 20_000,
            private: false,
        }
    }
}

/// `credentials:` of a node, as its `API.Authorizations` has them: a token, or a name and a password. They are not sent to the gateway.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Credentials {
    /// Sent as `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// Sent, with the password, as `Authorization: Basic`.
    pub username: Option<String>,
    /// The password of `username`.
    pub password: Option<Secret>,
}

/// Both sections, as the descriptor's schema shows them.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Sections {
    connection: Connection,
    credentials: Credentials,
}

pub(crate) fn schema() -> Schema {
    schema_for!(Sections)
}

/// Who we are to the node.
#[derive(Debug, Clone)]
pub(crate) enum Login {
    None,
    Bearer(Secret),
    Basic(String, Secret),
}

/// Both sections, read and checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) api: Address,
    pub(crate) gateway: Option<Address>,
    pub(crate) login: Login,
    pub(crate) exposure: Exposure,
    pub(crate) mfs_path: Option<String>,
    pub(crate) pin_wait: Duration,
}

/// An hour.
const MAX_WAIT_MS: u64 = 3_600_000;
/// The most bytes of a folder's path.
const MAX_PATH: usize = 1024;

/// A folder is absolute, and its path leads down only.
fn folder(path: String) -> std::result::Result<String, &'static str> {
    let Some(below) = path.strip_prefix('/') else { return Err("a folder of the node begins with a slash") };
    let below = below.strip_suffix('/').unwrap_or(below);
    let is_odd = |part: &str| matches!(part, "" | "." | "..") || part.contains('\0');
    match below {
        _ if MAX_PATH < path.len() => Err("it is too long"),
        "ipfs" | "ipns" => Err("this is no folder of the node's own files"),
        "" => Ok(path),
        _ if below.starts_with("ipfs/") || below.starts_with("ipns/") => {
            Err("this is no folder of the node's own files")
        }
        _ if below.split('/').any(is_odd) => Err("a part of it is empty, . or .."),
        _ => Ok(path),
    }
}

impl Config {
    /// Reads and checks both sections.
    ///
    /// # Errors
    /// `InvalidConfig` that names the key.
    pub(crate) fn read(settings: &Settings) -> Result<Self> {
        let connection: Connection = settings.connection()?;
        let credentials: Credentials = settings.credentials()?;
        let wrong = |key, why: &str| settings.wrong(key, why);
        let api = Address::parse(&connection.api_url).map_err(|why| wrong("connection.api_url", why))?;
        let gateway = connection.gateway_url.as_deref().map(Address::gateway).transpose();
        let login = match (credentials.token, credentials.username, credentials.password) {
            (None, None, None) => Login::None,
            (Some(token), None, None) => Login::Bearer(token),
            (None, Some(name), Some(password)) => Login::Basic(name, password),
            (Some(_), ..) => {
                return Err(wrong("credentials", "expected a token, or a username and a password, not both"));
            }
            (None, Some(_), None) => return Err(wrong("credentials.password", "it is missing")),
            (None, None, Some(_)) => return Err(wrong("credentials.username", "it is missing")),
        };
        if !(1..=MAX_WAIT_MS).contains(&connection.pin_wait_ms) {
            return Err(wrong("connection.pin_wait_ms", "expected 1 to 3600000"));
        }
        Ok(Self {
            api,
            pin_wait: Duration::from_millis(connection.pin_wait_ms),
            gateway: gateway.map_err(|why| wrong("connection.gateway_url", why))?,
            login,
            mfs_path: connection.mfs_path.map(folder).transpose().map_err(|why| wrong("connection.mfs_path", why))?,
            exposure: if connection.private { Exposure::Private } else { Exposure::Public },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use backend_core::ErrorKind;
    use backend_testkit::TestClock;
    use serde_json::{Value, json};

    use super::*;

    fn check(connection: Value, credentials: Value) -> Result<Config> {
        let settings = Settings::new("node", connection, Arc::new(TestClock::default()));
        Config::read(&Settings { credentials, ..settings })
    }

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        let cases = [
            (json!({ "api_url": "canary" }), json!({}), "connection.api_url"),
            (json!({ "api_url": 5001 }), json!({}), "connection.api_url"),
            (json!({ "gateway_url": "http://u:canary@h" }), json!({}), "connection.gateway_url"),
            (json!({ "mfs_path": "canary" }), json!({}), "connection.mfs_path"),
            (json!({ "mfs_path": "/a/../canary" }), json!({}), "connection.mfs_path"),
            (json!({ "mfs_path": "/a//canary" }), json!({}), "connection.mfs_path"),
            (json!({ "mfs_path": "/ipfs/canary" }), json!({}), "connection.mfs_path"),
            (json!({ "pin_wait_ms": 0 }), json!({}), "connection.pin_wait_ms"),
            (json!({ "pin_wait_ms": 3_600_001 }), json!({}), "connection.pin_wait_ms"),
            (json!({ "private": "canary" }), json!({}), "connection.private"),
            (json!({ "api_ulr": "canary" }), json!({}), "api_url"),
            (json!({}), json!({ "token": "canary", "username": "u" }), "credentials"),
            (json!({}), json!({ "username": "canary" }), "credentials.password"),
            (json!({}), json!({ "password": "canary" }), "credentials.username"),
        ];
        for (connection, credentials, key) in cases {
            let err = check(connection, credentials).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::InvalidConfig, "{err}");
            assert!(err.message().contains(key) && !err.message().contains("canary"), "{err}");
        }
    }

    #[test]
    fn nothing_set_is_the_local_node_and_public() {
        let config = check(Value::Null, Value::Null).unwrap();
        assert_eq!(config.api, Address::Url("http://127.0.0.1:5001".to_owned()));
        assert_eq!((config.gateway, config.exposure), (None, Exposure::Public));
        for path in ["/", "/a", "/a/ä b/", "/ipfsx"] {
            assert_eq!(check(json!({ "mfs_path": path }), Value::Null).unwrap().mfs_path.as_deref(), Some(path));
        }
        assert_eq!(check(json!({ "private": true }), Value::Null).unwrap().exposure, Exposure::Private);
    }
}
