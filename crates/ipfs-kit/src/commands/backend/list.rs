//! `backend list`: what is configured, what it can, and how much of its quotas is used.

use std::collections::HashMap;
use std::time::SystemTime;

use backend_core::{Capabilities, Error, ErrorKind, Report};
use backend_manager::config::{BackendConfig, ConfigStore, Duty, Home};
use backend_manager::{HealthView, Manager, Probing};
use serde_json::json;

use super::super::Outcome;
use super::super::health::{quota_json, quota_text};
use crate::exit::Exit;
use crate::interrupt::block_on;
use crate::output::{self, Failure, Output};

pub(super) fn run(can: &[String], home: Home, output: &Output) -> Outcome {
    known(can)?;
    let store = ConfigStore::new(&home);
    // A home where nothing was ever done has no catalog, and gets none by being looked at.
    let views: HashMap<String, HealthView> = match home.catalog().exists() {
        true => block_on(async {
            let views = Manager::open(home)?.health(&[], Probing::No).await?;
            Ok(views.into_iter().map(|view| (view.name.clone(), view)).collect())
        })?,
        false => HashMap::new(),
    };
    for it in store.list()? {
        match &it.loaded {
            Ok(loaded) if offers(&store, &loaded.config, can) => {
                show(&loaded.config, views.get(&it.name), output)?;
            }
            Ok(_) => {}
            Err(err) if can.is_empty() => broken(&it.name, err, output)?,
            Err(_) => {}
        }
    }
    Ok(Exit::Ok)
}

/// A capability that nobody has is a slip of the pen.
fn known(can: &[String]) -> Result<(), Failure> {
    let rows = Capabilities::default().rows();
    let Some(unknown) = can.iter().find(|it| rows.iter().all(|(name, _)| name != it)) else { return Ok(()) };
    let names: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
    let text = format!("no capability is called {}: there are {}", output::escape(unknown), names.join(", "));
    Err(Error::new(ErrorKind::InvalidInput, text).into())
}

/// Whether this instance, as it is configured, offers all of it. What cannot be opened offers nothing.
fn offers(store: &ConfigStore, config: &BackendConfig, can: &[String]) -> bool {
    let Some(offers) = can.first().and_then(|_| store.offers(config).ok()) else { return can.is_empty() };
    let rows = offers.rows();
    can.iter().all(|it| rows.iter().any(|(name, offered)| name == it && *offered))
}

fn broken(name: &str, err: &Error, output: &Output) -> Result<(), Failure> {
    match output.json {
        true => {
            let error = Report::new(err, SystemTime::now()).error;
            let line = json!({ "name": name, "type": "", "enabled": false, "role": null, "error": error, "storage": null, "traffic": null });
            output.json(&line)
        }
        false => output.line(format_args!("{name:16} {:12} broken: {}", "", output::escape(err.message()))),
    }
}

fn show(config: &BackendConfig, view: Option<&HealthView>, output: &Output) -> Result<(), Failure> {
    let BackendConfig { name, kind, enabled, role, .. } = config;
    if output.json {
        let (storage, traffic) = (view.map(|it| quota_json(&it.storage)), view.map(|it| quota_json(&it.traffic)));
        let line = json!({ "name": name, "type": kind, "enabled": enabled, "role": role, "error": null, "storage": storage, "traffic": traffic });
        return output.json(&line);
    }
    let quotas = view.map(|it| [("kept", &it.storage), ("moved this month", &it.traffic)]);
    let quotas =
        quotas.into_iter().flatten().filter_map(|(what, quota)| Some(format!("{what}: {}", quota_text(quota)?)));
    let state = if *enabled { "enabled" } else { "disabled" };
    let role = (*role == Duty::Cache).then(|| "cache".to_owned());
    let words: Vec<String> = std::iter::once(state.to_owned()).chain(role).chain(quotas).collect();
    output.line(format_args!("{name:16} {kind:12} {}", words.join("  ")))
}
