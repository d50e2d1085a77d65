//! What a daemon does about content: it reads back what nobody has looked at for long, and does what is missing.

use std::sync::Arc;
use std::time::Duration;

use super::{Listener, Reconcile, Scrub};
use crate::daemon::{Board, Chore, Holders};

/// How a daemon looks after content.
#[derive(Debug, Clone)]
pub struct Upkeep {
    /// How to reconcile.
    pub reconcile: Reconcile,
    /// How often.
    pub reconcile_every: Duration,
    /// What to read back each time.
    pub scrub: Scrub,
    /// How often.
    pub scrub_every: Duration,
}

/// The chores, for [`Daemon::new`](crate::daemon::Daemon::new). Of several processes one does each at a time.
pub fn upkeep(upkeep: &Upkeep, board: &Arc<Board>) -> Vec<Chore> {
    let (reconcile, scrub, board) = (upkeep.reconcile.clone(), upkeep.scrub.clone(), board.clone());
    let quiet: Listener = Arc::new(|_| {});
    let told = quiet.clone();
    let reconciling = Chore::new("reconcile", upkeep.reconcile_every, Holders::One, move |manager, stop| {
        let (mut opts, board, quiet) = (reconcile.clone(), board.clone(), quiet.clone());
        opts.stop = stop;
        async move {
            let result = manager.reconcile(&opts, &quiet).await?;
            board.standings(result.standing.iter().map(|(word, n)| (*word, *n)));
            if 0 < result.done + result.failed {
                tracing::info!(done = result.done, failed = result.failed, bytes = result.bytes, "reconciled");
            }
            Ok(())
        }
    });
    let scrubbing = Chore::new("scrub", upkeep.scrub_every, Holders::One, move |manager, stop| {
        let (mut opts, told) = (scrub.clone(), told.clone());
        opts.stop = stop;
        async move {
            let found = manager.scrub(&opts, &told).await?;
            if 0 < found.checked + found.unknown {
                let (checked, bytes, bad, missing) = (found.checked, found.bytes, found.bad, found.missing);
                tracing::info!(checked, bytes, bad, missing, unknown = found.unknown, "scrubbed");
            }
            Ok(())
        }
    });
    vec![scrubbing, reconciling]
}
