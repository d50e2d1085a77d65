//! Transfers: what lies at one place is brought to another, so that both are the same.
//!
//! Both ends are listed in the order of whole paths and compared pair by pair in bounded memory; what differs is brought over by the engine of
//! `add` where rows stand for it, and whole or not at all where a folder is written to; what is only at the target goes last. The rows, and the
//! times that are remembered beside them, are all the state that there is: a transfer that was killed is begun again, and finds what was done.

mod bytes;
mod compare;
mod delete;
mod entry;
mod filter;
mod listing;
mod location;
mod merge;
mod onto_backend;
mod onto_folder;
mod onto_names;
mod report;
mod root;
mod run;
mod sorter;
mod source;
mod spot;
mod target;
mod unnamed;
mod walk;

use std::sync::Arc;

use backend_core::{Error, ErrorKind, Result};

pub use compare::{Compare, ComparedBy};
pub use delete::{Delete, MaxDelete};
pub use filter::Filter;
pub use location::Location;
pub use report::{Action, FileEvent, FileListener, Moving, Traffic, Transferred};

use crate::manager::Manager;
use crate::reconcile::Mode;
use delete::Deletes;
use run::Run;
use source::Source;
use target::Target;

/// Groups of files that are sent at a time, unless told otherwise.
const TRANSFERS: usize = 4;

/// Which end a listing is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Source,
    Target,
}

/// What is to be brought where, and how.
#[derive(Clone)]
pub struct Transfer {
    /// From where.
    pub from: Location,
    /// To where.
    pub to: Location,
    /// What is compared.
    pub compare: Compare,
    /// What becomes of files that are only at the target.
    pub delete: Delete,
    /// Whether anything is done.
    pub mode: Mode,
    /// Which files take part.
    pub filter: Filter,
    /// How many large files, or groups of small ones, are sent at a time.
    pub transfers: usize,
    /// The policy under which what arrives on a backend or under a name is kept; `None`: the one that fits.
    pub policy: Option<String>,
    /// On which backends new content of names is stored; empty: as its policy says.
    pub to_backends: Vec<String>,
    /// Is told of each file.
    pub listener: FileListener,
    /// Is told how far it is.
    pub traffic: Traffic,
}

impl Transfer {
    /// From one place to another, with nothing deleted.
    pub fn new(from: Location, to: Location) -> Self {
        Self {
            from,
            to,
            compare: Compare::default(),
            delete: Delete::default(),
            mode: Mode::Act,
            filter: Filter::new(),
            transfers: TRANSFERS,
            policy: None,
            to_backends: Vec::new(),
            listener: Arc::new(|_| ()),
            traffic: Traffic::default(),
        }
    }
}

impl Transfer {
    /// # Errors
    /// `InvalidInput` when the ends overlap, and for a wish that means nothing at the target.
    fn fits(&self) -> Result<()> {
        self.from.apart(&self.to)?;
        let refused = |text: &str| Err(Error::new(ErrorKind::InvalidInput, text));
        match &self.to {
            Location::Folder(_) if self.policy.is_some() => refused("a folder keeps nothing under a policy"),
            Location::Folder(_) | Location::Backend { .. } if !self.to_backends.is_empty() => {
                refused("backends are chosen for names: another target says itself where it is")
            }
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Transfer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transfer").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}

impl Manager {
    /// Brings what lies at one place to another. What is wrong with single files is told and counted, and ends nothing.
    ///
    /// # Errors
    /// `InvalidInput` when the ends overlap; `NotFound`, `InvalidConfig`, `Unsupported` for an end that there is not or that cannot be used so; what listing
    /// an end answers: then nothing was deleted.
    pub async fn transfer(&self, opts: &Transfer) -> Result<Transferred> {
        opts.fits()?;
        let source = Source::open(self, &opts.from).await?;
        if source.is_single() && opts.delete != Delete::Nothing {
            let text = format!("{} is a file: a folder is not made equal to it", opts.from);
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let target = Box::pin(Target::open(self, opts)).await?;
        if opts.mode == Mode::Act {
            self.release_dead().await?;
        }
        let (here, there) = Box::pin(async { futures::try_join!(source.list(), target.list(self, opts.mode)) }).await?;
        let run = Run::new(self, opts, source);
        let mut deletes = Deletes::new(self);
        Box::pin(run.carry(&target, merge::pairs(here, there), &mut deletes)).await?;
        let braked = Box::pin(deletes.carry_out(&run, &target)).await?;
        Ok(Transferred { braked, ..run.sums() })
    }
}
