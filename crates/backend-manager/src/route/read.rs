//! The order in which the copies of content are asked.

use std::collections::HashMap;

use backend_core::Result;
use ipld::{Cid, address};

use super::{Criterion, Key, LeftOut, Price, Routed, unknown};
use crate::catalog::cached::{self, CachedRow, Held};
use crate::catalog::contents::{self, ContentRow};
use crate::catalog::replicas::{self, ReplicaRow};
use crate::health::Standing;
use crate::manager::Manager;
use crate::read::Replica;

/// Content whose size nobody knows is taken for one chunk.
const UNKNOWN_SIZE: u64 = 1 << 20;

impl Manager {
    /// Best first; none is left out, for it may be the only one that has a chunk.
    pub(crate) async fn by_route(&self, replicas: &mut [Replica], size: Option<u64>) {
        if replicas.len() < 2 {
            return;
        }
        let mut ranks: HashMap<String, (Standing, Key)> = HashMap::new();
        for replica in replicas.iter() {
            if let Ok(member) = self.fleet().member(&replica.name).await {
                self.probe_beside(&member);
                ranks.insert(
                    replica.name.clone(),
                    self.fleet().rank(&member, size.unwrap_or(UNKNOWN_SIZE), self.criterion()),
                );
            }
        }
        let last = (Standing::UsedUp, [u32::MAX; 3]);
        replicas.sort_by_key(|replica| ranks.get(&replica.name).copied().unwrap_or(last));
    }

    pub(super) async fn route_read(&self, cid: &Cid, by: Criterion) -> Result<Routed> {
        let wanted = address::to_v1(cid);
        let found = self.catalog().read(move |conn| {
            let Some(row) = contents::find(conn, &wanted)? else { return Ok(None) };
            let (copies, near) = (replicas::of(conn, row.number)?, cached::of(conn, row.number)?);
            Ok(Some((row, copies, near)))
        });
        let Some((row, copies, near)) = found.await? else { return Err(unknown(cid)) };
        let size = row.content.size.unwrap_or(UNKNOWN_SIZE);
        let mut routed = Routed { by, size, candidates: Vec::new(), left_out: Vec::new() };
        for copy in copies {
            self.route_copy(copy, &mut routed).await;
        }
        if routed.candidates.is_empty() {
            for replica in self.by_cid(&row.content.cid).await? {
                if let Ok(member) = self.fleet().member(&replica.name).await {
                    let mut candidate = self.candidate(&member, 1, Price::OfReading);
                    candidate.reasons.push("the catalog knows of no copy there; it is asked by CID".to_owned());
                    routed.candidates.push(candidate);
                }
            }
        }
        self.route_near(near, &row, &mut routed).await?;
        routed.sort();
        Ok(routed)
    }

    /// What caches have of it.
    async fn route_near(&self, near: Vec<CachedRow>, row: &ContentRow, routed: &mut Routed) -> Result<()> {
        let asked = self.cached_copy(near.clone(), row, routed.candidates.is_empty()).await?.map(|it| it.name);
        for member in self.cache_members().await {
            let has_it = near.iter().any(|it| it.slot.backend == member.number && it.held == Held::There);
            if asked.as_ref() == Some(&member.name) {
                let mut candidate = self.candidate(&member, 0, Price::OfReading);
                candidate.reasons.push("it is a cache and has it: it is asked first, and is no copy".to_owned());
                routed.candidates.push(candidate);
            } else if has_it {
                let why =
                    "it is a cache, and what it has is too old, or it does not work, or another one has it".to_owned();
                routed.left_out.push(LeftOut { backend: member.name, why });
            }
        }
        Ok(())
    }

    async fn route_copy(&self, copy: ReplicaRow, routed: &mut Routed) {
        let backend = copy.backend_name.clone();
        let why = match self.fleet().member(&backend).await {
            _ if !copy.is_readable() => format!("its copy is {}", copy.state.as_str()),
            Err(err) => err.message().to_owned(),
            Ok(member) if !member.backend.info().offers.get => "nothing can be read from it".to_owned(),
            Ok(member) => {
                let mut candidate = self.candidate(&member, 1, Price::OfReading);
                candidate.reasons.push(format!("its copy is {}, {}", copy.state.as_str(), copy.evidence.as_str()));
                if !copy.bad_chunks.is_empty() {
                    candidate.reasons.push(format!("{} chunks of it are known to be bad", copy.bad_chunks.len()));
                }
                // Several rows of one backend are one place to ask.
                if routed.candidates.iter().all(|it| it.backend != backend) {
                    routed.candidates.push(candidate);
                }
                return;
            }
        };
        routed.left_out.push(LeftOut { backend, why });
    }
}
