//! What reads have met, over all of them: whoever sits behind a query engine never sees a single report.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use backend_core::{ByteStream, Result};
use backend_manager::{ReadReport, Trouble};
use bytes::Bytes;
use futures::Stream;

/// The newest so many are kept.
const KEPT: usize = 1000;

#[derive(Debug, Clone, Default)]
pub(super) struct Met {
    troubles: Arc<Mutex<VecDeque<Trouble>>>,
}

impl Met {
    pub(super) fn troubles(&self) -> Vec<Trouble> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The same body; what it met is kept when it ends or is left.
    pub(super) fn listen(&self, body: ByteStream, report: ReadReport) -> Listened {
        Listened { body, _told: Told { report, met: self.clone() } }
    }
}

/// A body that is listened to.
pub(super) struct Listened {
    body: ByteStream,
    _told: Told,
}

impl Stream for Listened {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.body.as_mut().poll_next(context)
    }
}

struct Told {
    report: ReadReport,
    met: Met,
}

impl Drop for Told {
    fn drop(&mut self) {
        let mut kept = self.met.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(self.report.troubles());
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }
}
