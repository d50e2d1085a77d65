//! Whether a backend can be counted on at present, as the planner asks.

use backend_core::{Error, ErrorKind, Power};
use planner::Serving;

use crate::fleet::{Fleet, Member};
use crate::manager::now;
use crate::reconcile::seconds;

impl Fleet {
    /// Reads and writes, as far as this process has met them.
    pub(crate) async fn serving(&self, member: &Member) -> (Serving, Serving) {
        let seen = member.observed();
        let serving = |power: Power| match power {
            Power::Off => Serving::Closed,
            Power::Fails(kind) if is_closed(kind) => Serving::Closed,
            _ => Serving::Up,
        };
        (Serving::Up, serving(seen.writes.power))
    }

    /// Since when a store is not the one that the catalog knows.
    pub(crate) async fn stranger(&self, _: &Member, _: &Error) -> u64 {
        seconds(now())
    }
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Denied | ErrorKind::Disabled | ErrorKind::QuotaExceeded | ErrorKind::Unsupported)
}
