//! What options ask for that a backend may not offer: one reading of them for every leaf and for the layers.

use crate::capability::{Capabilities, Info};
use crate::content::{Content, Shape};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ContentId, Key, Locator};
use crate::reply::Status;
use crate::request::{AddOptions, Condition, Form, GetOptions, ListOptions, Pin, RemoveOptions, StatOptions, Write};

/// Something that can ask for more than a backend offers.
pub trait Asks {
    /// The first thing that is asked for and not among `offers`, by the name that the documentation has for it.
    fn beyond(&self, offers: &Capabilities) -> Option<&'static str>;
}

/// The first name that is wanted and not offered.
fn first<const N: usize>(rows: [(bool, bool, &'static str); N]) -> Option<&'static str> {
    rows.into_iter().find(|(wanted, offered, _)| *wanted && !offered).map(|(_, _, name)| name)
}

impl Asks for Locator {
    fn beyond(&self, offers: &Capabilities) -> Option<&'static str> {
        first([(self.version.is_some(), offers.versions, "versions")])
    }
}

impl Asks for StatOptions {
    fn beyond(&self, offers: &Capabilities) -> Option<&'static str> {
        first([(self.link, offers.link, "link")])
    }
}

impl Asks for GetOptions {
    fn beyond(&self, offers: &Capabilities) -> Option<&'static str> {
        first([
            (self.if_match.is_some(), offers.if_match, "if_match"),
            (self.form == Form::Block, offers.block, "block"),
            (self.form == Form::File && self.range.is_some(), offers.range, "range"),
        ])
    }
}

impl Asks for Condition {
    fn beyond(&self, offers: &Capabilities) -> Option<&'static str> {
        first([
            (*self == Condition::IfAbsent, offers.if_absent, "if_absent"),
            (matches!(self, Condition::IfMatch(_)), offers.if_match, "if_match"),
        ])
    }
}

impl Asks for Write {
    fn beyond(&self, offers: &Capabilities) -> Option<&'static str> {
        first([(self.resume.is_some(), offers.resume, "resume"), (!self.labels.is_empty(), offers.labels, "labels")])
    }
}

impl Asks for AddOptions {
    fn beyond(&self, offers: &Capabilities) -> Option<&'static str> {
        self.condition.beyond(offers).or_else(|| self.write.beyond(offers))
    }
}

impl Asks for Pin {
    fn beyond(&self, offers: &Capabilities) -> Option<&'static str> {
        self.write.beyond(offers)
    }
}

impl Asks for RemoveOptions {
    fn beyond(&self, offers: &Capabilities) -> Option<&'static str> {
        first([
            (self.if_match.is_some(), offers.if_match, "if_match"),
            (self.all_versions, offers.versions, "versions"),
        ])
    }
}

impl Asks for ListOptions {
    /// A status other than `Stored` exists only where something is fetched by the service itself.
    fn beyond(&self, offers: &Capabilities) -> Option<&'static str> {
        first([
            (self.pinned, offers.pin, "pin"),
            (self.status.is_some_and(|status| status != Status::Stored), offers.pin, "status"),
            (self.versions, offers.versions, "versions"),
            (self.query.is_some(), offers.search, "search"),
        ])
    }
}

impl Info {
    /// Whether everything that is asked for is offered.
    ///
    /// # Errors
    /// `Unsupported` that names what is not.
    pub fn allows(&self, asked: &impl Asks) -> Result<()> {
        match asked.beyond(&self.offers) {
            None => Ok(()),
            Some(what) => Err(Error::unsupported(what, &self.name)),
        }
    }
}

impl ContentId {
    /// The key, on a store that names content by key.
    ///
    /// # Errors
    /// `InvalidInput` for a CID.
    pub fn as_key(&self) -> Result<&Key> {
        self.key().ok_or_else(|| Error::new(ErrorKind::InvalidInput, "this store names content by key, not by cid"))
    }
}

impl AddOptions {
    /// The key under which a store of keys is to keep `content`.
    ///
    /// # Errors
    /// `InvalidInput` for a tree, for a CID, and where no key is given.
    pub fn key_for(&self, content: &Content) -> Result<&Key> {
        let refused = |why: &str| Err(Error::new(ErrorKind::InvalidInput, why));
        match &self.id {
            _ if content.shape() == Shape::Tree => refused("a tree is kept only by a store that names content by cid"),
            None => refused("this store names content by key, and none is given"),
            Some(id) => id.as_key(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Addressing, ByteRange, Dag, ResumeToken, StorageType};

    /// Only when exactly `name` is offered, or all is, is it not beyond.
    fn check(asked: &impl Asks, name: &'static str, offer: fn(&mut Capabilities)) {
        assert_eq!(asked.beyond(&Capabilities::NONE), Some(name));
        let mut offers = Capabilities::NONE;
        offer(&mut offers);
        assert_eq!(asked.beyond(&offers), None, "{name}");
    }

    #[test]
    fn each_option_asks_for_its_capability() {
        let tag = || Some("t".to_owned());
        let resume = Some(ResumeToken::new("t").unwrap());
        let labels = [("a".to_owned(), "b".to_owned())].into();
        let id = Key::new("a").unwrap();
        check(&Locator::new(id).with_version(tag()), "versions", |it| it.versions = true);
        check(&StatOptions { link: true, ..StatOptions::default() }, "link", |it| it.link = true);
        check(&GetOptions::range(ByteRange::From(1)), "range", |it| it.range = true);
        check(&GetOptions::block(), "block", |it| it.block = true);
        check(&GetOptions { if_match: tag(), ..GetOptions::default() }, "if_match", |it| it.if_match = true);
        check(&Condition::IfAbsent, "if_absent", |it| it.if_absent = true);
        check(&Condition::IfMatch("t".into()), "if_match", |it| it.if_match = true);
        check(&Write { resume, ..Write::default() }, "resume", |it| it.resume = true);
        let write = Write { labels, ..Write::default() };
        check(&Pin { write: write.clone(), ..Pin::default() }, "labels", |it| it.labels = true);
        check(&AddOptions { write, ..AddOptions::default() }, "labels", |it| it.labels = true);
        check(&RemoveOptions { if_match: tag(), ..RemoveOptions::default() }, "if_match", |it| it.if_match = true);
        check(&RemoveOptions { all_versions: true, ..RemoveOptions::default() }, "versions", |it| it.versions = true);
        let list = ListOptions::default;
        check(&ListOptions { pinned: true, ..list() }, "pin", |it| it.pin = true);
        check(&ListOptions { status: Some(Status::Queued), ..list() }, "status", |it| it.pin = true);
        check(&ListOptions { versions: true, ..list() }, "versions", |it| it.versions = true);
        check(&ListOptions { query: tag(), ..list() }, "search", |it| it.search = true);
    }

    #[test]
    fn what_asks_for_nothing_is_allowed() {
        let info = Info::new(StorageType::Memory, "plain", Addressing::Key, Capabilities::NONE);
        let stored = ListOptions { status: Some(Status::Stored), prefix: Some("a".into()), ..ListOptions::default() };
        info.allows(&stored).unwrap();
        info.allows(&AddOptions::default()).unwrap();
        info.allows(&GetOptions::default()).unwrap();
        let err = info.allows(&GetOptions::block()).unwrap_err();
        assert_eq!((err.kind(), err.message()), (ErrorKind::Unsupported, "plain does not offer block"));
    }

    #[test]
    fn a_store_of_keys_needs_one() {
        let cid: cid::Cid = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e".parse().unwrap();
        let file = Content::bytes(cid, "hello world");
        let tree = Content::tree(cid, file.len(), Dag::empty(), file.source().clone());
        let add = |id: Option<ContentId>| AddOptions { id, ..AddOptions::default() };
        let key = Key::new("a/b").unwrap();
        assert_eq!(add(Some(key.clone().into())).key_for(&file).unwrap(), &key);
        for (id, content) in [(None, &file), (Some(cid.into()), &file), (Some(key.into()), &tree)] {
            assert_eq!(add(id).key_for(content).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }
}
