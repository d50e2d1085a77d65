//! Broken ways to look and to read.

use backend_core::{
    Addressing, ByteRange, Error, ErrorKind, Evidence, Fetched, Form, GetOptions, Locator, Metadata, Result,
    StatOptions,
};
use futures::stream::{self, StreamExt};

use crate::mutant::{How, Mutant};

pub(crate) async fn stat(it: &Mutant, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
    if it.is(How::NeedsHandle) && it.inner.info().addressing == Addressing::Assigned && at.handle.is_none() {
        return Err(Error::new(ErrorKind::NotFound, "no handle"));
    }
    let meta = it.inner.stat(&it.at(at)?, opts).await?;
    Ok(match it.how {
        // What the service bills, not what the file has.
        How::SaysSize => Metadata { size: meta.size.map(|size| size + 14), ..meta },
        How::CountsHalf => Metadata { present: meta.size.map(|size| size / 2), ..meta },
        _ => meta,
    })
}

pub(crate) async fn get(it: &Mutant, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
    if it.leaks(How::LeaksBodies) {
        return Err(Error::new(ErrorKind::Unavailable, "no connection is left"));
    }
    let mut asked = opts.clone();
    if it.is(How::NoConditions) {
        asked.if_match = None;
    }
    let answer = it.inner.get(&it.at(at)?, &asked).await;
    match (it.how, answer) {
        (How::EmptyOutside, Err(err)) if err.kind() == ErrorKind::InvalidRange => nothing(at),
        (How::TreeIsEmptyFile, Err(err)) if err.kind() == ErrorKind::InvalidInput && opts.form == Form::File => {
            nothing(at)
        }
        (How::AnyBlock, Err(err)) if err.kind() == ErrorKind::NotFound && opts.form == Form::Block => nothing(at),
        (_, answer) => answer,
    }
}

fn nothing(at: &Locator) -> Result<Fetched> {
    let range = ByteRange::From(0).within(0)?;
    Ok(Fetched { meta: Metadata::new(at.clone(), Evidence::Claimed), range, body: stream::empty().boxed() })
}
