//! What a leaf gives the suite: how to open it, and what the suite must know of the world around it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backend_core::Backend;

/// Put this text into every credential of a fixture: the suite holds that it appears nowhere.
pub const CANARY: &str = "canary-5f0c7e";

/// Opens a backend. Within one fixture all openers may open the same store.
pub type Opener = Box<dyn Fn() -> Arc<dyn Backend> + Send + Sync>;

/// One store, ready to be opened. The suite asks for a new fixture for every case and every opener.
pub struct Fixture {
    /// The ways to open it, each with its name. Every case runs on each.
    pub(crate) open: Vec<(&'static str, Opener)>,
    /// How long the store may take until what was written or removed is seen.
    pub(crate) settle: Duration,
    /// No large bodies and no long listings: the service is slow, or counts.
    pub(crate) small: bool,
    /// What must live as long as the case: a folder, a server.
    pub(crate) keep: Vec<Box<dyn Any + Send>>,
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.open.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Fixture").field("open", &names).field("settle", &self.settle).finish_non_exhaustive()
    }
}

impl Default for Fixture {
    fn default() -> Self {
        Self::new()
    }
}

impl Fixture {
    /// A fixture of a store that shows at once what was done to it.
    pub fn new() -> Self {
        Self { open: Vec::new(), settle: Duration::ZERO, small: false, keep: Vec::new() }
    }

    /// A way to open it, called `name` when a case fails.
    #[must_use]
    pub fn open(mut self, name: &'static str, opener: impl Fn() -> Arc<dyn Backend> + Send + Sync + 'static) -> Self {
        self.open.push((name, Box::new(opener)));
        self
    }

    /// The bare leaf.
    #[must_use]
    pub fn leaf(self, opener: impl Fn() -> Arc<dyn Backend> + Send + Sync + 'static) -> Self {
        self.open("leaf", opener)
    }

    /// The leaf behind all layers.
    #[must_use]
    pub fn stack(self, opener: impl Fn() -> Arc<dyn Backend> + Send + Sync + 'static) -> Self {
        self.open("stack", opener)
    }

    /// The store may take so long until what was written or removed is seen.
    #[must_use]
    pub fn settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// Without large bodies and long listings.
    #[must_use]
    pub fn small(mut self) -> Self {
        self.small = true;
        self
    }

    /// Keeps `what` until the case is over.
    #[must_use]
    pub fn keep(mut self, what: impl Any + Send) -> Self {
        self.keep.push(Box::new(what));
        self
    }
}
