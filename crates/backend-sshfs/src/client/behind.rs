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
    /// Follows the copy, which is `certain` up to there, until nobody tells of more. Nothing depends on it: what it does not do is done before the copy
    /// is closed.
    pub(crate) async fn follow(&self, link: Option<Arc<Link>>, mut certain: watch::Receiver<u64>) {
        let Some(link) = link.filter(|_| self.content.len().checked_sub(*certain.borrow()) >= Some(LONG)) else {
            return;
        };
        let Some(mut done) = reached(&mut certain, 0).await else { return };
        let Some(mut lease) = self.pool.beside(&link).await else { return };
        let path = self.root.path(&self.temp.path());
        let opened = self.pool.in_time(open(&mut lease, &path, flag::READ)).await;
        let Ok(Ok(Ok(handle))) = opened else { return };
        let sync = [Field::Text(b"fsync@openssh.com"), Field::Text(&handle)];
        loop {
            match self.pool.in_time(lease.status(kind::EXTENDED, &sync)).await {
                Ok(Ok(Code::OK)) => {}
                // A session whose file is still open is closed where it is given back.
                Ok(Err(_)) | Err(_) => return,
                Ok(Ok(_)) => break,
            }
            match reached(&mut certain, done).await {
                Some(at) => done = at,
                None => break,
            }
        }
        // Whatever it answers: nothing was written by it.
        let _ = self.pool.in_time(lease.close(&handle)).await;
    }
}

/// Waits for a step beyond `done`; `None`: there is none.
async fn reached(certain: &mut watch::Receiver<u64>, done: u64) -> Option<u64> {
    let more = certain.wait_for(|at| done + STEP <= *at).await;
    more.ok().map(|at| *at)
}
