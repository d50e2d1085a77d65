//! A leaf that does what a script says, and writes down what it was asked.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Backend, Content, ContentId, Entry, Error, Evidence, Fetched, GetOptions, Health, Info,
    ListOptions, Locator, Metadata, Pin, Power, Removal, RemoveOptions, Result, ResumeToken, Scope, StatOptions, Usage,
    Write,
};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};

use crate::words::{at, info, key};

/// One thing that a leaf does within a verb.
#[derive(Debug)]
pub(crate) enum Do {
    Sleep(Duration),
    Moved(u64),
    Save(&'static str),
    Existed(bool),
    Hang,
    Fail(Error),
}

/// One thing that a body or a listing does.
#[derive(Debug)]
pub(crate) enum Item {
    Bytes(&'static str),
    Entry(&'static str, Option<&'static str>),
    Prefix(&'static str),
    Sleep(Duration),
    Hang,
    Fail(Error),
}

/// What successful answers say.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) size: Option<u64>,
    pub(crate) range: Range<u64>,
    pub(crate) evidence: Evidence,
    pub(crate) writes: Power,
}

impl Default for Answers {
    fn default() -> Self {
        Self { size: Some(11), range: 0..11, evidence: Evidence::Acknowledged, writes: Power::Unknown }
    }
}

#[derive(Debug)]
pub(crate) struct Scripted {
    pub(crate) info: Info,
    answers: Answers,
    steps: Mutex<VecDeque<Vec<Do>>>,
    streams: Mutex<VecDeque<Vec<Item>>>,
    calls: Mutex<Vec<String>>,
    inside: Arc<AtomicUsize>,
    most: AtomicUsize,
}

/// Counts who is within a verb, or has left it without its answer.
struct Inside(Arc<AtomicUsize>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Scripted {
    pub(crate) fn new() -> Self {
        Self::with(info(Addressing::Assigned))
    }

    pub(crate) fn with(info: Info) -> Self {
        Self {
            info,
            answers: Answers::default(),
            steps: Mutex::default(),
            streams: Mutex::default(),
            calls: Mutex::default(),
            inside: Arc::default(),
            most: AtomicUsize::new(0),
        }
    }

    /// Answers say this.
    pub(crate) fn answers(self, answers: Answers) -> Self {
        Self { answers, ..self }
    }

    /// The next verb does this; verbs without a step succeed at once.
    pub(crate) fn then(self, step: Vec<Do>) -> Self {
        self.steps.lock().unwrap().push_back(step);
        self
    }

    /// The next verb fails so.
    pub(crate) fn fails(self, err: Error) -> Self {
        self.then(vec![Do::Fail(err)])
    }

    /// The next body or listing is this.
    pub(crate) fn streams(self, items: Vec<Item>) -> Self {
        self.streams.lock().unwrap().push_back(items);
        self
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// The most verbs that ever ran at a time.
    pub(crate) fn most_at_a_time(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    async fn act(&self, call: String, write: Option<&Write>) -> Result<Option<bool>> {
        self.calls.lock().unwrap().push(call);
        let _inside = Inside(self.inside.clone());
        self.most.fetch_max(self.inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let step = self.steps.lock().unwrap().pop_front().unwrap_or_default();
        let mut existed = None;
        for it in step {
            match it {
                Do::Sleep(wait) => tokio::time::sleep(wait).await,
                Do::Moved(bytes) => write.unwrap().progress.moved(bytes),
                Do::Save(token) => save(write.unwrap(), token).await?,
                Do::Existed(it) => existed = Some(it),
                Do::Hang => std::future::pending().await,
                Do::Fail(err) => return Err(err),
            }
        }
        Ok(existed)
    }

    fn meta(&self) -> Metadata {
        Metadata { size: self.answers.size, ..Metadata::new(at(), self.answers.evidence) }
    }
}

async fn save(write: &Write, token: &'static str) -> Result<()> {
    match &write.checkpoint {
        Some(keeper) => keeper.save(&ResumeToken::new(token)?, None, 0).await,
        None => Ok(()),
    }
}

fn resumed(verb: &str, write: &Write) -> String {
    match &write.resume {
        Some(token) => format!("{verb} from {}", String::from_utf8_lossy(token.reveal())),
        None => verb.to_owned(),
    }
}

async fn played(item: Item) -> Option<Result<Item>> {
    match item {
        Item::Sleep(wait) => {
            tokio::time::sleep(wait).await;
            None
        }
        Item::Hang => std::future::pending().await,
        Item::Fail(err) => Some(Err(err)),
        other => Some(Ok(other)),
    }
}

#[async_trait]
impl Backend for Scripted {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn health(&self) -> Health {
        let power = match self.act("health".into(), None).await {
            Ok(_) => Power::Works,
            Err(err) => Power::Fails(err.kind()),
        };
        Health::new(power, self.answers.writes, Duration::from_millis(1))
    }

    async fn stat(&self, _: &Locator, _: &StatOptions) -> Result<Metadata> {
        self.act("stat".into(), None).await?;
        Ok(self.meta())
    }

    async fn get(&self, _: &Locator, opts: &GetOptions) -> Result<Fetched> {
        let range = opts.range.map(|range| format!(" {range}")).unwrap_or_default();
        self.act(format!("get{range}"), None).await?;
        let items = self.streams.lock().unwrap().pop_front().unwrap_or_else(|| vec![Item::Bytes("hello world")]);
        let body = stream::iter(items).filter_map(played).map(|item| {
            let Item::Bytes(text) = item? else { panic!("a body is made of bytes") };
            Ok(Bytes::from_static(text.as_bytes()))
        });
        Ok(Fetched { meta: self.meta(), range: self.answers.range.clone(), body: body.boxed() })
    }

    async fn add(&self, _: &Content, opts: &AddOptions) -> Result<Metadata> {
        let existed = self.act(resumed("add", &opts.write), Some(&opts.write)).await?;
        Ok(Metadata { existed, ..self.meta() })
    }

    async fn discard(&self, _: &ResumeToken) -> Result<()> {
        self.act("discard".into(), None).await.map(drop)
    }

    async fn remove(&self, _: &Locator, _: &RemoveOptions) -> Result<Removal> {
        self.act("remove".into(), None).await?;
        Ok(Removal::Erased)
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        let after = opts.after.as_ref().map(|after| format!(" after {after}")).unwrap_or_default();
        self.calls.lock().unwrap().push(format!("list{after}"));
        let items = self.streams.lock().unwrap().pop_front().unwrap_or_default();
        let meta = self.meta();
        stream::iter(items).filter_map(played).map(move |item| Ok(entry(item?, &meta))).boxed()
    }

    async fn pin(&self, _: &ContentId, pin: &Pin) -> Result<Metadata> {
        let existed = self.act(resumed("pin", &pin.write), Some(&pin.write)).await?;
        Ok(Metadata { existed, ..self.meta() })
    }

    async fn usage(&self) -> Result<Usage> {
        self.act("usage".into(), None).await?;
        Ok(Usage::of(Scope::Store))
    }
}

fn entry(item: Item, like: &Metadata) -> Entry {
    match item {
        Item::Entry(name, cursor) => Entry::Content {
            meta: Metadata { at: Locator::new(key(name)), ..like.clone() },
            cursor: cursor.map(str::to_owned),
        },
        Item::Prefix(name) => Entry::Prefix(name.to_owned()),
        other => panic!("{other:?} is not part of a listing"),
    }
}
