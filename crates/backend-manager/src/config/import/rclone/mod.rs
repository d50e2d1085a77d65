//! Brings in what `rclone config` wrote: its remotes as backends, as far as there are such. The file is only read.
//!
//! A remote of rclone names no bucket and no folder: those stand behind the colon wherever it is used. So they are told beside the file, by remote.

mod kinds;
mod obscured;
mod sections;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use backend_core::{Clock, Error, ErrorKind, Result, find};

use super::translate::not_taken;
use super::{Imported, Outcome, names};
use crate::config::envelope::BackendConfig;
use crate::config::file;
use crate::config::key_path::shown;
use crate::config::validate::validate;

use sections::Remote;

/// Whether a file is one of rclone's: it is called so.
pub fn is_rclone(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|it| it.eq_ignore_ascii_case("conf"))
}

/// What an import of an `rclone.conf` would do: every remote, and what becomes of it. `roots` says by remote what stood behind its colon: a bucket or
/// container and perhaps a prefix, or a folder.
///
/// # Errors
/// `InvalidInput` for a file that is encrypted, or no file of rclone's, and for a root of a remote that there is not.
pub fn plan_rclone(path: &Path, roots: &BTreeMap<String, String>, clock: &Arc<dyn Clock>) -> Result<Vec<Imported>> {
    let (text, _) = file::read_text(path)?;
    let remotes = sections::read(&text)
        .map_err(|what| Error::new(ErrorKind::InvalidInput, format!("{}: {what}", file::shown(path))))?;
    if let Some(name) = roots.keys().find(|name| !remotes.iter().any(|it| it.name == **name)) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("{} has no remote {}", file::shown(path), shown(name)),
        ));
    }
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let mut found = Vec::new();
    for remote in remotes {
        let mut warnings = Vec::new();
        let name = names::of_ours(&remote.name);
        let outcome = match &name {
            None => {
                Outcome::Failed(Error::new(ErrorKind::InvalidInput, "its name is none of ours, and nothing near it is"))
            }
            Some(name) if taken.contains_key(name) => {
                let why = format!("its name would be that of the remote {}", shown(&taken[name]));
                Outcome::Skipped { why }
            }
            Some(name) => {
                taken.insert(name.clone(), remote.name.clone());
                outcome(name, &remote, roots.get(&remote.name).map(String::as_str), clock, &mut warnings)
            }
        };
        if name.as_ref().is_some_and(|name| *name != remote.name) {
            warnings.push(format!("it was called {}", shown(&remote.name)));
        }
        found.push(Imported { source: path.to_owned(), name, outcome, warnings });
    }
    Ok(found)
}

fn outcome(
    name: &str,
    remote: &Remote,
    root: Option<&str>,
    clock: &Arc<dyn Clock>,
    warnings: &mut Vec<String>,
) -> Outcome {
    let Some(kind) = remote.get("type") else { return Outcome::Skipped { why: "it names no type".to_owned() } };
    let unsupported = |why: &str| Outcome::Unsupported { kind: shown(kind).to_owned(), why: why.to_owned() };
    let rule = match kinds::of(kind) {
        Ok(rule) => rule,
        Err(why) => return unsupported(why),
    };
    if find(rule.canonical.as_str()).is_err() {
        return unsupported("this build has no such backend");
    }
    let mut config = BackendConfig::registered(name, rule.canonical.as_str());
    config.description = remote.get("description").map(str::to_owned);
    let left = match kinds::translate(rule, remote, root, &mut config, warnings) {
        Ok(left) => left,
        Err(kinds::Refused::Root(what)) => {
            return Outcome::Skipped {
                why: format!("rclone names no {what} in its file: say it with --root {}={what}", shown(&remote.name)),
            };
        }
        Err(kinds::Refused::Never(why)) => return unsupported(why),
        Err(kinds::Refused::Wrong(what)) => return Outcome::Failed(Error::new(ErrorKind::InvalidConfig, what)),
    };
    not_taken(warnings, &left);
    match config.check().map_err(|problem| format!("{}: {}", problem.path, problem.what)) {
        Err(what) => Outcome::Failed(Error::new(ErrorKind::InvalidConfig, what)),
        Ok(()) => match validate(&config, clock.clone()) {
            Ok(_) => Outcome::Config(Box::new(config)),
            Err(err) => Outcome::Failed(err),
        },
    }
}
