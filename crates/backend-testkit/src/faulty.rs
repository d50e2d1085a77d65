//! A backend that fails on demand: for layers, the manager, and for proving that the suite bites.

mod fault;
mod stream;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Backend, ByteRange, Clock, Content, ContentId, Entry, Evidence, Facts, Fetched, GetOptions, Health,
    Info, ListOptions, Locator, Metadata, Pin, Power, Removal, RemoveOptions, Result, ResumeToken, Scope, StatOptions,
    Usage,
};
use futures::stream::{BoxStream, StreamExt};

pub use fault::{Fault, Verb};

/// Wraps a backend and does to it what its script says. Rules are looked at in the order in which they were written; the first that still holds for the
/// verb is followed.
pub struct Faulty {
    inner: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    script: Mutex<Script>,
}

#[derive(Debug, Default)]
struct Script {
    rules: Vec<Rule>,
    calls: BTreeMap<Verb, u64>,
}

#[derive(Debug)]
struct Rule {
    verb: Verb,
    fault: Fault,
    /// How many calls it still holds for; for ever if absent.
    left: Option<u32>,
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("inner", &self.inner).field("script", &*self.lock()).finish_non_exhaustive()
    }
}

impl Faulty {
    /// `inner`, without a fault so far. `clock` is what delays wait by.
    pub fn new(inner: Arc<dyn Backend>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock, script: Mutex::default() }
    }

    /// Every call of `verb` from now on.
    #[must_use]
    pub fn always(self, verb: Verb, fault: Fault) -> Self {
        self.rule(verb, fault, None);
        self
    }

    /// The next `n` calls of `verb` that no earlier rule holds for.
    #[must_use]
    pub fn times(self, n: u32, verb: Verb, fault: Fault) -> Self {
        self.rule(verb, fault, Some(n));
        self
    }

    /// Adds a rule to a backend that is in use.
    pub fn rule(&self, verb: Verb, fault: Fault, left: Option<u32>) {
        self.lock().rules.push(Rule { verb, fault, left });
    }

    /// No more faults.
    pub fn heal(&self) {
        self.lock().rules.clear();
    }

    /// How often `verb` was called.
    pub fn calls(&self, verb: Verb) -> u64 {
        self.lock().calls.get(&verb).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the call, and says which fault holds for it.
    fn next(&self, verb: Verb) -> Option<Fault> {
        let mut script = self.lock();
        *script.calls.entry(verb).or_default() += 1;
        let rule = script.rules.iter_mut().find(|rule| rule.verb == verb && rule.left != Some(0))?;
        rule.left = rule.left.map(|left| left - 1);
        Some(rule.fault.clone())
    }

    /// What happens before the verb: a failure, a delay, or a wait without end.
    async fn before(&self, fault: Option<&Fault>) -> Result<()> {
        match fault {
            Some(Fault::Fail(..)) => fault.map_or(Ok(()), Fault::failure),
            Some(Fault::Delay(wait)) => {
                self.clock.sleep(*wait).await;
                Ok(())
            }
            Some(Fault::Hang) => std::future::pending().await,
            _ => Ok(()),
        }
    }
}

/// What a verb answers after all: a lost answer is not given.
fn after<T>(fault: Option<&Fault>, answer: Result<T>) -> Result<T> {
    match fault {
        Some(Fault::Lose) => answer.and_then(|_| Err(Fault::lost())),
        _ => answer,
    }
}

/// Content that nobody stored.
fn invented(at: Locator, content: Option<&Content>) -> Metadata {
    Metadata { size: content.map(Content::len), existed: Some(false), ..Metadata::new(at, Evidence::Acknowledged) }
}

#[async_trait]
impl Backend for Faulty {
    fn info(&self) -> &Info {
        self.inner.info()
    }

    async fn health(&self) -> Health {
        let fault = self.next(Verb::Health);
        match (self.before(fault.as_ref()).await, fault) {
            (Err(err), _) => Health::new(Power::Fails(err.kind()), Power::Fails(err.kind()), Duration::ZERO),
            (_, Some(Fault::Lie)) => Health::new(Power::Works, Power::Works, Duration::ZERO),
            _ => self.inner.health().await,
        }
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        let fault = self.next(Verb::Stat);
        self.before(fault.as_ref()).await?;
        match fault {
            Some(Fault::Lie) => Ok(invented(at.clone(), None)),
            fault => after(fault.as_ref(), self.inner.stat(at, opts).await),
        }
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        let fault = self.next(Verb::Get);
        self.before(fault.as_ref()).await?;
        match &fault {
            Some(Fault::Lie) => {
                let range = opts.range.unwrap_or(ByteRange::From(0)).within(u64::MAX)?;
                Ok(Fetched { meta: invented(at.clone(), None), range, body: futures::stream::empty().boxed() })
            }
            Some(Fault::Whole) => self.inner.get(at, &GetOptions { range: None, ..opts.clone() }).await,
            Some(Fault::Shift(by)) => {
                let whole = self.inner.get(at, &GetOptions { range: None, ..opts.clone() }).await?;
                stream::shifted(whole, opts.range, *by)
            }
            _ => {
                let fetched = after(fault.as_ref(), self.inner.get(at, opts).await)?;
                Ok(Fetched { body: stream::body(fetched.body, fault), ..fetched })
            }
        }
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        let fault = self.next(Verb::Add);
        self.before(fault.as_ref()).await?;
        match fault {
            Some(Fault::Lie) => {
                let id = opts.id.clone().unwrap_or_else(|| (*content.cid()).into());
                Ok(invented(Locator::new(id), Some(content)))
            }
            fault => after(fault.as_ref(), self.inner.add(content, opts).await),
        }
    }

    async fn discard(&self, upload: &ResumeToken) -> Result<()> {
        let fault = self.next(Verb::Discard);
        self.before(fault.as_ref()).await?;
        match fault {
            Some(Fault::Lie) => Ok(()),
            fault => after(fault.as_ref(), self.inner.discard(upload).await),
        }
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        let fault = self.next(Verb::Remove);
        self.before(fault.as_ref()).await?;
        match fault {
            Some(Fault::Lie) => Ok(Removal::Erased),
            fault => after(fault.as_ref(), self.inner.remove(at, opts).await),
        }
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        let fault = self.next(Verb::List);
        stream::list(self.inner.list(opts), fault, self.clock.clone())
    }

    async fn pin(&self, id: &ContentId, pin: &Pin) -> Result<Metadata> {
        let fault = self.next(Verb::Pin);
        self.before(fault.as_ref()).await?;
        match fault {
            Some(Fault::Lie) => Ok(invented(Locator::new(id.clone()), None)),
            fault => after(fault.as_ref(), self.inner.pin(id, pin).await),
        }
    }

    async fn probe(&self) -> Result<Facts> {
        let fault = self.next(Verb::Probe);
        self.before(fault.as_ref()).await?;
        match fault {
            Some(Fault::Lie) => Ok(Facts::Null),
            fault => after(fault.as_ref(), self.inner.probe().await),
        }
    }

    async fn usage(&self) -> Result<Usage> {
        let fault = self.next(Verb::Usage);
        self.before(fault.as_ref()).await?;
        match fault {
            Some(Fault::Lie) => Ok(Usage { used: Some(0), objects: Some(0), ..Usage::of(Scope::Store) }),
            fault => after(fault.as_ref(), self.inner.usage().await),
        }
    }
}

#[cfg(test)]
mod tests;
