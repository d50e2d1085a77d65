//! A backend, as far as planning goes.

use backend_core::{Capabilities, Traits};

/// Whether one power of a backend works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serving {
    /// As far as is known.
    Up,
    /// The service takes none any longer, or the user has switched it off: it is not down.
    Closed,
    /// Not since then, in seconds since 1970.
    Down(u64),
}

/// Where content may live.
#[derive(Debug, Clone)]
pub struct Place {
    /// What the user calls it.
    pub name: String,
    /// The canonical name of its type.
    pub kind: String,
    /// How often content there is expected to be wanted, as the user calls it: `hot`, `cold`.
    pub tier: Option<String>,
    /// What fails together with it: copies count once for each.
    pub domain: String,
    /// Whether copies there are replicas: neither a source nor a witness is.
    pub keeps: bool,
    /// Whether it reads its own copy: only then is reading back a proof.
    pub proves: bool,
    /// Whether nobody can read it who has no credentials.
    pub is_private: bool,
    /// What it offers.
    pub offers: Capabilities,
    /// What is to be expected of it.
    pub traits: Traits,
    /// The fewest bytes that one content may have there.
    pub min_size: u64,
    /// The most.
    pub max_size: Option<u64>,
    /// Content that is older than so many seconds may not be there.
    pub retention_s: Option<u64>,
    /// What its quota leaves, in bytes.
    pub free: Option<u64>,
    /// Whether it can be read.
    pub reads: Serving,
    /// Whether it can be written.
    pub writes: Serving,
}

impl Place {
    /// Why content of this size and age may not be there, if so.
    pub(crate) fn fits(&self, size: u64, age: u64) -> Option<&'static str> {
        if !self.keeps {
            return Some("it keeps nothing of its own");
        }
        if size < self.min_size {
            return Some("it takes nothing so small");
        }
        if self.max_size.is_some_and(|most| most < size) {
            return Some("it takes nothing so large");
        }
        if self.retention_s.is_some_and(|most| most < age) {
            return Some("its retention is over");
        }
        None
    }

    pub(crate) fn is_readable(&self) -> bool {
        self.offers.get && self.reads == Serving::Up
    }
}
