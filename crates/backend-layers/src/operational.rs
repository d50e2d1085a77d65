//! The `operational:` section of a backend's configuration: how patient, how stubborn and how greedy its stack is.

use std::ops::RangeInclusive;
use std::time::Duration;

use backend_core::{Error, ErrorKind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the layers treat one backend. Every field has a default; unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Operational {
    /// Seconds within which something has to happen: the answer begins, the next bytes come, the next part goes out. It never bounds a whole
    /// transfer. Connecting is part of the wait for the answer. 1 to 86400; default 30.
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout: u64,
    /// Seconds that making one connection may take, where the backend makes connections of its own; never longer than `timeout`. 1 to 600;
    /// default 10.
    #[schemars(range(min = 1, max = 600))]
    pub connect_timeout: u64,
    /// Seconds that a service may take to finish an upload, counted from its last byte or sign of life. Below `timeout` it means `timeout`. 1 to
    /// 86400; default 600.
    #[schemars(range(min = 1, max = 86_400))]
    pub finish_timeout: u64,
    /// How often a failed act is repeated, after the first try, where the failure is worth it. 0 to 20; default 3.
    #[schemars(range(max = 20))]
    pub retry_count: u32,
    /// Acts at a time, halved between reads and writes (the odd one is a read), with at least one of each: so 1 means one read and one write, and a copy
    /// within one backend can go on. 1 to 10000; default: as many as the backend itself allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub max_connections: Option<u32>,
    /// Reads at a time, instead of the share of `max_connections`. 1 to 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub max_reads: Option<u32>,
    /// Writes at a time, instead of the share of `max_connections`. 1 to 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub max_writes: Option<u32>,
}

const SECONDS: RangeInclusive<u64> = 1..=86_400;
const CONNECT: RangeInclusive<u64> = 1..=600;
const RETRIES: RangeInclusive<u64> = 0..=20;
const PERMITS: RangeInclusive<u64> = 1..=10_000;

impl Default for Operational {
    fn default() -> Self {
        Self {
            timeout: 30,
            connect_timeout: 10,
            finish_timeout: 600,
            retry_count: 3,
            max_connections: None,
            max_reads: None,
            max_writes: None,
        }
    }
}

impl Operational {
    /// Whether every value is within its bounds.
    ///
    /// # Errors
    /// `InvalidConfig` that names the first key that is not, what it may be and what it is.
    pub fn validate(&self) -> Result<()> {
        let values = [
            ("timeout", Some(self.timeout), SECONDS),
            ("connect_timeout", Some(self.connect_timeout), CONNECT),
            ("finish_timeout", Some(self.finish_timeout), SECONDS),
            ("retry_count", Some(self.retry_count.into()), RETRIES),
            ("max_connections", self.max_connections.map(u64::from), PERMITS),
            ("max_reads", self.max_reads.map(u64::from), PERMITS),
            ("max_writes", self.max_writes.map(u64::from), PERMITS),
        ];
        values.into_iter().try_for_each(|(key, value, allowed)| match value {
            Some(value) if !allowed.contains(&value) => Err(outside(key, value, &allowed)),
            _ => Ok(()),
        })
    }

    /// The time within which something has to happen.
    pub(crate) fn idle(&self) -> Duration {
        Duration::from_secs(within(self.timeout, &SECONDS))
    }

    /// The time to make a connection: for `Settings.connect_timeout`.
    pub fn connect(&self) -> Duration {
        Duration::from_secs(within(self.connect_timeout, &CONNECT)).min(self.idle())
    }

    /// The time to finish an upload.
    pub(crate) fn finish(&self) -> Duration {
        Duration::from_secs(within(self.finish_timeout, &SECONDS)).max(self.idle())
    }

    /// Tries after the first.
    pub(crate) fn retries(&self) -> u32 {
        self.retry_count.min(20)
    }

    /// Permits to read, of a backend that allows `most`.
    pub(crate) fn reads(&self, most: u32) -> u32 {
        permits(self.max_reads.or(self.max_connections.map(|all| all.div_ceil(2))), most)
    }

    /// Permits to write, of a backend that allows `most`.
    pub(crate) fn writes(&self, most: u32) -> u32 {
        permits(self.max_writes.or(self.max_connections.map(|all| all / 2)), most)
    }
}

fn permits(wanted: Option<u32>, most: u32) -> u32 {
    wanted.unwrap_or(most).min(most).clamp(1, 10_000)
}

fn within(value: u64, allowed: &RangeInclusive<u64>) -> u64 {
    value.clamp(*allowed.start(), *allowed.end())
}

fn outside(key: &str, value: u64, allowed: &RangeInclusive<u64>) -> Error {
    let (least, most) = (allowed.start(), allowed.end());
    Error::new(ErrorKind::InvalidConfig, format!("operational.{key}: {value} is not within {least} to {most}"))
}
