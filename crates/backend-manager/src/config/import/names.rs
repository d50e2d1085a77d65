//! Names of ipfs_kit_py as names of ours.

use crate::config::envelope::{MAX_NAME, check_name};

/// `name` if it is one, else what is nearest: lower case, everything else as `_`. `None` if nothing is left of it.
pub(super) fn of_ours(name: &str) -> Option<String> {
    if check_name(name).is_ok() {
        return Some(name.to_owned());
    }
    let plain = |it: char| if it.is_ascii_alphanumeric() || it == '-' { it.to_ascii_lowercase() } else { '_' };
    let changed: String = name.chars().map(plain).collect();
    let changed: String = changed.trim_matches(['_', '-']).chars().take(MAX_NAME).collect();
    check_name(&changed).ok().map(|()| changed)
}
