//! The gateways, as the configuration names them. The conversation itself is `backend_http::trustless`.

use std::time::Duration;

use backend_core::{Result, Settings};
use backend_http::trustless::{Options, Transport, Trustless};
use backend_http::{Auth, Client, ClientOptions, Endpoint, Plain};

use crate::config::{Connection, Credentials, Fetching};
use crate::error::Fault;

/// The gateways, and what those of one host share.
pub(crate) struct Gateways {
    pub(crate) client: Trustless,
    /// For `Info.gate`: only a single endpoint has one.
    pub(crate) gate: Option<String>,
}

pub(crate) fn open(settings: &Settings, connection: &Connection, credentials: &Credentials) -> Result<Gateways> {
    let plain = if connection.allow_http { Plain::Always } else { Plain::Loopback };
    let named = |text: &String| endpoint(settings, text, credentials, plain);
    let endpoints: Vec<Endpoint> = connection.endpoints.iter().map(named).collect::<Result<_>>()?;
    let gate = match &endpoints[..] {
        [one] => Some(one.gate()),
        _ => None,
    };
    let roots = connection.ca_certificates.iter().map(|pem| pem.clone().into()).collect();
    let client = Client::new(&ClientOptions { plain, roots, ..ClientOptions::new(settings) })
        .map_err(|err| Fault::config(&settings.name, "connection.ca_certificates", &err))?;
    let options = Options {
        transport: match connection.transport {
            Fetching::Car => Transport::Car,
            Fetching::Blocks => Transport::Blocks,
        },
        hedge_after: Duration::from_millis(connection.hedge_after_ms),
        ..Options::default()
    };
    let client = Trustless::new(client, endpoints, settings.clock.clone(), options)?;
    Ok(Gateways { client, gate })
}

fn endpoint(settings: &Settings, text: &str, credentials: &Credentials, plain: Plain) -> Result<Endpoint> {
    let endpoint =
        Endpoint::parse(text, plain).map_err(|err| Fault::config(&settings.name, "connection.endpoints", &err))?;
    if endpoint.credential().is_some() {
        let why = "a name or password in an address is shown: use credentials.tokens";
        return Err(Fault::Config(&settings.name, "connection.endpoints", why).into());
    }
    Ok(match credentials.tokens.get(text) {
        Some(token) => endpoint.with_auth(Auth::Bearer(token.clone())),
        None => endpoint,
    })
}
