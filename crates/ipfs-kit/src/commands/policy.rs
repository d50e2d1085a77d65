//! `policy`.

use std::collections::BTreeMap;

use backend_core::{Error, ErrorKind};
use backend_manager::config::{Match, PolicyFile};
use backend_manager::{Explained, Manager, PlannedStep};
use serde_json::{Value, json};

use super::Outcome;
use crate::args::{Policy, PolicyChange};
use crate::exit::Exit;
use crate::output::{self, Failure, Output};

pub(super) async fn run(manager: &Manager, command: Policy, output: &Output) -> Outcome {
    match command {
        Policy::Set { name, change } => set(manager, &name, *change, output).await,
        Policy::Show { name } => {
            let view = named(manager, &name).await?;
            let body = json!({ "name": view.name, "revision": view.revision, "policy": view.file });
            match output.json {
                true => output.json(&body)?,
                false => output.line(serde_json::to_string_pretty(&view.file).unwrap_or_default())?,
            }
            Ok(Exit::Ok)
        }
        Policy::List => list(manager, output).await,
        Policy::Remove { name } => {
            manager.remove_policy(&name).await?;
            match output.json {
                true => output.json(&json!({ "removed": name }))?,
                false => output.remark(format_args!("{} is no policy any more", output::escape(&name))),
            }
            Ok(Exit::Ok)
        }
        Policy::Explain { what } => {
            let cid = manager.resolve(&what).await?.cid;
            explain(&manager.explain(&cid).await?, output)?;
            Ok(Exit::Ok)
        }
        Policy::Check => check(manager, output).await,
    }
}

async fn named(manager: &Manager, name: &str) -> Result<backend_manager::PolicyView, Failure> {
    let unknown = || Error::new(ErrorKind::NotFound, format!("no policy is called {}", output::escape(name)));
    Ok(manager.policies().await?.into_iter().find(|it| it.name == name).ok_or_else(unknown)?)
}

async fn set(manager: &Manager, name: &str, change: PolicyChange, output: &Output) -> Outcome {
    let before = manager.policies().await?.into_iter().find(|it| it.name == name);
    let mut file = before.map_or_else(PolicyFile::default, |it| it.file);
    apply(&mut file, change)?;
    let view = manager.set_policy(name, &file).await?;
    match output.json {
        true => output.json(&json!({ "name": view.name, "revision": view.revision, "policy": view.file }))?,
        false => output.remark(format_args!("{} is in force, revision {}", view.name, view.revision)),
    }
    for finding in manager.check_policies().await?.into_iter().filter(|it| it.policy == name) {
        output.remark(format_args!("note: {}", output::escape(&finding.what)));
    }
    Ok(Exit::Ok)
}

fn apply(file: &mut PolicyFile, change: PolicyChange) -> Result<(), Failure> {
    let rules = |rules: Vec<String>| rules.into_iter().filter(|it| !it.is_empty()).collect();
    file.description = change.description.or_else(|| file.description.take());
    file.replicas = change.replicas.unwrap_or(file.replicas);
    file.prefer = change.prefer.map_or_else(|| std::mem::take(&mut file.prefer), rules);
    file.only = change.only.map_or_else(|| std::mem::take(&mut file.only), rules);
    file.never = change.never.map_or_else(|| std::mem::take(&mut file.never), rules);
    file.private = change.private.unwrap_or(file.private);
    file.legal_hold = change.legal_hold.unwrap_or(file.legal_hold);
    file.verify_every = change.verify_every.or(file.verify_every);
    file.expire_after = change.expire_after.or(file.expire_after);
    file.priority = change.priority.unwrap_or(file.priority);
    if !change.matches.is_empty() {
        file.matches = change.matches.iter().map(|text| rule(text)).collect::<Result<_, _>>()?;
    }
    Ok(())
}

fn rule(text: &str) -> Result<Match, Failure> {
    let wrong = |what: String| Failure::from(Error::new(ErrorKind::InvalidInput, format!("--match: {what}")));
    let mut rule = Match { labels: BTreeMap::new(), ..Match::default() };
    for part in text.split(',') {
        let Some((key, value)) = part.split_once('=') else {
            return Err(wrong(format!("{} is no KEY=VALUE", output::escape(part))));
        };
        match key.trim() {
            "name" => rule.name = Some(value.to_owned()),
            "media_type" => rule.media_type = Some(value.to_owned()),
            "min_size" => rule.min_size = Some(value.parse().map_err(wrong)?),
            "max_size" => rule.max_size = Some(value.parse().map_err(wrong)?),
            key => match key.strip_prefix("label.") {
                Some(label) => drop(rule.labels.insert(label.to_owned(), value.to_owned())),
                None => return Err(wrong(format!("{} is not known", output::escape(key)))),
            },
        }
    }
    Ok(rule)
}

async fn list(manager: &Manager, output: &Output) -> Outcome {
    for it in manager.policies().await? {
        match output.json {
            true => output.json(&json!({ "name": it.name, "revision": it.revision, "policy": it.file }))?,
            false => {
                let about = it.file.description.as_deref().map(output::escape).unwrap_or_default();
                output.line(format!("{:20} {:>2} copies  {about}", it.name, it.file.replicas).trim_end())?;
            }
        }
    }
    Ok(Exit::Ok)
}

async fn check(manager: &Manager, output: &Output) -> Outcome {
    let findings = manager.check_policies().await?;
    for it in &findings {
        match output.json {
            true => output.json(&json!({ "policy": it.policy, "finding": it.what }))?,
            false => output.line(format_args!("{}: {}", it.policy, output::escape(&it.what)))?,
        }
    }
    Ok(if findings.is_empty() { Exit::Ok } else { Exit::Failed })
}

fn explain(it: &Explained, output: &Output) -> Result<(), Failure> {
    if output.json {
        let places: Vec<Value> = it
            .places
            .iter()
            .map(|place| {
                let copies: Vec<Value> = place
                    .copies
                    .iter()
                    .map(|(state, evidence)| json!({ "state": state.as_str(), "evidence": evidence.as_str() }))
                    .collect();
                json!({ "backend": place.backend, "domain": place.domain, "copies": copies, "why_not": place.why_not })
            })
            .collect();
        let steps: Vec<Value> = it.steps.iter().map(step_json).collect();
        return output.json(&json!({
            "cid": it.cid.to_string(), "state": it.safety.as_str(), "policies": it.policies, "backends": places, "steps": steps,
        }));
    }
    output.line(format_args!("{}  {}", it.cid, it.safety.as_str()))?;
    output.line(format_args!("policies  {}", it.policies.join(", ")))?;
    for place in &it.places {
        let copies: Vec<String> = place
            .copies
            .iter()
            .map(|(state, evidence)| format!("{} ({})", state.as_str(), evidence.as_str()))
            .collect();
        let why = place.why_not.as_deref().map(|why| format!("not here: {why}")).unwrap_or_default();
        output.line(format!("  {:16} {} {why}", output::escape(&place.backend), copies.join(", ")).trim_end())?;
    }
    for step in &it.steps {
        output.line(format_args!("to do     {}", step_text(step)))?;
    }
    Ok(())
}

pub(super) fn step_json(step: &PlannedStep) -> Value {
    json!({ "deed": step.deed.as_str(), "backend": step.backend, "why": step.why })
}

pub(super) fn step_text(step: &PlannedStep) -> String {
    let backend = step.backend.as_deref().map(output::escape).unwrap_or_default();
    let why = step.why.as_deref().map(|why| format!("({why})")).unwrap_or_default();
    format!("{} {backend} {why}", step.deed).trim_end().to_owned()
}
