//! Policies: named rules for where content must be. What a rule means is the planner's; here it is text.

use backend_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, Row};

use super::columns::PolicyNumber;
use super::{changes, sql};

/// The policy that exists from the start: `{"replicas":1}`.
pub const DEFAULT: &str = "default";
/// The longest text of a policy, bytes.
const SPEC_MAX: usize = 64 << 10;
/// The longest name, bytes.
const NAME_MAX: usize = 255;

/// A policy as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// Its number, which pins refer to.
    pub number: PolicyNumber,
    /// What users call it.
    pub name: String,
    /// Grows with every change of the text.
    pub revision: u32,
    /// The rule, JSON.
    pub spec: String,
}

const SELECT: &str = "SELECT id, name, revision, spec FROM policies";

fn read(row: &Row<'_>) -> rusqlite::Result<PolicyRow> {
    Ok(PolicyRow { number: row.get(0)?, name: row.get(1)?, revision: row.get(2)?, spec: row.get(3)? })
}

/// Sets a policy's text; another text is another revision. Pins under it are looked at again once
/// [`pins::touch_policy`](super::pins::touch_policy) has been through them.
///
/// # Errors
/// `InvalidInput` for an empty or too long name or text.
pub fn put(conn: &Connection, name: &str, spec: &str) -> Result<PolicyRow> {
    sql::bounded("a policy's name", name.len(), NAME_MAX)?;
    sql::bounded("a policy", spec.len(), SPEC_MAX)?;
    if name.is_empty() {
        return Err(Error::new(ErrorKind::InvalidInput, "a policy needs a name"));
    }
    let text = "INSERT INTO policies (name, spec) VALUES (?1, ?2)
        ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, revision = policies.revision + 1 WHERE policies.spec <> excluded.spec";
    if sql::run(conn, text, (name, spec))? != 0 {
        changes::policy(conn, name)?;
    }
    find(conn, name)?.ok_or_else(|| Error::new(ErrorKind::Internal, "the catalog lost a policy"))
}

/// A policy by its name.
pub fn find(conn: &Connection, name: &str) -> Result<Option<PolicyRow>> {
    sql::one(conn, &format!("{SELECT} WHERE name = ?1"), [name], read)
}

/// A policy by its number.
pub fn get(conn: &Connection, number: PolicyNumber) -> Result<Option<PolicyRow>> {
    sql::one(conn, &format!("{SELECT} WHERE id = ?1"), [number], read)
}

/// The next policies by name.
pub fn page(conn: &Connection, after: &str, limit: usize) -> Result<Vec<PolicyRow>> {
    sql::many(conn, &format!("{SELECT} WHERE ?1 < name ORDER BY name LIMIT ?2"), (after, sql::limit(limit)), read)
}

/// Forgets a policy; whether there was one.
///
/// # Errors
/// `Precondition` while a pin uses it, and for the default, which is always there.
pub fn remove(conn: &Connection, name: &str) -> Result<bool> {
    if name == DEFAULT {
        return Err(Error::new(ErrorKind::Precondition, "the default policy stays"));
    }
    let used = "SELECT 1 FROM pins WHERE policy_id = (SELECT id FROM policies WHERE name = ?1) LIMIT 1";
    if sql::one(conn, used, [name], |_| Ok(()))?.is_some() {
        return Err(Error::new(ErrorKind::Precondition, format!("pins still use the policy {name}")));
    }
    let gone = sql::run(conn, "DELETE FROM policies WHERE name = ?1", [name])? == 1;
    if gone {
        changes::policy(conn, name)?;
    }
    Ok(gone)
}
