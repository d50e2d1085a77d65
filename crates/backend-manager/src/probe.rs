//! Testing a backend: a probe, what it counts, and a small object there and back again.

use std::time::Duration;

use backend_core::{
    AddOptions, Addressing, Backend, Content, ContentId, Error, ErrorKind, GetOptions, Key, Locator, OWN_PREFIX, Power,
    RemoveOptions, Result,
};
use ipld::address;

use crate::fleet::{Member, may_work};
use crate::learnt::Learnt;
use crate::manager::Manager;
use crate::naming;
use crate::read::collect;
use crate::views::Tested;

/// No answer to a probe within this is an answer too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a test may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// Only look.
    No,
    /// Write a small object, read it back, compare it, remove it.
    RoundTrip,
}

impl Manager {
    /// Asks a backend how it is.
    ///
    /// # Errors
    /// When it cannot be opened. That it is ill is an answer.
    pub async fn test(&self, name: &str, writes: Writes) -> Result<Tested> {
        let member = self.fleet().member(name).await?;
        let backend = &member.backend;
        let mut health = match tokio::time::timeout(PATIENCE, backend.health()).await {
            Ok(health) => health,
            Err(_) => backend_core::Health::new(Power::Fails(ErrorKind::Timeout), Power::Unknown, PATIENCE),
        };
        if health.reads == Power::Works
            && let Err(err) = member.recognise_now(self.catalog()).await
        {
            health.note = Some(err.message().to_owned());
            health.reads = Power::Fails(err.kind());
        }
        let usage = match backend.info().offers.usage && may_work(health.reads) {
            true => backend.usage().await.ok(),
            false => None,
        };
        let may_write = writes == Writes::RoundTrip && may_work(health.reads) && may_work(health.writes);
        let (probe, learnt) = self.probe_anew(&member, may_write).await?;
        let backend = &self.fleet().member(name).await?.backend;
        let offers = backend.info().offers;
        let possible = offers.add && offers.get && offers.remove;
        let round_trip = match may_write && possible {
            true => Some(round_trip(&**backend).await),
            false => None,
        };
        if let Some(result) = &round_trip {
            health.writes = result.as_ref().err().map_or(Power::Works, |err| Power::Fails(err.kind()));
        } else if health.writes == Power::Unknown {
            health.writes = member.observed().writes.power;
        }
        Ok(Tested { name: name.to_owned(), health, usage, probe, learnt, round_trip })
    }

    /// What a probe finds out now, if it may be asked; and what is known, if only from an earlier one.
    async fn probe_anew(
        &self,
        member: &Member,
        may_write: bool,
    ) -> Result<(Option<Result<(), Error>>, Option<Learnt>)> {
        if !may_write {
            return Ok((None, member.learnt.clone()));
        }
        Ok(match self.fleet().learn(member).await {
            Ok(learnt) if learnt.facts.is_null() => (None, Some(learnt)),
            Ok(learnt) => (Some(Ok(())), Some(learnt)),
            Err(err) => (Some(Err(err)), member.learnt.clone()),
        })
    }
}

async fn round_trip(backend: &dyn Backend) -> Result<()> {
    let mut bytes = [0; 64];
    getrandom::fill(&mut bytes).map_err(|err| Error::new(ErrorKind::Internal, "no random numbers").with_source(err))?;
    let cid = address::sha256(address::RAW, &bytes);
    let digests = naming::of_bytes(&backend.info().needs, &bytes)?;
    let content = Content::bytes(cid, bytes.to_vec()).with_digests(digests);
    let id = match backend.info().addressing {
        Addressing::Key => Some(ContentId::Key(Key::parse(format!("{OWN_PREFIX}probe/{}", address::text(&cid)))?)),
        _ => None,
    };
    let meta = backend.add(&content, &AddOptions { id, ..AddOptions::default() }).await?;
    let read = read_back(backend, &meta.at, &bytes).await;
    let removed = backend.remove(&meta.at, &RemoveOptions { if_match: None, all_versions: true }).await;
    let removed = match removed {
        Err(err) if err.kind() == ErrorKind::Unsupported => backend.remove(&meta.at, &RemoveOptions::default()).await,
        other => other,
    };
    read.and(removed.map(drop))
}

async fn read_back(backend: &dyn Backend, at: &Locator, wanted: &[u8]) -> Result<()> {
    let fetched = backend.get(at, &GetOptions::default()).await?;
    match collect(fetched.body, 4096).await? == wanted {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Integrity, "other bytes came back than were sent")),
    }
}
