//! `backend create | list | show | update | remove | test | types`.

mod list;
mod types;

use std::path::PathBuf;

use backend_core::{Error, ErrorKind, Health, Power, Report, Usage, timestamp};
use backend_manager::config::{self, BackendConfig, Change, ConfigStore};
use backend_manager::{Learnt, Manager, Tested, Writes};
use serde_json::{Value, json};

use super::{Outcome, confirm, home, open};
pub(super) use types::as_json as judged;

use crate::args::Backend;
use crate::exit::Exit;
use crate::interrupt::block_on;
use crate::output::{self, Failure, Output};

pub(super) fn run(command: Backend, at: Option<PathBuf>, output: &Output) -> Outcome {
    match command {
        Backend::Types { purpose } => types::run(purpose.as_deref(), output),
        Backend::Test { name, write } => {
            let writes = if write { Writes::RoundTrip } else { Writes::No };
            let tested = block_on(async { Ok(open(at)?.test(&name, writes).await?) })?;
            test(&tested, output)
        }
        Backend::Show { name } => {
            let home = home(at)?;
            let config = ConfigStore::new(&home).raw(&name)?;
            // A home where nothing was ever done has no catalog, and gets none by being looked at.
            let learnt = match home.catalog().exists() {
                true => block_on(async { Ok(Manager::open(home)?.learnt(&name).await.ok().flatten()) })?,
                false => None,
            };
            show(&config, learnt.as_ref(), output)?;
            Ok(Exit::Ok)
        }
        Backend::List { can } => list::run(&can, home(at)?, output),
        other => stored(other, &ConfigStore::new(&home(at)?), output),
    }
}

fn stored(command: Backend, store: &ConfigStore, output: &Output) -> Outcome {
    match command {
        Backend::Create { name, kind, set } => {
            let config = config::build(&name, &kind, &changes(&set, &[])?)?;
            store.opens(&config)?;
            let file = store.create(&config)?;
            match output.json {
                true => output.json(&shown(&config)?)?,
                false => output.line(output::escape(&file.to_string_lossy()))?,
            }
        }
        Backend::Update { name, set, unset } => {
            let config = store.update_if(&name, &changes(&set, &unset)?, |config| store.opens(config))?;
            show(&config, None, output)?;
        }
        Backend::Remove { name, consent } => {
            store
                .raw(&name)
                .map(drop)
                .or_else(|err| if err.kind() == ErrorKind::NotFound { Err(err) } else { Ok(()) })?;
            confirm(&format!("forget the backend {name}? what it keeps stays where it is"), consent.yes)?;
            store.remove(&name)?;
            match output.json {
                true => output.json(&json!({ "name": name, "removed": true }))?,
                false => output.line(&name)?,
            }
        }
        Backend::List { .. } | Backend::Show { .. } | Backend::Test { .. } | Backend::Types { .. } => {}
    }
    Ok(Exit::Ok)
}

fn changes(set: &[String], unset: &[String]) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    for it in set {
        let (path, text) =
            it.split_once('=').ok_or_else(|| Error::new(ErrorKind::InvalidInput, "--set takes KEY=VALUE"))?;
        changes.push(Change::Set { path: path.to_owned(), text: text.to_owned() });
    }
    changes.extend(unset.iter().map(|path| Change::Unset { path: path.clone() }));
    Ok(changes)
}

/// As JSON, with secrets masked: the type sees to that.
fn shown(config: &BackendConfig) -> Result<Value, Failure> {
    Ok(serde_json::to_value(config)
        .map_err(|err| Error::new(ErrorKind::Internal, "cannot be shown").with_source(err))?)
}

fn show(config: &BackendConfig, known: Option<&Learnt>, output: &Output) -> Result<(), Failure> {
    let mut value = shown(config)?;
    if output.json {
        if let Some(it) = known {
            value["learnt"] = learnt(it);
        }
        return output.json(&value);
    }
    let Value::Object(keys) = value else { return Ok(()) };
    for (key, value) in keys.iter().filter(|(_, value)| !value.is_null()) {
        match value {
            Value::Object(inner) => {
                for (name, value) in inner {
                    output.line(format_args!("{key}.{name} = {}", text(value)))?;
                }
            }
            value => output.line(format_args!("{key} = {}", text(value)))?,
        }
    }
    facts(known, output)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => output::escape(text),
        other => other.to_string(),
    }
}

fn test(tested: &Tested, output: &Output) -> Outcome {
    let Health { reads, writes, identity, latency, note, .. } = &tested.health;
    let failed = |power: &Power| match power {
        Power::Fails(kind) => Some(*kind),
        _ => None,
    };
    match output.json {
        true => output.json(&json!({
            "name": tested.name,
            "reads": power(reads),
            "writes": power(writes),
            "identity": identity,
            "latency_ms": latency.as_millis() as u64,
            "note": note,
            "usage": tested.usage.as_ref().map(usage),
            "probe": said(tested.probe.as_ref()),
            "learnt": tested.learnt.as_ref().map(learnt),
            "round_trip": said(tested.round_trip.as_ref()),
        }))?,
        false => {
            output.line(format_args!("reads       {}", power(reads)))?;
            output.line(format_args!("writes      {}", power(writes)))?;
            output.line(format_args!("latency     {} ms", latency.as_millis()))?;
            if let Some(note) = note {
                output.line(format_args!("note        {}", output::escape(note)))?;
            }
            for (what, done) in [("probe", &tested.probe), ("round trip", &tested.round_trip)] {
                if let Some(done) = done {
                    let said = done.as_ref().err().map_or_else(|| "ok".to_owned(), |err| output::escape(err.message()));
                    output.line(format_args!("{what:10}  {said}"))?;
                }
            }
            facts(tested.learnt.as_ref(), output)?;
        }
    }
    Ok(failed(reads).or(failed(writes)).map_or(Exit::Ok, Exit::of))
}

/// `"ok"`, `null` when it was not done, or the error.
fn said(done: Option<&Result<(), Error>>) -> Value {
    let error = |err| json!(Report::new(err, std::time::SystemTime::now()).error);
    done.map_or(Value::Null, |done| done.as_ref().err().map_or(json!("ok"), error))
}

fn learnt(it: &Learnt) -> Value {
    json!({ "at": timestamp(it.at), "facts": it.facts })
}

fn facts(learnt: Option<&Learnt>, output: &Output) -> Result<(), Failure> {
    let Some(Value::Object(facts)) = learnt.map(|it| &it.facts) else { return Ok(()) };
    facts
        .iter()
        .try_for_each(|(name, value)| output.line(format_args!("learnt.{} = {}", output::escape(name), text(value))))
}

pub(super) fn power(it: &Power) -> String {
    match it {
        Power::Unknown => "unknown".to_owned(),
        Power::Off => "off".to_owned(),
        Power::Works => "works".to_owned(),
        Power::Fails(kind) => format!("fails: {kind}"),
        _ => "unknown".to_owned(),
    }
}

pub(super) fn usage(it: &Usage) -> Value {
    json!({ "scope": format!("{:?}", it.scope).to_lowercase(), "used": it.used, "free": it.free, "limit": it.limit, "objects": it.objects })
}
