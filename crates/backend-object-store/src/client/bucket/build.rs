//! From settings to the clients of `object_store`, whose own retries, time-outs and look-ups in the environment stay off.

use std::sync::Arc;
use std::time::Duration;

use backend_core::{Error, Result, Secret, Settings};
use object_store::azure::{AzureCredential, MicrosoftAzureBuilder, split_sas};
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder};
use object_store::{ClientOptions, RetryConfig, StaticCredentialProvider};
use url::Url;

use super::super::wire::Wire;
use super::Store;
use crate::config::{self, Azure, AzureCredentials, Gcs, GcsCredentials, wrong};

/// Azurite, "Default storage account": public knowledge.
const EMULATOR_ACCOUNT: &str = "devstoreaccount1";
const EMULATOR_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const EMULATOR: &str = "http://127.0.0.1:10000/devstoreaccount1";
const GCS: &str = "https://storage.googleapis.com";

/// All that is needed to make a client.
#[derive(Debug, Clone)]
pub(crate) enum Recipe {
    Gcs { name: String, home: Url, connection: Gcs, credentials: GcsCredentials },
    Azure { name: String, home: Url, account: String, connection: Azure, credentials: AzureCredentials },
}

impl Recipe {
    /// Reads and checks the settings of a bucket.
    pub(crate) fn gcs(settings: &Settings) -> Result<Self> {
        let connection: Gcs = settings.connection()?;
        let credentials: GcsCredentials = settings.credentials()?;
        let name = settings.name.clone();
        config::plain(&name, "connection.bucket", &connection.bucket)?;
        let ways = [
            ("service_account_path", credentials.service_account_path.is_some()),
            ("service_account_key", credentials.service_account_key.is_some()),
            ("application_credentials", credentials.application_credentials.is_some()),
            ("bearer", credentials.bearer.is_some()),
            ("anonymous", credentials.anonymous),
        ];
        config::exactly_one(&name, &ways)?;
        let base = connection.base_url.as_deref().unwrap_or(GCS);
        let home = config::address(&name, "connection.base_url", base, connection.allow_http)?;
        Ok(Self::Gcs { name, home, connection, credentials })
    }

    /// Reads and checks the settings of a container.
    pub(crate) fn azure(settings: &Settings) -> Result<Self> {
        let connection: Azure = settings.connection()?;
        let mut credentials: AzureCredentials = settings.credentials()?;
        let name = settings.name.clone();
        config::plain(&name, "connection.container", &connection.container)?;
        let emulated = connection.use_emulator.then_some(EMULATOR_ACCOUNT);
        let account = connection.account.as_deref().or(emulated);
        let Some(account) = account.map(str::to_owned) else {
            return Err(wrong(&name, "connection.account", "it is missing"));
        };
        config::plain(&name, "connection.account", &account)?;
        if connection.use_emulator && ways(&credentials).iter().all(|(_, is_given)| !is_given) {
            credentials.access_key = Some(Secret::new(EMULATOR_KEY));
        }
        config::exactly_one(&name, &ways(&credentials))?;
        if credentials.client_secret.is_some() && (credentials.tenant_id.is_none() || credentials.client_id.is_none()) {
            return Err(wrong(&name, "credentials.client_secret", "it needs tenant_id and client_id"));
        }
        let host = format!("https://{account}.blob.core.windows.net");
        let emulated = connection.use_emulator.then_some(EMULATOR);
        let base = connection.endpoint.as_deref().or(emulated).unwrap_or(&host);
        let home = config::address(&name, "connection.endpoint", base, connection.allow_http)?;
        Ok(Self::Azure { name, home, account, connection, credentials })
    }

    /// Where the service is.
    pub(crate) fn home(&self) -> &Url {
        match self {
            Self::Gcs { home, .. } | Self::Azure { home, .. } => home,
        }
    }

    /// What every name begins with.
    pub(crate) fn prefix(&self) -> Result<String> {
        match self {
            Self::Gcs { name, connection, .. } => config::prefix(name, connection.prefix.as_deref()),
            Self::Azure { name, connection, .. } => config::prefix(name, connection.prefix.as_deref()),
        }
    }

    /// Whether these credentials can sign an address for others.
    pub(crate) fn can_link(&self) -> bool {
        match self {
            Self::Gcs { credentials: it, .. } => it.service_account_path.is_some() || it.service_account_key.is_some(),
            Self::Azure { credentials: it, .. } => it.access_key.is_some() || it.client_secret.is_some(),
        }
    }

    pub(super) fn reads_a_file(&self) -> bool {
        match self {
            Self::Gcs { credentials: it, .. } => {
                it.service_account_path.is_some() || it.application_credentials.is_some()
            }
            Self::Azure { .. } => false,
        }
    }

    /// What was reached, in words that name it everywhere.
    pub(super) fn identity(&self, home: &Url) -> String {
        match self {
            Self::Gcs { connection, .. } if connection.base_url.is_none() => format!("gs://{}", connection.bucket),
            Self::Gcs { connection, .. } => format!("{}/{}", bare(home), connection.bucket),
            Self::Azure { connection, .. } => format!("{}/{}", bare(home), connection.container),
        }
    }

    pub(super) fn make(&self, wire: &Wire) -> Result<Store> {
        match self {
            Self::Gcs { name, home, connection, credentials } => {
                let made = gcs(wire, home, connection, credentials).build();
                made.map(Store::Gcs).map_err(|_| unusable(name))
            }
            Self::Azure { name, home, account, connection, credentials } => {
                let made = azure(wire, home, account, connection, credentials).and_then(MicrosoftAzureBuilder::build);
                made.map(Store::Azure).map_err(|_| unusable(name))
            }
        }
    }
}

/// An address without the slash at its end: names are put behind one.
pub(super) fn bare(home: &Url) -> &str {
    home.as_str().trim_end_matches('/')
}

fn ways(it: &AzureCredentials) -> [(&'static str, bool); 5] {
    [
        ("access_key", it.access_key.is_some()),
        ("sas_token", it.sas_token.is_some()),
        ("client_secret", it.client_secret.is_some()),
        ("bearer", it.bearer.is_some()),
        ("anonymous", it.anonymous),
    ]
}

/// What is wrong is not said by `object_store` without quoting.
fn unusable(name: &str) -> Error {
    wrong(name, "credentials", "they cannot be read, or are not of the form that the service gives out")
}

fn once() -> RetryConfig {
    RetryConfig { max_retries: 0, retry_timeout: Duration::ZERO, ..RetryConfig::default() }
}

fn gcs(wire: &Wire, home: &Url, connection: &Gcs, credentials: &GcsCredentials) -> GoogleCloudStorageBuilder {
    let builder = GoogleCloudStorageBuilder::new()
        .with_base_url(bare(home))
        .with_bucket_name(&connection.bucket)
        .with_retry(once())
        .with_client_options(ClientOptions::new())
        .with_http_connector(wire.clone());
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let fixed = |bearer: &str| Arc::new(StaticCredentialProvider::new(GcpCredential { bearer: bearer.to_owned() }));
    match credentials {
        GcsCredentials { service_account_path: Some(path), .. } => builder.with_service_account_path(text(path)),
        GcsCredentials { service_account_key: Some(key), .. } => builder.with_service_account_key(key.reveal()),
        GcsCredentials { application_credentials: Some(path), .. } => builder.with_application_credentials(text(path)),
        GcsCredentials { bearer: Some(bearer), .. } => builder.with_credentials(fixed(bearer.reveal())),
        // A provider must be given: otherwise the home folder and the metadata server are asked for one.
        _ => builder.with_credentials(fixed("")).with_skip_signature(true),
    }
}

fn azure(
    wire: &Wire,
    home: &Url,
    account: &str,
    connection: &Azure,
    credentials: &AzureCredentials,
) -> object_store::Result<MicrosoftAzureBuilder> {
    let builder = MicrosoftAzureBuilder::new()
        .with_account(account)
        .with_container_name(&connection.container)
        .with_endpoint(bare(home).to_owned())
        .with_retry(once())
        .with_client_options(ClientOptions::new())
        .with_http_connector(wire.clone());
    let fixed = |bearer: &str| Arc::new(StaticCredentialProvider::new(AzureCredential::BearerToken(bearer.to_owned())));
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    Ok(match credentials {
        AzureCredentials { access_key: Some(key), .. } => {
            builder.with_access_key(key.reveal()).with_credential_type("access_key")
        }
        AzureCredentials { sas_token: Some(sas), .. } => {
            builder.with_sas_authorization(split_sas(sas.reveal())?).with_credential_type("sas_token")
        }
        AzureCredentials { client_secret: Some(secret), client_id, tenant_id, .. } => builder
            .with_client_secret_authorization(text(client_id), secret.reveal(), text(tenant_id))
            .with_credential_type("client_secret"),
        AzureCredentials { bearer: Some(bearer), .. } => builder.with_credentials(fixed(bearer.reveal())),
        _ => builder.with_credentials(fixed("")).with_skip_signature(true),
    })
}
