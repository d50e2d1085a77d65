//! What is wanted of what was added: its lasting pin, and its name.

use std::collections::BTreeMap;

use backend_core::Result;
use rusqlite::Connection;

use super::AddRequest;
use crate::catalog::{ContentNumber, names, pins};
use crate::desired::{PolicyView, expiry};
use crate::manager::OWNER;

/// Pins of one content that are looked at: one an owner.
const PINS: usize = 5000;

/// A pin that is there stays as it is, unless this request names a policy.
/// # Errors
/// What the catalog answers.
pub(super) fn want(
    conn: &Connection,
    root: ContentNumber,
    policy: &PolicyView,
    (name, request): (Option<&str>, &AddRequest),
) -> Result<()> {
    let (now, owner) = (crate::manager::now(), OWNER.to_owned());
    let is_live = |pin: &pins::Pin| pin.owner == OWNER && pin.expires_at.is_none_or(|until| now < until);
    if request.policy.is_some() || !pins::of(conn, root, "", PINS)?.iter().any(|row| is_live(&row.pin)) {
        let expires_at = expiry(policy, now);
        pins::put(conn, &pins::Pin { content: root, owner, policy: policy.number, expires_at }, now)?;
    }
    let labels = &request.labels;
    // Who names no labels takes none away.
    let is_other = |before: BTreeMap<String, String>| !labels.is_empty() && before != *labels;
    match name {
        Some(name) if names::resolve(conn, name)?.is_none_or(|row| row.content != root || is_other(row.labels)) => {
            names::put(conn, name, root, labels, now).map(drop)
        }
        _ => Ok(()),
    }
}
