//! Whether an id can mean something on a backend.

use backend_core::{Addressing, ContentId, Error, ErrorKind, Info, Locator, Result};

/// What an id is wanted for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A file, a tree, or whatever is stored under it.
    Content,
    /// One block: only a hash names a block, whatever the store names its content with.
    Block,
}

/// Where something is kept: its id fits, and a version is named only where there are versions.
pub(super) fn locator(info: &Info, at: &Locator, purpose: Purpose) -> Result<()> {
    info.allows(at)?;
    id(info, &at.id, purpose)
}

/// A key where keys are spoken, a CID where CIDs are; a service that assigns names itself is given either.
pub(super) fn id(info: &Info, id: &ContentId, purpose: Purpose) -> Result<()> {
    match (id, info.addressing) {
        (ContentId::Key(_), _) if purpose == Purpose::Block => Err(nonsense(id, "a key does not name a block")),
        (ContentId::Key(_), Addressing::Cid) => Err(nonsense(id, "the backend names content by its cid")),
        (ContentId::Cid(_), Addressing::Key) if purpose == Purpose::Content => {
            Err(nonsense(id, "the backend names content by keys"))
        }
        _ => written(info, id),
    }
}

/// A CID is of version 1; a key is no longer than the service takes.
pub(super) fn written(info: &Info, id: &ContentId) -> Result<()> {
    let most = info.limits.max_key;
    match id {
        ContentId::Key(key) if most < key.as_str().len() => {
            Err(nonsense(id, &format!("the backend takes keys of up to {most} bytes")))
        }
        ContentId::Cid(cid) if ContentId::from(*cid) != *id => Err(nonsense(id, "it is not a cid of version 1")),
        _ => Ok(()),
    }
}

pub(super) fn nonsense(id: &ContentId, why: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{id} cannot be meant: {why}"))
}
