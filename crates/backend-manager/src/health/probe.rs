//! Probes that change nothing: what they show goes where real traffic goes, to the breaker.

use backend_core::{ErrorKind, Health, Power, Result};
use backend_layers::Side;
use futures::StreamExt;

use super::breaker::Circuit;
use crate::catalog::backends;
use crate::fleet::{Fleet, Member};
use crate::manager::Manager;

/// Backends that are probed at a time.
pub(super) const AT_ONCE: usize = 16;

impl Fleet {
    /// Asks a backend how it is. No answer within its time-out is an answer.
    pub(crate) async fn probe(&self, member: &Member) -> Health {
        let mut health = member.backend.health().await;
        if health.reads == Power::Works
            && let Err(err) = self.is_still_itself(member).await
        {
            health.note = Some(err.message().to_owned());
            health.reads = Power::Fails(err.kind());
        }
        match health.reads {
            Power::Works => member.watch.heard(Side::Reads, None),
            Power::Fails(kind) => member.watch.heard(Side::Reads, Some(kind)),
            _ => {}
        }
        // What real writes have shown is told by the stack beside what the probe saw: it was heard when it happened.
        let known = member.observed().writes.power;
        if let Power::Fails(kind) = health.writes
            && health.writes != known
        {
            member.watch.heard(Side::Writes, Some(kind));
        }
        health
    }

    /// That the store is the one that the catalog knows. One that is not known yet would be given a marker, which no probe does.
    async fn is_still_itself(&self, member: &Member) -> Result<()> {
        let number = member.number;
        let row = self.catalog().read(move |conn| backends::get(conn, number)).await?;
        match row.is_some_and(|row| row.backend.store_id.is_some()) {
            // Its marker cannot be read when the month is used up; that says nothing of the store.
            true if member.meter.left() != Some(0) => member.recognise_now(self.catalog()).await,
            _ => Ok(()),
        }
    }

    /// Whether a probe would be in vain: the backend is shut and its pause is not over.
    fn rests(&self, member: &Member) -> bool {
        let now = member.watch.now();
        matches!(member.watch.breaker.circuit(Side::Reads, now), Circuit::Open(_))
    }
}

impl Manager {
    /// Probes every backend that is not known to rest, and tells the catalog; how many were asked, and how many of them cannot be read.
    ///
    /// # Errors
    /// What reading the configuration or the catalog answers. That a backend is ill is no error.
    pub async fn probe_all(&self) -> Result<(usize, usize)> {
        let members = self.all_members().await?;
        let members = members.into_iter().filter(|member| !self.fleet().rests(member));
        let probes = members.map(|member| async move { self.fleet().probe(&member).await });
        let answers: Vec<Health> = futures::stream::iter(probes).buffer_unordered(AT_ONCE).collect().await;
        let ill = answers.iter().filter(|it| matches!(it.reads, Power::Fails(_))).count();
        self.fleet().exchange().await?;
        Ok((answers.len(), ill))
    }

    /// Every enabled backend that can be opened; the others show in `backend list`.
    pub(crate) async fn all_members(&self) -> Result<Vec<Member>> {
        let mut members = Vec::new();
        for name in self.fleet().names()? {
            match self.fleet().member(&name).await {
                Ok(member) => members.push(member),
                Err(err) if err.kind() == ErrorKind::Disabled => {}
                Err(err) => tracing::warn!(backend = %name, error = %err, "a backend cannot be opened"),
            }
        }
        Ok(members)
    }

    /// Asks, beside whatever is going on, whether a backend that could not be read can be read again.
    pub(crate) fn probe_beside(&self, member: &Member) {
        if self.fleet().is_to_be_probed(member) {
            let (manager, member) = (self.clone(), member.clone());
            tokio::spawn(async move { manager.fleet().probe(&member).await });
        }
    }
}
