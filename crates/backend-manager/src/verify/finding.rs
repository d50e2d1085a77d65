//! What a look at a copy came to, and the arrows that lead there.

use backend_core::Result;

use crate::catalog::events::{self, Event, Verb};
use crate::catalog::replicas::{self, BadChunk, Epoch, Moved, ReplicaAt, ReplicaRow, ReplicaState};

/// Bad chunks that an event names; it says how many there are.
const TOLD: usize = 1000;

/// What a look at one copy came to.
#[derive(Debug, Clone)]
pub(crate) enum Finding {
    Good(u64),
    Bad(u64, Vec<BadChunk>),
    Missing,
}

impl Finding {
    pub(crate) fn of(bytes: u64, bad: Vec<BadChunk>) -> Self {
        if bad.is_empty() { Finding::Good(bytes) } else { Finding::Bad(bytes, bad) }
    }
}

/// The arrows that lead from where the row is to what was found.
pub(crate) fn enact(conn: &rusqlite::Connection, row: &ReplicaRow, finding: &Finding, proof: bool) -> Result<()> {
    let now = crate::manager::now();
    let at = |epoch: Epoch| ReplicaAt { replica: row.replica.clone(), epoch };
    let mut epoch = row.epoch;
    let mut go = |moved: Moved| match moved {
        Moved::Won(next) => {
            epoch = next;
            true
        }
        Moved::Lost => false,
    };
    match finding {
        Finding::Good(_) if proof => {
            let _ = go(replicas::verified(conn, &at(row.epoch), now)?);
        }
        Finding::Good(_) => {}
        Finding::Bad(_, bad) => {
            if row.state == ReplicaState::Present
                && !go(replicas::suspect(conn, &at(row.epoch), bad, "read back", now)?)
            {
                return Ok(());
            }
            let _ = replicas::corrupt(conn, &at(epoch), bad, now)?;
        }
        Finding::Missing => {
            if row.state == ReplicaState::Present
                && !go(replicas::suspect(conn, &at(row.epoch), &[], "not found", now)?)
            {
                return Ok(());
            }
            let _ = replicas::missing(conn, &at(epoch), "not found, twice", now)?;
        }
    }
    Ok(())
}

/// What is wrong stands among the events; that all is well would fill them.
pub(super) fn tell(conn: &rusqlite::Connection, row: &ReplicaRow, finding: &Finding, cid: ipld::Cid) -> Result<()> {
    let (verb, body) = match finding {
        Finding::Good(_) => return Ok(()),
        Finding::Missing => (Verb::Missing, serde_json::json!({})),
        Finding::Bad(_, bad) => {
            let ranges: Vec<_> = bad.iter().take(TOLD).map(|it| (it.offset, it.len)).collect();
            (Verb::Corrupt, serde_json::json!({ "bad_chunks": ranges, "n": bad.len() }))
        }
    };
    let (at, backend) = (crate::manager::now(), Some(row.backend_name.clone()));
    events::append(conn, &Event { at, verb, cid: Some(cid), backend, body: body.to_string() }).map(drop)
}
