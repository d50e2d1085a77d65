//! The names that this backend keeps for itself.

use backend_core::{Locator, Result};
use backend_folders::{Own, Target};

/// Where copies are written before they get their name.
pub(crate) const TEMPS: &str = ".ipfs-kit/tmp";
/// Where labels are kept if the file system keeps none.
pub(crate) const SIDECARS: &str = ".ipfs-kit/labels";
/// The marker that the manager writes: whose store this is.
pub(crate) const MARKER: &str = ".ipfs-kit/store";
/// What is no content.
pub(crate) const OWN: Own = Own(&[TEMPS, SIDECARS]);

/// The path beneath the root of what `at` names.
///
/// # Errors
/// As [`Target::of`].
pub(crate) fn target(at: &Locator) -> Result<Target> {
    Target::of(&at.id, OWN)
}
