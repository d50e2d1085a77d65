//! What is counted: verbs, and the two powers that they teach about.

/// A verb that can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Verb {
    /// `health`.
    Health,
    /// `stat`.
    Stat,
    /// `get`, with its body.
    Get,
    /// `add`.
    Add,
    /// `discard`.
    Discard,
    /// `remove`.
    Remove,
    /// `list`, with its entries.
    List,
    /// `pin`.
    Pin,
    /// `probe`.
    Probe,
    /// `usage`.
    Usage,
}

impl Verb {
    /// Every verb that is counted, in the order of the contract.
    pub const ALL: [Verb; 10] = [
        Verb::Health,
        Verb::Stat,
        Verb::Get,
        Verb::Add,
        Verb::Discard,
        Verb::Remove,
        Verb::List,
        Verb::Pin,
        Verb::Probe,
        Verb::Usage,
    ];

    /// Its name in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Health => "health",
            Verb::Stat => "stat",
            Verb::Get => "get",
            Verb::Add => "add",
            Verb::Discard => "discard",
            Verb::Remove => "remove",
            Verb::List => "list",
            Verb::Pin => "pin",
            Verb::Probe => "probe",
            Verb::Usage => "usage",
        }
    }
}

/// The two powers of a backend: each may fail without the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// `get` and `stat`.
    Reads,
    /// `add` and `pin`.
    Writes,
}

impl Side {
    /// Both, in this order.
    pub const ALL: [Side; 2] = [Side::Reads, Side::Writes];

    /// Its name, as answers and metrics say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Reads => "reads",
            Side::Writes => "writes",
        }
    }

    /// What a verb teaches about. Asking for health, removing and listing teach about neither.
    pub fn of(verb: Verb) -> Option<Self> {
        match verb {
            Verb::Get | Verb::Stat => Some(Side::Reads),
            Verb::Add | Verb::Pin => Some(Side::Writes),
            _ => None,
        }
    }
}
