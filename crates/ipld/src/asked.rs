//! The question that a walk has open: one block, and what it is wanted for.

use bytes::Bytes;
use cid::Cid;

use crate::{
    address,
    error::{Error, Result},
};

/// At most one block that was asked for.
#[derive(Debug)]
pub(crate) struct Asked<T>(Option<(Cid, T)>);

impl<T> Default for Asked<T> {
    fn default() -> Self {
        Asked(None)
    }
}

impl<T> Asked<T> {
    /// Opens the question.
    pub(crate) fn ask(&mut self, cid: Cid, purpose: T) {
        self.0 = Some((cid, purpose));
    }

    /// The block that is open.
    pub(crate) fn open(&self) -> Option<Cid> {
        self.0.as_ref().map(|(cid, _)| *cid)
    }

    /// Closes the question that `cid`, in either version, answers.
    pub(crate) fn take(&mut self, cid: &Cid) -> Result<(Cid, T)> {
        self.0.take_if(|(asked, _)| address::same(asked, cid)).ok_or_else(|| Error::Unexpected { cid: Box::new(*cid) })
    }
}

/// Hashes the answer, then lets `walk` use it; on any error the question is open again, for another replica to answer.
pub(crate) fn answer<W, T: Clone>(
    walk: &mut W,
    asked: fn(&mut W) -> &mut Asked<T>,
    (cid, block): (&Cid, &Bytes),
    use_it: fn(&mut W, &Cid, T, &Bytes) -> Result<()>,
) -> Result<()> {
    let (cid, purpose) = asked(walk).take(cid)?;
    let done = address::verify(&cid, block).and_then(|()| use_it(walk, &cid, purpose.clone(), block));
    if done.is_err() {
        asked(walk).ask(cid, purpose);
    }
    done
}
