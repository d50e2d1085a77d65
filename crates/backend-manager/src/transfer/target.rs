//! The end that is written to.

use std::path::PathBuf;

use backend_core::{Addressing, Error, ErrorKind, Result};
use futures::stream::BoxStream;

use super::entry::Entry;
use super::location::Location;
use super::onto_backend::Shelf;
use super::root::Root;
use super::run::{Job, Run};
use super::walk::{self, Leftovers};
use super::{Role, Transfer, listing, onto_backend, onto_folder, onto_names};
use crate::add::{AddRequest, Place};
use crate::desired::Traits;
use crate::manager::Manager;
use crate::reconcile::Mode;

/// Where a transfer goes to, opened.
#[derive(Debug)]
pub(super) enum Target {
    Folder {
        path: PathBuf,
        /// Absent in a rehearsal, when the folder is not there.
        root: Option<Root>,
    },
    Backend(Box<Shelf>),
    Names {
        prefix: String,
    },
}

impl Target {
    /// Opens it. A rehearsal makes nothing: no folder, no marker, no probe.
    ///
    /// # Errors
    /// `Unsupported` for a backend whose names we do not choose; what recognising it answers.
    pub(super) async fn open(manager: &Manager, opts: &Transfer) -> Result<Self> {
        match &opts.to {
            Location::Folder(path) => {
                let opens = opts.mode == Mode::Act || path.is_dir();
                if path.exists() && !path.is_dir() {
                    let text = format!("{} is no folder", crate::trouble::shown(path));
                    return Err(Error::new(ErrorKind::InvalidInput, text));
                }
                let root = if opens { Some(Root::open(path)?) } else { None };
                Ok(Self::Folder { path: path.clone(), root })
            }
            Location::Backend { name, prefix } => {
                let member = manager.fleet().member(name).await?;
                member.keeps_copies()?;
                if member.addressing() != Addressing::Key {
                    return Err(Error::unsupported("a key of the user's choice", name));
                }
                if !member.backend.info().offers.list {
                    return Err(Error::unsupported("list", name));
                }
                let targets = match opts.mode {
                    Mode::Rehearse => None,
                    Mode::Act => {
                        let (to, policy) = (vec![name.clone()], opts.policy.clone());
                        let place = Place::Under(prefix.clone());
                        let request = AddRequest { to, policy, place, ..AddRequest::default() };
                        Some(Box::pin(manager.targets(&request, Traits::default())).await?)
                    }
                };
                // Opened anew, when something was learnt of it.
                let member = targets.as_ref().and_then(|it| it.members.first().cloned()).unwrap_or(member);
                Ok(Self::Backend(Box::new(Shelf { member, prefix: prefix.clone(), targets })))
            }
            Location::Names { prefix } => Ok(Self::Names { prefix: prefix.clone() }),
        }
    }

    pub(super) async fn list(&self, manager: &Manager, mode: Mode) -> Result<BoxStream<'static, Result<Entry>>> {
        match self {
            Self::Folder { path, .. } => {
                let leftovers = if mode == Mode::Act { Leftovers::Sweep } else { Leftovers::Leave };
                Ok(walk::walk(path.clone(), leftovers))
            }
            Self::Backend(shelf) => listing::on_backend(manager, &shelf.member, &shelf.prefix, Role::Target).await,
            Self::Names { prefix } => listing::of_names(manager, prefix, Role::Target).await,
        }
    }

    /// Brings a group of files here.
    ///
    /// # Errors
    /// What ends the whole transfer. What is wrong with one file is told to `run`.
    pub(super) async fn take(&self, run: &Run<'_>, jobs: Vec<Job>) -> Result<()> {
        match self {
            Self::Folder { root, .. } => {
                Box::pin(onto_folder::group(run, root.as_ref(), jobs)).await;
                Ok(())
            }
            Self::Backend(shelf) => Box::pin(onto_backend::group(run, shelf, jobs)).await,
            Self::Names { prefix } => Box::pin(onto_names::group(run, prefix, jobs)).await,
        }
    }
}
