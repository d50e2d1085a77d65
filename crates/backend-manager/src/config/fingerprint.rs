//! Which connection a configuration means, without telling it.

use ipld::address;
use serde_json::json;

use super::envelope::BackendConfig;
use super::mask;

impl BackendConfig {
    /// The same for the same type and resolved connection, as seen by the same version of this program; another for any other. Credentials have no
    /// part in it, and neither has what is called like a secret: a hash of something that can be guessed tells it.
    pub fn fingerprint(&self) -> String {
        let shown = mask::masked(self);
        // Objects of serde_json are sorted by key.
        let words = json!({ "type": shown.kind, "connection": shown.connection, "version": env!("CARGO_PKG_VERSION") });
        let digest = address::sha256(address::RAW, words.to_string().as_bytes());
        digest.hash().digest().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(connection: serde_json::Value, credentials: serde_json::Value) -> String {
        let mut config = BackendConfig::registered("b", "memory");
        config.connection = connection.as_object().cloned().unwrap_or_default();
        config.credentials = credentials.as_object().cloned().unwrap_or_default();
        config.fingerprint()
    }

    #[test]
    fn it_follows_the_connection_and_no_secret() {
        let one = check(json!({ "url": "http://a", "token": "x" }), json!({}));
        assert_eq!(one, check(json!({ "token": "y", "url": "http://a" }), json!({ "key": "z" })));
        assert_ne!(one, check(json!({ "url": "http://b", "token": "x" }), json!({})));
        assert_eq!(one.len(), 64);
    }
}
