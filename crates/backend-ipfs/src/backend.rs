//! The verbs: what each asks of the node, and what its answer is worth.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Backend, ByteRange, Content, ContentId, Entry, ErrorKind, Evidence, Fetched, Form,
    GetOptions, Health, Info, ListOptions, Locator, Mend, Metadata, Next, Pin, Power, Progress, Removal, RemoveOptions,
    Result, Scope, Settings, StatOptions, Status, StorageType, Usage, Write,
};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use futures::{FutureExt, TryFutureExt, TryStreamExt};
use ipld::plan::Plan;
use ipld::{Cid, address};

use crate::client::{Counted, Links, Node, Pinned, Pinning};
use crate::config::{Config, OFFERS};
use crate::error;

/// A node, opened.
pub struct Ipfs {
    info: Info,
    node: Node,
    mfs_path: Option<String>,
    pin_wait: Duration,
    settings: Settings,
}

impl fmt::Debug for Ipfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ipfs").field("name", &self.info.name).field("node", &self.node).finish_non_exhaustive()
    }
}

impl Ipfs {
    /// Opens a node: nothing is sent before the first verb.
    ///
    /// # Errors
    /// `InvalidConfig` for an unknown or unusable setting.
    pub fn open(settings: Settings) -> Result<Self> {
        let config = Config::read(&settings)?;
        let node = Node::new(&settings, &config)?;
        let mut info = Info::new(StorageType::Ipfs, &settings.name, Addressing::Cid, OFFERS);
        info.exposure = config.exposure;
        info.gate = Some(node.gate());
        Ok(Self { info, node, mfs_path: config.mfs_path, pin_wait: config.pin_wait, settings })
    }

    /// What `at` names.
    fn cid(&self, at: &Locator) -> Result<Cid> {
        self.info.allows(at)?;
        at.id.cid().copied().ok_or_else(|| error::input("a node names content by CID, not by key"))
    }

    fn check_add(&self, content: &Content, opts: &AddOptions) -> Result<()> {
        let own = ContentId::from(*content.cid());
        self.info.allows(opts)?;
        match &opts.id {
            Some(ContentId::Key(_)) => return Err(error::input("a node names content by CID, not by key")),
            Some(id) if *id != own => return Err(error::input("the id is the CID of other content")),
            _ => {}
        }
        address::check_hash(content.cid()).map_err(|err| error::input("no node proves this hash").with_source(err))
    }

    async fn block(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        if opts.range.is_some() {
            return Err(error::input("a block is read whole"));
        }
        let cid = self.cid(at)?;
        let block = self.node.block(&cid).await?;
        if !opts.unproved {
            address::verify(&cid, &block).map_err(error::broken)?;
        }
        let range = 0..block.len() as u64;
        let meta = Metadata { size: Some(range.end), ..Metadata::new(at.clone(), Evidence::Acknowledged) };
        Ok(Fetched { meta, range, body: once(block) })
    }

    async fn file(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        let cid = self.cid(at)?;
        let root = self.node.block(&cid).await?;
        let asked = opts.range.unwrap_or(ByteRange::From(0));
        if cid.codec() == address::RAW {
            address::verify(&cid, &root).map_err(error::broken)?;
            let range = asked.within(root.len() as u64)?;
            let bytes = root.slice(range.start as usize..range.end as usize);
            return Ok(Fetched { meta: read(at, root.len() as u64), range, body: once(bytes) });
        }
        let size = self.size(&cid, &root)?;
        let range = asked.within(size)?;
        let mut plan = Plan::new(cid, Some(size), range.clone());
        if let ipld::plan::Step::Need(needed) = plan.next().map_err(error::broken)? {
            plan.feed(&needed, &root).map_err(error::broken)?;
        }
        Ok(Fetched { meta: read(at, size), range: range.clone(), body: self.node.file(plan, range) })
    }

    /// How long the file is whose root this is.
    fn size(&self, cid: &Cid, root: &Bytes) -> Result<u64> {
        if cid.codec() != address::DAG_PB {
            return Err(error::input("it is no file: ask for its blocks"));
        }
        let mut plan = Plan::new(*cid, None, 0..u64::MAX);
        if let ipld::plan::Step::Need(needed) = plan.next().map_err(error::broken)? {
            plan.feed(&needed, root).map_err(error::broken)?;
        }
        plan.size().ok_or_else(|| error::input("it is no file: ask for its blocks"))
    }

    /// Gives what is stored its name among the node's files. A name is a hint: that it could not be given is told, and takes nothing back.
    async fn name(&self, cid: &Cid, write: &Write, mut stored: Metadata) -> Metadata {
        let (Some(folder), Some(name)) = (&self.mfs_path, &write.name) else { return stored };
        if let Err(err) = self.node.link(cid, folder, name).await {
            let failed = format!("not linked in {folder}: {}", err.message());
            stored.note = Some(stored.note.map_or(failed.clone(), |note| format!("{note}; {failed}")));
        }
        stored
    }

    /// What is pinned, and how much of it is there.
    async fn counted(&self, pinned: Pinned) -> Result<Metadata> {
        let counted = self.node.count(&pinned.cid, &Progress::new()).await?;
        let size = match self.node.size(&pinned.cid).await {
            Err(err) if err.kind() == ErrorKind::NotFound => None,
            size => size?,
        };
        Ok(match counted {
            Counted::Whole(bytes) => Metadata { size, present: Some(bytes), ..about(pinned) },
            Counted::Partial(bytes, missing) => {
                let meta = about(pinned);
                let words = format!("it is there in part: {}", missing.message());
                let note = Some(meta.note.as_ref().map_or(words.clone(), |note| format!("{note}; {words}")));
                Metadata { size, present: Some(bytes), status: Status::Partial, note, ..meta }
            }
        })
    }

    async fn store(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        let (cid, write, progress) = (content.cid(), &opts.write, &opts.write.progress);
        let size = (content.shape() == backend_core::Shape::File).then(|| content.len());
        let Some(pinned) = self.node.pinned(cid, None).await? else {
            let partly = opts.mend.as_ref().filter(|mend| !mend.ranges().is_empty());
            if let Some(mend) = partly
                && self.node.is_held(cid).await?
            {
                // A file of a folder: it stays what the folder's pin holds.
                self.node.mend(content, mend, progress).await?;
                let meta = Metadata::new(ContentId::from(*cid), Evidence::Acknowledged);
                return Ok(Metadata { size, existed: Some(true), ..meta });
            }
            self.node.import(content, write.name.as_deref(), progress).await?;
            return Ok(Metadata {
                size,
                existed: Some(false),
                ..Metadata::new(ContentId::from(*cid), Evidence::Attested)
            });
        };
        // The node does not hash what it has: whoever has read it knows better.
        let complete = match opts.mend.is_some() {
            true => Err(error::absent("the copy is damaged")),
            false => self.node.complete(&pinned.cid, progress).await,
        };
        let evidence = match complete {
            Ok(()) => Evidence::Acknowledged,
            Err(err) if err.kind() == ErrorKind::NotFound => {
                // It hashed what was sent; a node with `Datastore` set not to write through may still have kept a damaged block that it had.
                self.node.mend(content, opts.mend.as_ref().unwrap_or(&Mend::all()), progress).await?;
                Evidence::Acknowledged
            }
            Err(err) => return Err(err),
        };
        Ok(Metadata { size, existed: Some(true), evidence, ..about(pinned) })
    }
}

fn once(bytes: Bytes) -> backend_core::ByteStream {
    stream::iter((!bytes.is_empty()).then_some(Ok(bytes))).boxed()
}

fn read(at: &Locator, size: u64) -> Metadata {
    Metadata { size: Some(size), ..Metadata::new(at.clone(), Evidence::Acknowledged) }
}

/// What a pin says: that the node means to keep it. It reads nothing of it again.
fn about(pinned: Pinned) -> Metadata {
    let at = Locator::new(pinned.cid).with_handle(pinned.handle);
    Metadata {
        note: pinned.name.map(|name| format!("pinned as {}", backend_http::shown(&name))),
        ..Metadata::new(at, Evidence::Acknowledged)
    }
}

#[async_trait]
impl Backend for Ipfs {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn health(&self) -> Health {
        let begun = self.settings.clock.monotonic();
        let (identity, gateway) = futures::join!(self.node.identity(), self.node.gateway_answers());
        let latency: Duration = self.settings.clock.monotonic().saturating_sub(begun);
        match identity {
            Ok((peer, version)) => {
                let reads = gateway.as_ref().map_or_else(|err| Power::Fails(err.kind()), |()| Power::Works);
                let note = gateway.err().map_or(version, |err| format!("the gateway: {}", err.message()));
                let note = Some(backend_http::shown(&note)).filter(|note| !note.is_empty());
                Health { identity: Some(peer), note, ..Health::new(reads, Power::Unknown, latency) }
            }
            Err(err) => {
                let fails = Power::Fails(err.kind());
                Health { note: Some(err.message().to_owned()), ..Health::new(fails, fails, latency) }
            }
        }
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        self.info.allows(opts)?;
        let cid = self.cid(at)?;
        let pinned = self.node.pinned(&cid, at.handle.as_deref()).await?;
        let pinned = pinned.ok_or_else(|| error::absent("it is not pinned"))?;
        match opts.count {
            false => Ok(Metadata { size: self.node.size(&cid).await?, ..about(pinned) }),
            true => self.counted(pinned).await,
        }
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        self.info.allows(opts)?;
        match opts.form {
            Form::Block => self.block(at, opts).await,
            _ => self.file(at, opts).await,
        }
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        self.check_add(content, opts)?;
        let stored = self.store(content, opts).boxed().await?;
        Ok(self.name(content.cid(), &opts.write, stored).boxed().await)
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        self.info.allows(opts)?;
        let cid = self.cid(at)?;
        match self.node.unpin(&cid, at.handle.as_deref()).await? {
            true => Ok(Removal::Released),
            false => Ok(Removal::Absent),
        }
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        let refused = match opts {
            ListOptions { prefix: Some(_), .. } => Some(error::input("only keys have prefixes")),
            ListOptions { after: Some(_), .. } => Some(error::input("a listing of a node has no cursors")),
            _ => self.info.allows(opts).err(),
        };
        match (refused, opts.status) {
            (Some(err), _) => stream::once(async move { Err(err) }).boxed(),
            // A node that works on a pin does so only as long as somebody waits for it.
            (None, Some(status)) if status != Status::Stored => stream::empty().boxed(),
            _ => {
                let (node, folder) = (self.node.clone(), self.mfs_path.clone());
                let pins = async move {
                    let links = match folder {
                        Some(folder) => node.links(&folder).await?,
                        None => Links::default(),
                    };
                    let pins = node.pins().await?;
                    Ok(pins.map_ok(move |pin| Entry::Content { meta: links.told(about(pin)), cursor: None }))
                };
                pins.try_flatten_stream().boxed()
            }
        }
    }

    async fn pin(&self, id: &ContentId, pin: &Pin) -> Result<Metadata> {
        let cid = self.cid(&Locator::new(id.clone()))?;
        self.info.allows(pin)?;
        if let Some(pinned) = self.node.pinned(&cid, None).await? {
            return Ok(Metadata { existed: Some(true), ..about(pinned) });
        }
        let patience = (&*self.settings.clock, self.pin_wait);
        let (walked, next) = match self.node.pin_for(&cid, &pin.write, patience).boxed().await? {
            Pinning::Done => {
                let done = Metadata::new(ContentId::from(cid), Evidence::Acknowledged);
                return Ok(Metadata { existed: Some(false), ..done });
            }
            Pinning::Fetching(walked) => (walked, Duration::ZERO),
            Pinning::Waiting(walked) => (walked, self.pin_wait),
        };
        let note =
            format!("the node has {} blocks of it, and fetches only while it is asked: pin it again", walked.blocks);
        Ok(Metadata {
            existed: Some(false),
            present: Some(walked.bytes),
            status: Status::Working,
            next: Next::Resume(next),
            note: Some(note),
            ..Metadata::new(ContentId::from(cid), Evidence::Claimed)
        })
    }

    async fn usage(&self) -> Result<Usage> {
        let (used, limit) = self.node.usage().await?;
        // The limit is a mark for the garbage collection, and may be passed; then it limits nothing.
        let limit = Some(limit).filter(|limit| used <= *limit && *limit < u64::MAX);
        Ok(Usage { used: Some(used), free: limit.map(|limit| limit - used), limit, ..Usage::of(Scope::Store) })
    }
}
