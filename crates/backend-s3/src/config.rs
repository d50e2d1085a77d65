//! What a user writes under `connection:` and `credentials:`.

use backend_core::{Capabilities, Secret};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;

use crate::provider::{Checksum, Provider};

/// What every instance offers, whatever is configured and learnt.
pub(crate) const OFFERS: Capabilities = Capabilities {
    get: true,
    stat: true,
    add: true,
    mend: true,
    resume: true,
    range: true,
    remove: true,
    list: true,
    usage: true,
    labels: true,
    link: true,
    ..Capabilities::NONE
};

/// `connection:` of an S3 store.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// The bucket. It must exist.
    #[serde(alias = "bucket_name", alias = "default_bucket")]
    pub bucket: String,
    /// Where the service is, such as `https://minio.example:9000`. Absent: AWS.
    #[serde(default, alias = "endpoint")]
    pub endpoint_url: Option<String>,
    /// The region that requests are signed for. Absent: the provider's usual one. AWS is asked once for the right one.
    #[serde(default)]
    pub region: Option<String>,
    /// Everything is kept under this text and a slash.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Who runs the service. Absent: guessed from the host.
    #[serde(default)]
    pub provider: Option<Provider>,
    /// The bucket stands in the path (`true`) or in the host name. Absent: as the provider likes it.
    #[serde(default, alias = "force_path_style")]
    pub path_style: Option<bool>,
    /// Certificates of private authorities, as PEM, to be trusted beside the system's.
    #[serde(default)]
    pub ca_certificates: Vec<String>,
    /// The class of what is stored, such as `STANDARD_IA`.
    #[serde(default)]
    pub storage_class: Option<String>,
    /// How the service encrypts. Absent: as the bucket says.
    #[serde(default)]
    pub server_side_encryption: Option<Encryption>,
    /// The key that `server_side_encryption: kms` uses. Absent: the account's own.
    #[serde(default)]
    pub kms_key_id: Option<String>,
    /// Where labels are kept.
    #[serde(default)]
    pub labels: Labels,
    /// Bytes of a part, and the most that goes in one request. Absent: 8 MiB and more, by size, from 32 MiB on.
    #[serde(default)]
    pub part_size: Option<u64>,
    /// Seconds after which a link ends, at most a week.
    #[serde(default = "hour")]
    pub link_expiry: u64,
    /// The profile of the vendor's configuration files that keys are taken from when none are given.
    #[serde(default)]
    pub profile: Option<String>,
    /// Take an endpoint with `http:` that is not this machine: anybody on the way can read along.
    #[serde(default)]
    pub allow_http: bool,
    /// Which checksums are sent. Absent: as the provider likes it.
    #[serde(default)]
    pub checksum: Option<Checksum>,
}

/// How the service encrypts what it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// With a key of the service.
    #[serde(alias = "AES256")]
    Aes256,
    /// With a key of the key management service.
    #[serde(alias = "aws:kms")]
    Kms,
    /// With `credentials.customer_key`, which the service forgets: without it, what is stored is lost.
    Customer,
}

/// Where labels of content are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Labels {
    /// With the object: `x-amz-meta-…`.
    #[default]
    Metadata,
    /// As tags of the object, which rules of the bucket can look at. Offered after a probe has seen them work.
    Tags,
}

/// `credentials:` of an S3 store. Without keys, the vendor's chain is asked: environment, profile, SSO, web identity, instance.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Credentials {
    /// The name of the key.
    #[serde(alias = "access_key", alias = "accessKey", alias = "aws_access_key", alias = "aws_access_key_id")]
    pub access_key_id: Option<Secret>,
    /// The key.
    #[serde(alias = "secret_key", alias = "secretKey", alias = "aws_secret_key", alias = "aws_secret_access_key")]
    pub secret_access_key: Option<Secret>,
    /// The token of a temporary key.
    #[serde(alias = "aws_session_token")]
    pub session_token: Option<Secret>,
    /// The key of `server_side_encryption: customer`: 32 bytes in base64.
    pub customer_key: Option<Secret>,
}

fn hour() -> u64 {
    3600
}

/// The shape of the two sections, for the schema.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct Sections {
    connection: Connection,
    credentials: Credentials,
}

pub(crate) fn schema() -> Schema {
    schema_for!(Sections)
}
