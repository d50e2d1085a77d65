//! The named policies: what their files say, entered in the catalog, so that what is enforced is what is written.

use backend_core::{Error, ErrorKind, Result};
use planner::{Place, Rule};
use rusqlite::Connection;

use super::matching::Traits;
use crate::catalog::policies::{self, DEFAULT, PolicyRow};
use crate::catalog::{Catalog, ContentNumber, PAGE_MAX, PolicyNumber, pins};
use crate::config::{PolicyFile, PolicyStore};
use crate::manager::Manager;

/// A policy as it is in force.
#[derive(Debug, Clone)]
pub struct PolicyView {
    /// What users call it.
    pub name: String,
    /// Grows with every change.
    pub revision: u32,
    /// What it says.
    pub file: PolicyFile,
    pub(crate) number: PolicyNumber,
}

/// Something about a policy that its author should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which policy.
    pub policy: String,
    /// What is the matter.
    pub what: String,
}

/// All policies that are in force, by name.
#[derive(Debug, Clone)]
pub(crate) struct Policies {
    all: Vec<PolicyView>,
}

impl Policies {
    /// For the planner, in this order.
    ///
    /// # Errors
    /// `InvalidConfig` for one that is wrong.
    pub(crate) fn compiled(&self) -> Result<Vec<planner::Policy>> {
        let named = |it: &PolicyView| {
            let policy = it.file.policy();
            policy.map_err(|err| Error::new(ErrorKind::InvalidConfig, format!("policy {}: {}", it.name, err.message())))
        };
        self.all.iter().map(named).collect()
    }

    /// Where a policy stands among them.
    pub(crate) fn position(&self, number: PolicyNumber) -> Option<usize> {
        self.all.iter().position(|it| it.number == number)
    }

    pub(crate) fn views(&self) -> &[PolicyView] {
        &self.all
    }

    /// # Errors
    /// `NotFound` that names the nearest.
    pub(crate) fn named(&self, name: &str) -> Result<&PolicyView> {
        self.all.iter().find(|it| it.name == name).ok_or_else(|| {
            let near = backend_core::nearest(name, self.all.iter().map(|it| it.name.as_str()));
            let hint = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
            Error::new(ErrorKind::NotFound, format!("no policy is called {name}{hint}"))
        })
    }

    /// The one that content of these traits gets.
    ///
    /// # Errors
    /// `Internal` when the catalog has lost its default.
    pub(crate) fn fitting(&self, traits: &Traits) -> Result<&PolicyView> {
        let mut best: Option<&PolicyView> = None;
        for it in self.all.iter().filter(|it| traits.fit(&it.file)) {
            if best.is_none_or(|best| best.file.priority < it.file.priority) {
                best = Some(it);
            }
        }
        match best.or_else(|| self.all.iter().find(|it| it.name == DEFAULT)) {
            Some(policy) => Ok(policy),
            None => Err(Error::new(ErrorKind::Internal, "the catalog has no default policy")),
        }
    }
}

impl Manager {
    /// The files of named policies.
    pub fn policy_files(&self) -> PolicyStore {
        PolicyStore::new(self.home())
    }

    /// The policies that are in force, by name: what has changed in their files is entered first.
    ///
    /// # Errors
    /// `InvalidConfig` for a file that is wrong.
    pub async fn policies(&self) -> Result<Vec<PolicyView>> {
        Ok(self.in_force().await?.all)
    }

    pub(crate) async fn in_force(&self) -> Result<Policies> {
        let files = self.policy_files().all()?;
        let mut all = Vec::new();
        for row in enter(self.catalog(), files).await? {
            let file = serde_json::from_str(&row.spec).map_err(|err| {
                Error::new(ErrorKind::InvalidConfig, format!("policy {} cannot be read", row.name)).with_source(err)
            })?;
            all.push(PolicyView { name: row.name, revision: row.revision, file, number: row.number });
        }
        Ok(Policies { all })
    }

    /// Writes a policy and puts it in force.
    ///
    /// # Errors
    /// As [`PolicyStore::put`].
    pub async fn set_policy(&self, name: &str, file: &PolicyFile) -> Result<PolicyView> {
        self.policy_files().put(name, file)?;
        self.in_force().await?.named(name).cloned()
    }

    /// Takes a policy away.
    ///
    /// # Errors
    /// `Precondition` while something is pinned under it, and for the default; `NotFound`.
    pub async fn remove_policy(&self, name: &str) -> Result<()> {
        self.in_force().await?.named(name)?;
        let gone = name.to_owned();
        self.catalog().write(move |conn| policies::remove(conn, &gone)).await?;
        self.policy_files().remove(name).map(drop)
    }

    /// What is doubtful about the policies, given the backends that there are: rules that name nothing, and wishes that cannot be met.
    ///
    /// # Errors
    /// `InvalidConfig` for a file that is wrong.
    pub async fn check_policies(&self) -> Result<Vec<Finding>> {
        let policies = self.in_force().await?;
        let fleet = self.places().await?;
        let compiled = policies.compiled()?;
        let planner = planner::Planner::new(&fleet.places, &compiled, self.terms().await?);
        let mut findings = Vec::new();
        for (n, it) in policies.all.iter().enumerate() {
            let mut found = |what: String| findings.push(Finding { policy: it.name.clone(), what });
            let later = it.file.tiers.iter().flat_map(|tier| &tier.only);
            let rules = it.file.prefer.iter().chain(&it.file.only).chain(&it.file.never).chain(later);
            rules.filter(|rule| !names_something(rule, &fleet.places)).for_each(|rule| {
                found(format!("{rule} names no backend that is configured"));
            });
            if let (places, Some(why)) = planner.targets(n, 0) {
                found(format!("{} of {} copies can be placed: {why}", places.len(), it.file.replicas));
            }
        }
        Ok(findings)
    }
}

fn names_something(rule: &str, places: &[Place]) -> bool {
    rule.parse::<Rule>().is_ok_and(|rule| places.iter().any(|place| rule.matches(place)))
}

/// Puts the files' texts in the catalog, and makes it look again at what is kept under those that have changed. A policy whose file is gone stays in force
/// while something is pinned under it.
async fn enter(catalog: &Catalog, files: Vec<(String, PolicyFile)>) -> Result<Vec<PolicyRow>> {
    let mut specs = Vec::with_capacity(files.len());
    for (name, file) in &files {
        let spec = serde_json::to_string(file)
            .map_err(|err| Error::new(ErrorKind::Internal, "a policy cannot be written").with_source(err))?;
        specs.push((name.clone(), spec));
    }
    let known = catalog.read(all).await?;
    let is_known = |(name, spec): &(String, String)| known.iter().any(|row| row.name == *name && row.spec == *spec);
    let has_file = |row: &PolicyRow| row.name == DEFAULT || specs.iter().any(|(name, _)| *name == row.name);
    if specs.iter().all(is_known) && known.iter().all(has_file) {
        return Ok(known);
    }
    let changed: Vec<PolicyNumber> = catalog.write(move |conn| put(conn, &specs)).await?;
    for policy in changed {
        touch(catalog, policy).await?;
    }
    catalog.read(all).await
}

/// Answers those that have changed.
fn put(conn: &Connection, specs: &[(String, String)]) -> Result<Vec<PolicyNumber>> {
    let mut changed = Vec::new();
    for (name, spec) in specs {
        let before = policies::find(conn, name)?;
        let row = policies::put(conn, name, spec)?;
        changed.extend(before.filter(|before| before.revision != row.revision).map(|_| row.number));
    }
    for row in all(conn)?.into_iter().filter(|row| row.name != DEFAULT) {
        if !specs.iter().any(|(name, _)| *name == row.name) {
            match policies::remove(conn, &row.name) {
                Err(err) if err.kind() == ErrorKind::Precondition => {
                    tracing::warn!(policy = %row.name, "its file is gone, and content is still kept under it");
                }
                other => drop(other?),
            }
        }
    }
    Ok(changed)
}

fn all(conn: &Connection) -> Result<Vec<PolicyRow>> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = policies::page(conn, &after, PAGE_MAX)?;
        let Some(last) = page.last() else { return Ok(all) };
        after.clone_from(&last.name);
        all.extend(page);
    }
}

async fn touch(catalog: &Catalog, policy: PolicyNumber) -> Result<()> {
    let mut after: Option<ContentNumber> = None;
    loop {
        after = catalog.write(move |conn| pins::touch_policy(conn, policy, after, PAGE_MAX)).await?;
        if after.is_none() {
            return Ok(());
        }
    }
}
