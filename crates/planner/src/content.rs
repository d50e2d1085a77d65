//! A content with its wishes and its copies: what the catalog says of it.

use backend_core::Evidence;

/// A content as the planner sees it. Times are seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// Its bytes, sidecar included.
    pub size: u64,
    /// When it came to us; retention counts from here.
    pub since: u64,
    /// Who wants it kept, and how.
    pub wishes: &'a [Wish],
    /// Every row of it.
    pub copies: &'a [Copy],
    /// Whether a cache has it. That is no copy, and licenses nothing; but when no copy can be read any more, bytes come from there.
    pub is_near: bool,
}

/// A pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// The policy, by its place among those that the planner was given.
    pub policy: usize,
    /// When it ends.
    pub until: Option<u64>,
}

impl Wish {
    pub(crate) fn is_live(&self, now: u64) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// A replica's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copy {
    /// The backend, by its place among those that the planner was given.
    pub place: usize,
    /// Where it is in its life.
    pub state: State,
    /// How well it is known.
    pub evidence: Evidence,
    /// When it was last read back or attested.
    pub proved_at: Option<u64>,
    /// When the service will drop it.
    pub until: Option<u64>,
    /// Whether we brought it there. What was there before us is never removed.
    pub owned: bool,
}

/// Where a copy is in its life: the states of the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// A row, and no byte sent.
    Planned,
    /// On its way, or its outcome is unknown.
    Uploading,
    /// The service has taken it on and will tell.
    Accepted,
    /// There.
    Present,
    /// One sign that it is bad.
    Suspect,
    /// Being removed.
    Removing,
    /// Gone, seen twice.
    Missing,
    /// Some chunks are bad.
    Corrupt,
    /// Gone from view, perhaps still billed.
    Lingering,
}

impl State {
    pub(crate) fn is_readable(self) -> bool {
        matches!(self, State::Present | State::Suspect | State::Corrupt)
    }
}
