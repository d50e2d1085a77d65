//! What a backend is opened with: its part of the configuration, a place for refreshed tokens, and a clock.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// What [`Backend::probe`](crate::Backend::probe) found out, in the leaf's own shape.
pub type Facts = Value;

/// What a backend is opened with. The manager has already substituted variables and resolved references; nothing here reads the environment.
#[derive(Clone)]
pub struct Settings {
    /// What the user calls it.
    pub name: String,
    /// `connection:` of the file: where it is.
    pub connection: Value,
    /// `credentials:` of the file: who we are. Never printed.
    pub credentials: Value,
    /// What an earlier [`Backend::probe`](crate::Backend::probe) of this very connection answered. `Null`: nothing was learnt yet, so that nothing is
    /// offered which only a probe could show.
    pub learnt: Facts,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// Where refreshed tokens are kept, if the caller keeps any.
    pub state: Option<Arc<dyn StateStore>>,
    /// What time it is, and how to wait.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("name", &self.name).field("credentials", &"***").finish_non_exhaustive()
    }
}

impl Settings {
    /// How long making a connection may take, unless the user says otherwise.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    /// Settings with a connection only.
    pub fn new(name: impl Into<String>, connection: Value, clock: Arc<dyn Clock>) -> Self {
        Self {
            name: name.into(),
            connection,
            credentials: Value::Null,
            learnt: Value::Null,
            connect_timeout: Self::CONNECT_TIMEOUT,
            state: None,
            clock,
        }
    }

    /// `connection` as the leaf's own type. An absent section is the empty one.
    ///
    /// # Errors
    /// `InvalidConfig` that names the key and, for an unknown key, the ones there are. The values are not shown.
    pub fn connection<T: DeserializeOwned>(&self) -> Result<T> {
        section(&self.name, "connection", &self.connection)
    }

    /// `learnt` as the leaf's own type. What cannot be read, because an older version of the leaf wrote it, is as if nothing was learnt.
    pub fn learnt<T: DeserializeOwned + Default>(&self) -> T {
        T::deserialize(&self.learnt).unwrap_or_default()
    }

    /// What a probe has learnt, to be given to the next opening as `learnt`.
    ///
    /// # Errors
    /// `Internal` for a type that is none of JSON: the leaf is wrong.
    pub fn facts(learnt: &impl Serialize) -> Result<Facts> {
        serde_json::to_value(learnt)
            .map_err(|err| Error::new(ErrorKind::Internal, "what was learnt cannot be written down").with_source(err))
    }

    /// `InvalidConfig`: why the setting `key` cannot be. No value is shown.
    pub fn wrong(&self, key: &str, why: impl fmt::Display) -> Error {
        Error::new(ErrorKind::InvalidConfig, format!("{}: {key}: {why}", self.name))
    }

    /// `credentials` as the leaf's own type. An absent section is the empty one.
    ///
    /// # Errors
    /// `InvalidConfig`; no value is ever part of the message.
    pub fn credentials<T: DeserializeOwned>(&self) -> Result<T> {
        section(&self.name, "credentials", &self.credentials)
    }
}

fn section<T: DeserializeOwned>(name: &str, section: &str, value: &Value) -> Result<T> {
    let value = match value {
        Value::Null => Value::Object(serde_json::Map::new()),
        other => other.clone(),
    };
    serde_path_to_error::deserialize(value).map_err(|err| {
        let path = err.path().to_string();
        let at = if path == "." { section.to_owned() } else { format!("{section}.{path}") };
        Error::new(ErrorKind::InvalidConfig, format!("{name}: {at}: {}", without_values(&err.into_inner())))
    })
}

/// serde's messages quote the offending value, which may be a secret. What remains: unknown and missing fields (names), and what was expected.
fn without_values(err: &serde_json::Error) -> String {
    let text = err.to_string();
    if let Some(rest) = text.strip_prefix("unknown field `") {
        return unknown_field(rest).unwrap_or_else(|| "unknown field".to_owned());
    }
    if text.starts_with("missing field `") || text.starts_with("duplicate field `") {
        return text;
    }
    match text.rsplit_once("expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => "the value is not acceptable".to_owned(),
    }
}

fn unknown_field(rest: &str) -> Option<String> {
    let (field, known) = rest.split_once('`')?;
    let names: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let hint =
        crate::nearest(field, names.iter().copied()).map(|it| format!(", did you mean {it}?")).unwrap_or_default();
    let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Some(format!("unknown field {field}{hint} (known: {known})"))
}

/// Where a leaf keeps what a service rotates: refresh tokens, promised ids. Compare and swap, because several processes may hold one credential.
#[async_trait]
pub trait StateStore: fmt::Debug + Send + Sync + 'static {
    /// The value and its revision, if there is one.
    ///
    /// # Errors
    /// What reading it answers.
    async fn get(&self) -> Result<Option<(Secret, u64)>>;

    /// Stores `value` if the revision is still `if_revision` (0: if there is none yet). `false`: somebody else was first; read again.
    ///
    /// # Errors
    /// What writing it answers.
    async fn put(&self, value: Secret, if_revision: u64) -> Result<bool>;
}

/// Time, as far as a backend may know it. Tests own it.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> SystemTime;

    /// Time since some fixed point, which never runs backwards.
    fn monotonic(&self) -> Duration;

    /// Waits. For what a protocol itself demands; never for a retry.
    async fn sleep(&self, wait: Duration);
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug)]
    struct Stopped;

    #[async_trait]
    impl Clock for Stopped {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        async fn sleep(&self, _: Duration) {}
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Connection {
        path: String,
        ports: Vec<u16>,
    }

    fn check(connection: Value) -> String {
        let settings = Settings::new("usb", connection, Arc::new(Stopped));
        settings.connection::<Connection>().map_or_else(|err| err.message().to_owned(), |_| "ok".to_owned())
    }

    #[test]
    fn messages_name_the_key_and_never_the_value() {
        assert_eq!(check(Value::Null), "ok");
        assert_eq!(
            check(json!({"paht": "canary"})),
            "usb: connection.paht: unknown field paht, did you mean path? (known: path, ports)"
        );
        assert_eq!(check(json!({"ports": [1, "canary"]})), "usb: connection.ports[1]: expected u16");
        assert_eq!(check(json!("canary")), "usb: connection: expected struct Connection");
    }
}
