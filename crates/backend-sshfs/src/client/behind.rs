//! A long copy is brought to the server's disk while it is sent, by a session beside the one that sends. Else the disk lies idle until all is sent, and
//! is waited for then.

use std::sync::Arc;

use tokio::sync::watch;

use super::link::Link;
use super::send::Sending;
use super::temp::open;
use super::wire::{Field, flag, kind};
use crate::error::Code;

/// After so many bytes more that the server has for certain it is asked to bring them to its disk.
const STEP: u64 = 32 << 20;
/// A copy that is shorter is waited for at its end.
const LONG: u64 = 2 * STEP;

impl Sending<'_> {
    /// Follows the copy, which is `certain` up to there, until nobody tells of more. What it does not do is done before the copy is closed; but a status
    /// by which the server says that it could not is answered, because some systems tell of a failed write only whoever asks first.
    pub(crate) async fn follow(&self, link: Option<Arc<Link>>, mut certain: watch::Receiver<u64>) -> Option<Code> {
        let link = link.filter(|_| self.content.len().checked_sub(*certain.borrow()) >= Some(LONG))?;
        let mut done = reached(&mut certain, 0).await?;
        let mut lease = self.pool.beside(&link).await?;
        let path = self.root.path(&self.temp.path());
        // For writing, as some systems sync no other.
        let handle = match self.pool.in_time(open(&mut lease, &path, flag::WRITE)).await {
            Ok(Ok(Ok(handle))) => handle,
            Ok(Ok(Err(_))) => return None,
            Ok(Err(_)) | Err(_) => {
                lease.abandon();
                return None;
            }
        };
        let sync = [Field::Text(b"fsync@openssh.com"), Field::Text(&handle)];
        let refused = loop {
            match self.pool.in_time(lease.status(kind::EXTENDED, &sync)).await {
                Ok(Ok(Code::OK)) => {}
                Ok(Ok(code)) => break Some(code),
                Ok(Err(_)) | Err(_) => {
                    lease.abandon();
                    return None;
                }
            }
            match reached(&mut certain, done).await {
                Some(at) => done = at,
                None => break None,
            }
        };
        // Whatever it answers: nothing was written by it.
        if !matches!(self.pool.in_time(lease.close(&handle)).await, Ok(Ok(_))) {
            lease.abandon();
        }
        refused.filter(|it| *it != Code::UNSUPPORTED)
    }
}

/// Waits for a step beyond `done`; `None`: there is none.
async fn reached(certain: &mut watch::Receiver<u64>, done: u64) -> Option<u64> {
    let more = certain.wait_for(|at| done + STEP <= *at).await;
    more.ok().map(|at| *at)
}
