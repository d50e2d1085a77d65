//! What a user can set: how content is named, whether versions are kept, how much fits.

use backend_core::{Addressing, Capabilities, Result, Settings};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;

/// What an instance offers with the default settings.
pub(crate) const OFFERS: Capabilities = Capabilities {
    get: true,
    stat: true,
    add: true,
    mend: true,
    resume: true,
    if_absent: true,
    if_match: true,
    range: true,
    remove: true,
    list: true,
    usage: true,
    labels: true,
    ..Capabilities::NONE
};

/// The `connection:` section.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Connection {
    /// How content is named.
    pub addressing: Naming,
    /// Keep what is overwritten or removed as older versions. Only with `addressing: key`.
    pub versions: bool,
    /// The most bytes the store holds, begun uploads and older versions included. Unlimited if absent.
    pub max_bytes: Option<u64>,
}

/// How content is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Naming {
    /// By a key that the caller chooses, as on S3.
    #[default]
    Key,
    /// By its CID: every block is hashed and kept, as on an IPFS node.
    Cid,
    /// By a handle that the store makes up, as on Matrix.
    Assigned,
}

/// The `credentials:` section: there is nothing to set.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Credentials {}

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
    pub(crate) fn read(settings: &Settings) -> Result<Self> {
        let _: Credentials = settings.credentials()?;
        let connection: Self = settings.connection()?;
        match connection.versions && connection.addressing != Naming::Key {
            true => Err(settings.wrong("connection.versions", "only keys have versions")),
            false => Ok(connection),
        }
    }

    /// What an instance offers with these settings.
    pub(crate) fn offers(&self) -> Capabilities {
        let hashes = self.addressing == Naming::Cid;
        Capabilities { block: hashes, mend: !hashes, versions: self.versions, ..OFFERS }
    }
}

impl From<Naming> for Addressing {
    fn from(naming: Naming) -> Self {
        match naming {
            Naming::Key => Addressing::Key,
            Naming::Cid => Addressing::Cid,
            Naming::Assigned => Addressing::Assigned,
        }
    }
}
