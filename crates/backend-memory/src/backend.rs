//! The verbs: what each answers, and how content is named here.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Backend, ByteRange, Content, ContentId, Entry, ErrorKind, Evidence, Fetched, Form, GetOptions, Health,
    Info, ListOptions, Locator, Metadata, Power, Removal, RemoveOptions, Result, ResumeToken, Settings, Shape,
    StatOptions, StorageType, Usage,
};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use ipld::{Block, address};

use crate::client::{Good, Object, Parts, Sending, Store, compared, seal};
use crate::config::{Connection, Naming};
use crate::error::Fault;

/// An opened store in memory.
pub struct Memory {
    info: Info,
    store: Arc<Store>,
    settings: Settings,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("name", &self.info.name).field("usage", &self.store.usage()).finish()
    }
}

impl Memory {
    /// A new, empty store.
    ///
    /// # Errors
    /// `InvalidConfig` for an unknown or unusable setting.
    pub fn open(settings: Settings) -> Result<Self> {
        let rules = Connection::read(&settings)?;
        let mut info = Info::new(StorageType::Memory, &settings.name, rules.addressing.into(), rules.offers());
        info.limits.max_size = rules.max_bytes;
        Ok(Self { info, store: Store::new(rules), settings })
    }

    /// The name under which the store keeps what `at` means.
    fn name(&self, at: &Locator) -> Result<String> {
        self.info.allows(at)?;
        match (self.store.rules.addressing, &at.id) {
            (Naming::Key, ContentId::Key(key)) => Ok(key.to_string()),
            (Naming::Key, ContentId::Cid(_)) => Err(Fault::Input("this store names content by key").into()),
            (_, ContentId::Key(_)) => Err(Fault::Input("this store does not name content by key").into()),
            (Naming::Cid, ContentId::Cid(cid)) => Ok(address::text(cid)),
            (Naming::Assigned, ContentId::Cid(cid)) => {
                let handle = self.store.handle(cid);
                match at.handle.as_ref().is_none_or(|given| *given == handle) {
                    true => Ok(handle),
                    false => Err(Fault::Absent.into()),
                }
            }
        }
    }

    /// The name under which `content` is to be kept.
    fn name_for(&self, content: &Content, id: Option<&ContentId>) -> Result<String> {
        let own = ContentId::from(*content.cid());
        let id = id.unwrap_or(&own);
        if id.cid().is_some() && *id != own {
            return Err(Fault::Input("the id is the cid of other content").into());
        }
        self.name(&Locator::new(id.clone()))
    }

    /// Proves what can be proved of the bytes, and makes them an object.
    async fn object(&self, content: &Content, parts: Parts, opts: &AddOptions) -> Result<(Object, Vec<Block>)> {
        let digests = compared(content, &parts)?;
        let blocks = match self.store.rules.addressing {
            Naming::Cid => seal(content, &parts).await?,
            _ => Vec::new(),
        };
        let proved = !blocks.is_empty() || !digests.is_empty();
        let evidence = if proved { Evidence::Attested } else { Evidence::Acknowledged };
        let object = Object::new(content, parts, evidence, self.settings.clock.now());
        Ok((object.with(digests, opts.content_type.clone(), &opts.write, &blocks), blocks))
    }

    /// What may stay of what lies under the name. A store that hashes all blocks has no wrong ones.
    fn good(&self, name: &str, opts: &AddOptions) -> Good {
        let mend = opts.mend.as_ref().filter(|it| self.info.offers.mend && !it.ranges().is_empty());
        let there = mend.and_then(|mend| Some((mend, self.store.find(name, None, None).ok()?)));
        there.map_or_else(Good::default, |(mend, there)| Good::of(there.parts, mend))
    }

    async fn send(&self, content: &Content, name: &str, sending: &mut Sending, opts: &AddOptions) -> Result<Metadata> {
        let at = match self.store.rules.addressing {
            Naming::Assigned => Locator::new(*content.cid()).with_handle(Some(name.to_owned())),
            _ => Locator::new(opts.id.clone().unwrap_or_else(|| (*content.cid()).into())),
        };
        let parts = sending.receive(content, &self.good(name, opts), &opts.write, &at).await?;
        let (object, blocks) = self.object(content, parts, opts).await?;
        self.store.commit(name, object, blocks, &opts.condition)
    }

    fn file(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        let name = self.name(at)?;
        let object = self.store.find(&name, at.version.as_deref(), opts.if_match.as_deref())?;
        if object.shape == Shape::Tree {
            return Err(Fault::Input("a tree is no file: ask for its blocks").into());
        }
        let range = opts.range.unwrap_or(ByteRange::From(0)).within(object.parts.len())?;
        let meta = self.store.metadata(&name, &object, at.version.is_some());
        let slices = object.parts.slices(range.clone()).filter(|slice| !slice.is_empty());
        Ok(Fetched { meta, range, body: stream::iter(slices.map(Ok)).boxed() })
    }

    fn block(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        let cid = at.id.cid().ok_or(Fault::Input("a block is named by its cid"))?;
        if opts.range.is_some() || opts.if_match.is_some() {
            return Err(Fault::Input("a block is read whole, and never changes").into());
        }
        let data: Bytes = self.store.block(&address::to_v1(cid))?;
        let range = 0..data.len() as u64;
        let meta = Metadata { size: Some(range.end), ..Metadata::new(at.clone(), Evidence::Attested) };
        Ok(Fetched { meta, range, body: stream::iter((!data.is_empty()).then_some(Ok(data))).boxed() })
    }
}

#[async_trait]
impl Backend for Memory {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn health(&self) -> Health {
        let writes = match self.store.usage().free {
            Some(0) => Power::Fails(ErrorKind::QuotaExceeded),
            _ => Power::Unknown,
        };
        Health { identity: Some(self.store.identity.clone()), ..Health::new(Power::Works, writes, Duration::ZERO) }
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        self.info.allows(opts)?;
        let name = self.name(at)?;
        let object = self.store.find(&name, at.version.as_deref(), None)?;
        Ok(self.store.metadata(&name, &object, at.version.is_some()))
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        self.info.allows(opts)?;
        match opts.form {
            Form::Block => self.block(at, opts),
            _ => self.file(at, opts),
        }
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        self.info.allows(opts)?;
        if content.shape() == Shape::Tree && self.store.rules.addressing != Naming::Cid {
            return Err(Fault::Input("a tree is kept only by a store that names content by cid").into());
        }
        let name = self.name_for(content, opts.id.as_ref())?;
        self.store.admit(&name, content.len(), &opts.condition)?;
        let mut sending = self.store.begin(&name, content, opts.write.resume.as_ref())?;
        let answer = self.send(content, &name, &mut sending, opts).await;
        if answer.as_ref().map_or_else(|err| Sending::spoilt_by(err.kind()), |_| true) {
            sending.give_up();
        }
        answer
    }

    async fn discard(&self, upload: &ResumeToken) -> Result<()> {
        self.store.discard(upload);
        Ok(())
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        self.info.allows(opts)?;
        match self.name(at) {
            Ok(name) => self.store.remove(&name, at.version.as_deref(), opts),
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(Removal::Absent),
            Err(err) => Err(err),
        }
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        let refused = match opts.prefix.is_some() && self.store.rules.addressing != Naming::Key {
            true => Err(Fault::Input("only keys have prefixes").into()),
            false => self.info.allows(opts),
        };
        match refused {
            Ok(()) => self.store.list(opts),
            Err(err) => stream::once(async { Err(err) }).boxed(),
        }
    }

    async fn usage(&self) -> Result<Usage> {
        Ok(self.store.usage())
    }
}
