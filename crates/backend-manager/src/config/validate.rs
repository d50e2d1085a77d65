//! Whether a configuration opens: its type is linked, and the backend takes its connection and credentials.

use std::sync::Arc;

use backend_core::{
    Addressing, Backend, Capabilities, Clock, Descriptor, Error, ErrorKind, Exposure, Result, Role, Settings, find,
};
use backend_layers::{Operational, SystemClock};
use serde_json::Value;

use super::caching::Duty;
use super::envelope::BackendConfig;

impl BackendConfig {
    /// What the backend is opened with. The configuration is a resolved one.
    pub fn settings(&self, clock: Arc<dyn Clock>) -> Settings {
        let mut settings = Settings::new(&self.name, Value::Object(self.connection.clone()), clock);
        settings.credentials = Value::Object(self.credentials.clone());
        settings
    }

    /// The section `operational`, checked.
    ///
    /// # Errors
    /// `InvalidConfig` that names the key.
    pub fn operational(&self) -> Result<Operational> {
        let section = Value::Object(self.operational.clone());
        // `Settings` reads any section without quoting it, and calls it `connection`.
        let settings = Settings::new(&self.name, section, Arc::new(SystemClock));
        let operational: Operational = settings.connection().map_err(|err| {
            let message = err.message().replacen(": connection", ": operational", 1);
            Error::new(ErrorKind::InvalidConfig, message)
        })?;
        operational.validate()?;
        Ok(operational)
    }
}

/// What `config`, resolved, offers: of this instance, and not of its type.
///
/// # Errors
/// As [`validate`].
pub(super) fn offers(config: &BackendConfig, clock: Arc<dyn Clock>) -> Result<Capabilities> {
    Ok((find(&config.kind)?.open)(config.settings(clock))?.info().offers)
}

/// Whether `config`, resolved, opens. Does no I/O: whether the service is there is for `health` to say.
///
/// # Errors
/// `InvalidConfig` that names what is wrong and shows no value.
pub fn validate(config: &BackendConfig, clock: Arc<dyn Clock>) -> Result<&'static Descriptor> {
    let descriptor = find(&config.kind)?;
    config.operational()?;
    let backend = (descriptor.open)(config.settings(clock))?;
    match config.role == Duty::Cache && !can_cache(&*backend) {
        true => Err(Error::new(
            ErrorKind::InvalidConfig,
            format!(
                "{}: role: a cache is private, and takes, gives and removes content by key: {} is not like that",
                config.name, config.kind
            ),
        )),
        false => Ok(descriptor),
    }
}

/// Whether what is put there can be had again and taken away, under names of ours, and nobody else can read it.
pub(crate) fn can_cache(backend: &dyn Backend) -> bool {
    let info = backend.info();
    let is_ours = info.addressing == Addressing::Key && info.role == Role::Store && info.exposure == Exposure::Private;
    is_ours && info.offers.add && info.offers.get && info.offers.remove
}
