//! What a user can set: which gateways, how files are fetched, and who we are there. No gateway is ever a default.

use std::collections::BTreeMap;

use backend_core::{Capabilities, Result, Secret, Settings};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;

use crate::error::Fault;

/// The most endpoints of one backend.
const MOST_ENDPOINTS: usize = 32;

/// What every instance offers.
pub(crate) const OFFERS: Capabilities =
    Capabilities { get: true, stat: true, range: true, block: true, ..Capabilities::NONE };

/// The `connection:` section.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// The gateways, in the order in which they are asked as long as nothing is known of them: `https://host`, below which `/ipfs/` lies. At most 32.
    pub endpoints: Vec<String>,
    /// How files are fetched; `car` unless said otherwise. One CAR a file takes few round trips, for gateways far away; blocks side by side are
    /// fastest from a Kubo nearby.
    #[serde(default)]
    pub transport: Fetching,
    /// How long a gateway may take to begin before a second one is asked beside it, in milliseconds.
    #[serde(default = "hedge_after_ms")]
    pub hedge_after_ms: u64,
    /// Allow plain `http` to other machines too. Bytes are hashed all the same; what is asked for can be read on the way.
    #[serde(default)]
    pub allow_http: bool,
    /// Certificates of private authorities, as PEM, to be trusted beside the public ones.
    #[serde(default)]
    pub ca_certificates: Vec<String>,
}

fn hedge_after_ms() -> u64 {
    400
}

/// How files are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fetching {
    /// As one CAR a file.
    #[default]
    Car,
    /// Block by block, several at a time.
    Blocks,
}

/// The `credentials:` section.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Credentials {
    /// Bearer tokens, each under its endpoint as it is written in `endpoints`. A token goes nowhere else.
    pub tokens: BTreeMap<String, Secret>,
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

impl Connection {
    /// Reads and checks both sections.
    ///
    /// # Errors
    /// `InvalidConfig` that names the key.
    pub(crate) fn read(settings: &Settings) -> Result<(Self, Credentials)> {
        let credentials: Credentials = settings.credentials()?;
        let connection: Self = settings.connection()?;
        let bad = |key, why| Err(Fault::Config(&settings.name, key, why).into());
        if connection.endpoints.is_empty() {
            return bad("connection.endpoints", "no gateway is named");
        }
        if MOST_ENDPOINTS < connection.endpoints.len() {
            return bad("connection.endpoints", "more than 32 gateways are named");
        }
        if connection.endpoints.iter().enumerate().any(|(n, it)| connection.endpoints[..n].contains(it)) {
            return bad("connection.endpoints", "a gateway is named twice");
        }
        if !credentials.tokens.keys().all(|it| connection.endpoints.contains(it)) {
            return bad("credentials.tokens", "a token is for an address that is not among the endpoints");
        }
        Ok((connection, credentials))
    }
}
