//! A store that also pins, honestly or not: the stores of this workspace that come first do not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use backend_core::{
    AddOptions, Backend, Content, ContentId, Entry, Error, ErrorKind, Evidence, Fetched, GetOptions, Health, Info,
    ListOptions, Locator, Metadata, Pin, Result, StatOptions,
};
use futures::stream::{self, BoxStream, StreamExt};

/// How it treats pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pins {
    Honest,
    /// A second pin wipes the labels of the first.
    Wiping,
    /// Keys too.
    Keys,
}

#[derive(Debug)]
struct Pinner {
    inner: Arc<dyn Backend>,
    info: Info,
    how: Pins,
    pins: Mutex<BTreeMap<ContentId, BTreeMap<String, String>>>,
}

pub(crate) fn pinner(inner: Arc<dyn Backend>, how: Pins) -> Arc<dyn Backend> {
    let mut info = inner.info().clone();
    info.offers.pin = true;
    Arc::new(Pinner { inner, info, how, pins: Mutex::default() })
}

#[async_trait]
impl Backend for Pinner {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn health(&self) -> Health {
        self.inner.health().await
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        self.inner.stat(at, opts).await
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        self.inner.get(at, opts).await
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        self.inner.add(content, opts).await
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        if !opts.pinned {
            return self.inner.list(opts);
        }
        let pins = self.pins.lock().unwrap().clone();
        let entries = pins.into_iter().map(|(id, labels)| {
            let meta = Metadata { labels, ..Metadata::new(id, Evidence::Acknowledged) };
            Ok(Entry::Content { meta, cursor: None })
        });
        stream::iter(entries.collect::<Vec<_>>()).boxed()
    }

    async fn pin(&self, id: &ContentId, pin: &Pin) -> Result<Metadata> {
        if id.key().is_some() && self.how != Pins::Keys {
            return Err(Error::new(ErrorKind::InvalidInput, "only a cid can be pinned"));
        }
        let mut pins = self.pins.lock().unwrap();
        let labels = pins.entry(id.clone()).or_default();
        if self.how == Pins::Wiping {
            labels.clear();
        }
        labels.extend(pin.write.labels.clone());
        Ok(Metadata::new(id.clone(), Evidence::Acknowledged))
    }
}
