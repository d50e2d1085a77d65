//! The verbs: a block, a file, what is known of one, and how the gateways are. All others are not offered.

use std::fmt;

use async_trait::async_trait;
use backend_core::{
    Addressing, Backend, Evidence, Exposure, Fetched, Form, GetOptions, Health, Info, Locator, Metadata, Power, Reads,
    Result, Role, Settings, StatOptions, StorageType,
};
use backend_http::trustless::Pulse;
use cid::Cid;
use futures::stream::{self, StreamExt};

use crate::client::{self, Gateways};
use crate::config::{Connection, OFFERS};
use crate::error::Fault;

/// Opened gateways.
pub struct Gateway {
    info: Info,
    gateways: Gateways,
    settings: Settings,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("name", &self.info.name).field("client", &self.gateways.client).finish()
    }
}

impl Gateway {
    /// Reads the settings; nothing is asked of the gateways.
    ///
    /// # Errors
    /// `InvalidConfig` for an unknown or unusable setting.
    pub fn open(settings: Settings) -> Result<Self> {
        let (connection, credentials) = Connection::read(&settings)?;
        let gateways = client::open(&settings, &connection, &credentials)?;
        let mut info = Info::new(StorageType::Gateway, &settings.name, Addressing::Cid, OFFERS);
        info.role = Role::Source;
        info.reads = Reads::Network;
        info.exposure = Exposure::Public;
        info.gate = gateways.gate.clone();
        Ok(Self { info, gateways, settings })
    }

    fn cid<'a>(&self, at: &'a Locator) -> Result<&'a Cid> {
        self.info.allows(at)?;
        Ok(at.id.cid().ok_or(Fault::Input("a gateway names content by cid"))?)
    }

    async fn block(&self, at: &Locator, cid: &Cid) -> Result<Fetched> {
        let data = self.gateways.client.block(cid).await?;
        let range = 0..data.len() as u64;
        let body = stream::iter((!data.is_empty()).then_some(Ok(data))).boxed();
        Ok(Fetched { meta: known(at, Some(range.end)), range, body })
    }
}

/// That a gateway serves it says that it is somewhere, and not where.
fn known(at: &Locator, size: Option<u64>) -> Metadata {
    Metadata { size, ..Metadata::new(at.clone(), Evidence::Acknowledged) }
}

#[async_trait]
impl Backend for Gateway {
    fn info(&self) -> &Info {
        &self.info
    }

    /// Reads work as long as one gateway answers as a gateway does; the note names those that do not.
    async fn health(&self) -> Health {
        let begun = self.settings.clock.monotonic();
        let pulse = self.gateways.client.pulse().await;
        let works = pulse.iter().any(|it| it.power == Power::Works);
        let reads = match pulse.first() {
            Some(first) if !works => first.power,
            _ => Power::Works,
        };
        let latency = self.settings.clock.monotonic().saturating_sub(begun);
        let ill: Vec<String> = pulse.into_iter().filter_map(|Pulse { note, .. }| note).collect();
        let note = (!ill.is_empty()).then(|| ill.join("; "));
        Health { note, ..Health::new(reads, Power::Off, latency) }
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        self.info.allows(opts)?;
        let size = self.gateways.client.size(self.cid(at)?).await?;
        Ok(known(at, size))
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        let cid = self.cid(at)?;
        self.info.allows(opts)?;
        match (opts.form, opts.range) {
            (Form::Block, Some(_)) => Err(Fault::Input("a block is read whole").into()),
            (Form::Block, None) => self.block(at, cid).await,
            (_, range) => {
                let found = self.gateways.client.file(cid, range).await?;
                Ok(Fetched { meta: known(at, Some(found.size)), range: found.range, body: found.body })
            }
        }
    }
}
