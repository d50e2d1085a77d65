//! The words about bringing content and configuration in, and moving them.

use clap::{ArgAction, ValueEnum};

#[derive(Debug, clap::Args)]
pub(crate) struct Adopt {
    /// Backends, each with everything that ipfs-kit has put there; or BACKEND:PREFIX, for what others have put there under these keys
    #[arg(value_name = "BACKEND[:PREFIX]", required_unless_present = "all")]
    pub(crate) what: Vec<String>,
    /// From all backends that are switched on
    #[arg(long, conflicts_with = "what")]
    pub(crate) all: bool,
    /// Of which catalog the names and pins are, where several have left theirs
    #[arg(long, value_name = "ID")]
    pub(crate) catalog: Option<String>,
    /// The policy under which what others have put there is kept [default: the one that fits]
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
    /// Only say what would be done
    #[arg(long, action = ArgAction::SetTrue)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Migrate {
    /// The backend that is to be emptied
    pub(crate) backend: String,
    /// The backend that takes everything
    #[arg(long, value_name = "BACKEND")]
    pub(crate) to: String,
    /// Whether the first one is emptied once everything is proved on the other
    #[arg(long, value_enum, default_value_t = Moving::Move)]
    pub(crate) kind: Moving,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Moving {
    Copy,
    Move,
}
