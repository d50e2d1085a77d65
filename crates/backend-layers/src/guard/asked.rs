//! What may be asked of a backend that offers what its `Info` says. Nothing here waits.

use backend_core::{
    AddOptions, Addressing, ByteRange, Condition, Content, ContentId, Error, ErrorKind, Form, GetOptions, Info,
    ListOptions, Locator, Pin, RemoveOptions, Result, StatOptions,
};

use super::offered;
use super::place::{self, Purpose};

pub(super) fn stat(info: &Info, at: &Locator, opts: &StatOptions) -> Result<()> {
    offered(info, info.offers.stat, "stat")?;
    info.allows(opts)?;
    place::locator(info, at, Purpose::Content)
}

pub(super) fn get(info: &Info, at: &Locator, opts: &GetOptions) -> Result<()> {
    offered(info, info.offers.get, "get")?;
    info.allows(opts)?;
    match (opts.form, opts.range) {
        (Form::File, range) => {
            range.map_or(Ok(()), meaningful)?;
            place::locator(info, at, Purpose::Content)
        }
        (Form::Block, None) => place::locator(info, at, Purpose::Block),
        (Form::Block, Some(_)) => Err(Error::new(ErrorKind::InvalidInput, "a block is given whole, not by range")),
        _ => offered(info, false, "form"),
    }
}

/// A range that is empty or reversed lies within no content.
fn meaningful(range: ByteRange) -> Result<()> {
    match range {
        ByteRange::Bounded(start, end) if end <= start => {
            Err(Error::new(ErrorKind::InvalidRange, format!("the range {range} asks for nothing")))
        }
        ByteRange::Last(0) => Err(Error::new(ErrorKind::InvalidRange, "the last 0 bytes are nothing")),
        _ => Ok(()),
    }
}

pub(super) fn add(info: &Info, content: &Content, opts: &AddOptions) -> Result<()> {
    offered(info, info.offers.add, "add")?;
    condition(info, &opts.condition)?;
    info.allows(opts)?;
    named(info, content, opts.id.as_ref())?;
    size(info, content.len())?;
    match info.needs.iter().find(|kind| content.digest(**kind).is_none()) {
        Some(kind) => {
            Err(Error::new(ErrorKind::InvalidInput, format!("the content comes without its {kind:?} digest")))
        }
        None => Ok(()),
    }
}

/// Without a name the content's own is meant, which a store of keys does not speak. A CID as a name is the content's own.
fn named(info: &Info, content: &Content, id: Option<&ContentId>) -> Result<()> {
    let own = ContentId::from(*content.cid());
    match id {
        None if info.addressing == Addressing::Key => {
            Err(Error::new(ErrorKind::InvalidInput, format!("{own} cannot be added without a key")))
        }
        None => Ok(()),
        Some(id @ ContentId::Cid(_)) if *id != own => Err(place::nonsense(id, &format!("the content is {own}"))),
        Some(id) => place::id(info, id, Purpose::Content),
    }
}

fn condition(info: &Info, condition: &Condition) -> Result<()> {
    match condition {
        Condition::Always | Condition::IfAbsent | Condition::IfMatch(_) => Ok(()),
        _ => offered(info, false, "condition"),
    }
}

/// Known before the first byte is sent, so said before it.
fn size(info: &Info, len: u64) -> Result<()> {
    let limits = &info.limits;
    let (least, most) = (limits.min_size, limits.max_size.unwrap_or(u64::MAX));
    match len {
        _ if len < least => {
            Err(Error::new(ErrorKind::TooLarge, format!("{len} bytes are fewer than the {least} it takes")))
        }
        _ if most < len => {
            Err(Error::new(ErrorKind::TooLarge, format!("{len} bytes are more than the {most} it takes")))
        }
        _ => Ok(()),
    }
}

pub(super) fn remove(info: &Info, at: &Locator, opts: &RemoveOptions) -> Result<()> {
    offered(info, info.offers.remove, "remove")?;
    info.allows(opts)?;
    place::locator(info, at, Purpose::Content)
}

pub(super) fn list(info: &Info, opts: &ListOptions) -> Result<()> {
    offered(info, info.offers.list, "list")?;
    info.allows(opts)?;
    match opts.prefix.is_some() && info.addressing == Addressing::Cid {
        true => Err(Error::new(ErrorKind::InvalidInput, "a backend of cids has no prefixes")),
        false => Ok(()),
    }
}

pub(super) fn pin(info: &Info, id: &ContentId, pin: &Pin) -> Result<()> {
    offered(info, info.offers.pin, "pin")?;
    info.allows(pin)?;
    match id {
        ContentId::Key(_) => Err(place::nonsense(id, "only a cid can be pinned")),
        ContentId::Cid(_) => place::written(info, id),
    }?;
    pin.size.map_or(Ok(()), |len| size(info, len))
}
