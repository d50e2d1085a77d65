//! What only a service can tell of itself (whether it honours conditions, whether it keeps versions): asked before the first write, and kept for exactly
//! this connection.
//!
//! A probe may write, so nothing that only reads ever causes one. It is asked once a process at the most, and not again while the catalog has its answer.

use std::time::SystemTime;

use backend_core::{ErrorKind, Facts, Result};

use crate::catalog::facts::{self, FactsRow};
use crate::catalog::{Catalog, backends};
use crate::config::BackendConfig;
use crate::fleet::{Fleet, Member};
use crate::manager::{Manager, now};

/// What was learnt of a backend's present connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    /// In the leaf's own shape. `Null`: it was asked, and there is nothing to learn.
    pub facts: Facts,
    /// Since when it is known.
    pub at: SystemTime,
}

/// What the catalog knows of the connection that `config`, resolved, means.
pub(crate) async fn known(catalog: &Catalog, config: &BackendConfig) -> Result<Option<Learnt>> {
    let (name, fingerprint) = (config.name.clone(), config.fingerprint());
    let row = catalog.read(move |conn| match backends::find(conn, &name)? {
        Some(row) => facts::find(conn, row.number),
        None => Ok(None),
    });
    let row = row.await?.filter(|row| row.fingerprint == fingerprint);
    Ok(row.map(|row| Learnt { facts: row.facts, at: row.learnt_at.into() }))
}

impl Fleet {
    /// As [`Fleet::member`], for whoever is about to write: what can be learnt of it is learnt before. A probe that fails is no reason not to go on:
    /// then nothing is offered that only a probe could show, and the next process asks again.
    ///
    /// # Errors
    /// As [`Fleet::member`].
    pub(crate) async fn writable(&self, name: &str) -> Result<Member> {
        let member = self.member(name).await?;
        if member.learnt.is_some() || !member.is_configured {
            return Ok(member);
        }
        let ask = async {
            if let Err(err) = self.first_lesson(&member).await {
                tracing::warn!(backend = %name, error = %err, "nothing could be learnt of it");
            }
        };
        member.asked.get_or_init(|| ask).await;
        self.member(name).await
    }

    /// No probe writes to what may be the wrong store.
    async fn first_lesson(&self, member: &Member) -> Result<()> {
        let name = member.name.clone();
        let row = self.catalog().read(move |conn| backends::find(conn, &name)).await?;
        if row.is_some_and(|row| row.backend.store_id.is_some()) {
            member.recognise(self.catalog(), &**self.clock()).await?;
        }
        self.learn(member).await.map(drop)
    }

    /// Probes, keeps what was found out, and opens the backend anew with it.
    ///
    /// # Errors
    /// What the probe answers, unless it is that there is nothing to learn; what the catalog answers.
    pub(crate) async fn learn(&self, member: &Member) -> Result<Learnt> {
        let facts = match member.backend.probe().await {
            Err(err) if err.kind() == ErrorKind::Unsupported => Facts::Null,
            other => other?,
        };
        let at = now();
        if member.is_configured {
            let row = FactsRow { fingerprint: member.config().fingerprint(), facts: facts.clone(), learnt_at: at };
            let number = member.number;
            self.catalog().write(move |conn| facts::put(conn, number, &row)).await?;
            self.reopen(member, Learnt { facts: facts.clone(), at: at.into() }).await?;
        }
        Ok(Learnt { facts, at: at.into() })
    }
}

impl Manager {
    /// What was learnt of a backend, as its configuration stands now. `None`: nobody has asked yet.
    ///
    /// # Errors
    /// `NotFound`, `InvalidConfig` as its configuration; what the catalog answers.
    pub async fn learnt(&self, name: &str) -> Result<Option<Learnt>> {
        known(self.catalog(), &self.config().load(name)?).await
    }
}
