//! The one table of what fails here itself. What gateways do wrong is classified where they are talked to, in `backend_http::trustless`.

use backend_core::{Error, ErrorKind};

/// What this leaf refuses.
#[derive(Debug)]
pub(crate) enum Fault<'a> {
    /// A setting cannot be used: of which backend, which one, and why.
    Config(&'a str, &'static str, &'a str),
    /// The caller asked for something that makes no sense here.
    Input(&'static str),
}

impl Fault<'_> {
    /// A setting that another room refuses; its message quotes no value.
    pub(crate) fn config(name: &str, key: &'static str, err: &Error) -> Error {
        Fault::Config(name, key, err.message()).into()
    }
}

impl From<Fault<'_>> for Error {
    fn from(fault: Fault<'_>) -> Self {
        match fault {
            Fault::Config(name, key, why) => Error::new(ErrorKind::InvalidConfig, format!("{name}: {key}: {why}")),
            Fault::Input(why) => Error::new(ErrorKind::InvalidInput, why),
        }
    }
}
