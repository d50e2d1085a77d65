//! The store itself: names, their versions, and blocks, behind one lock. A real service's leaf has its conversation here.

mod blocks;
mod good;
mod listing;
mod object;
mod parts;
mod state;
mod uploads;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backend_core::{Condition, Key, Locator, Metadata, Removal, RemoveOptions, Result, Scope, Usage};
use bytes::Bytes;
use cid::Cid;
use ipld::{Block, address};

use crate::config::{Connection, Naming};
use crate::error::Fault;

pub(crate) use blocks::seal;
pub(crate) use good::Good;
pub(crate) use object::{Object, compared};
pub(crate) use parts::Parts;
use state::{History, State};
pub(crate) use uploads::Sending;

/// One store.
#[derive(Debug)]
pub(crate) struct Store {
    state: Mutex<State>,
    pub(crate) rules: Connection,
    /// Who this store is: another instance is another store.
    pub(crate) identity: String,
}

impl Store {
    pub(crate) fn new(rules: Connection) -> Arc<Self> {
        let identity = format!("{:016x}", RandomState::new().hash_one(0));
        Arc::new(Self { state: Mutex::default(), rules, identity })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The handle that this store makes up for a CID: no other store's, and no other content's.
    pub(crate) fn handle(&self, cid: &Cid) -> String {
        let made = format!("{} {}", self.identity, address::text(cid));
        address::text(&address::sha256(address::RAW, made.as_bytes()))
    }

    /// Refuses before byte one what would be refused at the end.
    pub(crate) fn admit(&self, name: &str, len: u64, condition: &Condition) -> Result<()> {
        self.lock().check(name, condition)?;
        match self.rules.max_bytes.is_some_and(|max| max < len) {
            true => Err(Fault::TooLarge.into()),
            false => Ok(()),
        }
    }

    /// Whether so many bytes more may come.
    fn has_room(&self, state: &State, len: u64) -> bool {
        self.rules.max_bytes.is_none_or(|max| state.used.saturating_add(len) <= max)
    }

    /// Makes `object` visible under `name`, whole and at once; the upload it came by is over.
    ///
    /// # Errors
    /// `AlreadyExists` or `Precondition` by the condition, as things are at this moment.
    pub(crate) fn commit(&self, name: &str, object: Object, blocks: Vec<Block>, how: &Condition) -> Result<Metadata> {
        let mut state = self.lock();
        state.check(name, how)?;
        let newest = state.names.get_mut(name).and_then(History::visible_mut);
        if let Some(there) = newest.filter(|there| there.parts == object.parts) {
            there.merge(object);
            return Ok(Metadata { existed: Some(true), ..self.metadata(name, there, false) });
        }
        let revision = state.next();
        let object = Object { revision, ..object };
        let meta = Metadata { existed: Some(false), ..self.metadata(name, &object, false) };
        state.put(name, object, blocks, self.rules.versions);
        Ok(meta)
    }

    /// The newest version, or the one that is asked for.
    pub(crate) fn find(&self, name: &str, version: Option<&str>, if_match: Option<&str>) -> Result<Object> {
        let state = self.lock();
        let found = match version {
            None => state.newest(name),
            Some(version) => state.names.get(name).and_then(|it| it.versions.iter().find(|it| it.tag() == version)),
        };
        let object = found.ok_or(Fault::Absent)?;
        match if_match.is_none_or(|tag| tag == object.tag()) {
            true => Ok(object.clone()),
            false => Err(Fault::Changed.into()),
        }
    }

    pub(crate) fn block(&self, cid: &Cid) -> Result<Bytes> {
        let state = self.lock();
        Ok(state.blocks.get(cid).map(|(data, _)| data.clone()).ok_or(Fault::Absent)?)
    }

    pub(crate) fn remove(&self, name: &str, version: Option<&str>, opts: &RemoveOptions) -> Result<Removal> {
        let mut state = self.lock();
        if opts.if_match.as_ref().is_some_and(|tag| state.newest(name).is_some_and(|object| object.tag() != *tag)) {
            return Err(Fault::Changed.into());
        }
        if let Some(version) = version {
            return Ok(state.erase_version(name, version));
        }
        match (state.newest(name).is_some(), self.rules.versions && !opts.all_versions) {
            (false, true) => Ok(Removal::Absent),
            (true, true) => {
                state.names.entry(name.to_owned()).or_default().hidden = true;
                Ok(Removal::Hidden)
            }
            (_, false) => Ok(state.erase(name)),
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        let state = self.lock();
        let objects = state.names.values().map(|history| history.versions.len() as u64).sum();
        let limit = self.rules.max_bytes;
        let free = limit.map(|max| max.saturating_sub(state.used));
        Usage { used: Some(state.used), free, limit, objects: Some(objects), ..Usage::of(Scope::Store) }
    }

    fn locator(&self, name: &str, object: &Object) -> Locator {
        match (self.rules.addressing, Key::parse(name)) {
            (Naming::Key, Ok(key)) => Locator::new(key),
            (Naming::Assigned, _) => Locator::new(object.cid).with_handle(Some(name.to_owned())),
            _ => Locator::new(object.cid),
        }
    }

    /// What is known of `object`; with its version if it is exactly this one that is meant.
    pub(crate) fn metadata(&self, name: &str, object: &Object, exact: bool) -> Metadata {
        let version = exact.then(|| object.tag());
        let at = self.locator(name, object).with_version(version);
        Metadata {
            size: Some(object.parts.len()),
            digests: object.digests.clone(),
            until: object.until,
            etag: Some(object.tag()),
            modified: Some(object.modified),
            content_type: object.content_type.clone(),
            labels: object.labels.clone(),
            ..Metadata::new(at, object.evidence)
        }
    }
}
