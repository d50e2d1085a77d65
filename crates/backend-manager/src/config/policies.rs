//! What may be kept on a backend, and for how long, as the user's file says it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bytes in what the configuration calls a gigabyte: 2^30, as in ipfs_kit_py.
pub const GIBIBYTE: u64 = 1 << 30;

/// The largest quota: its bytes still fit into the catalog's signed 64 bits.
const MAX_GIGABYTES: f64 = 8_000_000_000.0;
const MAX_DAYS: u32 = 36_500;
const MAX_REPLICAS: u32 = 64;

/// Limits of one backend. A gigabyte is 2^30 bytes. What is not said is not limited.
///
/// Quotas are held to before a byte goes, and warn from 80 % on (`health`, `backend list`). The others are held to by the planner: by `reconcile`, and by the
/// daemon where it plans.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policies {
    /// How much may be kept there, in gigabytes, as far as the catalog counts it: reserved with the intent. Above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_quota_gb: Option<f64>,
    /// How much content may be sent and received in a calendar month (UTC), in gigabytes, over all processes. What does not fit is refused; looking and
    /// removing are not. Above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic_quota_gb_monthly: Option<f64>,
    /// How long content may live there, in days: 1 to 36500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// Whether content past its retention is removed without asking, once enough other copies are proved. Without it, retention only keeps nothing back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_cleanup: Option<bool>,
    /// How many copies content must have, this one included, that has a copy here: 1 to 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<u32>,
}

impl Policies {
    /// The storage quota in bytes, rounded down.
    pub fn storage_quota(&self) -> Option<u64> {
        self.storage_quota_gb.map(bytes)
    }

    /// The monthly traffic quota in bytes, rounded down.
    pub fn traffic_quota_monthly(&self) -> Option<u64> {
        self.traffic_quota_gb_monthly.map(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The key that is wrong, and why.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let quotas =
            [("storage_quota_gb", self.storage_quota_gb), ("traffic_quota_gb_monthly", self.traffic_quota_gb_monthly)];
        for (key, quota) in quotas {
            if quota.is_some_and(|quota| !(0.0 < quota && quota <= MAX_GIGABYTES)) {
                let what = format!("must be above 0 and at most {MAX_GIGABYTES}; leave it out for no limit");
                return Err((key, what));
            }
        }
        if self.retention_days.is_some_and(|days| days == 0 || MAX_DAYS < days) {
            return Err(("retention_days", format!("must be 1 to {MAX_DAYS}; leave it out for no limit")));
        }
        if self.min_replicas.is_some_and(|n| n == 0 || MAX_REPLICAS < n) {
            return Err(("min_replicas", format!("must be 1 to {MAX_REPLICAS}; leave it out for no wish")));
        }
        Ok(())
    }
}

fn bytes(gigabytes: f64) -> u64 {
    (gigabytes * GIBIBYTE as f64) as u64
}
