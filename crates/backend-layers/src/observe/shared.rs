//! What the layer and the streams it gave away have in common.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use backend_core::{Clock, ContentId, Error, ErrorKind, Health, Result};
use tracing::{Instrument, Span, debug, debug_span, field, warn};

use crate::meter::{Meter, Verb};

#[derive(Debug)]
pub(super) struct Shared {
    name: String,
    clock: Arc<dyn Clock>,
    meter: Arc<Meter>,
}

impl Shared {
    pub(super) fn new(name: String, clock: Arc<dyn Clock>, meter: Arc<Meter>) -> Self {
        Self { name, clock, meter }
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    pub(super) fn moved(&self, verb: Verb, bytes: u64) {
        self.meter.moved(verb, bytes);
    }

    /// A body is over: so much came, while its reader waited so long.
    pub(super) fn flowed(&self, bytes: u64, waited: Duration) {
        self.meter.flowed(bytes, waited);
    }

    /// The service has given what was asked.
    pub(super) fn works(&self, verb: Verb) {
        self.meter.works(verb, self.now());
    }

    /// Counts a call that begins now.
    pub(super) fn begun(&self, verb: Verb) -> Duration {
        self.meter.begun(verb);
        self.now()
    }

    /// Counts the answer of a call that began at `begun`.
    pub(super) fn answered(&self, verb: Verb, begun: Duration) {
        let now = self.now();
        self.meter.answered(verb, now, now.saturating_sub(begun));
    }

    /// Runs a verb in its span, counts it, and says of a failure where it happened.
    pub(super) async fn watch<T>(
        &self,
        verb: Verb,
        id: Option<&ContentId>,
        act: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let begun = self.begun(verb);
        let span = self.span(verb, id);
        match act.instrument(span.clone()).await {
            Ok(answer) => {
                self.answered(verb, begun);
                Ok(answer)
            }
            Err(err) => Err(span.in_scope(|| self.failed(verb, id, err))),
        }
    }

    /// Runs the probe, which answers its failures.
    pub(super) async fn probe(&self, act: impl Future<Output = Health>) -> Health {
        let begun = self.begun(Verb::Health);
        let health = act.instrument(self.span(Verb::Health, None)).await;
        self.answered(Verb::Health, begun);
        health
    }

    fn span(&self, verb: Verb, id: Option<&ContentId>) -> Span {
        debug_span!("backend", backend = %self.name, op = verb.as_str(), id = id.map(field::display))
    }

    /// Counts a failure, tells it once, and adds its context. What is a plain answer to a caller's question is told more quietly.
    pub(super) fn failed(&self, verb: Verb, id: Option<&ContentId>, err: Error) -> Error {
        self.meter.failed(verb, self.now(), err.kind());
        let err = err.in_context(verb.as_str(), &self.name, id.map(ContentId::to_string));
        match is_an_answer(err.kind()) {
            true => debug!(kind = err.kind().as_str(), effect = ?err.effect(), "{err}"),
            false => warn!(kind = err.kind().as_str(), effect = ?err.effect(), "{err}"),
        }
        err
    }
}

fn is_an_answer(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::Precondition
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidRange
            | ErrorKind::Unsupported
    )
}
