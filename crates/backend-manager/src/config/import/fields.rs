//! What ipfs_kit_py calls the fields of each backend, and what we call them: the table.
//!
//! The names are the union of its schemas, adapters, kits, examples and environment variables.

use Section::{Connection, Credentials, Operational};

/// A section of our file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Connection,
    Credentials,
    Operational,
}

/// One field of ours, and all names that it had, the best first.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) section: Section,
    pub(super) key: &'static str,
    pub(super) names: &'static [&'static str],
}

const fn field(section: Section, key: &'static str, names: &'static [&'static str]) -> Field {
    Field { section, key, names }
}

/// Understood for every type.
pub(super) const COMMON: &[Field] = &[
    field(Operational, "timeout", &["timeout", "ipfs_timeout", "read_timeout", "connection_timeout"]),
    field(Operational, "retry_count", &["retry_count", "max_retries", "retry_attempts"]),
    field(Operational, "max_connections", &["max_connections", "max_threads"]),
];

/// Names of what tells that a backend never stored anything.
pub(super) const PRETENDING: [&str; 4] = ["mock_mode", "force_mock", "allow_mock", "simulation_mode"];

pub(super) const LOCAL: &[Field] = &[
    field(Connection, "path", &["path", "storage_path", "base_path"]),
    field(Connection, "create", &["create", "auto_create"]),
];

pub(super) const S3: &[Field] = &[
    field(Connection, "endpoint_url", &["endpoint_url", "endpoint"]),
    field(Connection, "region", &["region"]),
    field(Connection, "bucket_name", &["bucket_name", "bucket", "default_bucket"]),
    field(Connection, "storage_class", &["storage_class"]),
    field(
        Credentials,
        "access_key_id",
        &["access_key_id", "access_key", "accessKey", "aws_access_key_id", "aws_access_key"],
    ),
    field(
        Credentials,
        "secret_access_key",
        &["secret_access_key", "secret_key", "secretKey", "aws_secret_access_key", "aws_secret_key"],
    ),
    field(Credentials, "session_token", &["session_token"]),
];

pub(super) const IPFS: &[Field] = &[
    field(Connection, "api_url", &["api_url", "api_endpoint"]),
    field(Connection, "gateway_url", &["gateway_url", "gateway_endpoint"]),
];

pub(super) const IPFS_CLUSTER: &[Field] = &[
    field(Connection, "api_url", &["api_url", "api_endpoint", "endpoint", "cluster_url"]),
    field(Connection, "proxy_url", &["proxy_endpoint"]),
    field(Connection, "cluster_id", &["cluster_id"]),
    field(Connection, "replication_factor", &["replication_factor"]),
    field(Credentials, "username", &["username"]),
    field(Credentials, "password", &["password"]),
    field(Credentials, "auth_token", &["auth_token"]),
];

pub(super) const SSHFS: &[Field] = &[
    field(Connection, "host", &["host", "hostname", "ssh_host"]),
    field(Connection, "port", &["port"]),
    field(Connection, "path", &["remote_path", "remote_base_path", "storage_path"]),
    field(Connection, "keepalive_s", &["keepalive_interval"]),
    field(Credentials, "username", &["username", "ssh_user"]),
    field(Credentials, "password", &["password"]),
    field(Credentials, "private_key", &["private_key"]),
    field(Credentials, "private_key_path", &["private_key_path", "key_path"]),
];

pub(super) const FTP: &[Field] = &[
    field(Connection, "host", &["host"]),
    field(Connection, "port", &["port"]),
    field(Connection, "path", &["remote_path", "base_path", "remote_base_path"]),
    field(Connection, "tls", &["tls", "use_tls"]),
    field(Connection, "passive", &["passive", "passive_mode"]),
    field(Connection, "verify_tls", &["verify_ssl"]),
    field(Credentials, "username", &["username"]),
    field(Credentials, "password", &["password"]),
];

pub(super) const STORACHA: &[Field] = &[
    field(Connection, "api_url", &["api_url", "endpoint", "endpoints"]),
    field(Credentials, "token", &["token", "api_key"]),
];

pub(super) const FILECOIN: &[Field] = &[
    field(Connection, "lotus_rpc_url", &["lotus_rpc_url", "endpoint", "api_url"]),
    field(Credentials, "lotus_token", &["lotus_token", "token"]),
    field(Credentials, "lotus_token_path", &["token_path"]),
];

pub(super) const FILECOIN_PIN: &[Field] =
    &[field(Connection, "api_url", &["api_url", "api_endpoint"]), field(Credentials, "token", &["token", "api_key"])];

pub(super) const LASSIE: &[Field] = &[
    field(Connection, "api_url", &["api_url"]),
    field(Connection, "providers", &["providers"]),
    field(Connection, "ipni_endpoints", &["ipni_endpoints"]),
    field(Connection, "gateway_url", &["ipfs_gateway"]),
];

pub(super) const SATURN: &[Field] = &[field(Connection, "orchestrator_url", &["orchestrator_url"])];

pub(super) const HUGGINGFACE: &[Field] = &[
    field(Connection, "repo", &["repo", "repo_id", "default_repo"]),
    field(Connection, "organization", &["organization", "default_org"]),
    field(Connection, "repo_type", &["repo_type"]),
    field(Connection, "branch", &["branch"]),
    field(Connection, "path", &["path", "base_path"]),
    field(Connection, "private", &["private"]),
    field(Credentials, "token", &["token", "api_token"]),
];

pub(super) const GITHUB: &[Field] = &[
    field(Connection, "repo", &["repo", "default_repo"]),
    field(Connection, "owner", &["owner", "default_org"]),
    field(Connection, "branch", &["branch"]),
    field(Connection, "path", &["path", "base_path"]),
    field(Connection, "api_url", &["base_url"]),
    field(Credentials, "token", &["token", "api_key"]),
];

pub(super) const GDRIVE: &[Field] = &[
    field(Connection, "folder_id", &["folder_id", "default_folder_id"]),
    field(Credentials, "credentials_path", &["credentials_path"]),
];

pub(super) const ARIA2: &[Field] = &[
    field(Connection, "rpc_url", &["rpc_url"]),
    field(Connection, "download_dir", &["download_dir"]),
    field(Credentials, "rpc_secret", &["rpc_secret"]),
];

/// Filecoin's Synapse SDK, which stores by PDP: a part of `filecoin` here.
pub(super) const SYNAPSE_SDK: &[Field] = &[
    field(Connection, "network", &["network"]),
    field(Connection, "rpc_url", &["rpc_url"]),
    field(Credentials, "private_key", &["private_key"]),
];
